"""Decide which pool a workflow runs in, with which priority; and what the profile forbids of it as a whole."""

from collections.abc import Mapping
from typing import Final, Literal

from osmoc import codes
from osmoc.decisions import Cluster
from osmoc.diagnostics import Diagnostics, advice, did_you_mean, listed
from osmoc.graph import Graph
from osmoc.names import LABEL_KEY, LABEL_VALUE
from osmoc.plan import Requirement, Target
from osmoc.profile import Pool, Profile
from osmoc.yamltree import Tree

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("m", 60))


def choose_pool(
    graph: Graph,
    profile: Profile | None,
    target: Target | None,
    pool: str,
    priority: str,
    tree: Tree,
    found: Diagnostics,
    labels: Mapping[str, str] | None = None,
) -> Cluster:
    """`labels` are those given beside the file, which go before those of the file."""
    is_open = profile is None
    profile = profile or Profile.default()
    name = pool or graph.pool or profile.default_pool
    chosen = profile.pools.get(name, Pool.default())
    at_pool = tree.span(("workflow", "pool")) if graph.pool and not pool else None
    if not is_open and name and name not in profile.pools:
        pools = f"pools: {listed(profile.pools)}" if profile.pools else ""
        help = advice(did_you_mean(name, profile.pools), "add it to `pools` of the profile", pools)
        found.report(codes.UNKNOWN_POOL, at_pool, f"the profile has no pool `{name}`", help=help)
    if is_open and pool and not LABEL_VALUE.fullmatch(pool):
        help = "letters, digits, `-`, `_` and `.`, at most 63"
        found.add(codes.BAD_PLATFORM, None, f"`{pool[:80]}` cannot be the name of a pool", help=help)
    if not is_open and not name and profile.pools:
        help = f"give one with --pool, or `default_pool` in the profile; pools: {listed(profile.pools)}"
        found.add(codes.UNKNOWN_POOL, None, "no pool is chosen", help=help)
    if chosen.enable_maintenance:
        found.report(codes.MAINTENANCE, at_pool, f"the pool `{name}` is in maintenance")
    requirements = []
    priority_class = profile.priorities.get(priority, "")
    if priority and not priority_class:
        if is_open:
            priority_class = f"osmo-{priority.lower()}"
        elif priority != "NORMAL":
            help = f"add `priorities: {{{priority}: <PriorityClass>}}` to the profile"
            found.add(codes.UNKNOWN_PRIORITY, None, f"the profile has no priority {priority}", help=help)
    if priority_class:
        requirements.append(Requirement(kind="PriorityClass", name=priority_class, reason=f"--priority {priority}"))
    _check_size(graph, profile, found)
    _check_labels(graph, labels or {}, profile, tree, found)
    return Cluster(
        profile=profile,
        is_open=is_open,
        target=target or profile.target,
        pool_name=name,
        pool=chosen,
        priority=priority,
        priority_class=priority_class,
        exec_timeout=_timeout("exec", graph.exec_timeout, chosen, profile, tree, found),
        queue_timeout=_timeout("queue", graph.queue_timeout, chosen, profile, tree, found),
        requirements=tuple(requirements),
    )


def _timeout(
    kind: Literal["exec", "queue"], asked: float | None, pool: Pool, profile: Profile, tree: Tree, found: Diagnostics
) -> float | None:
    """Spec, else pool, else profile; never more than the limit of the pool or else of the profile."""
    defaults = (getattr(pool, f"default_{kind}_timeout"), getattr(profile.timeouts, f"default_{kind}"))
    limits = (getattr(pool, f"max_{kind}_timeout"), getattr(profile.timeouts, f"max_{kind}"))
    limit: float | None = next((value for value in limits if value is not None), None)
    value: float | None = next((value for value in (asked, *defaults) if value is not None), None)
    if limit is None or (value is not None and value <= limit):
        return value
    if asked is not None:
        found.report(
            codes.CLAMPED,
            tree.span(("workflow", "timeout", f"{kind}_timeout")),
            f"{_shown(asked)} is above the limit of {_shown(limit)}, which counts",
        )
    return limit


def _shown(seconds: float) -> str:
    """In the largest unit that is exact, as the language writes it."""
    unit, length = next(((unit, length) for unit, length in _UNITS if seconds % length == 0), ("s", 1))
    return f"{seconds / length:.10g}{unit}"


def _check_size(graph: Graph, profile: Profile, found: Diagnostics) -> None:
    count = sum(len(group.tasks) for group in graph.groups.values())
    if profile.max_tasks and count > profile.max_tasks:
        found.add(codes.TOO_MANY_TASKS, None, f"{count} tasks; the profile allows {profile.max_tasks} (`max_tasks`)")


def _check_labels(graph: Graph, beside: Mapping[str, str], profile: Profile, tree: Tree, found: Diagnostics) -> None:
    """A policy wants its label to be there, with one of the values that it lists, if it lists any."""
    labels = dict(graph.labels) | dict(beside)
    for key in labels:
        whole = profile.label_prefix + key
        if not LABEL_KEY.fullmatch(whole):
            at = None if key in beside else tree.key(("workflow", "labels", key))
            message = f"`{whole}` cannot be the key of a label; the profile puts `{profile.label_prefix}` before it"
            found.report(codes.BAD_LABEL, at, message)
    for key, policy in profile.labels.items():
        value = labels.get(key)
        if policy.mode == "off" or (value is not None and value in (policy.allow_list or (value,))):
            continue
        allowed = f"one of {listed(policy.allow_list)}" if policy.allow_list else "any value"
        message = f"the profile wants the label `{key}`, with {allowed}"
        at = tree.span(("workflow", "labels", key)) if value is not None and key not in beside else None
        code = codes.LABEL_POLICY if policy.mode == "enforce" else codes.LABEL_WANTED
        found.report(code, at, message, help=policy.assert_message)
