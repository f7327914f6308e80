"""Scalar types: what each takes of YAML, what it makes of it, and with which code it refuses the rest."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from osmoc import values
from osmoc.diagnostics import Diagnostics
from osmoc.source import Source
from osmoc.values import Size, parse_exit_codes
from osmoc.yamltree import parse

ADAPTERS = {
    name: TypeAdapter(getattr(values, name), config=None)
    for name in ("Text", "StrictText", "Boolean", "Count", "Duration", "SizeValue", "ExitCodes", "Regex", "Integer")
}


def read(kind: str, yaml: str) -> tuple[Any, list[str]]:
    """The value of a YAML scalar, or the code of the fault; and the codes of warnings."""
    found = Diagnostics(Source("f.yaml", f"v: {yaml}\n"))
    tree = parse(found.source.text, found)
    assert tree is not None and not found.failed
    try:
        value = ADAPTERS[kind].validate_python(tree.plain["v"], context=found)
    except ValidationError as error:
        (problem,) = error.errors()
        assert problem["ctx"]["message"] and "ctx" in problem
        value = problem["type"]
    return value, [finding.code.id for finding in found]


@pytest.mark.parametrize(
    ("yaml", "expected", "warnings"),
    [
        ("abc", "abc", []),
        ('"1.50"', "1.50", []),
        ("5", "5", []),
        ("-7", "-7", []),
        ("1.5", "1.5", []),
        ("True", "True", []),
        ("1.50", "1.5", ["W121"]),
        ("0x10", "16", ["W121"]),
        ("017", "15", ["W121"]),
        ("1_000", "1000", ["W121"]),
        ("1:30", "90", ["W121"]),
        (".inf", "inf", ["W121"]),
        ("yes", "True", ["W120"]),
        ("no", "False", ["W120"]),
        ("true", "True", ["W120"]),
        ("1e3", "1e3", []),
        ("08", "08", []),
        ('""', "", []),
        ("", "E103", []),
        ("2024-01-01", "E104", []),
        ("[a]", "E104", []),
        ("{a: b}", "E104", []),
    ],
)
def test_text(yaml: str, expected: str, warnings: list[str]) -> None:
    assert read("Text", yaml) == (expected, warnings)


@pytest.mark.parametrize(
    ("yaml", "expected"), [("a", "a"), ('"1"', "1"), ("1", "E104"), ("true", "E104"), ("", "E103"), ("[]", "E104")]
)
def test_strict_text(yaml: str, expected: str) -> None:
    assert read("StrictText", yaml) == (expected, [])


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        *((word, True) for word in ("true", "yes", "on", '"true"', '"T"', '"Y"', "y", "1", '"1"', '"On"')),
        *((word, False) for word in ("false", "no", "off", '"f"', "n", "0", '"NO"')),
        *((word, "E104") for word in ("2", "1.0", '"ja"', "[]", "{}", '""', '" true"')),
        ("", "E103"),
    ],
)
def test_boolean(yaml: str, expected: object) -> None:
    assert read("Boolean", yaml) == (expected, [])


@pytest.mark.parametrize(
    ("yaml", "expected", "warnings"),
    [
        ("4", 4, []),
        ("0", 0, []),
        ('"4"', 4, []),
        ('" 4 "', 4, []),
        ("4.0", 4, []),
        ("0x10", 16, []),
        ("010", 8, ["W121"]),
        ("1:30", 90, ["W121"]),
        ("true", 1, ["W120"]),
        ("0.5", "E501", []),
        ('"0.5"', "E501", []),
        ('"500m"', "E501", []),
        ("-1", "E501", []),
        (".inf", "E501", []),
        (".nan", "E501", []),
        ("1000001", "E501", []),
        ('""', "E501", []),
        ("", "E103", []),
        ("[1]", "E104", []),
        ("2024-01-01", "E104", []),
    ],
)
def test_count(yaml: str, expected: object, warnings: list[str]) -> None:
    assert read("Count", yaml) == (expected, warnings)


@pytest.mark.parametrize(
    ("yaml", "expected"), [("-1", -1), ("7", 7), ('"7"', "E104"), ("1.0", "E104"), ("true", "E104")]
)
def test_integer(yaml: str, expected: object) -> None:
    assert read("Integer", yaml) == (expected, [])


@pytest.mark.parametrize(
    ("yaml", "expected", "warnings"),
    [
        ("10", 10.0, []),
        ("1.5", 1.5, []),
        ("90m", 5400.0, []),
        ("7d", 604_800.0, []),
        ("1h", 3600.0, []),
        ("30s", 30.0, []),
        ("1500ms", 1.5, []),
        ("5us", 5e-6, []),
        ('" 5 m"', 300.0, []),
        ('"+5m"', 300.0, []),
        ("PT1H30M", 5400.0, []),
        ("P1DT0.5S", 86_400.5, []),
        ("P7D", 604_800.0, []),
        ("1:30", 90.0, ["W121"]),
        ("010", 8.0, ["W121"]),
        ('"10"', "E406", []),
        ("1.5h", "E406", []),
        ("1h30m", "E406", []),
        ("10 minutes", "E406", []),
        ("10M", "E406", []),
        ('""', "E406", []),
        ("P", "E406", []),
        ("PT", "E406", []),
        ("P1DT", "E406", []),
        ("P1W", "E406", []),
        ("pt1h", "E406", []),
        ("99999999999999d", "E406", []),
        (".inf", "E406", []),
        (".nan", "E406", []),
        ("0", "E407", []),
        ("-5", "E407", []),
        ("0s", "E407", []),
        ("PT0S", "E407", []),
        ('"-5m"', "E407", []),
        ("true", "E104", []),
        ("", "E103", []),
        ("[]", "E104", []),
    ],
)
def test_duration(yaml: str, expected: object, warnings: list[str]) -> None:
    assert read("Duration", yaml) == (expected, warnings)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.integers(1, 10**6), st.sampled_from([("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)]))
def test_a_duration_is_its_seconds_in_every_form(amount: int, unit: tuple[str, int]) -> None:
    name, seconds = unit
    iso = f"P{amount}D" if name == "d" else f"PT{amount}{name.upper()}"
    assert read("Duration", f"{amount}{name}") == read("Duration", iso) == (float(amount * seconds), [])
    assert read("Duration", str(amount * seconds)) == (float(amount * seconds), [])


@settings(derandomize=True, max_examples=200, deadline=None)
@given(*(st.integers(0, 99) for _ in range(4)))
def test_iso_durations_add_up(days: int, hours: int, minutes: int, seconds: int) -> None:
    value, _ = read("Duration", f"P{days}DT{hours}H{minutes}M{seconds}S")
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    assert value == (float(total) if total else "E407")


@pytest.mark.parametrize(
    ("yaml", "bytes_", "quantity", "unit"),
    [
        ("1Gi", 1 << 30, "1Gi", "Gi"),
        ("1GiB", 1 << 30, "1Gi", "GiB"),
        ("1G", 1 << 30, "1Gi", "G"),
        ("1024Mi", 1 << 30, "1Gi", "Mi"),
        ("1.5Ti", 3 << 39, "1536Gi", "Ti"),
        ("0.5Ki", 512, "512", "Ki"),
        ("512B", 512, "512", "B"),
        ("2048", 2048, "2Ki", ""),
        ("1500m", 2, "2", "m"),
        ("3Ki", 3072, "3Ki", "Ki"),
        ("0x10", 16, "16", ""),
    ],
)
def test_size(yaml: str, bytes_: int, quantity: str, unit: str) -> None:
    size, warnings = read("SizeValue", yaml)
    assert isinstance(size, Size) and warnings == []
    assert (size.bytes, size.quantity, size.unit) == (bytes_, quantity, unit)


@pytest.mark.parametrize(
    ("yaml", "code"),
    [
        *(
            (text, "E502")
            for text in ("0", "0Gi", "-1Gi", "8GB", "8g", "1Pi", "8k", "1 Gi", "1e3", "Gi", '""', "0.5", "1m")
        ),
        *((text, "E502") for text in ("2000000Ti", ".inf", "+1Gi", "1_000Gi", "0.0001Ki")),
        ("true", "E104"),
        ("", "E103"),
        ("[1]", "E104"),
    ],
)
def test_size_is_refused(yaml: str, code: str) -> None:
    assert read("SizeValue", yaml) == (code, [])


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.integers(1, 2**50), st.sampled_from(["", "B", "Ki", "Mi", "Gi", "KiB", "K", "M"]))
def test_a_quantity_is_exact_and_reads_the_same(number: int, unit: str) -> None:
    size, _ = read("SizeValue", f'"{number}{unit}"')
    if size == "E502":
        assert number * {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[unit[:1]] >= 1 << 60
        return
    again, _ = read("SizeValue", f'"{size.quantity}"')
    assert again.bytes == size.bytes and again.quantity == size.quantity
    assert again.unit in ("", "Ki", "Mi", "Gi", "Ti")


@pytest.mark.parametrize(
    ("yaml", "expected", "warnings"),
    [
        ("0", ((0, 0),), []),
        ("137", ((137, 137),), []),
        ('"1-10,42"', ((1, 10), (42, 42)), []),
        ('"5-5"', ((5, 5),), []),
        ("010", ((8, 8),), ["W121"]),
        ('"08"', ((8, 8),), []),
        ('"1,"', "E402", []),
        ('""', "E402", []),
        ('"1 - 2"', "E402", []),
        ('"a"', "E402", []),
        ('"5-1"', "E402", []),
        ('"1-2-3"', "E402", []),
        ('"-1"', "E402", []),
        ("-1", "E402", []),
        ('"1.5"', "E402", []),
        ("1.5", "E402", []),
        ('"٣"', "E402", []),
        ('"1234567"', "E402", []),
        ("true", "E402", []),
        ("[1, 2]", "E402", []),
        ("", "E103", []),
    ],
)
def test_exit_codes(yaml: str, expected: object, warnings: list[str]) -> None:
    assert read("ExitCodes", yaml) == (expected, warnings)


_RANGES = st.lists(
    st.tuples(st.integers(0, 4000), st.integers(0, 300)).map(lambda pair: (pair[0], sum(pair))), min_size=1
)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(_RANGES)
def test_exit_codes_round_trip(ranges: list[tuple[int, int]]) -> None:
    text = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
    assert parse_exit_codes(text) == ranges


def test_reading_exit_codes_takes_no_time() -> None:
    """OSMO's pattern needs seconds for this."""
    with pytest.raises(ValueError, match="too long"):
        parse_exit_codes("1" * 100_000 + "x")


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        ('".*\\\\.png"', r".*\.png"),
        ("a+", "a+"),
        ('""', ""),
        ("1", "1"),
        ('"*.png"', "E303"),
        ('"("', "E303"),
        ('"(?P<a>x)(?P<a>y)"', "E303"),
        ("", "E103"),
        ("[a]", "E104"),
    ],
)
def test_regex(yaml: str, expected: str) -> None:
    assert read("Regex", yaml) == (expected, [])


@settings(derandomize=True, max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(ADAPTERS)),
    st.one_of(st.none(), st.text(max_size=12), st.integers(), st.floats(), st.lists(st.none(), max_size=1)),
)
def test_whatever_comes_is_a_value_or_one_fault_of_ours(kind: str, value: Any) -> None:
    try:
        ADAPTERS[kind].validate_python(value)
    except ValidationError as error:
        (problem,) = error.errors()
        assert problem["type"][0] == "E" and problem["ctx"]["message"]
    else:
        assert value is not None and not (isinstance(value, float) and math.isnan(value) and kind != "Text")
