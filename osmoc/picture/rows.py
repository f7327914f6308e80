"""How high every node of a mesh stands: few crossings, lines as straight as may be.

Every node wants to stand where its neighbours are. Sweeps to and fro sort the columns by that wish and grant it as
far as the others let them: least squares in a given order, which pooling adjacent violators solves in one pass. The
order with the fewest crossings is kept, and straightened.
"""

from bisect import bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Final

from osmoc.picture.mesh import GAP, Mesh

_ORDERING_SWEEPS: Final = 8
_ALIGNING_SWEEPS: Final = 12
_TRACK_GAP: Final = 8
_BEND: Final = 3.0  # how much worse a bend is in a track than at a box
_NO_WISH: Final = 1e-3


@dataclass(frozen=True, slots=True)
class _End:
    """The other end of a wire: its node, how far below the tops of both the wire is, how much its bend matters."""

    node: int
    there: int
    here: int
    weight: float


_Ends = Mapping[int, Sequence[_End]]


def rows(net: Mesh) -> Sequence[int]:
    """The top of each node. Leaves: a gap between any two nodes of a column."""
    left, right = _ends(net)
    drawing = _Drawing(net, {node: [*left[node], *right[node]] for node in left})
    best, fewest = drawing.order(), drawing.crossings()
    for sweep in range(_ORDERING_SWEEPS):
        drawing.sweep(right if sweep % 2 else left, forward=sweep % 2 == 0, sort=True)
        crossings = drawing.crossings()
        if crossings < fewest:
            best, fewest = drawing.order(), crossings
    drawing.restart(best)
    for sweep in range(_ALIGNING_SWEEPS):
        late = sweep >= _ALIGNING_SWEEPS // 2
        drawing.sweep(drawing.ends if late else right if sweep % 2 else left, forward=sweep % 2 == 0, sort=False)
    return [round(top) for top in drawing.tops]


def _ends(net: Mesh) -> tuple[_Ends, _Ends]:
    left: dict[int, list[_End]] = {node: [] for node in range(len(net.heights))}
    right: dict[int, list[_End]] = {node: [] for node in range(len(net.heights))}
    for wire in net.wires:
        weight = _BEND ** sum(net.heights[node] == 0 for node in (wire.left, wire.right))
        right[wire.left].append(_End(wire.right, wire.enters, wire.leaves, weight))
        left[wire.right].append(_End(wire.left, wire.leaves, wire.enters, weight))
    return left, right


class _Drawing:
    """Columns of nodes from top to bottom, and where each stands by now; sweeps change both."""

    def __init__(self, net: Mesh, ends: _Ends) -> None:
        self._net = net
        self.ends = ends
        self.tops = [0.0] * len(net.heights)
        self._columns: list[list[int]] = []
        self.restart([sorted(column, key=lambda node: not ends[node]) for column in net.columns])

    def order(self) -> list[list[int]]:
        return [list(column) for column in self._columns]

    def restart(self, columns: list[list[int]]) -> None:
        """Stack the nodes of every column, its middle at zero."""
        self._columns = columns
        for column in columns:
            self._settle(column, [0.0] * len(column), [1.0] * len(column))

    def sweep(self, ends: _Ends, *, forward: bool, sort: bool) -> None:
        for column in self._columns if forward else reversed(self._columns):
            wishes = {node: self._wish(node, ends) for node in column}
            if sort:
                column[:] = self._sorted(column, ends)
            lowest = min((wishes[node][0] for node in column if self.ends[node]), default=0.0)
            self._settle(
                column,
                [wishes[node][0] if self.ends[node] else lowest for node in column],
                [wishes[node][1] for node in column],
            )

    def _wish(self, node: int, ends: _Ends) -> tuple[float, float]:
        """Where the top should be, and how much that matters; a node without ends stays where it is."""
        if not ends[node]:
            return self.tops[node], _NO_WISH
        weight = sum(end.weight for end in ends[node])
        return sum((self.tops[end.node] + end.there - end.here) * end.weight for end in ends[node]) / weight, weight

    def _sorted(self, column: Sequence[int], ends: _Ends) -> Iterator[int]:
        """By where the lines come from; of nodes with the same lines tracks go through the middle."""
        heights = self._net.heights

        def source(node: int) -> tuple[bool, float]:
            own = self.tops[node] + heights[node] / 2
            lines = [self.tops[end.node] + end.there for end in ends[node]] or [own]
            return not self.ends[node], round(sum(lines) / len(lines), 3)

        for _, alike in groupby(sorted(column, key=source), key=source):
            nodes = list(alike)
            boxes = [node for node in nodes if heights[node]]
            yield from boxes[: len(boxes) // 2]
            yield from (node for node in nodes if not heights[node])
            yield from boxes[len(boxes) // 2 :]

    def _settle(self, column: Sequence[int], wishes: Sequence[float], weights: Sequence[float]) -> None:
        """Tops that are nearest to the wishes, in this order: neighbours that want to overlap move as one block."""
        heights = self._net.heights
        offsets: list[float] = []
        blocks: list[tuple[float, float, int]] = []  # mean wish of the block's first top, weight, number of nodes
        end = 0.0
        for n, node in enumerate(column):
            offsets.append(end)
            block = (wishes[n] - end, weights[n], 1)
            while blocks and blocks[-1][0] >= block[0]:
                mean, weight, count = blocks.pop()
                total = weight + block[1]
                block = ((mean * weight + block[0] * block[1]) / total, total, count + block[2])
            blocks.append(block)
            tracks = heights[node] == 0 and n + 1 < len(column) and heights[column[n + 1]] == 0
            end += heights[node] + (_TRACK_GAP if tracks else GAP)
        starts = chain.from_iterable([mean] * count for mean, _, count in blocks)
        for node, start, offset in zip(column, starts, offsets, strict=True):
            self.tops[node] = start + offset

    def crossings(self) -> int:
        """How often wires between the same two columns cross."""
        column_of = {node: n for n, column in enumerate(self._columns) for node in column}
        spans: list[list[tuple[float, float]]] = [[] for _ in self._columns]
        for wire in self._net.wires:
            spans[column_of[wire.left]].append(
                (self.tops[wire.left] + wire.leaves, self.tops[wire.right] + wire.enters)
            )
        count = 0
        for span in spans:
            seen: list[float] = []
            for _, right in sorted(span):
                count += len(seen) - bisect_right(seen, right)
                insort(seen, right)
        return count
