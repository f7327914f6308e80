"""Where text came from: places in the user's file that survive templating."""

from dataclasses import dataclass
from functools import lru_cache

from osmoc.redaction import redacted


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of one line of the text that was parsed; line and columns count from 1, `end` is exclusive."""

    line: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of one line of the user's file. `rendered` is what the template made of it, where that differs.

    It is for people to see: passwords are stars in `text` and `rendered`.
    """

    line: int
    start: int
    end: int
    text: str
    rendered: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """The user's file as written, and the text the template made of it.

    `origin[n]` is the line of `text` that line n + 1 of `rendered` came from, 0 where that is unknown;
    without a template `rendered` is `text` and `origin` is empty.
    """

    name: str
    text: str
    rendered: str = ""
    origin: tuple[int, ...] = ()

    def place(self, span: Span) -> Place | None:
        """Where the user wrote what stands at `span` of the parsed text; None if no line is to blame."""
        if not self.origin:
            text = line_of(self.text, span.line)
            return Place(span.line, *_within(span, text), redacted(text))
        line = self.origin[span.line - 1] if span.line <= len(self.origin) else 0
        if not line:
            return None
        text, rendered = line_of(self.text, line), line_of(self.rendered, span.line)
        if text == rendered:
            return Place(line, *_within(span, text), redacted(text))
        # Columns of rendered text mean nothing to its author: the whole line is shown, and what became of it.
        start = len(text) - len(text.lstrip()) + 1
        end = max(len(text.rstrip()) + 1, start + 1)
        return Place(line, start, end, redacted(text), redacted(rendered.strip()))


@lru_cache(maxsize=4)  # a file, what its template made of it, and a profile
def _lines(text: str) -> list[str]:
    return text.split("\n")


def line_of(text: str, number: int) -> str:
    """Line `number` of a text, from 1; empty beyond its end."""
    lines = _lines(text)
    return lines[number - 1].removesuffix("\r") if 0 < number <= len(lines) else ""


def _within(span: Span, text: str) -> tuple[int, int]:
    start = min(span.start, len(text) + 1)
    return start, max(start + 1, min(span.end, len(text) + 1))
