"""The picture for the terminal."""

import re

from hypothesis import given, settings
from picture.samples import DATASETS, HOSTILE, TRAINING, after, graph, graphs, lone

from osmoc.graph import Graph, Via
from osmoc.picture.captions import columns, title
from osmoc.picture.text import text


def test_tasks() -> None:
    assert (
        text(TRAINING)
        == """\
train-and-export: 4 tasks

level 1
└─ preprocess  python:3.12
      reads   s3://my-bucket/raw

level 2
└─ train  pytorch:24.03-py3 · 8 GPU · dgx-h100
      after   preprocess
      writes  s3://my-bucket/models/
      saves   s3://my-bucket/checkpoints

level 3
├─ evaluate     pytorch:24.03-py3 · 1 GPU
│     after   train
└─ export-onnx  pytorch:24.03-py3
      after   train
      writes  dataset onnx
"""
    )


def test_groups() -> None:
    assert (
        text(DATASETS)
        == """\
datasets-flow: 6 tasks in 3 groups

level 1
└─ group_1
   ├─ ★ task_1  ubuntu:24.04
   │     reads   dataset dataset_1, dataset dataset_2
   ├─   task_2  ubuntu:24.04
   │     writes  dataset dataset_3
   └─   task_3  ubuntu:24.04

level 2
├─ group_2
│  │  after   group_1 (dataset dataset_3)
│  └─ ★ task_4  ubuntu:24.04
│        reads   dataset dataset_3
│        writes  dataset dataset_4
└─ group_3
   │  after   group_1 (dataset dataset_3)
   ├─ ★ task_5  ubuntu:24.04
   │     reads   dataset dataset_3
   └─   task_6  ubuntu:24.04
         writes  dataset dataset_5
"""
    )


def test_long_lists_are_wrapped() -> None:
    names = [f"a-rather-long-name-{n}" for n in range(5)]
    assert text(graph("x", *map(lone, names), lone("end", *after(*names)))).endswith("""\
level 2
└─ end  ubuntu:24.04
      after   a-rather-long-name-0, a-rather-long-name-1, a-rather-long-name-2,
              a-rather-long-name-3, a-rather-long-name-4
""")


def test_a_terminal_is_told_nothing() -> None:
    assert text(HOSTILE).replace("\n", "").isprintable()


@settings(derandomize=True, deadline=None)
@given(graphs(most=20))
def test_every_task_and_every_reason_is_there(graph: Graph) -> None:
    drawn = text(graph)
    assert max(map(columns, drawn.splitlines())) <= 100
    assert not re.search(" $", drawn, re.MULTILINE)
    for _, task in graph.tasks():
        assert len(re.findall(rf"─ (?:[★ ] )?{task.name}  ", drawn)) == 1
    blocks = _blocks(drawn)
    for edge in graph.edges:
        upstream = graph.groups[edge.upstream]
        waits = re.search("after (.*?)(?= reads | writes | saves | ─|$)", blocks[title(graph.groups[edge.downstream])])
        assert waits is not None
        assert re.search(rf"\b{title(upstream)}\b", waits[1])
        if edge.via is Via.DATASET:
            assert f"dataset {edge.what}" in waits[1]
        elif not upstream.implicit:
            assert re.search(rf"\b{edge.what}\b", waits[1])


def _blocks(drawn: str) -> dict[str, str]:
    """What stands below each branch of a level, on one line and without the tree."""
    blocks: dict[str, str] = {}
    for line in drawn.splitlines()[1:]:
        if match := re.match("[├└]─ (.*?)(?:  |$)", line):
            name = match[1]
            blocks[name] = ""
        elif line[:1] in ("│", " "):
            blocks[name] += " " + re.sub("[├└]", " ", line).replace("│", " ").strip()
    return {name: re.sub(" +", " ", block) for name, block in blocks.items()}
