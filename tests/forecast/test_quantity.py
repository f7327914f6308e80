"""Quantities and durations are read and written as Kubernetes and people do."""

from fractions import Fraction

import pytest

from osmoc.forecast.durations import duration, parse_duration
from osmoc.forecast.quantity import in_bytes, parse_quantity, plain, thousandths


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2", 2),
        ("0.5", Fraction(1, 2)),
        (".5", Fraction(1, 2)),
        ("500m", Fraction(1, 2)),
        ("64Gi", 64 << 30),
        ("1k", 1000),
        ("1e3", 1000),
        ("2E", 2 * 10**18),
        ("100u", Fraction(1, 10_000)),
    ],
)
def test_a_quantity_is_a_number_and_a_unit(text: str, expected: Fraction | int) -> None:
    assert parse_quantity(text) == expected


@pytest.mark.parametrize("text", ["", "Gi", "1 Gi", "1GiB", "one", "1e", "0x10", "1" * 19, "{{cpu}}"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(text)


def test_what_is_finer_than_a_thousandth_is_rounded_up() -> None:
    assert thousandths("1500100u") == 1501


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(0, "0"), (999, "999"), (1024, "1Ki"), (1536, "1.5Ki"), (36 << 30, "36Gi"), (1 << 50, "1Pi")],
)
def test_sizes_are_shown_in_binary_units(amount: int, expected: str) -> None:
    assert in_bytes(amount * 1000) == expected


@pytest.mark.parametrize(("amount", "expected"), [(0, "0"), (250, "0.25"), (8000, "8"), (1_000_000, "1000")])
def test_numbers_are_shown_in_full(amount: int, expected: str) -> None:
    assert plain(amount) == expected


@pytest.mark.parametrize(
    ("text", "seconds"), [("90m", 5400), ("1h30m", 5400), ("2d", 172_800), ("1d1h1m1s", 90_061), ("0s", 0)]
)
def test_durations_have_units(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "m", "1m1h", "1.5h", "-1h", "1h 30m"])
def test_durations_without_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.25, "0.2s"), (59, "59s"), (5400, "1h30m"), (90_061, "1d1h1m1s")]
)
def test_durations_are_shown_by_their_parts(seconds: float, text: str) -> None:
    assert duration(seconds) == text
