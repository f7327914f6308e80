"""The picture that stands alone: well-formed, complete, nothing from elsewhere, the same each time."""

import re
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

from hypothesis import given, settings
from picture.samples import DATASETS, HOSTILE, HOSTILE_URL, TRAINING, after, graph, graphs, group, lone, sweep, task

from osmoc.graph import Edge, Graph, Via
from osmoc.picture.flow import flow
from osmoc.picture.svg import svg

SVG = "{http://www.w3.org/2000/svg}"


def parse(drawn: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawn)


def shown(root: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    """Elements of a class that have a tooltip."""
    return [e for e in root.iter() if kind in e.get("class", "").split() and e.find(f"{SVG}title") is not None]


def tooltip(element: ElementTree.Element) -> str:
    return element.findtext(f"{SVG}title", "")


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def test_tasks() -> None:
    root = parse(svg(TRAINING))
    assert texts(root) == [
        "train-and-export",
        "4 tasks",
        *("preprocess", "python:3.12", "s3://my-bucket/raw"),
        *("train", "8 GPU", "pytorch:24.03-py3 · dgx-h100", "s3://my-bucket/models/", "s3://my-bucket/checkpoints"),
        *("evaluate", "1 GPU", "pytorch:24.03-py3"),
        *("export-onnx", "pytorch:24.03-py3", "onnx"),
        *("output of a task", "data: read at the left, written at the right"),
    ]
    assert tooltip(shown(root, "task")[1]).split("\n") == [
        "train",
        "image nvcr.io/nvidia/pytorch:24.03-py3",
        "command python train.py",
        "8 GPU, 32 CPU, platform dgx-h100",
        "reads preprocess",
        "writes s3://my-bucket/models/",
        "saves s3://my-bucket/checkpoints",
    ]
    assert not shown(root, "group")
    assert not [element for element in root.iter() if element.get("stroke-dasharray")]


def test_groups() -> None:
    root = parse(svg(DATASETS))
    assert [tooltip(box) for box in shown(root, "group")] == [
        "group group_1\nlead task_1",
        "group group_2\nlead task_4",
        "group group_3\nlead task_5",
    ]
    assert [tooltip(card).split("\n")[0] for card in shown(root, "lead")] == [
        "task_1 (lead)",
        "task_4 (lead)",
        "task_5 (lead)",
    ]
    assert [(tooltip(arrow), arrow.get("class")) for arrow in shown(root, "arrow")] == [
        ("task_2 → task_4: dataset dataset_3", "arrow dataset"),
        ("task_2 → task_5: dataset dataset_3", "arrow dataset"),
    ]
    assert texts(root).count("dataset_3") == 3


def test_arrows_end_at_the_data_they_carry() -> None:
    root = parse(svg(DATASETS))
    ports = {}
    for card in shown(root, "task"):
        left, top = map(int, re.findall("[0-9]+", card.get("transform", "")))
        rect = card.find(f"{SVG}rect")
        assert rect is not None
        for use in card.findall(f"{SVG}use"):
            if "linked" in use.get("class", ""):
                side = left if int(use.get("x", "")) < 30 else left + int(rect.get("width", ""))
                ports[tooltip(card)[:6]] = (side, top + int(use.get("y", "")))
    for arrow, reader in zip(shown(root, "arrow"), ("task_4", "task_5"), strict=True):
        path = arrow.get("d", "")
        assert path.startswith("M{} {}H".format(*ports["task_2"]))
        assert path.endswith(f"{ports[reader][1]}H{ports[reader][0]}")


def test_notes_on_a_group() -> None:
    odd = group("g", task("a", lead=True), task("b"))
    drawn = svg(graph("x", type(odd)(name="g", tasks=odd.tasks, barrier=False, ignore_nonlead_status=False)))
    assert "no barrier" in drawn
    assert "every task counts" in drawn


def test_a_sweep_has_one_arrow_in_and_one_out() -> None:
    root = parse(svg(sweep(60)))
    assert [tooltip(arrow).split("\n")[0] for arrow in shown(root, "arrow")] == ["prepare → train-0", "train-0 → pick"]
    assert [tooltip(arrow).split("\n")[-1] for arrow in shown(root, "arrow")] == ["and 48 more"] * 2
    assert tooltip(shown(root, "bundle")[0]) == "60 tasks side by side"


def test_an_arrow_may_mean_a_whole_group() -> None:
    groups = {"a-group": lone("a"), "b": group("b", task("c", lead=True))}
    root = parse(svg(Graph(name="x", groups=groups, edges=(Edge("a-group", "b", Via.DATASET, "gone"),))))
    assert [tooltip(arrow) for arrow in shown(root, "arrow")] == ["a-group → b: dataset gone"]


def test_hostile_names_stay_text() -> None:
    root = parse(svg(HOSTILE))
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        *("svg", "title", "style", "defs", "marker", "path", "rect", "text", "g", "use")
    }
    assert f"reads {HOSTILE_URL}" in tooltip(shown(root, "task")[0])


def test_nothing_comes_from_elsewhere() -> None:
    drawn = svg(HOSTILE)
    assert set(re.findall(r'\b(?:href|src)="([^"]*)"|url\(([^)]*)\)', drawn)) <= {
        *((f"#osmoc-{sign}", "") for sign in ("star", "dataset", "url", "run", "checkpoint")),
        *(("", f"#osmoc-{head}") for head in ("head", "dataset-head")),
    }
    assert "@import" not in drawn
    assert not re.search(r"\son[a-z]+=", drawn)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(graphs(most=15))
def test_every_task_and_every_arrow_is_there(graph: Graph) -> None:
    root = parse(svg(graph))
    names = [tooltip(card).split("\n")[0].removesuffix(" (lead)") for card in shown(root, "task")]
    assert sorted(names) == sorted(task.name for _, task in graph.tasks())
    reasons = [line for arrow in shown(root, "arrow") for line in tooltip(arrow).split("\n")]
    assert sorted(reasons) == sorted(
        f"{arrow.writer} → {arrow.reader}" + (f": dataset {arrow.what}" if arrow.via is Via.DATASET else "")
        for arrow in flow(graph).arrows
    )
    assert len(shown(root, "group")) == sum(not group.implicit for group in graph.groups.values())


@settings(derandomize=True, deadline=None, max_examples=50)
@given(graphs(most=15))
def test_cards_lie_in_their_boxes_and_apart(graph: Graph) -> None:
    root = parse(svg(graph))
    cards = []
    for card in shown(root, "task"):
        left, top = map(int, re.findall("[0-9]+", card.get("transform", "")))
        rect = card.find(f"{SVG}rect")
        assert rect is not None
        cards.append((left, top, left + int(rect.get("width", "")), top + int(rect.get("height", ""))))
    for n, (left, top, right, bottom) in enumerate(cards):
        for other_left, other_top, other_right, other_bottom in cards[n + 1 :]:
            assert right < other_left or other_right < left or bottom < other_top or other_bottom < top
    boxes = []
    for box in shown(root, "group"):
        rect = box.find(f"{SVG}rect")
        assert rect is not None
        x, y, width, height = (int(rect.get(key, "")) for key in ("x", "y", "width", "height"))
        boxes.append((x, y, x + width, y + height))
    for left, top, right, bottom in boxes:
        inside = [card for card in cards if left < card[0] and card[2] < right and top < card[1] and card[3] < bottom]
        meets = [
            card for card in cards if card[0] <= right and left <= card[2] and card[1] <= bottom and top <= card[3]
        ]
        assert inside == meets != []


def test_five_thousand_tasks_take_seconds() -> None:
    groups = [lone(f"start-{n}") for n in range(100)]
    for n in range(4900):
        earlier = [groups[n * 7 % len(groups)].lead.name, groups[-1 - n * 31 % 90].lead.name]
        groups.append(lone(f"task-{n}", *after(*dict.fromkeys(earlier))))
    large = graph("large", *groups)
    started = time.process_time()
    svg(large)
    assert time.process_time() - started < 10


def test_the_same_graph_gives_the_same_bytes() -> None:
    """In every format, whatever order sets have."""
    script = """
from picture.samples import DATASETS, HOSTILE, TRAINING, after, graph, lone, sweep
from osmoc.picture.dot import dot
from osmoc.picture.mermaid import mermaid
from osmoc.picture.svg import svg
from osmoc.picture.text import text
tangle = graph("x", *(lone(f"t{n}", *after(*sorted({f"t{n // 2}", f"t{n // 3}"} - {f"t{n}"}))) for n in range(60)))
for each in (DATASETS, HOSTILE, TRAINING, sweep(20), tangle):
    for draw in (text, mermaid, dot, svg):
        print(draw(each))
"""
    tests = Path(__file__).parents[1]
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(tests), "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
