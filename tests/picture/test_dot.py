"""The picture for Graphviz; where `dot` is installed it must read it, and understand what was meant."""

import json
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from picture.samples import DATASETS, HOSTILE, HOSTILE_URL, TRAINING, graphs, group, lone, task

from osmoc.graph import Edge, Graph, Via
from osmoc.picture.dot import dot
from osmoc.picture.flow import flow

needs_graphviz = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


def test_tasks() -> None:
    assert (
        dot(TRAINING).split("\n", 4)[4]
        == """\
  label="train-and-export";
  "preprocess" [label="preprocess\\npython:3.12", tooltip="python:3.12\\npython preprocess.py"];
  "train" [label="train\\npytorch:24.03-py3 · 8 GPU · dgx-h100", \
tooltip="nvcr.io/nvidia/pytorch:24.03-py3\\npython train.py\\n8 GPU, 32 CPU, platform dgx-h100"];
  "evaluate" [label="evaluate\\npytorch:24.03-py3 · 1 GPU", \
tooltip="nvcr.io/nvidia/pytorch:24.03-py3\\npython evaluate.py\\n1 GPU"];
  "export-onnx" [label="export-onnx\\npytorch:24.03-py3", \
tooltip="nvcr.io/nvidia/pytorch:24.03-py3\\npython export-onnx.py"];
  "preprocess" -> "train";
  "train" -> "evaluate";
  "train" -> "export-onnx";
  "read url s3://my-bucket/raw" [label="s3://my-bucket/raw", tooltip="s3://my-bucket/raw", \
shape=folder, style="", fontsize=10];
  "read url s3://my-bucket/raw" -> "preprocess" [style=dashed];
  "write url s3://my-bucket/models/" [label="s3://my-bucket/models/", tooltip="s3://my-bucket/models/", \
shape=folder, style="", fontsize=10];
  "train" -> "write url s3://my-bucket/models/" [style=dashed];
  "write checkpoint s3://my-bucket/checkpoints" [label="checkpoint s3://my-bucket/checkpoints", \
tooltip="s3://my-bucket/checkpoints", shape=folder, style="", fontsize=10];
  "train" -> "write checkpoint s3://my-bucket/checkpoints" [style=dashed];
  "write dataset onnx" [label="onnx", tooltip="onnx", shape=cylinder, style="", fontsize=10];
  "export-onnx" -> "write dataset onnx" [style=dashed];
}
"""
    )


def test_groups() -> None:
    drawn = dot(DATASETS)
    assert (
        """\
  subgraph "cluster group_2" {
    label="group_2"; style="rounded,filled"; color="#d0d7de"; fillcolor="#f6f8fa";
    "task_4" [label="★ task_4\\nubuntu:24.04", tooltip="ubuntu:24.04\\npython task_4.py", penwidth=1.6];
  }
"""
        in drawn
    )
    assert '  "task_2" -> "task_4" [style=dashed, label="dataset_3"];\n' in drawn


def test_an_arrow_may_mean_a_whole_group() -> None:
    edges = (Edge("a-group", "b", Via.DATASET, "gone"), Edge("b", "d-group", Via.DATASET, "gone"))
    groups = {"a-group": lone("a"), "b": group("b", task("c", lead=True)), "d-group": lone("d")}
    drawn = dot(Graph(name="x", groups=groups, edges=edges))
    assert '"a" -> "c" [style=dashed, label="gone", lhead="cluster b"];' in drawn
    assert '"c" -> "d" [style=dashed, label="gone", ltail="cluster b"];' in drawn


@needs_graphviz
@settings(derandomize=True, deadline=None, max_examples=20)
@given(graphs())
def test_graphviz_sees_every_task_in_its_group_and_every_arrow(graph: Graph) -> None:
    read = _read(graph)
    names = [item["name"] for item in read["objects"]]
    clusters = {item["name"]: {names[n] for n in item["nodes"]} for item in read["objects"] if "nodes" in item}
    for each in graph.groups.values():
        tasks = {task.name for task in each.tasks}
        assert tasks <= set(names)
        assert clusters.get(f"cluster {each.name}") == (None if each.implicit else tasks)
    edges = [(names[edge["tail"]], names[edge["head"]], edge.get("label", "")) for edge in read.get("edges", ())]
    for arrow in flow(graph).arrows:
        edges.remove((arrow.writer, arrow.reader, arrow.what if arrow.via is Via.DATASET else ""))
    assert all(tail.startswith("read ") or head.startswith("write ") for tail, head, _ in edges)


@needs_graphviz
def test_graphviz_reads_hostile_names_as_they_are() -> None:
    drawn = subprocess.run(["dot", "-Tsvg"], input=dot(HOSTILE).encode(), capture_output=True, check=True)
    assert drawn.stderr == b""
    text = drawn.stdout.decode().replace("&#45;", "-").replace("&quot;", '"').replace("&#160;", " ")
    shown = HOSTILE_URL.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert f">{shown}</text>" in text
    assert r"s3://日本語/\x1b[0m\u202e" in text


def _read(graph: Graph) -> dict[str, Any]:
    drawn = subprocess.run(["dot", "-Tdot_json"], input=dot(graph).encode(), capture_output=True, check=True)
    assert drawn.stderr == b""
    read: dict[str, Any] = json.loads(drawn.stdout)
    return read
