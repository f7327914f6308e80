"""What stands in a box, and that it has room there."""

from picture.samples import DATASETS, PYTORCH, graph, group, lone, reads, sweep, task

from osmoc.graph import Graph, UrlWrite
from osmoc.picture.alike import alike
from osmoc.picture.cards import Frame, frame
from osmoc.picture.flow import flow
from osmoc.spec import Resource


def frames(graph: Graph) -> list[Frame]:
    drawn = flow(graph)
    return [frame(groups, drawn) for groups in alike(graph, drawn.arrows)]


def test_a_lone_task_is_its_card() -> None:
    (box,) = frames(graph("x", lone("a")))
    assert box.is_card
    assert (box.inset, box.cards[0].y, box.cards[0].height) == (0, 0, box.box.height)


def test_a_group_stacks_its_tasks() -> None:
    box = frames(DATASETS)[0]
    assert (box.is_group, box.has_ports, box.title) == (True, True, "group_1")
    assert [row.text for row in box.cards[0].reads] == ["dataset_1", "dataset_2"]
    assert [row.text for row in box.cards[1].writes] == ["dataset_3"]
    for card, below in zip(box.cards, box.cards[1:], strict=False):
        assert card.y + card.height < below.y
    assert box.cards[-1].y + box.cards[-1].height < box.box.height


def test_a_sweep_is_a_grid() -> None:
    box = frames(sweep(60))[1]
    assert (box.columns, box.has_ports, box.title) == (5, False, "60 tasks side by side")
    assert [(card.column, card.name) for card in box.cards[4:6]] == [(4, "train-4"), (0, "train-5")]


def test_a_large_group_is_a_grid() -> None:
    tasks = [task(f"worker-{n}", lead=n == 0) for n in range(24)]
    (box,) = frames(graph("x", group("cluster", *tasks)))
    assert box.is_group
    assert box.columns == 3


def test_many_rows_end_in_a_number() -> None:
    (box,) = frames(graph("x", lone("a", *(reads(f"d{n}") for n in range(10)))))
    assert [row.text for row in box.cards[0].reads] == ["d0", "d1", "d2", "d3", "d4", "and 5 more"]
    assert [item.name for item in box.cards[0].reads[-1].items] == ["d5", "d6", "d7", "d8", "d9"]


def test_long_texts_make_boxes_wide_but_not_endless() -> None:
    narrow, image, name, url = frames(
        graph(
            "x",
            lone("a"),
            lone("b", image=PYTORCH, resource=Resource(platform="dgx-h100")),
            lone("c" * 30),
            lone("d", UrlWrite(url="s3://bucket/" + "long/" * 50)),
        )
    )
    assert narrow.box.width < image.box.width < name.box.width < 400
    assert narrow.box.width < url.box.width < 400
    assert url.cards[0].writes[0].text.startswith("s3://bucket/")
