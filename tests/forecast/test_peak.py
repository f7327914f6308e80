"""The most that runs at the same time is that of the heaviest groups of which none waits for another."""

from collections.abc import Mapping
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmoc.forecast.peak import Peak, peak

Upstream = Mapping[str, tuple[str, ...]]


@st.composite
def orders(draw: st.DrawFn) -> tuple[dict[str, int], dict[str, tuple[str, ...]]]:
    names = [f"g{n}" for n in range(draw(st.integers(1, 7)))]
    weights = {name: draw(st.integers(0, 4)) for name in names}
    upstream = {
        name: tuple(draw(st.lists(st.sampled_from(names[:n]), unique=True, max_size=3))) if n else ()
        for n, name in enumerate(names)
    }
    return weights, upstream


def _before(name: str, upstream: Upstream) -> set[str]:
    return {other for above in upstream[name] for other in {above, *_before(above, upstream)}}


def _are_free(names: tuple[str, ...], upstream: Upstream) -> bool:
    return all(a not in _before(b, upstream) and b not in _before(a, upstream) for a, b in combinations(names, 2))


@given(orders())
def test_no_set_of_groups_that_may_run_together_is_heavier(order: tuple[dict[str, int], Upstream]) -> None:
    weights, upstream = order
    found = peak(weights, upstream)
    sets = (names for size in range(len(weights) + 1) for names in combinations(weights, size))
    assert found.amount == max(sum(map(weights.__getitem__, names)) for names in sets if _are_free(names, upstream))
    assert _are_free(found.groups, upstream)
    assert sum(weights[name] for name in found.groups) == found.amount


@pytest.mark.parametrize(
    ("weights", "upstream", "expected"),
    [
        ({}, {}, Peak()),
        ({"a": 0}, {"a": ()}, Peak()),
        ({"a": 1, "b": 2, "c": 1}, {"a": (), "b": ("a",), "c": ("b",)}, Peak(2, ("b",))),
        # `c` is of the second level, and may run beside `b` of the first.
        ({"a": 1, "b": 5, "c": 4}, {"a": (), "b": (), "c": ("a",)}, Peak(9, ("b", "c"))),
    ],
    ids=["nothing", "no need", "one after the other", "over levels"],
)
def test_peak_names_the_groups(weights: dict[str, int], upstream: Upstream, expected: Peak) -> None:
    assert peak(weights, upstream) == expected


def test_a_wide_workflow_is_no_work() -> None:
    """Five thousand groups that wait for one, and one that waits for them all."""
    wide = [f"g{n}" for n in range(5_000)]
    upstream = {"first": (), **dict.fromkeys(wide, ("first",)), "last": tuple(wide)}
    assert peak(dict.fromkeys(upstream, 2), upstream).amount == 10_000
