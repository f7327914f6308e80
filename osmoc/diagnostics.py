"""Findings: what was found, where, how bad; one collector, one order."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from osmoc.codes import Code, Severity
from osmoc.source import Place, Source, Span, line_of

__all__ = ["Code", "Diagnostic", "Diagnostics", "Severity", "advice", "did_you_mean", "listed"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `place` is None where no line is to blame: a `--set` value, the size of the result."""

    code: Code
    severity: Severity
    file: str
    place: Place | None
    message: str
    help: str = ""
    notes: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[object, ...]:
        """In the order of the file; what has no place comes last."""
        line, start = (self.place.line, self.place.start) if self.place else (1 << 30, 0)
        return (line, start, self.code.id, self.message)


class Diagnostics:
    """Collects findings about one file; iterates in the order of the file, each mistake once.

    `ignore` silences warnings and notes by code id; `strict` makes warnings errors. Errors cannot be silenced.
    """

    def __init__(self, source: Source, *, ignore: Iterable[str] = (), strict: bool = False) -> None:
        self.source = source
        self._ignored: dict[int, set[str]] = {0: set(ignore)}
        self._strict = strict
        self._muted: list[tuple[int, int]] = []
        self._found: dict[tuple[str, Place | None, str], Diagnostic] = {}

    def ignore(self, codes: Iterable[str], line: int = 0) -> None:
        """Silence warnings and notes on one line of the file, or everywhere."""
        self._ignored.setdefault(line, set()).update(codes)

    def mute(self, first: int, last: int) -> None:
        """Drop what is reported from now on about these lines of the parsed text: they are known to be broken."""
        self._muted.append((first, last))

    def report(
        self, code: Code, where: Span | None, message: str, *, help: str = "", notes: Sequence[str] = ()
    ) -> None:
        """Add a finding at `where`, a span of the parsed text."""
        if where and any(first <= where.line <= last for first, last in self._muted):
            return
        self.add(code, self.source.place(where) if where else None, message, help=help, notes=notes)

    def report_line(self, code: Code, line: int, message: str, *, help: str = "", text: str = "") -> None:
        """Add a finding on `line` of the user's file, at `text` if it stands there."""
        self.add(code, place_on_line(self.source, line, text), message, help=help)

    def add(self, code: Code, place: Place | None, message: str, *, help: str = "", notes: Sequence[str] = ()) -> None:
        severity = code.severity
        if severity is not Severity.ERROR:
            if code.id in self._ignored[0] or (place and code.id in self._ignored.get(place.line, ())):
                return
            if severity is Severity.WARNING and self._strict:
                severity = Severity.ERROR
        found = Diagnostic(code, severity, self.source.name, place, message, help, tuple(notes))
        self._found.setdefault((code.id, place, message), found)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(sorted(self._found.values(), key=lambda found: found.order))

    @property
    def failed(self) -> bool:
        return any(found.severity is Severity.ERROR for found in self._found.values())


def place_on_line(source: Source, line: int, text: str = "") -> Place:
    """The place of `text` on a line of the user's file; of all that stands there if `text` does not."""
    content = line_of(source.text, line)
    start = content.find(text) if text else -1
    if start < 0:
        start, text = len(content) - len(content.lstrip()), content.strip()
    return Place(line, start + 1, start + 1 + max(1, len(text)), content)


# Comparing a word with every name takes time; a workflow of thousands of tasks may hold thousands of such words.
_MOST_SUGGESTIONS: Final = 300


def advice(*parts: str) -> str:
    """Sentences of a help, joined; empty ones fall away."""
    text = ""
    for part in filter(None, parts):
        text += (" " if text.endswith("?") else "; " if text else "") + part
    return text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean `x`?` for the nearest of `known`, or nothing; case and `-`/`_` count little."""
    folded = {_fold(name): name for name in reversed(sorted(known))}
    if len(folded) > _MOST_SUGGESTIONS:
        return ""
    near = get_close_matches(_fold(word), folded, n=1, cutoff=0.6)
    return f"did you mean `{folded[near[0]]}`?" if near else ""


def _fold(word: str) -> str:
    return word.lower().replace("_", "-")


def listed(names: Iterable[str], most: int = 12) -> str:
    """`a`, `b`, `c` and 7 more."""
    words = [f"`{name}`" for name in names]
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
