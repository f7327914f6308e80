"""The most that can run at the same time, however long each group takes.

Groups that do not wait for each other, not even through others, may run together: an antichain of the order. The
heaviest one weighs as much as all groups less the most that can be handed on from groups to later ones, which is a
flow; the cut behind it says which groups these are. The sum of a level would be too small: a group of one level may
still run when the next has begun.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_SOURCE: Final = 0
_SINK: Final = 1
_ENDLESS: Final = 1 << 100


@dataclass(frozen=True, slots=True)
class Peak:
    """`groups` are those that take the `amount` together; what takes nothing is not among them."""

    amount: int = 0
    groups: tuple[str, ...] = ()


def peak(weights: Mapping[str, int], upstream: Mapping[str, Iterable[str]]) -> Peak:
    """Needs: `upstream` names each group's direct upstreams, without cycles. Weights are not negative."""
    if not any(weights.values()):
        return Peak()
    bundles = _bundles(upstream)
    number = {name: n for n, bundle in enumerate(bundles) for name in bundle}
    loads = [sum(weights[name] for name in bundle) for bundle in bundles]
    network = _Network(2 + 2 * len(bundles))
    for n, bundle in enumerate(bundles):
        network.connect(_SOURCE, _out(n), loads[n])
        network.connect(_in(n), _SINK, loads[n])
        network.connect(_in(n), _out(n), _ENDLESS)
        for above in dict.fromkeys(number[name] for name in upstream[bundle[0]]):
            network.connect(_out(above), _in(n), _ENDLESS)
    amount = sum(loads) - network.fill()
    reached = network.reached
    chosen = {n for n in range(len(bundles)) if reached[_out(n)] >= 0 > reached[_in(n)]}
    return Peak(amount, tuple(name for name in weights if number[name] in chosen and weights[name]))


def _out(number: int) -> int:
    return 2 + 2 * number


def _in(number: int) -> int:
    return 3 + 2 * number


def _bundles(upstream: Mapping[str, Iterable[str]]) -> Sequence[Sequence[str]]:
    """Groups that wait for the same, and are waited for by the same: of a sweep of thousands one is left."""
    downstream: dict[str, list[str]] = defaultdict(list)
    for name, above in upstream.items():
        for other in dict.fromkeys(above):
            downstream[other].append(name)
    bundles: dict[tuple[frozenset[str], frozenset[str]], list[str]] = defaultdict(list)
    for name, above in upstream.items():
        bundles[frozenset(above), frozenset(downstream[name])].append(name)
    return list(bundles.values())


class _Network:
    """Dinic's algorithm. Edge `e` and its way back `e ^ 1` stand side by side; `room` is what each can still carry."""

    def __init__(self, size: int) -> None:
        self._edges: list[list[int]] = [[] for _ in range(size)]
        self._target: list[int] = []
        self._room: list[int] = []
        self.reached: list[int] = []

    def connect(self, source: int, target: int, room: int) -> None:
        if room:
            for start, end, amount in ((source, target, room), (target, source, 0)):
                self._edges[start].append(len(self._target))
                self._target.append(end)
                self._room.append(amount)

    def fill(self) -> int:
        """The greatest flow; afterwards `reached` is not negative where more could still get to."""
        total = 0
        while self._reach():
            total += self._push()
        return total

    def _reach(self) -> bool:
        """Distances from the source, by edges with room."""
        self.reached = [-1] * len(self._edges)
        self.reached[_SOURCE] = 0
        border = [_SOURCE]
        while border:
            following = []
            for node in border:
                for edge in self._edges[node]:
                    target = self._target[edge]
                    if self._room[edge] and self.reached[target] < 0:
                        self.reached[target] = self.reached[node] + 1
                        following.append(target)
            border = following
        return self.reached[_SINK] >= 0

    def _push(self) -> int:
        """All that fits through shortest ways; a node whose edges are used up is left behind for good."""
        total, node = 0, _SOURCE
        way: list[int] = []
        untried = [iter(edges) for edges in self._edges]
        current = [next(edges, -1) for edges in untried]
        while True:
            if node == _SINK:
                amount = min(self._room[edge] for edge in way)
                for edge in way:
                    self._room[edge] -= amount
                    self._room[edge ^ 1] += amount
                total += amount
                # Back to where the way is full now.
                full = next(n for n, edge in enumerate(way) if not self._room[edge])
                node = self._target[way[full] ^ 1]
                del way[full:]
                continue
            edge = current[node]
            if edge >= 0:
                target = self._target[edge]
                if self._room[edge] and self.reached[target] == self.reached[node] + 1:
                    way.append(edge)
                    node = target
                else:
                    current[node] = next(untried[node], -1)
            elif way:
                back = way.pop()
                node = self._target[back ^ 1]
                current[node] = next(untried[node], -1)
            else:
                return total
