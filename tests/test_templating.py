"""Templates: the text, the line each line came from, every fault; and the same text every time."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from osmoc import sandbox
from osmoc.templating import Fault, FaultKind, Rendered, render

SYNTAX, UNDEFINED, RUNTIME, LIMIT = FaultKind.SYNTAX, FaultKind.UNDEFINED, FaultKind.RUNTIME, FaultKind.LIMIT


def lines(rendered: Rendered) -> list[tuple[int, str]]:
    """The lines that are not blank, with the line of the template that each came from."""
    assert not rendered.faults
    pairs = zip(rendered.origin, rendered.text.split("\n"), strict=True)
    return [(origin, line) for origin, line in pairs if line.strip()]


def faults(text: str, values: Mapping[str, Any] | None = None) -> list[tuple[FaultKind, int, str]]:
    rendered = render(text, values or {})
    assert rendered.text == "" and rendered.origin == ()
    return [(fault.kind, fault.line, fault.name) for fault in rendered.faults]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\n", [(1, "a"), (2, "b")]),
        ("{% for n in range(2) %}\na{{ n }}\n{% endfor %}\nb", [(2, "a0"), (2, "a1"), (4, "b")]),
        ("{% for n in range(2) -%}\na{{ n }}\n{% endfor %}\nb", [(2, "a0"), (2, "a1"), (4, "b")]),
        ("{%- for n in range(2) %}\na{{ n }}\n{%- endfor %}\nb", [(2, "a0"), (2, "a1"), (4, "b")]),
        ("{% if 1 %}\na\n{% else %}\nb\n{% endif %}\nc", [(2, "a"), (6, "c")]),
        ("{{ x }}\nb", [(1, "one"), (1, "two"), (2, "b")]),
        ("a {{ x }} b\nc", [(1, "a one"), (1, "two b"), (2, "c")]),
        ("{% set y %}\nk\n{% endset %}\na\n{{ y }}", [(4, "a"), (2, "k")]),
        ("{% macro m() %}\nk\n{% endmacro %}\na\n{{ m() }}\n{{ m() }}", [(4, "a"), (2, "k"), (2, "k")]),
        ("{% raw %}\n{{ a }}\n{% endraw %}\nb", [(2, "{{ a }}"), (4, "b")]),
        ("{# a\nb #}\nc", [(3, "c")]),
        ("a\r\nb\r\n", [(1, "a"), (2, "b")]),
        ("a\rb\nc\r\nd", [(1, "a"), (1, "b"), (2, "c"), (3, "d")]),
        ("{{ 1 }}{% if 1 %}\n{% endif %}a", [(1, "1"), (2, "a")]),
    ],
)
def test_every_line_knows_where_it_came_from(text: str, expected: list[tuple[int, str]]) -> None:
    rendered = render(text, {"x": "one\ntwo"})
    assert [(origin, line.rstrip("\r")) for origin, line in lines(rendered)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ x.upper }}", "<built-in method upper of str object>"),
        ("{{ cycler(1) ~ 2 }}", "<jinja2.utils.Cycler object>2"),
        ("<a at 0x123456> {{ x }}", "<a at 0x123456> one"),
    ],
)
def test_an_object_prints_without_its_address(text: str, expected: str) -> None:
    """Python would print where in memory it lies, and the same input would give another output each time."""
    assert render(text, {"x": "one"}).text == expected


@pytest.mark.parametrize(
    ("text", "expected", "origin"),
    [
        ("{% set y %}a\nb{% endset %}\n{{ y | length }}\n", "\n3\n", (0, 0, 0)),
        ("{% filter indent %}\na\n\nb\n{% endfilter %}", "\n    a\n\n    b\n", (0, 2, 0, 4, 0)),
        ("{% filter trim %}\nkey: {{ 5 }}\n{% endfilter %}\nkey: 7\na\n", "key: 5\nkey: 7\na\n", (2, 4, 5, 0)),
        ("{% filter trim %}\n{% for n in [1, 2] %}\n- {{ n }}: word\n  a\n{% endfor %}\n{% endfilter %}\nend",
         "- 1: word\n  a\n\n- 2: word\n  a\nend", (3, 4, 0, 3, 4, 7)),
    ],
)  # fmt: skip
def test_a_template_that_sees_the_tags_has_a_map_of_what_lines_look_like(
    text: str, expected: str, origin: tuple[int, ...]
) -> None:
    """What is like no line of the template is of no line: better than a wrong one."""
    rendered = render(text, {})
    assert rendered.text == expected and rendered.origin == origin


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ a }}", [(UNDEFINED, 1, "a")]),
        ("x\n{{ a }} {{ b }}\n{{ a }}", [(UNDEFINED, 2, "a"), (UNDEFINED, 2, "b"), (UNDEFINED, 3, "a")]),
        ("{% if a %}{% endif %}", [(UNDEFINED, 1, "a")]),
        ("{% for n in a %}{% endfor %}", [(UNDEFINED, 1, "a")]),
        ("{{ a.b.c }}", [(UNDEFINED, 1, "a")]),
        ("{{ a[0] }}{{ a() }}", [(UNDEFINED, 1, "a")]),
        ("{{ a + 1 }}", [(UNDEFINED, 1, "a")]),
        ("{{ d.nothing }}", [(UNDEFINED, 1, "nothing")]),
        ("{{ a | upper }}", [(UNDEFINED, 1, "a")]),
        ("{% for n in range(3) %}\n{{ a }}\n{% endfor %}", [(UNDEFINED, 2, "a")]),
        ("a\n{% for %}", [(SYNTAX, 2, "")]),
        ("a\n{{ b c }}", [(SYNTAX, 2, "")]),
        ("{% unknown %}", [(SYNTAX, 1, "")]),
        ("a\n{{ 1 | nothing }}", [(SYNTAX, 2, "")]),
        ("a\r\rb\n{{ 1 | nothing }}", [(SYNTAX, 2, "")]),
        ("\r{{ a }}\r\n{{ b }}", [(UNDEFINED, 1, "a"), (UNDEFINED, 2, "b")]),
        ("a\n\n{{ 1 / 0 }}", [(RUNTIME, 3, "")]),
        ("{{ a }}\n{{ 1 / 0 }}", [(UNDEFINED, 1, "a"), (RUNTIME, 2, "")]),
        ("{{ 'a' + 1 }}", [(RUNTIME, 1, "")]),
        ("{% include 'a' %}", [(RUNTIME, 1, "")]),
        ("{{ ''.__class__ }}", [(RUNTIME, 1, "")]),
        ("{{ range(1000000) }}", [(RUNTIME, 1, "")]),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", [(LIMIT, 0, "")]),
    ],
)
def test_faults(text: str, expected: list[tuple[FaultKind, int, str]]) -> None:
    assert faults(text, {"d": {}}) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{{ a is defined }}",
        "{{ a | default('x') }}",
        "{% if a is not defined %}x{% endif %}",
        "{{ d.a | default('x') }}",
    ],
)
def test_asking_whether_a_value_is_there_is_no_fault(text: str) -> None:
    assert render(text, {"d": {}}).faults == ()


def test_what_a_template_uses() -> None:
    assert render("{{ a }}{% for b in c %}{{ b }}{% endfor %}{% set d = 1 %}{{ d }}", {"a": 1, "c": []}).used == {
        "a",
        "c",
    }


def test_values_are_printed_as_python_prints_them() -> None:
    values = {"a": True, "b": None, "c": 1.0, "d": [1, "x"], "e": {"k": "v"}, "f": "é{{ g }}"}
    text = "{{ a }} {{ b }} {{ c }} {{ d }} {{ e }} {{ f }} {{ e.k }}"
    assert render(text, values).text == "True None 1.0 [1, 'x'] {'k': 'v'} é{{ g }} v"


def test_nothing_is_drawn_by_lot_and_nothing_is_left_behind() -> None:
    values = {"l": list(range(100))}
    text = "{{ l | random }} {% for n in range(3) %}{% if l.append(n) %}{% endif %}{% endfor %}{{ l | length }}"
    assert render(text, values) == render(text, values)
    assert render(text, values).text.endswith(" 103") and len(values["l"]) == 100
    assert faults("{{ lipsum() }}") == [(UNDEFINED, 1, "lipsum")]


def test_a_fault_that_only_the_second_look_would_have_is_none() -> None:
    """The template is rendered once more for the map; what it gives then must not matter."""
    text = "{% set n = namespace(x=0) %}{% set n.x = 1 %}{{ n.x }}{{ cycler('a', 'b').next() }}{{ joiner('-')() }}"
    assert render(text, {}).text == "1a"


_PIECES = st.sampled_from(
    ["a", "\n", "  ", "{{ x }}", "{{ 1 }}", "{{ y }}", "{% if x %}", "{% endif %}", "{%- if 0 -%}", "{% for n in l %}",
     "{% endfor %}", "{{ n }}", "{# c\n #}", "{%- raw %}", "{% endraw %}", "{{- x -}}", "}}", "%}", "\r\n"]
)  # fmt: skip


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.lists(_PIECES, max_size=12).map("".join))
def test_text_is_that_of_jinja_and_lines_lie_in_the_template(text: str) -> None:
    values = {"x": "1\n2", "l": [1, 2]}
    plain = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    rendered = render(text, values)
    if rendered.faults:
        with pytest.raises(Exception):  # noqa: B017 - whatever it is, Jinja refuses this too
            plain.from_string(text).render(values)
        return
    assert rendered.text == plain.from_string(text).render(values)
    if rendered.origin:
        assert len(rendered.origin) == rendered.text.count("\n") + 1
        assert all(0 <= line <= text.count("\n") + 1 for line in rendered.origin)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a\n{{ x }}\n", {"x": "é"}),
        ("{{ y }}\n{{ 1 / 0 }}", {}),
        ("{% for %}", {}),
        ("{{ x }}", {"x": [1, {"a": None}]}),
    ],
)
def test_the_killable_process_gives_the_same(text: str, values: dict[str, Any]) -> None:
    assert sandbox.render(text, values) == render(text, values)


@pytest.mark.parametrize(
    "text",
    ["{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "{{ 'x' * 10 ** 12 }}"],
)
def test_the_killable_process_ends(text: str) -> None:
    rendered = sandbox.render(text, {})
    assert [fault.kind for fault in rendered.faults] == [LIMIT] and isinstance(rendered.faults[0], Fault)
