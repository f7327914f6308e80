"""Boxes in columns, one a level, and the tracks on which long links pass the columns between their ends.

Links that leave one port share their tracks, or those that enter one, whichever are more, as wires of a loom do.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from osmoc.picture.levels import levels

GAP: Final = 16
_MOST_TRACKS: Final = 8_000  # beyond, long links run behind the boxes


@dataclass(frozen=True, slots=True)
class Box:
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Link:
    """Leaves a box at its right, `leaves` below its top, and enters another at its left."""

    upstream: str
    downstream: str
    leaves: int
    enters: int


@dataclass(frozen=True, slots=True)
class Wire:
    """A piece of a link, from a node of one column to a node of the next."""

    left: int
    leaves: int
    right: int
    enters: int


@dataclass(frozen=True, slots=True)
class Path:
    """The nodes of a link. `gathers` if it shares its tracks with those that enter where it does."""

    nodes: Sequence[int]
    gathers: bool


@dataclass(frozen=True, slots=True)
class Mesh:
    """Nodes are counted: boxes first, in their order, then tracks. `paths` are those of the links, in their order."""

    heights: Sequence[int]
    columns: Sequence[Sequence[int]]
    wires: Sequence[Wire]
    paths: Sequence[Path]


def mesh(boxes: Mapping[str, Box], links: Sequence[Link]) -> Mesh:
    names = {name: n for n, name in enumerate(boxes)}
    ends = [(link.upstream, link.downstream) for link in links]
    columns = [[names[name] for name in level] for level in levels(boxes, ends)]
    column_of = {node: n for n, column in enumerate(columns) for node in column}
    heights = [box.height for box in boxes.values()]
    leaving = Counter((link.upstream, link.leaves) for link in links)
    entering = Counter((link.downstream, link.enters) for link in links)
    tracks: dict[tuple[str, int, bool, int], int] = {}
    paths: list[Path] = []
    wires: dict[Wire, None] = {}
    for link in links:
        start, end = names[link.upstream], names[link.downstream]
        leave, enter = (link.upstream, link.leaves), (link.downstream, link.enters)
        gathers = entering[enter] > leaving[leave]
        bundle = (*(enter if gathers else leave), gathers)
        between = range(column_of[start] + 1, column_of[end])
        missing = [column for column in between if (*bundle, column) not in tracks]
        if len(tracks) + len(missing) > _MOST_TRACKS:
            paths.append(Path((start, end), gathers))
            continue
        for column in missing:
            tracks[*bundle, column] = len(heights)
            columns[column].append(len(heights))
            heights.append(0)
        nodes = (start, *(tracks[*bundle, column] for column in between), end)
        paths.append(Path(nodes, gathers))
        wires.update(dict.fromkeys(_wires(nodes, link)))
    return Mesh(heights, columns, tuple(wires), paths)


def _wires(path: Sequence[int], link: Link) -> Iterator[Wire]:
    for n, (left, right) in enumerate(pairwise(path)):
        yield Wire(left, link.leaves if n == 0 else 0, right, link.enters if n == len(path) - 2 else 0)
