"""Levels are the earliest order in which things can run."""

from osmoc.picture.levels import levels


def test_levels_keep_the_order_of_the_file() -> None:
    assert levels(["d", "c", "b", "a"], [("a", "b"), ("b", "c")]) == [["d", "a"], ["b"], ["c"]]


def test_a_level_is_one_more_than_the_latest_before() -> None:
    assert levels("abc", [("a", "b"), ("b", "c"), ("a", "c")]) == [["a"], ["b"], ["c"]]


def test_nothing_has_no_levels() -> None:
    assert levels([], []) == []
