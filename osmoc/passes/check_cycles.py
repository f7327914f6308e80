"""Groups that wait for each other, reported as a path, at the earliest line that takes part.

Needs: all edges. The graph that comes through has an order.
"""

from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from osmoc import codes
from osmoc.diagnostics import Diagnostics
from osmoc.graph import Edge, Graph, Via
from osmoc.yamltree import Tree


def check_cycles(graph: Graph, tree: Tree, found: Diagnostics) -> None:
    try:
        TopologicalSorter(graph.upstream()).prepare()
    except CycleError:
        for cycle in _cycles(graph):
            _report(cycle, graph, tree, found)


def _cycles(graph: Graph) -> list[list[Edge]]:
    """One shortest cycle for each knot of groups that wait for each other; the edges in running order."""
    import networkx  # explaining is rare: it is loaded only then

    order = {name: n for n, name in enumerate(graph.groups)}
    by_ends: dict[tuple[str, str], Edge] = {}
    for edge in graph.edges:
        by_ends.setdefault((edge.upstream, edge.downstream), edge)
    network = networkx.DiGraph(sorted(by_ends, key=lambda ends: (order[ends[0]], order[ends[1]])))
    cycles = []
    for knot in networkx.strongly_connected_components(network):
        if len(knot) < 2:
            continue
        first = min(knot, key=order.__getitem__)
        inner = network.subgraph(knot)
        back = {name: path for name, path in networkx.single_source_shortest_path(inner, first).items()}
        last = min((name for name in inner.predecessors(first)), key=lambda name: (len(back[name]), order[name]))
        names = [*back[last], first]
        cycles.append([by_ends[ends] for ends in pairwise(names)])
    return cycles


def _report(cycle: list[Edge], graph: Graph, tree: Tree, found: Diagnostics) -> None:
    earliest = min(cycle, key=lambda edge: tree.span(edge.where))
    names = [_shown(edge.upstream, graph) for edge in cycle]
    reasons = [
        f"{_shown(edge.downstream, graph)} reads {'dataset' if edge.via is Via.DATASET else 'task'} `{edge.what}`"
        for edge in cycle
    ]
    pin = any(edge.via is Via.DATASET for edge in cycle)
    found.report(
        codes.CYCLE,
        tree.span(earliest.where),
        f"a cycle: {' -> '.join([*names, names[0]])}",
        help="to read what was there before this run pin the version, such as `name: cats:3`" if pin else "",
        notes=reasons,
    )


def _shown(name: str, graph: Graph) -> str:
    group = graph.groups[name]
    return f"`{group.tasks[0].name if group.implicit else name}`"
