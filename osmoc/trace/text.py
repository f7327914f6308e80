"""What a trace found, as people read it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from osmoc.redaction import redacted
from osmoc.report.printable import fit, printable, shown, width
from osmoc.source import Place
from osmoc.trace.rules import How
from osmoc.trace.trace import Wrote
from osmoc.yamlnodes import Path

_COLUMNS: Final = 116
_TAB: Final = "    "
_MOST: Final = 10


def shown_path(path: Path, plain: Any = None) -> str:
    """`spec.templates[shape-0].image`: list items by their names where `plain` has any, else by their numbers."""
    text = ""
    for step in path:
        plain = _child(plain, step)
        if isinstance(step, int):
            name = plain.get("name") if isinstance(plain, dict) else None
            text += f"[{step if name is None else printable(str(name))}]"
        elif step and all(char.isalnum() or char in "-_/" for char in step):
            text += f".{step}" if text else step
        else:
            text += f'["{printable(step)}"]'
    return text or "."


def _child(value: Any, step: str | int) -> Any:
    try:
        return value[step]
    except (KeyError, IndexError, TypeError):
        return None


def wrote_text(file: str, found: Sequence[Wrote], reason: str) -> str:
    """The places of the workflow file, each once, with its line and carets below it."""
    places: dict[tuple[Place | None, How], list[Wrote]] = {}
    for one in found:
        # A loop of the template makes many of one line; without a place each is told by its path.
        key = (replace(one.place, rendered="") if one.place else None, one.origin.how)
        places.setdefault(key, []).append(one)
    lines = [line for alike in list(places.values())[:_MOST] for line in _wrote(file, alike)]
    if len(places) > _MOST:
        lines.append(f"and {len(places) - _MOST:,} more places; --format json has them all")
    if all(one.origin.how is How.NEAR for one in found):
        lines.append(reason)
    return "".join(f"{line}\n" for line in lines)


def _wrote(file: str, alike: Sequence[Wrote]) -> Iterator[str]:
    one = alike[0]
    how = {How.VALUE: "", How.CHOICE: ", which chose it", How.NEAR: ", the nearest that is known"}[one.origin.how]
    where = f":{one.place.line}:{one.place.start}" if one.place else ""
    more = f" and {len(alike) - 1:,} more" if len(alike) > 1 else ""
    yield f"{printable(file)}{where}: {shown_path(one.origin.path)}{more}{how}"
    if one.place:
        yield from excerpt(one.place)


def numbered(number: int, text: str) -> str:
    """A line of a file with its number, as findings show it."""
    margin = f"{number} | "
    return f"{margin}{''.join(fit(map(_cell, redacted(text)), _COLUMNS))}".rstrip() + "\n"


def excerpt(place: Place) -> Iterator[str]:
    """The line with carets under the place; the beginning of a long line is left out, and its end."""
    margin = f"{place.line} | "
    start, end = place.start - 1, place.end - 1
    before = "".join(map(_cell, place.text[:start]))
    marked = "".join(fit(map(_cell, place.text[start:end]), _COLUMNS - 40))
    if width(before) > 40:
        before = "…" + before[-39:]
    after = "".join(fit(map(_cell, place.text[end:]), max(1, _COLUMNS - width(before) - width(marked))))
    yield f"{margin}{before}{marked}{after}".rstrip()
    yield f"{' ' * len(str(place.line))} | {' ' * width(before)}{'^' * max(1, width(marked))}"
    if place.rendered:
        yield f"{' ' * len(str(place.line))} | note: rendered as `{''.join(fit(map(shown, place.rendered), 90))}`"


def _cell(char: str) -> str:
    return _TAB if char == "\t" else shown(char)


def table(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    found = list(rows)
    longest = max((len(left) for left, _ in found), default=0)
    return (f"  {left:<{longest}}  {right}\n" for left, right in found)
