"""The picture for Markdown. Checked by hand against Mermaid 11 in a browser; here against the few forms we use."""

import re

from hypothesis import given, settings
from picture.samples import DATASETS, HOSTILE, TRAINING, graph, graphs, group, lone, task

from osmoc.graph import Edge, Graph, TaskRead, Via
from osmoc.picture.flow import flow, outside
from osmoc.picture.mermaid import mermaid

LABEL = r'"(?:[A-Za-z0-9 _./:@+=,()<>-]|[^\x00-\x7f]|#[0-9]+;)*"'
NODE = re.compile(rf"  (?:  )?[td][0-9]+(?:\[{LABEL}\]|\[\({LABEL}\)\]|\(\[{LABEL}\]\)|\[/{LABEL}/\])")
ARROW = re.compile(rf"  [tdg][0-9]+ (?:-->|-\.->|-\. {LABEL} \.->) [tdg][0-9]+")
BOX = re.compile(rf"  subgraph g[0-9]+\[{LABEL}\]|    direction LR|  end")


def test_tasks() -> None:
    assert (
        mermaid(TRAINING)
        == """\
---
title: "train-and-export"
---
flowchart LR
  t1["preprocess<br/>python:3.12"]
  t2["train<br/>pytorch:24.03-py3 · 8 GPU · dgx-h100"]
  t3["evaluate<br/>pytorch:24.03-py3 · 1 GPU"]
  t4["export-onnx<br/>pytorch:24.03-py3"]
  t1 --> t2
  t2 --> t3
  t2 --> t4
  d1[/"s3://my-bucket/raw"/]
  d1 -.-> t1
  d2[/"s3://my-bucket/models/"/]
  t2 -.-> d2
  d3[/"checkpoint s3://my-bucket/checkpoints"/]
  t2 -.-> d3
  d4[("onnx")]
  t4 -.-> d4
"""
    )


def test_groups() -> None:
    assert (
        mermaid(DATASETS)
        == """\
---
title: "datasets-flow"
---
flowchart LR
  subgraph g1["group_1"]
    direction LR
    t1["★ task_1<br/>ubuntu:24.04"]
    t2["task_2<br/>ubuntu:24.04"]
    t3["task_3<br/>ubuntu:24.04"]
  end
  subgraph g2["group_2"]
    direction LR
    t4["★ task_4<br/>ubuntu:24.04"]
  end
  subgraph g3["group_3"]
    direction LR
    t5["★ task_5<br/>ubuntu:24.04"]
    t6["task_6<br/>ubuntu:24.04"]
  end
  t2 -. "dataset_3" .-> t4
  t2 -. "dataset_3" .-> t5
  d1[("dataset_1")]
  d1 -.-> t1
  d2[("dataset_2")]
  d2 -.-> t1
  d3[("dataset_4")]
  t4 -.-> d3
  d4[("dataset_5")]
  t6 -.-> d4
"""
    )


def test_an_earlier_run_has_a_shape_of_its_own() -> None:
    assert '  d1(["run-7:train"])\n  d1 -.-> t1\n' in mermaid(
        graph("x", lone("a", TaskRead(task="train", workflow="run-7")))
    )


def test_an_arrow_may_mean_a_whole_group() -> None:
    groups = {"a-group": lone("a"), "b": group("b", task("c", lead=True))}
    drawn = mermaid(Graph(name="x", groups=groups, edges=(Edge("a-group", "b", Via.DATASET, "gone"),)))
    assert drawn.endswith('  t1 -. "gone" .-> g2\n')


def test_labels_hold_nothing_that_mermaid_reads() -> None:
    check(HOSTILE)


@settings(derandomize=True, deadline=None)
@given(graphs())
def test_every_task_and_every_arrow_is_there(graph: Graph) -> None:
    check(graph)


def check(graph: Graph) -> None:
    lines = mermaid(graph).splitlines()
    assert lines[0] == lines[2] == "---"
    assert lines[3] == "flowchart LR"
    for line in lines[4:]:
        assert NODE.fullmatch(line) or ARROW.fullmatch(line) or BOX.fullmatch(line), line
    ids = {task.name: f"t{n}" for n, (_, task) in enumerate(graph.tasks(), 1)}
    for arrow in flow(graph).arrows:
        ends = f"{ids[arrow.writer]} (-->|-\\. .* \\.->) {ids[arrow.reader]}"
        assert any(re.fullmatch(ends, line.strip()) for line in lines)
    arrows = [line for line in lines if ARROW.fullmatch(line)]
    assert len(arrows) == len(flow(graph).arrows) + len(set(outside(flow(graph))))
    assert len([line for line in lines if re.match(" +t[0-9]+\\[", line)]) == len(ids)
