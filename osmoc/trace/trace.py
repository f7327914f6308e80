"""Lines of manifests by a line of the workflow, and lines of the workflow by one of a manifest."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import takewhile

from osmoc.plan import Plan
from osmoc.source import Place, Source, line_of
from osmoc.trace.emitted import Emitted, Entry, read_objects
from osmoc.trace.located import Located
from osmoc.trace.origins import Origins
from osmoc.trace.rules import How, Origin
from osmoc.yamlnodes import Path


@dataclass(frozen=True, slots=True)
class Made:
    """Lines of object `number` that come from a line of the workflow; they count from the first of the object."""

    number: int
    emitted: Emitted
    path: Path
    lines: range


@dataclass(frozen=True, slots=True)
class Wrote:
    """A place of the workflow file that a line of a manifest comes from; None if no line is to name."""

    origin: Origin
    place: Place | None


def made_of(line: int, texts: Iterable[str], origins: Origins, located: Located, plan: Plan) -> Iterator[Made]:
    """What comes from a line of the workflow file. `texts` are the manifests, one each, in their order."""
    blocks = [block for parsed in located.parsed_lines(line) if (block := located.block(parsed))]
    labels = _labels_around(blocks, located, plan)
    may_hold = _Filter(labels) if labels else bool
    origins = origins.about(labels) if labels else origins
    lines_at = cache(located.lines)
    for number, text in enumerate(texts if blocks else ()):
        for emitted in read_objects(text) if may_hold(text) else ():
            for entry in emitted.entries:
                found = (origin for origin in origins.of(emitted.plain, entry.path) if origin.how is not How.NEAR)
                common = [lines for origin in found if (lines := _common(entry, lines_at(origin.path), blocks))]
                if common:
                    yield Made(number, emitted, entry.path, common[0])


def wrote(line: int, emitted: Emitted, entry: Entry, origins: Origins, located: Located) -> tuple[Wrote, ...]:
    """Where a line of a manifest comes from, in the order of the workflow file. `entry` is what stands on it."""
    found = []
    for origin in origins.of(emitted.plain, entry.path):
        is_alike = len(located.lines(origin.path)) == entry.last - entry.line + 1
        offset = line - entry.line if entry.is_text and is_alike else 0
        found.append(Wrote(origin, located.place(origin.path, offset)))
    return tuple(sorted(found, key=lambda one: (one.place.line, one.place.start) if one.place else (0, 0)))


def _common(entry: Entry, source: range, blocks: Sequence[range]) -> range | None:
    """The lines of an entry that come from the blocks, if its origin takes the lines `source`."""
    own = range(entry.line, entry.last + 1)
    for block in blocks:
        if entry.is_key:
            # The key of a list stands for the key of its list, and not for each item of it.
            if source.start in block:
                return own
            continue
        both = range(max(source.start, block.start), min(source.stop, block.stop))
        if both and entry.is_text and len(source) == len(own):
            return range(entry.line + both.start - source.start, entry.line + both.stop - source.start)
        if both:
            return own
    return None


def joined(made: Iterable[Made]) -> list[Made]:
    """Lines that follow each other and are of one item, or of what stands below one key, as one."""
    rows: list[Made] = []
    for one in made:
        last = rows[-1] if rows else None
        if last and last.number == one.number and last.lines.stop == one.lines.start:
            shared = _shared(last.path, one.path)
            if shared and (shared == last.path or isinstance(shared[-1], int)):
                rows[-1] = replace(last, path=shared, lines=range(last.lines.start, one.lines.stop))
                continue
        rows.append(one)
    return rows


def _shared(one: Path, other: Path) -> Path:
    same = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return tuple(step for step, _ in same)


class _Filter:
    """Which manifests may have anything of some tasks: to read thousands of Jobs takes a minute."""

    def __init__(self, labels: Iterable[str]) -> None:
        names = "|".join(map(re.escape, labels))
        self._job = re.compile(rf'osmo\.task_name: "?(?:{names})"?\n')
        self._documents = re.compile(rf"^  (?:{names})\.json:", re.MULTILINE)

    def __call__(self, text: str) -> bool:
        head = text[:40]
        if "kind: Job\n" in head:
            return self._job.search(text) is not None
        return "kind: ConfigMap\n" not in head or self._documents.search(text) is not None


def _labels_around(blocks: Iterable[range], located: Located, plan: Plan) -> Sequence[str]:
    """The tasks of the one group that all lines are in; none, if what is outside of groups may be anywhere."""
    for group in plan.groups.values():
        around = located.lines(group.where)
        if all(block.start in around and block.stop <= around.stop for block in blocks):
            return [task.label for task in group.tasks]
    return []


_SECTION = re.compile(r"^([^\s#][^:]*):")
_VALUE = re.compile(r"\s+(\w+):")


def unused(source: Source, line: int) -> str:
    """Why nothing comes from a line, as far as the line shows it."""
    text = line_of(source.text, line).strip()
    if not text or text.startswith("#"):
        return "nothing stands on this line"
    above = (match[1] for number in range(line, 0, -1) if (match := _SECTION.match(line_of(source.text, number))))
    if next(above, "") != "default-values" or not (value := _VALUE.match(line_of(source.text, line))):
        return "nothing in the manifests comes from this line alone"
    use = re.compile(rf"\{{[{{%].*\b{value[1]}\b")
    users = [str(n) for n, other in enumerate(source.text.split("\n"), start=1) if use.search(other)]
    where = f"trace the lines that use it: {', '.join(users[:10])}" if users else "no line uses it"
    return f"`{value[1]}` is a value of the template; {where}"
