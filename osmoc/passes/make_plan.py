"""From the graph to the plan: every decision about where and with what a workflow runs.

Needs: a graph without cycles. Leaves: a plan that any target can be written from.
"""

from collections import defaultdict
from collections.abc import Mapping

from osmoc import codes, document, images
from osmoc.datasets import in_bucket, parse_reference
from osmoc.decisions import Cluster, Decisions, Resolved
from osmoc.diagnostics import Diagnostics
from osmoc.graph import Action, Dataset, Graph, UrlWrite, Via
from osmoc.plan import Group, Plan, Requirement, Task
from osmoc.profile import Profile
from osmoc.yamltree import Tree

_SHARD_BYTES = 200 * 1024
_TASK_BYTES = 900 * 1024


def make_plan(
    decisions: Decisions,
    groups: Mapping[str, Group],
    workflow_id: str,
    version: str,
    tree: Tree,
    found: Diagnostics,
) -> Plan:
    cluster = decisions.cluster
    shards = _shards(groups, tree, found)
    _check_driver(groups, cluster, tree, found)
    _check_retries(decisions.graph, cluster, tree, found)
    _note_publishing(decisions.graph, cluster.profile.datasets.default_bucket, tree, found)
    own = cluster.profile.images
    init_image, ctrl_image = own.init or f"{own.prefix}osmo-init", own.ctrl or f"{own.prefix}osmo-ctrl"
    pull_secrets = _pull_secrets(init_image, ctrl_image, profile=cluster.profile)
    return Plan(
        workflow_id=workflow_id,
        name=decisions.graph.name,
        target=cluster.target,
        profile=cluster.profile,
        groups=groups,
        shards=shards,
        shard_of={task.name: number for number, tasks in enumerate(shards) for task in tasks},
        labels=_labels({**dict(decisions.graph.labels), **decisions.labels}, cluster.profile.label_prefix),
        priority_class=cluster.priority_class,
        init_image=own.init or f"{init_image}:{version}",
        ctrl_image=own.ctrl or f"{ctrl_image}:{version}",
        pull_secrets=pull_secrets,
        driver=_driver(groups, workflow_id, cluster),
        requirements=() if cluster.target == "local" else _requirements(decisions, groups, pull_secrets),
    )


def _labels(labels: Mapping[str, str], prefix: str) -> tuple[tuple[str, str], ...]:
    return tuple((f"{prefix}{key}", value) for key, value in labels.items())


def _requirements(
    decisions: Decisions, groups: Mapping[str, Group], pull_secrets: tuple[str, ...]
) -> tuple[Requirement, ...]:
    return (
        *decisions.cluster.requirements,
        *decisions.places.requirements,
        *decisions.resolved.requirements,
        *_pulling(pull_secrets, decisions.resolved),
        *_bootstrap(groups, decisions.cluster),
    )


def _shards(groups: Mapping[str, Group], tree: Tree, found: Diagnostics) -> tuple[tuple[Task, ...], ...]:
    """Documents and files fill ConfigMaps in the order of the file; one larger than a ConfigMap has one of its own."""
    shards: list[list[Task]] = []
    room = 0
    for group in groups.values():
        for task in group.tasks:
            size = _size(task)
            if size > _TASK_BYTES:
                found.report(
                    codes.FILE_TOO_LARGE,
                    tree.key(task.where),
                    f"the files and arguments of task `{task.name}` take {size // 1024} KiB; "
                    f"a ConfigMap holds {_TASK_BYTES // 1024}",
                    help="put large files into a bucket or dataset, and take them as an input",
                )
            if size > room:
                shards.append([])
                room = _SHARD_BYTES
            room -= size
            shards[-1].append(task)
    return tuple(map(tuple, shards))


def _size(task: Task) -> int:
    """Bytes in a ConfigMap; binary files stand there in base64."""
    size = len(task.document.encode())
    for key, content in task.files:
        size += len(key) + (len(content.encode()) if isinstance(content, str) else -(-len(content) // 3) * 4)
    return size


def _driver(groups: Mapping[str, Group], workflow_id: str, cluster: Cluster) -> document.DriverPlan | None:
    """Jobs need the driver for their order; Argo where it alone would wait for ever."""
    is_jobs = cluster.target == "jobs"
    if cluster.target == "local" or (is_jobs and cluster.profile.driver == "none"):
        return None
    hangs = any(
        len(group.tasks) > 1 or any(task.shape.retry and group.queue_timeout for task in group.tasks)
        for group in groups.values()
    )
    if not is_jobs and not hangs:
        return None
    return document.DriverPlan(
        version=1,
        workflow_id=workflow_id,
        mode="jobs" if is_jobs else "observe",
        groups=tuple(
            document.PlannedGroup(
                name=group.name,
                label=group.label if group.label != group.name else "",
                upstream=group.upstream,
                tasks=tuple(task.name for task in group.tasks),
                lead=group.lead.name,
                lead_label=group.lead.label if group.lead.label != group.lead.name else "",
                ignore_nonlead_status=group.ignore_nonlead_status,
                queue_timeout=group.queue_timeout,
            )
            for group in groups.values()
        ),
        jobs={task.name: task.job for group in groups.values() for task in group.tasks} if is_jobs else {},
        infrastructure_retries=cluster.profile.retries.infrastructure,
        node_loss=cluster.profile.node_loss,
        image_pull_timeout=cluster.profile.timeouts.pull,
        retention=cluster.profile.retention.seconds if is_jobs and cluster.profile.retention else None,
    )


def _check_driver(groups: Mapping[str, Group], cluster: Cluster, tree: Tree, found: Diagnostics) -> None:
    if cluster.target == "jobs" and cluster.profile.driver == "none":
        waiting = next((group for group in groups.values() if group.upstream), None)
        if waiting:
            found.report(
                codes.NO_DRIVER,
                tree.key(waiting.where),
                f"group `{waiting.name}` waits for others, which Jobs without a driver cannot do",
                help="set `driver: auto` in the profile",
            )


def _check_retries(graph: Graph, cluster: Cluster, tree: Tree, found: Diagnostics) -> None:
    if cluster.profile.retries.reschedule:
        return
    for _, task in graph.tasks():
        if any(action is Action.RESCHEDULE for action, _ in task.exit_actions):
            found.report(
                codes.NO_RETRIES,
                tree.key((*task.where, "exitActions")),
                f"task `{task.name}` asks to be run again, which the profile does not allow",
                help="set `retries.reschedule` in the profile",
            )


def _note_publishing(graph: Graph, default_bucket: str, tree: Tree, found: Diagnostics) -> None:
    writers = _non_lead_writers(graph, default_bucket)
    for edge in graph.edges if writers else ():
        upstream = graph.groups[edge.upstream]
        what = edge.what if edge.via is Via.TASK else _dataset(edge.what, default_bucket)
        for name in writers.get((edge.upstream, what), ()):
            found.report(
                codes.NON_LEAD_READ,
                tree.span(edge.where),
                f"`{name}` writes this, and ends when its lead `{upstream.lead.name}` does; "
                f"`{upstream.name}` is complete when what it has by then is uploaded",
            )


def _non_lead_writers(graph: Graph, default_bucket: str) -> Mapping[tuple[str, str | Dataset], list[str]]:
    """By group and what they write: a task writes under its name, and datasets."""
    writers: dict[tuple[str, str | Dataset], list[str]] = defaultdict(list)
    for group, task in graph.tasks():
        if not task.is_lead:
            datasets = (write.dataset for write in task.writes if not isinstance(write, UrlWrite))
            writers[group.name, task.name].append(task.name)
            for dataset in dict.fromkeys(in_bucket(dataset, default_bucket) for dataset in datasets):
                writers[group.name, dataset].append(task.name)
    return writers


def _dataset(name: str, default_bucket: str) -> Dataset:
    reference = parse_reference(name)
    assert reference is not None, name
    return in_bucket(reference[0], default_bucket)


def _pull_secrets(*images_: str, profile: Profile) -> tuple[str, ...]:
    secrets = (profile.registries.get(images.registry_of(image), "") for image in images_)
    return tuple(dict.fromkeys(filter(None, secrets)))


def _pulling(secrets: tuple[str, ...], resolved: Resolved) -> list[Requirement]:
    known = {need.name for need in resolved.requirements if need.kind == "Secret"}
    reason = "pulling osmo-init and osmo-ctrl"
    return [Requirement(kind="Secret", name=name, reason=reason) for name in secrets if name not in known]


def _bootstrap(groups: Mapping[str, Group], cluster: Cluster) -> list[Requirement]:
    names = ["osmo-task"]
    if cluster.target == "argo":
        names.append("osmo-executor")
    if any(len(group.tasks) > 1 for group in groups.values()):
        names.append("osmo-group-key")
    return [Requirement(kind="bootstrap objects", name=", ".join(names), reason="`osmoc bootstrap` prints them")]
