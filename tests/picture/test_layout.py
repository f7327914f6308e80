"""What every layout promises: boxes apart, links forward, and no long link through a box."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from osmoc.picture.layout import Layout, layout
from osmoc.picture.mesh import GAP, Box, Link


@st.composite
def drawings(draw: st.DrawFn) -> tuple[dict[str, Box], list[Link]]:
    count = draw(st.integers(0, 25))
    boxes = {f"b{n}": Box(draw(st.integers(50, 300)), draw(st.integers(30, 200))) for n in range(count)}
    links = []
    if count > 1:
        for start, end in draw(st.lists(st.tuples(*[st.integers(0, count - 1)] * 2), max_size=50)):
            if start < end:
                leaves, enters = draw(st.integers(0, 30)), draw(st.integers(0, 30))
                links.append(Link(f"b{start}", f"b{end}", leaves, enters))
    return boxes, links


@settings(derandomize=True, deadline=None)
@given(drawings())
def test_promises(drawing: tuple[dict[str, Box], list[Link]]) -> None:
    boxes, links = drawing
    check(boxes, links, layout(boxes, links))


def check(boxes: dict[str, Box], links: list[Link], plan: Layout) -> None:
    assert list(plan.places) == list(boxes)
    for name, place in plan.places.items():
        assert place.width >= boxes[name].width
        assert place.height == boxes[name].height
        assert 0 <= place.x <= place.x + place.width <= plan.width
        assert 0 <= place.y <= place.y + place.height <= plan.height
    by_column: dict[int, list[tuple[int, int]]] = {}
    lefts: dict[int, set[tuple[int, int]]] = {}
    for place in plan.places.values():
        by_column.setdefault(place.column, []).append((place.y, place.y + place.height))
        lefts.setdefault(place.column, set()).add((place.x, place.x + place.width))
    for spans in by_column.values():
        assert all(bottom + GAP - 1 <= top for (_, bottom), (top, _) in pairwise(sorted(spans)))
    sides = [side for column in sorted(lefts) for side in sorted(lefts[column])]
    assert len(sides) == len(lefts)
    assert all(right < left for (_, right), (left, _) in pairwise(sides))
    assert len(plan.routes) == len(links)
    for link, route in zip(links, plan.routes, strict=True):
        start, end = plan.places[link.upstream], plan.places[link.downstream]
        assert start.column < end.column
        assert route.points[0] == (start.x + start.width, start.y + link.leaves)
        assert route.points[-1] == (end.x, end.y + link.enters)
        assert all(x < next_x for (x, _), (next_x, _) in pairwise(route.points))
        assert all(0 <= y <= plan.height for _, y in route.points)
        between = range(start.column + 1, end.column)
        assert len(route.points) == 2 + 2 * len(between)
        for column, (left, y), (right, next_y) in zip(between, route.points[1::2], route.points[2::2], strict=False):
            assert y == next_y
            assert {(left, right)} == lefts[column]
            assert not any(top <= y <= bottom for top, bottom in by_column[column])


def test_two_columns() -> None:
    plan = layout({"a": Box(100, 40), "b": Box(80, 40), "c": Box(120, 40)}, [Link("a", "b", 20, 20)])
    assert {name: (place.x, place.y, place.width) for name, place in plan.places.items()} == {
        "a": (0, 0, 120),
        "b": (176, 0, 80),
        "c": (0, 56, 120),
    }
    assert plan.routes[0].points == [(120, 20), (176, 20)]
    assert (plan.width, plan.height) == (256, 96)
