"""Where boxes stand and links run: columns from left to right (`mesh`), in each the right height (`rows`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from osmoc.picture.mesh import Box, Link, Mesh, mesh
from osmoc.picture.rows import rows

_NARROWEST: Final = 56  # gaps between columns
_WIDEST: Final = 200


@dataclass(frozen=True, slots=True)
class Place:
    """A box as it is drawn: as wide as its column."""

    column: int
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Route:
    """The ends of a link's curves, two for each gap that it crosses. Some share tracks from the start; or `gathers`."""

    points: Sequence[tuple[int, int]]
    gathers: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is; `routes` are those of the links, in their order."""

    places: Mapping[str, Place]
    routes: Sequence[Route]
    width: int
    height: int


def layout(boxes: Mapping[str, Box], links: Sequence[Link]) -> Layout:
    """Needs: no cycles. Leaves: boxes that do not overlap; a link enters a later column than it leaves."""
    net = mesh(boxes, links)
    tops = rows(net)
    sizes = list(boxes.values())
    widths = [max((sizes[node].width for node in column if node < len(sizes)), default=0) for column in net.columns]
    lefts = _lefts(net, tops, widths)
    column_of = {node: n for n, column in enumerate(net.columns) for node in column}
    highest = min(tops, default=0)
    places = {
        name: Place(column_of[n], lefts[column_of[n]], tops[n] - highest, widths[column_of[n]], box.height)
        for n, (name, box) in enumerate(boxes.items())
    }
    routes = []
    for link, path in zip(links, net.paths, strict=True):
        start, end = places[link.upstream], places[link.downstream]
        points = [(start.x + start.width, start.y + link.leaves)]
        for track in path.nodes[1:-1]:
            left, top = lefts[column_of[track]], tops[track] - highest
            points += [(left, top), (left + widths[column_of[track]], top)]
        routes.append(Route([*points, (end.x, end.y + link.enters)], path.gathers))
    width = max((place.x + place.width for place in places.values()), default=0)
    height = max((top + tall for top, tall in zip(tops, net.heights, strict=True)), default=0) - highest
    return Layout(places, routes, width, height)


def _lefts(net: Mesh, tops: Sequence[int], widths: Sequence[int]) -> Sequence[int]:
    """The left side of each column; the further up or down lines go, the more room they get for it."""
    column_of = {node: n for n, column in enumerate(net.columns) for node in column}
    gaps = [_NARROWEST] * len(net.columns)
    for wire in net.wires:
        climb = abs(tops[wire.left] + wire.leaves - tops[wire.right] - wire.enters)
        gap = min(_WIDEST, _NARROWEST + climb // 6)
        gaps[column_of[wire.left]] = max(gaps[column_of[wire.left]], gap)
    return list(accumulate((width + gap for width, gap in zip(widths, gaps, strict=True)), initial=0))
