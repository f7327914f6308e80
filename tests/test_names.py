"""Names: the language's, Kubernetes', and how one becomes the other."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osmoc.names import (
    LABEL_KEY,
    LABEL_VALUE,
    LONGEST_LABEL,
    NAME,
    SAFE_PATH,
    SECRET_KEY,
    VARIABLE,
    absolute,
    fit,
    kubernetes_name,
)

DNS_LABEL = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
NAMES = st.from_regex(NAME, fullmatch=True).map(lambda name: name[:64].rstrip("-_"))


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (NAME, ["a", "A", "a1", "a-b_C", "x" * 64], ["", "1a", "-a", "a-", "a_", "a.b", "a b", "ä", "a\n"]),
        (LABEL_VALUE, ["a", "1", "a.b-c_D", "x" * 63], ["", "-a", "a.", "x" * 64, "a/b", "a b", "a\n"]),
        (
            LABEL_KEY,
            ["a", "a/b", "example.com/a.b", "x" * 63, "a-1.b/" + "x" * 63, f"{'a' * 63}.{'b' * 63}.c/d"],
            ["", "/a", "a/", "A/b", "a/b/c", "x" * 64, "a..b/c", "-a/b", f"{'a' * 64}/b", f"{'a.' * 126}aa/b", "a/b\n"],
        ),
        (VARIABLE, ["A", "_a", "a.b-c", "-"], ["", "1A", "A B", "A=B", "Ä", "A\n"]),
        (SECRET_KEY, ["a", ".a", "-", "a.b_c-1", "x" * 253], ["", "a/b", "a b", "x" * 254, "a\n"]),
        (SAFE_PATH, ["/", "/a b", "/a.b-c_d@e%f+g=h,i~j"], ["", "a", "/a\n", "/{{a}}", "/a:b", "/ä", "/a$b", '/a"b']),
    ],
)
def test_pattern(pattern: re.Pattern[str], good: list[str], bad: list[str]) -> None:
    assert [text for text in good if not pattern.fullmatch(text)] == []
    assert [text for text in bad if pattern.fullmatch(text)] == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a", "a"),
        ("Big_Name-1", "big-name-1"),
        ("x" * 64, "x" * 63),
        ("x" * 61 + "__y", "x" * 61),
        ("a" * 62 + "_b", "a" * 62),
    ],
)
def test_kubernetes_name(name: str, expected: str) -> None:
    assert kubernetes_name(name) == expected


@settings(derandomize=True, max_examples=300, deadline=None)
@given(NAMES)
def test_every_name_of_the_language_has_one_in_kubernetes(name: str) -> None:
    assert DNS_LABEL.fullmatch(kubernetes_name(name))
    assert kubernetes_name(kubernetes_name(name)) == kubernetes_name(name)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(NAMES, NAMES, st.integers(12, 63))
def test_a_name_that_fits_stays_and_others_are_told_apart(one: str, other: str, length: int) -> None:
    first, second = (kubernetes_name(name) for name in (one, other))
    assert fit(first, length) == first if len(first) <= length else DNS_LABEL.fullmatch(fit(first, length))
    assert len(fit(first, length)) <= length
    assert (fit(first, length) == fit(second, length)) is (first == second)


def test_fit_cuts_before_a_dash_and_adds_a_digest() -> None:
    assert fit("abc-defghijklmno", 13) == "abc-fd6aa7f0"
    assert fit("x" * LONGEST_LABEL, LONGEST_LABEL) == "x" * LONGEST_LABEL


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/a", "/a"), ("a", "/a"), ("//a//b/", "/a/b"), ("/a/./b/../c", "/a/c"), ("/..", "/"), ("", "/"), ("///", "/")],
)
def test_absolute(path: str, expected: str) -> None:
    assert absolute(path) == expected
