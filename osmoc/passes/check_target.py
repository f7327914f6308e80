"""What the workflow asks for and the target cannot do: Argo at the version of the profile, Jobs without a driver.

Needs: the plan. Only reports.
"""

from typing import Final

from osmoc import codes
from osmoc.codes import Code
from osmoc.diagnostics import Diagnostics
from osmoc.graph import Graph
from osmoc.plan import Plan
from osmoc.versions import OLDEST_ARGO, PENDING_TIMEOUT, Version, parse_version, shown
from osmoc.yamltree import Path, Tree

_QUEUE_TIMEOUT: Final[Path] = ("workflow", "timeout", "queue_timeout")


def check_target(graph: Graph, plan: Plan, tree: Tree, found: Diagnostics) -> None:
    if plan.target == "argo":
        _check_argo(graph, plan, tree, found)
    elif plan.target == "jobs" and plan.driver is None and any(group.queue_timeout for group in plan.groups.values()):
        message = "without a driver nothing ends a Job that never starts: the queue timeout would have no effect"
        _report_timeout(codes.NO_DRIVER, message, "set `driver: auto` in the profile", graph, tree, found)


def _check_argo(graph: Graph, plan: Plan, tree: Tree, found: Diagnostics) -> None:
    argo = plan.profile.argo
    version = parse_version(argo)
    assert version is not None, "`read_profile` refuses what is no version"
    if version < OLDEST_ARGO:
        message = f"Argo Workflows {argo} knows no native sidecars, as osmo-ctrl is one in every pod"
        found.add(codes.UNSUPPORTED, None, message, help=_advice(OLDEST_ARGO))
    elif version < PENDING_TIMEOUT and _rests_on_pending_timeout(plan):
        message = f"Argo Workflows {argo} ends no pod that never starts: the queue timeout would have no effect"
        help = f"drop the timeout; {_advice(PENDING_TIMEOUT)}"
        _report_timeout(codes.UNSUPPORTED, message, help, graph, tree, found)


def _rests_on_pending_timeout(plan: Plan) -> bool:
    return any(task.shape.pending_timeout for group in plan.groups.values() for task in group.tasks)


def _advice(version: Version) -> str:
    return f"raise `argo` in the profile if the cluster has {shown(version)}, or compile with `--target jobs`"


def _report_timeout(code: Code, message: str, help: str, graph: Graph, tree: Tree, found: Diagnostics) -> None:
    """Where the workflow has the timeout; nowhere if it is one of the profile's."""
    found.report(code, tree.span(_QUEUE_TIMEOUT) if graph.queue_timeout else None, message, help=help)
