"""Which boxes may run at the same time: level 1 waits for nothing, each other level for one before it."""

from collections.abc import Iterable

import networkx


def levels(names: Iterable[str], edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Names by level, in their own order within a level. Needs: no cycles (`check_cycles`)."""
    order = {name: n for n, name in enumerate(names)}
    network = networkx.DiGraph()
    network.add_nodes_from(order)
    network.add_edges_from(edges)
    return [sorted(level, key=order.__getitem__) for level in networkx.topological_generations(network)]
