"""How high every node of a mesh stands: few crossings, lines as straight as may be.

Every node wants to stand where its neighbours are. Sweeps to and fro sort the columns by that wish and grant it as
far as the others let them: least squares in a given order, which pooling adjacent violators solves in one pass. The
order with the fewest crossings is kept, and straightened.
"""

from bisect import bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, groupby
from typing import Final, NamedTuple

from osmoc.picture.mesh import GAP, Mesh

_ORDERING_SWEEPS: Final = 8
_ALIGNING_SWEEPS: Final = 8
_TRACK_GAP: Final = 8
_WEIGHTS: Final = (1.0, 0.2, 3.0)  # how bad a bend is between two boxes, a box and a track, two tracks

# For each node the other ends of its wires: which node, how far the wire is below its top, how far below the top of
# the node itself, and how bad a bend of the wire is.
_Ends = Mapping[int, Sequence[tuple[int, int, int, float]]]


class _Wish(NamedTuple):
    """Where a node should stand, how much that matters, and its rank in the column: what is alone comes last.

    A tuple, for they are made by the hundred thousand.
    """

    node: int
    top: float
    weight: float
    rank: tuple[bool, float]


def rows(net: Mesh) -> Sequence[int]:
    """The top of each node. Leaves: a gap between any two nodes of a column."""
    left, right = _ends(net)
    both = {node: [*left[node], *right[node]] for node in left}
    drawing = _Drawing(net, frozenset(node for node in both if not both[node]))
    best, fewest = drawing.order(), drawing.crossings()
    for sweep in range(_ORDERING_SWEEPS if fewest else 2):
        drawing.sweep(right if sweep % 2 else left, forward=sweep % 2 == 0, sort=True)
        crossings = drawing.crossings()
        if crossings < fewest:
            best, fewest = drawing.order(), crossings
    drawing.restart(best)
    for sweep in range(_ALIGNING_SWEEPS):
        ends = both if sweep >= _ALIGNING_SWEEPS // 2 else right if sweep % 2 else left
        drawing.sweep(ends, forward=sweep % 2 == 0, sort=False)
    return [round(top) for top in drawing.tops]


def _ends(net: Mesh) -> tuple[_Ends, _Ends]:
    left: dict[int, list[tuple[int, int, int, float]]] = {node: [] for node in range(len(net.heights))}
    right: dict[int, list[tuple[int, int, int, float]]] = {node: [] for node in range(len(net.heights))}
    for wire in net.wires:
        weight = _WEIGHTS[(net.heights[wire.left] == 0) + (net.heights[wire.right] == 0)]
        right[wire.left].append((wire.right, wire.enters, wire.leaves, weight))
        left[wire.right].append((wire.left, wire.leaves, wire.enters, weight))
    return left, right


class _Drawing:
    """Columns of nodes from top to bottom, and where each stands by now; sweeps change both."""

    def __init__(self, net: Mesh, alone: frozenset[int]) -> None:
        self.tops = [0.0] * len(net.heights)
        self._net = net
        self._alone = alone
        self._columns: list[list[int]] = []
        self.restart([sorted(column, key=alone.__contains__) for column in net.columns])

    def order(self) -> list[list[int]]:
        return [list(column) for column in self._columns]

    def restart(self, columns: list[list[int]]) -> None:
        """Stack the nodes of every column, its middle at zero."""
        self._columns = columns
        for column in columns:
            self._settle([_Wish(node, 0, 1, (False, 0)) for node in column])

    def sweep(self, ends: _Ends, *, forward: bool, sort: bool) -> None:
        for column in self._columns if forward else reversed(self._columns):
            wishes = self._wishes(column, ends)
            if sort:
                wishes = list(self._sorted(wishes))
                column[:] = [wish.node for wish in wishes]
            self._settle(wishes)

    def _wishes(self, column: Sequence[int], ends: _Ends) -> list[_Wish]:
        """A node without ends on this side wants to stay, one without any to come up."""
        heights, tops = self._net.heights, self.tops
        highest = min(tops[node] for node in column)
        wishes = []
        for node in column:
            if node in self._alone:
                wishes.append(_Wish(node, highest, 1e-3, (True, tops[node])))
            elif not ends[node]:
                wishes.append(_Wish(node, tops[node], 1e-3, (False, tops[node] + heights[node] / 2)))
            else:
                total = top = lines = 0.0
                for other, there, here, weight in ends[node]:
                    line = tops[other] + there
                    lines += line
                    top += (line - here) * weight
                    total += weight
                wishes.append(_Wish(node, top / total, total, (False, round(lines / len(ends[node]), 3))))
        return wishes

    def _sorted(self, wishes: Sequence[_Wish]) -> Iterator[_Wish]:
        """By where the lines come from; of nodes with the same lines tracks go through the middle."""
        heights = self._net.heights
        for _, alike in groupby(sorted(wishes, key=lambda wish: wish.rank), key=lambda wish: wish.rank):
            same = list(alike)
            boxes = [wish for wish in same if heights[wish.node]]
            yield from boxes[: len(boxes) // 2]
            yield from (wish for wish in same if not heights[wish.node])
            yield from boxes[len(boxes) // 2 :]

    def _settle(self, wishes: Sequence[_Wish]) -> None:
        """Tops that are nearest to the wishes, in this order: neighbours that want to overlap move as one block."""
        heights = self._net.heights
        offsets: list[float] = []
        blocks: list[tuple[float, float, int]] = []  # where the first top would be on average, weight, nodes
        end = 0
        track = False
        for wish in wishes:
            if offsets:
                end += _TRACK_GAP if track and not heights[wish.node] else GAP
            track = not heights[wish.node]
            offsets.append(end)
            start, weight, count = wish.top - end, wish.weight, 1
            while blocks and blocks[-1][0] >= start:
                other_start, other_weight, other_count = blocks.pop()
                start = (start * weight + other_start * other_weight) / (weight + other_weight)
                weight, count = weight + other_weight, count + other_count
            blocks.append((start, weight, count))
            end += heights[wish.node]
        starts = chain.from_iterable([start] * count for start, _, count in blocks)
        for wish, start, offset in zip(wishes, starts, offsets, strict=True):
            self.tops[wish.node] = start + offset

    def crossings(self) -> int:
        """How often wires between the same two columns cross."""
        column_of = {node: n for n, column in enumerate(self._columns) for node in column}
        tops = self.tops
        spans: list[list[tuple[float, float]]] = [[] for _ in self._columns]
        for wire in self._net.wires:
            spans[column_of[wire.left]].append((tops[wire.left] + wire.leaves, tops[wire.right] + wire.enters))
        count = 0
        for span in spans:
            seen: list[float] = []
            for _, right in sorted(span):
                count += len(seen) - bisect_right(seen, right)
                insort(seen, right)
        return count
