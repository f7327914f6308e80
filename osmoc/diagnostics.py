"""Findings: what was found, where, how bad; one collector, one order."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

from osmoc.codes import Code, Severity
from osmoc.redaction import redacted, redacted_message
from osmoc.source import Place, Source, Span, line_of

__all__ = ["Code", "Diagnostic", "Diagnostics", "Severity", "advice", "did_you_mean", "listed"]

# Of findings of one code so many are kept, and fewer where lines are long: one for each thousand characters counts.
MOST_OF_A_CODE: Final = 1000
_LONG_LINE: Final = 1000

# A message, a help or a note is cut here: a name in it can be as long as the file.
_LONGEST: Final = 1000
_MOST_NOTES: Final = 50


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

    Of each code it keeps as many as a person can look at; the last of them says how many more there were.
    `ignore` silences warnings and notes by code id; `strict` makes warnings errors. Errors cannot be silenced.
    """

    def __init__(self, source: Source, *, ignore: Iterable[str] = (), strict: bool = False) -> None:
        self.source = source
        self._ignored: dict[int, set[str]] = {0: set(ignore)}
        self._strict = strict
        self._muted: list[tuple[int, int]] = []
        self._found: dict[tuple[str, int, int, str], Diagnostic] = {}
        self._room: dict[str, int] = {}
        self._left_out: Counter[str] = Counter()
        self._failed = False

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
        if self.leaves_out(code):
            return
        if where and any(first <= where.line <= last for first, last in self._muted):
            return
        self.add(code, self.source.place(where) if where else None, message, help=help, notes=notes)

    def report_line(self, code: Code, line: int, message: str, *, help: str = "", text: str = "") -> None:
        """Add a finding on `line` of the user's file, at `text` if it stands there."""
        if not self.leaves_out(code):
            self.add(code, place_on_line(self.source, line, text), message, help=help)

    def leaves_out(self, code: Code) -> bool:
        """Whether there is no room for one more finding of this code; it is counted then.

        For those to ask who would take long to find its place, or the name that was meant.
        """
        if self._room.get(code.id, MOST_OF_A_CODE) > 0:
            return False
        self._left_out[code.id] += 1
        return True

    def add(self, code: Code, place: Place | None, message: str, *, help: str = "", notes: Sequence[str] = ()) -> None:
        severity = code.severity
        if severity is not Severity.ERROR:
            if code.id in self._ignored[0] or (place and code.id in self._ignored.get(place.line, ())):
                return
            if severity is Severity.WARNING and self._strict:
                severity = Severity.ERROR
        message, help = redacted_message(_cut(message)), redacted_message(_cut(help))
        # Not by what the template made of the line: what a loop repeats is one mistake.
        key = (code.id, place.line if place else 0, place.start if place else 0, message)
        if key in self._found or self.leaves_out(code):
            return
        self._room[code.id] = (
            self._room.get(code.id, MOST_OF_A_CODE) - 1 - (len(place.text) // _LONG_LINE if place else 0)
        )
        self._failed = self._failed or severity is Severity.ERROR
        few = tuple(redacted_message(_cut(note)) for note in notes[:_MOST_NOTES])
        if len(notes) > _MOST_NOTES:
            few = (*few, f"and {len(notes) - _MOST_NOTES} more")
        self._found[key] = Diagnostic(code, severity, self.source.name, place, message, help, few)

    def __iter__(self) -> Iterator[Diagnostic]:
        found = sorted(self._found.values(), key=lambda one: one.order)
        last = {one.code.id: n for n, one in enumerate(found)}
        for code, count in self._left_out.items():
            one = found[last[code]]
            found[last[code]] = replace(one, notes=(*one.notes, f"{count} more findings of this kind are not shown"))
        return iter(found)

    @property
    def failed(self) -> bool:
        return self._failed


def place_on_line(source: Source, line: int, text: str = "") -> Place:
    """The place of `text` on a line of the user's file; of all that stands there if `text` does not."""
    content = line_of(source.text, line)
    start = content.find(text) if text else -1
    if start < 0:
        start, text = len(content) - len(content.lstrip()), content.strip()
    return Place(line, start + 1, start + 1 + max(1, len(text)), redacted(content))


# Comparing a word with every name takes time; a workflow of thousands of tasks may hold thousands of such words.
_MOST_SUGGESTIONS: Final = 300
_LONGEST_WORD: Final = 100


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def advice(*parts: str) -> str:
    """Sentences of a help, joined; empty ones fall away."""
    text = ""
    for part in filter(None, parts):
        text += (" " if text.endswith("?") else "; " if text else "") + part
    return text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean `x`?` for the nearest of `known`, or nothing; case and `-`/`_` count little."""
    names = list(known)
    if len(names) > _MOST_SUGGESTIONS or len(word) > _LONGEST_WORD:
        return ""
    folded = {_fold(name): name for name in sorted(names, reverse=True) if len(name) <= _LONGEST_WORD}
    near = get_close_matches(_fold(word), folded, n=1, cutoff=0.6)
    return f"did you mean `{folded[near[0]]}`?" if near else ""


def _fold(word: str) -> str:
    return word.lower().replace("_", "-")


def listed(names: Iterable[str], most: int = 12) -> str:
    """`a`, `b`, `c` and 7 more."""
    words = list(names)
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(f"`{word}`" for word in words[:most]) + more
