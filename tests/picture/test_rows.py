"""Columns are sorted so that lines cross little, and set so that they are straight."""

from osmoc.picture.mesh import GAP, Box, Link, mesh
from osmoc.picture.rows import rows


def tops(names: str, links: list[Link], height: int = 40) -> dict[str, int]:
    boxes = {name: Box(100, height) for name in names}
    return dict(zip(names, rows(mesh(boxes, links)), strict=False))


def test_a_chain_is_straight() -> None:
    found = tops("abc", [Link("a", "b", 10, 30), Link("b", "c", 20, 20)])
    assert found["a"] + 10 == found["b"] + 30
    assert found["b"] == found["c"]


def test_lines_that_need_not_cross_do_not() -> None:
    found = tops("abcdef", [Link("a", "f", 9, 9), Link("b", "e", 9, 9), Link("c", "d", 9, 9)])
    assert (found["a"], found["b"], found["c"]) == (found["f"], found["e"], found["d"])


def test_a_start_stands_in_the_middle_of_its_ends() -> None:
    found = tops("abcd", [Link("a", name, 20, 20) for name in "bcd"])
    assert found["a"] == found["c"] == (found["b"] + found["d"]) // 2
    assert found["c"] - found["b"] == 40 + GAP


def test_what_is_alone_comes_last_and_close() -> None:
    found = tops("abc", [Link("b", "c", 20, 20)])
    assert found["a"] == found["b"] + 40 + GAP


def test_nothing_has_no_rows() -> None:
    assert tops("", []) == {}
