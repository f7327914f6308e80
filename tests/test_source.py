"""Places: from the text that was parsed back to what the user wrote."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osmoc.source import Place, Source, Span, line_of

TEMPLATE = "a: {{ x }}\n{% for n in l %}\n  b: 1\n{% endfor %}\nc: 2\n"
RENDERED = "a: 7\n\n  b: 1\n\n  b: 1\n\nc: 2\n"
SOURCE = Source("f.yaml", TEMPLATE, RENDERED, (1, 2, 3, 4, 3, 4, 5, 6))


@pytest.mark.parametrize(
    ("span", "place"),
    [
        (Span(1, 1, 2), Place(1, 1, 2, "one: 1")),
        (Span(2, 3, 6), Place(2, 3, 6, "  two")),
        (Span(2, 3, 1 << 20), Place(2, 3, 6, "  two")),  # of several lines the first
        (Span(2, 6, 7), Place(2, 6, 7, "  two")),  # the end of a line
        (Span(2, 50, 60), Place(2, 6, 7, "  two")),
        (Span(3, 1, 2), Place(3, 1, 2, "")),
        (Span(9, 1, 2), Place(9, 1, 2, "")),
    ],
)
def test_without_a_template_a_place_is_the_span(span: Span, place: Place) -> None:
    assert Source("f.yaml", "one: 1\n  two\n").place(span) == place


@pytest.mark.parametrize(
    ("span", "place"),
    [
        (Span(3, 3, 4), Place(3, 3, 4, "  b: 1")),  # as written: columns are exact
        (Span(5, 6, 7), Place(3, 6, 7, "  b: 1")),
        (Span(7, 1, 2), Place(5, 1, 2, "c: 2")),
        (Span(1, 4, 5), Place(1, 1, 11, "a: {{ x }}", "a: 7")),  # else the whole line, and what became of it
        (Span(2, 1, 2), Place(2, 1, 18, "{% for n in l %}", "")),
    ],
)
def test_with_a_template_a_place_is_where_the_line_came_from(span: Span, place: Place) -> None:
    found = SOURCE.place(span)
    assert found is not None
    assert (found.line, found.text, found.rendered) == (place.line, place.text, place.rendered)
    assert found.start == place.start and found.end == min(place.end, len(place.text) + 1)


def test_an_indented_line_is_underlined_from_its_first_character() -> None:
    source = Source("f.yaml", "   {{ a }}  \n", "   1  \n", (1, 2))
    assert source.place(Span(1, 4, 5)) == Place(1, 4, 11, "   {{ a }}  ", "1")


@pytest.mark.parametrize("origin", [(0, 0), (0,)])
def test_a_line_of_unknown_origin_has_no_place(origin: tuple[int, ...]) -> None:
    assert Source("f.yaml", "a\n", "b\n", origin).place(Span(1, 1, 2)) is None
    assert Source("f.yaml", "a\n", "b\n", origin).place(Span(3, 1, 2)) is None


def test_carriage_returns_are_no_part_of_a_line() -> None:
    assert Source("f.yaml", "a: 1\r\nb\r\n").place(Span(1, 1, 1 << 20)) == Place(1, 1, 5, "a: 1")
    assert line_of("a\r\nb", 1) == "a"


@pytest.mark.parametrize(("number", "expected"), [(0, ""), (-1, ""), (1, "a"), (2, ""), (3, "b"), (4, ""), (9, "")])
def test_line_of(number: int, expected: str) -> None:
    assert line_of("a\n\nb", number) == expected


_TEXTS = st.text("ab {}\r\n", max_size=30)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(
    _TEXTS, _TEXTS, st.lists(st.integers(0, 6), max_size=8), st.integers(1, 9), st.integers(1, 40), st.integers(0, 40)
)
def test_a_place_lies_in_its_line(
    text: str, rendered: str, origin: list[int], line: int, start: int, length: int
) -> None:
    place = Source("f.yaml", text, rendered, tuple(origin)).place(Span(line, start, start + length))
    if place is None:
        assert origin
        return
    assert place.text == line_of(text, place.line) and "\n" not in place.text
    assert 1 <= place.start < place.end <= len(place.text) + 2
