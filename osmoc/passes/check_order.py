"""Groups that stand further up in the file than those they wait for: OSMO refuses such a file, and readers stumble.

Needs: a graph without cycles, in which "further down" can be mended by moving things.
"""

from osmoc import codes
from osmoc.diagnostics import Diagnostics
from osmoc.graph import Graph, Via
from osmoc.yamltree import Tree


def check_order(graph: Graph, tree: Tree, found: Diagnostics) -> None:
    order = {name: n for n, name in enumerate(graph.groups)}
    for edge in {edge.where: edge for edge in graph.edges if order[edge.upstream] > order[edge.downstream]}.values():
        if edge.via is Via.TASK:
            code, message = codes.FORWARD_REFERENCE, f"`{edge.what}` stands further down in the file; OSMO refuses that"
        else:
            code, message = codes.FORWARD_DATASET, f"the dataset `{edge.what}` is written further down in the file"
        found.report(code, tree.span(edge.where), message, help="define what is read before what reads it")
