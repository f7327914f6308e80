"""Tasks are together if nothing but their name tells them apart in the flow."""

from picture.samples import after, graph, group, lone, sweep, task

from osmoc.graph import Graph
from osmoc.picture.alike import alike
from osmoc.picture.flow import flow


def sizes(graph: Graph) -> list[int]:
    return [len(groups) for groups in alike(graph, flow(graph).arrows)]


def test_a_sweep_is_one_thing() -> None:
    assert sizes(sweep(60)) == [1, 60, 1]


def test_a_few_stay_apart() -> None:
    assert sizes(sweep(9)) == [1] * 11


def test_different_neighbours_stay_apart() -> None:
    trainings = [lone(f"train-{n}", *after("prepare")) for n in range(20)]
    tests = [lone(f"test-{n}", *after(f"train-{n}")) for n in range(20)]
    assert sizes(graph("x", lone("prepare"), *trainings, *tests)) == [1] * 41


def test_groups_of_the_file_keep_their_boxes() -> None:
    assert sizes(graph("x", *(group(f"g{n}", task(f"t{n}", lead=True)) for n in range(20)))) == [1] * 20
