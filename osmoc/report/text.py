"""Findings as people read them: place, code and message, the line with carets, help and notes, a summary."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from osmoc.diagnostics import Diagnostic, Severity
from osmoc.report.message import notes
from osmoc.report.printable import fit, printable, shown, width
from osmoc.source import Place

Paint = Callable[[str, str], str]

_COLUMNS: Final = 120
_CONTEXT: Final = 40  # columns around the carets that a long span leaves to the rest of its line
_TAB: Final = "    "

_MARK: Final = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.NOTE: "bold cyan"}
_LABEL: Final = "bold"
_GUTTER: Final = "bright_blue"


def to_text(findings: Iterable[Diagnostic], *, colour: bool = False) -> str:
    """Lines for a terminal; nothing if there are no findings. `colour` adds escape codes and changes nothing else."""
    found = list(findings)
    paint = _painter() if colour else _leave
    lines = [line for one in found for line in _lines(one, paint)]
    if found:
        lines.append(_summary(found))
    return "".join(line + "\n" for line in lines)


def _painter() -> Paint:
    # Imported here: where no colour is wanted, nobody waits for it.
    from rich.color import ColorSystem
    from rich.style import Style

    return lambda text, style: Style.parse(style).render(text, color_system=ColorSystem.STANDARD)


def _leave(text: str, style: str) -> str:
    return text


def _lines(found: Diagnostic, paint: Paint) -> Iterator[str]:
    place, mark = found.place, _MARK[found.severity]
    where = f"{_file(found.file)}:{place.line}:{place.start}:" if place else f"{_file(found.file)}:"
    kind = f"{found.severity.value}[{found.code.id}]"
    yield f"{paint(where, _LABEL)} {paint(kind, mark)}: {printable(found.message)}"

    indent = " " * len(str(place.line)) if place else " "
    bar, aside = paint(f"{indent} |", _GUTTER), paint(f"{indent} =", _GUTTER)
    help = printable(found.help)
    if place:
        line, offset, carets = _excerpt(place, _COLUMNS - len(f"{indent} | "))
        yield f"{paint(f'{place.line} |', _GUTTER)} {line}".rstrip()
        under = f"{bar} {' ' * offset}{paint('^' * carets, mark)}"
        if help and len(f"{indent} | ") + offset + carets + width(f"   help: {help}") <= _COLUMNS:
            under, help = f"{under}   {paint('help:', _LABEL)} {help}", ""
        yield under
    for note in notes(found):
        yield f"{bar if place else aside} {paint('note:', _LABEL)} {printable(note)}"
    if help:
        yield f"{aside} {paint('help:', _LABEL)} {help}"


def _excerpt(place: Place, columns: int) -> tuple[str, int, int]:
    """The line, cut on both sides of the place if it is long; the columns before the first caret; how many carets."""
    start, end = place.start - 1, place.end - 1
    marked = fit(map(_cell, place.text[start:end]), columns - _CONTEXT)
    room = columns - _width(marked)
    # What one side does not need, the other gets.
    before = fit(map(_cell, reversed(place.text[:start])), room)
    after = fit(map(_cell, place.text[end:]), max(room - _width(before), room // 2))
    before = fit(map(_cell, reversed(place.text[:start])), room - _width(after))
    line = "".join([*reversed(before), *marked, *after])
    return line, _width(before), max(1, _width(marked))


def _cell(char: str) -> str:
    return _TAB if char == "\t" else shown(char)


def _width(cells: list[str]) -> int:
    return sum(map(width, cells))


def _summary(findings: list[Diagnostic]) -> str:
    numbers = Counter(found.severity for found in findings)
    counts = [f"{n} {severity.value}{'s' if n > 1 else ''}" for severity in Severity if (n := numbers[severity])]
    files = {found.file for found in findings}
    return f"{', '.join(counts)} in {_file(files.pop()) if len(files) == 1 else f'{len(files)} files'}"


def _file(name: str) -> str:
    return "<stdin>" if name == "-" else printable(name)
