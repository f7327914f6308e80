"""Tasks that stand side by side: a sweep of trainings between one start and one end is one thing to the eye.

Drawn one by one, sixty of them are a column five screens high with sixty arrows in and sixty out.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from osmoc.graph import Graph, Group, Via
from osmoc.picture.flow import Arrow

_FEWEST: Final = 10

_Neighbour = tuple[bool, Via, str, str]


def alike(graph: Graph, arrows: Sequence[Arrow]) -> list[list[Group]]:
    """All groups; lone tasks are together if they wait for the same, and the same waits for them."""
    neighbours: dict[str, set[_Neighbour]] = defaultdict(set)
    for arrow in arrows:
        neighbours[arrow.downstream].add((False, arrow.via, arrow.upstream, arrow.writer))
        neighbours[arrow.upstream].add((True, arrow.via, arrow.downstream, arrow.reader))
    classes: dict[frozenset[_Neighbour], list[Group]] = defaultdict(list)
    for group in graph.groups.values():
        if group.implicit:
            classes[frozenset(neighbours[group.name])].append(group)
    bundles: list[list[Group]] = []
    for group in graph.groups.values():
        members = classes[frozenset(neighbours[group.name])] if group.implicit else []
        if len(members) < _FEWEST:
            bundles.append([group])
        elif members[0] is group:
            bundles.append(members)
    return bundles
