"""YAML with places: the values are PyYAML's, every place holds what it is the place of, and nothing runs away."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from osmoc.diagnostics import Diagnostics
from osmoc.source import Source, Span
from osmoc.yamltree import Scalar, Tree, parse


def load(text: str) -> Any:
    """By libyaml, as we do it: it takes tabs that the other one refuses."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


def read(text: str) -> tuple[Tree | None, list[tuple[str, int]]]:
    found = Diagnostics(Source("f.yaml", text))
    tree = parse(text, found)
    return tree, [(finding.code.id, finding.place.line if finding.place else 0) for finding in found]


def tree_of(text: str) -> Tree:
    tree, findings = read(text)
    assert tree is not None and not findings
    return tree


def values(plain: Any) -> Any:
    match plain:
        case Scalar():
            return plain.value
        case list():
            return [values(item) for item in plain]
        case dict():
            return {values(key): values(item) for key, item in plain.items()}
        case _:
            return plain


def leaves(plain: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    match plain:
        case list():
            for n, item in enumerate(plain):
                yield from leaves(item, (*path, n))
        case dict():
            for key, item in plain.items():
                yield from leaves(item, (*path, key))
        case _:
            yield path, plain


def at(text: str, span: Span) -> str:
    return text.split("\n")[span.line - 1][span.start - 1 : span.end - 1]


# Words that YAML 1.1 and 1.2, or people, read differently.
TRICKY = [
    "y", "yes", "No", "ON", "off", "true", "False", "null", "Null", "NULL", "~", "", "=", "<<x", "1", "-1", "+1", "-0",
    "0x1F", "0b11", "017", "08", "00", "0_", "0o17", "1_000", "1.5", "1.", ".5", "._", "1e3", "1e-5", "1.0e+3", "12e03",
    "-.inf", ".nan", "inf", "nan", "1:30", "190:20:30.15", "2024-02-29", "0.1.2", "1,5", "é", "日本", "🤖",
    "a: b", "a #b", "#", "- a", "{}", "[]", "@a", "%a", "!a", "&a", "*a", "|", ">", "'", '"', "x\ty", " lead", "trail ",
    "a\nb\n",
]  # fmt: skip
SCALARS = st.one_of(
    st.sampled_from(TRICKY),
    st.text("ab01-:_. {}[],#'\"\n", max_size=12),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False),
    st.booleans(),
    st.none(),
)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(TRICKY) | st.text("abc", max_size=3), inner, max_size=4),
    ),
    max_leaves=12,
)


@settings(derandomize=True, max_examples=250, deadline=None)
@given(
    st.dictionaries(st.text("ab", min_size=1, max_size=2), DATA, min_size=1, max_size=3),
    st.booleans(),
    st.sampled_from([None, '"', "'"]),
)
def test_values_are_those_of_pyyaml(data: Any, flow: bool, style: Any) -> None:
    text = yaml.safe_dump(
        data, default_flow_style=flow, default_style=style, allow_unicode=True, sort_keys=False, width=1000
    )
    assert values(tree_of(text).plain) == load(text) == data


@settings(derandomize=True, max_examples=250, deadline=None)
@given(st.dictionaries(st.text("ab", min_size=1, max_size=2), DATA, min_size=1, max_size=3), st.booleans())
def test_every_place_holds_its_scalar(data: Any, flow: bool) -> None:
    text = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True, sort_keys=False, width=1000)
    tree = tree_of(text)
    for path, leaf in leaves(tree.plain):
        span = tree.span(path)
        there = at(text, span)
        if isinstance(leaf, Scalar):
            assert there == leaf.text and span == leaf.span
        elif isinstance(leaf, str) and leaf and "\n" not in leaf:
            assert load(f"- {there}") == [leaf]


@pytest.mark.parametrize("text", TRICKY)
def test_plain_scalars_resolve_as_in_pyyaml(text: str) -> None:
    tree, findings = read(f"a: {text}\nb: 1")
    try:
        expected = load(f"a: {text}\nb: 1")
    except yaml.YAMLError:
        assert findings[0][0] == "E003"
        return
    assert tree is not None and repr(values(tree.plain)) == repr(expected)


_PIECES = [
    "a",
    "b: ",
    "- ",
    "\n",
    "  ",
    "{",
    "}",
    "[",
    "]",
    ",",
    ": ",
    "'x'",
    '"y"',
    "|\n",
    "1",
    "#c",
    "? ",
    "&a ",
    "*a",
    "no",
]


@settings(derandomize=True, max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=14).map("".join))
def test_text_is_read_as_by_pyyaml_or_refused_as_by_pyyaml(text: str) -> None:
    tree, findings = read(text)
    try:
        expected = load(text)
    except (yaml.YAMLError, ValueError, TypeError):
        assert tree is None or findings
        return
    codes = {code for code, _ in findings}
    if "E003" not in codes:  # keys that are lists or mappings, which PyYAML takes if they are tuples
        assert (None if tree is None else repr(values(tree.plain))) == (repr(expected) if tree else None)
        assert tree is not None or expected is None


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("a:\n  b: {c: value}\n", ("a", "b", "c"), (2, "value")),
        ("a: [x, 'y z', \"w\"]\n", ("a", 1), (1, "'y z'")),
        ("- a\n-   b: 2\n", (1, "b"), (2, "2")),
        ("a:\n- b: 1\n  c: 2\n", ("a", 0), (2, "b")),  # of a collection its first key
        ("a:\n  b:\n    c: 1\n", ("a", "b"), (2, "b")),  # of a mapping its key
        ("a:\nb: 1\n", ("a",), (1, "a")),  # of nothing its key
        ("a: &x value\nb: *x\n", ("b",), (1, "&x value")),  # of an alias what it stands for
        ("a: 1\na: 2\n", ("a",), (2, "2")),  # of two keys the one that counts
        ("a: 1\n", ("a", "b", "c"), (1, "1")),  # of what is not there what comes next to it
        ("a: 1\n~: {b: 2}\n", ("None", "b"), (2, "2")),  # of a key that is none
        ("ä: é\n", ("ä",), (1, "é")),
        ("a:\n  - - x\n    - y\n", ("a", 0, 1), (3, "y")),
    ],
)
def test_span(text: str, path: tuple[str | int, ...], expected: tuple[int, str]) -> None:
    tree, _ = read(text)
    assert tree is not None
    span = tree.span(path)
    assert (span.line, at(text, span)) == expected


def test_a_block_scalar_is_underlined_on_its_first_line_and_searched_in_all() -> None:
    text = "a: |\n  one {{x}}\n  two {{x}} {{x}}\nb: '{{x}}'\n"
    tree = tree_of(text)
    assert at(text, tree.span(("a",))) == "|"
    assert [tree.find(("a",), "{{x}}", n) for n in range(3)] == [Span(2, 7, 12), Span(3, 7, 12), Span(3, 13, 18)]
    assert tree.find(("a",), "{{x}}", 3) == tree.span(("a",))
    assert tree.find(("b",), "{{x}}") == Span(4, 5, 10)


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("a:\n  b: 1\n  c: 2\nd: 3\n", ("a",), (1, 3)),
        ("a:\n  b: 1\n  c: 2\nd: 3\n", ("d",), (4, 4)),
        ("a:\n- b: 1\n  c: 2\n- d: 3\n", ("a", 0), (2, 3)),
        ("a: {b: 1,\n  c: 2}\nd: 3\n", ("a",), (1, 2)),
        ("a: |\n  one\n  two\nb: 1\n", ("a",), (1, 3)),
    ],
)
def test_lines(text: str, path: tuple[str | int, ...], expected: tuple[int, int]) -> None:
    assert tree_of(text).lines(path) == expected


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("a: 1\nb: 2\na: 3\n", [("W020", 3)]),
        ("a:\n  b: 1\n  'b': 2\n", [("W020", 3)]),
        ("a: {b: 1, b: 2}\n", [("W020", 1)]),
        ("yes: 1\ntrue: 2\n", [("W020", 2)]),
        ("1: 1\n'1': 2\n", []),
        ("a: 1\n---\nb: 2\n", [("E003", 2)]),
        ("--- \na: 1\n...\n", []),
        ("a: [\n", [("E003", 1)]),
        ("a: b: c\n", [("E003", 1)]),
        ("\ta: 1\n", [("E003", 1)]),
        ("a: @b\n", [("E003", 1)]),
        ("a: *b\n", [("E003", 1)]),
        ("a: &x [*x]\n", [("E003", 1)]),
        ("a: &x {<<: [*x, *x]}\n", [("E003", 1)]),
        ("a: &x {<<: {<<: [*x, *x], b: 1}, c: 2}\n", [("E003", 1)]),
        ("a: !!python/object:os.system x\n", [("E003", 1)]),
        ("a: !mine x\n", [("E003", 1)]),
        ("a: !!int x\n", [("E003", 1)]),
        ("a: !!str 1\n", []),
        ("a: !!binary aGk=\n", []),
        ("a: !!binary é\n", [("E003", 1)]),
        ("a: !!str [b]\n", [("E003", 1)]),
        ("a: !!map x\n", [("E003", 1)]),
        ("a: ! [b]\n", []),
        ('a: "\\ud83d\\ude00"\n', []),
        ('a: "\\ud83d"\n', [("E003", 1)]),
        ("a: =\n", [("E003", 1)]),
        ("a: [<<]\n", [("E003", 1)]),
        ("a: [b:, c]\n", []),  # libyaml refuses it, PyYAML reads it
        ("a: 2024-13-45\n", [("E003", 1)]),
        ("? [a]\n: 1\n", [("E003", 1)]),
        ("{{ a }}: 1\n", [("E003", 1), ("E003", 1)]),
        ('a: "\\0"\n', [("E002", 1)]),
        (f"a: {'9' * 101}\n", [("E009", 1)]),
        (f"a: {'9' * 100}\n", []),
        ("<<: 1\n", [("E003", 1)]),
        ("", []),
        ("# nothing\n", []),
    ],
)
def test_what_is_reported(text: str, findings: list[tuple[str, int]]) -> None:
    assert read(text)[1] == findings


def test_merge_keys_give_way_to_what_stands_there() -> None:
    text = "base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4}\nall:\n  x: 0\n  <<: [*b, *m]\n"
    assert values(tree_of(text).plain)["all"] == load(text)["all"] == {"x": 0, "y": 2, "z": 4}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("all", "x"), (4, "0")),
        (("all", "y"), (1, "2")),
        (("all", "z"), (2, "4")),
        (("all", "w", "v"), (2, "5")),
        (("all", "deep"), (2, "6")),
        (("all", "missing"), (3, "all")),
    ],
)
def test_places_of_what_is_merged_in_are_at_the_anchor(path: tuple[str | int, ...], expected: tuple[int, str]) -> None:
    """So what is wrong there is found once, however often it is merged."""
    text = "base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4, w: {v: 5}, <<: {deep: 6}}\nall:\n  x: 0\n  <<: [*b, *m]\n"
    tree = tree_of(text)
    span = tree.span(path)
    assert (span.line, at(text, span)) == expected


def test_nesting_ends_at_64() -> None:
    assert read("[" * 64 + "]" * 64)[1] == []
    assert read("[" * 65 + "]" * 65)[1] == [("E003", 1)]
    assert read("- " * 5000 + "a")[1] == [("E003", 1)]


def test_alias_bombs_end() -> None:
    lists = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
    tree, findings = read(f"a0: &a0 [x, x]\n{lists}\n")
    assert tree is None and [code for code, _ in findings] == ["E009"]
    text = f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 100_000)}]\n"
    tree, findings = read(text)
    assert tree is None and [code for code, _ in findings] == ["E009"]


@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r"])
def test_line_endings(ending: str) -> None:
    tree, findings = read(ending.join(["a: 1", "b: [2,", "  x]", ""]))
    assert tree is not None and not findings
    assert values(tree.plain) == {"a": 1, "b": [2, "x"]}
    assert tree.span(("b", 1)).line == (1 if ending == "\r" else 3)


def test_lines_that_yaml_ends_elsewhere_than_the_file() -> None:
    """NEL, LS and PS end a line for YAML 1.1, and for no editor."""
    text = "a: 'x\u2028y'\nb: \x85  c\nd: 1\n"
    tree, _ = read(text)
    assert tree is not None
    assert tree.span(("d",)) == Span(3, 4, 5)
