"""Arrows go from the task that writes to every task that reads, whatever the edge stands for."""

from dataclasses import replace

from hypothesis import given, settings
from picture.samples import DATASETS, TRAINING, after, graph, graphs, group, lone, reads, task, writes

from osmoc.graph import Dataset, DatasetRead, DatasetUpdate, DatasetWrite, Edge, Graph, TaskRead, Via
from osmoc.picture.flow import Arrow, Data, Flow, Kind, flow, outside


def ends(drawn: Flow) -> list[tuple[str, str, str]]:
    return [(arrow.writer, arrow.reader, arrow.what) for arrow in drawn.arrows]


def test_each_reader_of_an_edge_has_its_arrow() -> None:
    flows = flow(graph("x", lone("a"), group("g", task("b", *after("a"), lead=True), task("c", *after("a")))))
    assert ends(flows) == [("a", "b", "a"), ("a", "c", "a")]


def test_a_dataset_arrow_starts_at_the_peer_that_writes() -> None:
    assert ends(flow(DATASETS)) == [("task_2", "task_4", "dataset_3"), ("task_2", "task_5", "dataset_3")]


def test_a_version_is_read_from_who_sets_its_tag() -> None:
    tagged = DatasetWrite(dataset=Dataset("cats"), tag="v2")
    read = DatasetRead(dataset=Dataset("cats"), version="v2")
    edge = Edge("g", "c-group", Via.DATASET, "cats")
    groups = (group("g", task("a", writes("cats"), lead=True), task("b", tagged)), lone("c", read))
    drawn = flow(replace(graph("x", *groups), edges=(edge,)))
    assert ends(drawn) == [("b", "c", "cats")]
    assert drawn.reads["c"] == (Data(Kind.DATASET, "cats:v2", inside=True),)
    assert drawn.writes == {
        "a": (Data(Kind.DATASET, "cats"),),
        "b": (Data(Kind.DATASET, "cats:v2", inside=True),),
        "c": (),
    }


def test_the_default_bucket_may_be_named_or_not() -> None:
    write = DatasetUpdate(dataset=Dataset("cats", "team"))
    edge = Edge("a-group", "b-group", Via.DATASET, "cats")
    drawn = flow(replace(graph("x", lone("a", write), lone("b", reads("cats"))), edges=(edge,)))
    assert drawn.arrows == (
        Arrow(
            "a-group",
            "b-group",
            "a",
            "b",
            Via.DATASET,
            "cats",
            Data(Kind.DATASET, "team/cats", inside=True),
            Data(Kind.DATASET, "cats", inside=True),
        ),
    )


def test_an_edge_without_known_ends_is_an_arrow_between_groups() -> None:
    edge = Edge("a-group", "b-group", Via.DATASET, "gone")
    drawn = flow(replace(graph("x", lone("a"), lone("b")), edges=(edge,)))
    assert drawn.arrows == (Arrow("a-group", "b-group", "", "", Via.DATASET, "gone"),)


def test_an_earlier_run_is_outside() -> None:
    drawn = flow(graph("x", lone("a", TaskRead(task="train", workflow="run-7"))))
    assert list(outside(drawn)) == [("read", "a", Data(Kind.RUN, "run-7:train"))]


def test_checkpoints_are_written() -> None:
    assert [item for _, name, item in outside(flow(TRAINING)) if name == "train"] == [
        Data(Kind.URL, "s3://my-bucket/models/"),
        Data(Kind.CHECKPOINT, "s3://my-bucket/checkpoints"),
    ]


@settings(derandomize=True, deadline=None)
@given(graphs())
def test_every_edge_has_an_arrow_and_every_arrow_an_edge(graph: Graph) -> None:
    arrows = flow(graph).arrows
    assert {(arrow.upstream, arrow.downstream, arrow.via, arrow.what) for arrow in arrows} == {
        (edge.upstream, edge.downstream, edge.via, edge.what) for edge in graph.edges
    }
    tasks = {task.name: group.name for group, task in graph.tasks()}
    for arrow in arrows:
        assert (tasks[arrow.writer], tasks[arrow.reader]) == (arrow.upstream, arrow.downstream)
