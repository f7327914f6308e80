"""Resources: sizes that mean something else than they seem, names that become labels, topology."""

from collections import Counter

from osmoc import codes
from osmoc.diagnostics import Diagnostics, listed
from osmoc.names import LABEL_KEY, LABEL_VALUE
from osmoc.spec import Resource, Workflow
from osmoc.tokens import tokens_in
from osmoc.values import Size
from osmoc.written import Written
from osmoc.yamltree import Path, Tree


def check_resources(written: Written, found: Diagnostics) -> None:
    workflow, tree = written.workflow, written.tree
    for name, resource in workflow.resources.items():
        _check_resource(resource, ("workflow", "resources", name), tree, found)
    if workflow.pool and not _is_label(workflow.pool):
        _report_label(workflow.pool, "pool", ("workflow", "pool"), tree, found)
    _check_topology(workflow, tree, found)
    if "backend" in workflow.model_fields_set:
        found.report(codes.IGNORED_KEY, tree.key(("workflow", "backend")), "`backend` has no effect")


def _check_resource(resource: Resource, path: Path, tree: Tree, found: Diagnostics) -> None:
    for key, size in (("memory", resource.memory), ("storage", resource.storage)):
        if size:
            _check_size(size, (*path, key), tree, found)
    if resource.platform and not _is_label(resource.platform):
        _report_label(resource.platform, "platform", (*path, "platform"), tree, found)
    for n, node in enumerate(resource.nodes_excluded):
        if not _is_label(node):
            _report_label(node, "node", (*path, "nodesExcluded", n), tree, found)
    for n, topology in enumerate(resource.topology):
        where: Path = (*path, "topology", n, "key")
        if not LABEL_KEY.fullmatch(topology.key) and not any(tokens_in(topology.key)):
            _report_label(topology.key, "topology key", where, tree, found)
        if not _is_label(topology.group):
            _report_label(topology.group, "topology group", (*path, "topology", n, "group"), tree, found)
        if topology.key in [other.key for other in resource.topology[:n]]:
            found.report(codes.TOPOLOGY_TWICE, tree.span(where), f"the topology key `{topology.key}` stands twice")


def _check_size(size: Size, path: Path, tree: Tree, found: Diagnostics) -> None:
    if size.unit in ("", "B", "m"):
        in_units = Size(-(-size.bytes >> 20) << 20, "").quantity if size.bytes >> 20 else f"{size.bytes}Gi"
        found.report(
            codes.BARE_SIZE, tree.span(path), f"`{size.text}` is {size.bytes} bytes", help=f"did you mean `{in_units}`?"
        )
    elif size.unit in ("T", "G", "M", "K"):
        found.report(
            codes.DECIMAL_SIZE,
            tree.span(path),
            f"`{size.text}` is decimal for Kubernetes and binary for OSMO; it is taken as `{size.text}i`",
            help=f"write `{size.text}i`",
        )


def _is_label(name: str) -> bool:
    """A token outside a task is a finding of its own."""
    return bool(LABEL_VALUE.fullmatch(name)) or any(tokens_in(name))


def _report_label(name: str, what: str, path: Path, tree: Tree, found: Diagnostics) -> None:
    help = "letters, digits, `-`, `_` and `.`, at most 63"
    found.report(codes.BAD_PLATFORM, tree.span(path), f"`{name[:80]}` cannot be the name of a {what}", help=help)


def _check_topology(workflow: Workflow, tree: Tree, found: Diagnostics) -> None:
    used = {task.resource for _, task in workflow.walk()}
    constrained = [name for name, resource in workflow.resources.items() if name in used and resource.topology]
    keys_of = {name: Counter(item.key for item in workflow.resources[name].topology) for name in constrained}
    for name in constrained[1:]:
        first = constrained[0]
        if keys_of[name] != keys_of[first]:
            found.report(
                codes.TOPOLOGY_MIX,
                tree.span(("workflow", "resources", name, "topology", 0, "key")),
                f"tasks of `{name}` have other topology keys than those of `{first}`",
                help=f"use the same keys throughout the workflow, such as {listed(keys_of[first])}",
            )
    joined: dict[str, tuple[str, ...]] = {}
    for name in constrained:
        groups = tuple(item.group for item in workflow.resources[name].topology)
        if joined.setdefault("-".join(groups), groups) != groups:
            found.report(
                codes.TOPOLOGY_JOINED,
                tree.key(("workflow", "resources", name, "topology")),
                f"topology groups {listed(groups)} have the joined name of {listed(joined['-'.join(groups)])}",
                help="use names without dashes",
            )
