"""Argo: one Workflow; an outer DAG of groups, a nested DAG for a group of several tasks, a leaf template a shape.

Argo substitutes `{{…}}` in everything it is given, so the Workflow holds only what this module and shapes wrote.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from osmoc.emit.manifests import Manifest, Manifests
from osmoc.emit.objects import (
    TooLarge,
    config_map_name,
    driver_objects,
    group_objects,
    metadata,
    task_config_maps,
)
from osmoc.emit.pod import EXECUTOR_ACCOUNT, MANAGED_BY, TASK_ACCOUNT, Names, build_pod
from osmoc.emit.write import document
from osmoc.plan import Group, Plan, Retry, Shape, Task

# The limits of Argo's full CRDs, and of a Workflow as its controller stores it.
MOST_TEMPLATES: Final = 200
MOST_DAG_TASKS: Final = 200
MOST_BYTES: Final = 1 << 20

# What the status of a finished task takes once Argo compresses it: 70 bytes were seen.
STATUS_BYTES: Final = 100

# Argo compiles `depends` to an expression of at most 10,000 nodes, four for each task in it.
_MOST_DEPENDS: Final = 500
_SHARED_DEPENDS: Final = 16

_TAG: Final = re.compile(r"\{\{[^{}]*\}\}")
_TAGS: Final = frozenset(
    "{{" + name + "}}"
    for name in (
        "inputs.parameters.task",
        "inputs.parameters.group",
        "inputs.parameters.shard",
        "inputs.parameters.digest",
        "retries",
        "workflow.uid",
    )
)

# What a leaf template says in a field of its own; the rest of a pod's spec goes into its podSpecPatch. Tolerations
# are among the rest: with templateDefaults Argo would merge them by key, and not all have one.
_TEMPLATE_FIELDS: Final = (
    "activeDeadlineSeconds",
    "affinity",
    "initContainers",
    "nodeSelector",
    "priorityClassName",
    "schedulerName",
    "securityContext",
    "volumes",
)
# Said once for the Workflow, or by Argo itself.
_WORKFLOW_FIELDS: Final = ("serviceAccountName", "automountServiceAccountToken", "restartPolicy", "containers")


class _Leaf(NamedTuple):
    """A leaf template; `names_group` if the name of the group does not follow from that of the task."""

    shape: Shape
    names_group: bool


def emit_argo(plan: Plan) -> Manifests:
    """Raises: TooLarge."""
    return Manifests([*task_config_maps(plan), *group_objects(plan), _workflow(plan), *driver_objects(plan)])


def _workflow(plan: Plan) -> Manifest:
    leaves = _leaves(plan)
    names = _template_names(leaves, MOST_TEMPLATES - 3)
    bodies = {leaf: _leaf_template(leaf, plan) for leaf in leaves}
    defaults = _hoist(bodies)
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": metadata(plan.workflow_id, plan),
        "spec": {
            "entrypoint": "workflow",
            "serviceAccountName": TASK_ACCOUNT,
            "automountServiceAccountToken": False,
            "executor": {"serviceAccountName": EXECUTOR_ACCOUNT},
            "podMetadata": {"labels": dict(_common_labels(plan))},
            "podSpecPatch": document(_executor_patch()),
            **_retention(plan),
            **({"templateDefaults": defaults} if defaults else {}),
            "templates": [
                *_dag_templates(_DagWriter(plan, names, bodies)),
                *({"name": name} | bodies[leaf] for leaf, name in names.items()),
            ],
        },
    }
    _check(workflow, plan)
    return workflow


def _leaves(plan: Plan) -> Counter[_Leaf]:
    return Counter(_leaf(task, group) for group in plan.groups.values() for task in group.tasks)


def is_inline(plan: Plan) -> bool:
    """Beyond the CRDs' limits everything goes into one inline DAG, which no schema counts."""
    several = [group for group in plan.groups.values() if len(group.tasks) > 1]
    return (
        any(True for _ in islice(_outer_tasks(plan), MOST_DAG_TASKS, None))
        or len(_leaves(plan)) + len(several) + 2 > MOST_TEMPLATES
        or any(len(group.tasks) > MOST_DAG_TASKS for group in several)
    )


def _dag_templates(writer: "_DagWriter") -> list[Manifest]:
    outer = list(_outer_tasks(writer.plan))
    tasks = [writer.group_task(group, depends) if group else _join(name, depends) for name, group, depends in outer]
    dag: Manifest = {"dag": {"failFast": False, "tasks": tasks}}
    if writer.is_inline:
        inline = {"name": "groups", "inline": dag}
        templates: list[Manifest] = [{"name": "workflow", "dag": {"failFast": False, "tasks": [inline]}}]
    else:
        groups = (group for group in writer.plan.groups.values() if len(group.tasks) > 1)
        templates = [{"name": "workflow"} | dag]
        templates += [{"name": f"group-{group.label}"} | writer.group_dag(group) for group in groups]
    has_joins = any(group is None for _, group, _ in outer)
    return [*templates, *([{"name": "join", "suspend": {}}] if has_joins else [])]


def _retention(plan: Plan) -> Manifest:
    retention = plan.profile.retention
    if retention is None:
        return {}
    ttl = {"ttlStrategy": {"secondsAfterCompletion": round(retention.seconds)}}
    strategies = {"on-success": "OnWorkflowSuccess", "on-completion": "OnWorkflowCompletion"}
    return ttl | ({"podGC": {"strategy": strategies[retention.pods]}} if retention.pods in strategies else {})


def _executor_patch() -> Manifest:
    """Argo's own containers lack what Pod Security `restricted` asks for, and what a quota of resources does."""
    security = {
        "allowPrivilegeEscalation": False,
        "runAsNonRoot": True,
        "runAsUser": 8737,
        "capabilities": {"drop": ["ALL"]},
    }
    resources = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}
    return {
        "initContainers": [{"name": "init", "securityContext": security, "resources": resources}],
        "containers": [{"name": "wait", "securityContext": security, "resources": resources}],
    }


def _leaf(task: Task, group: Group) -> _Leaf:
    return _Leaf(task.shape, group.label != f"{task.label}-group")


def _template_names(leaves: Counter[_Leaf], most: int) -> dict[_Leaf, str]:
    """Templates for shapes; if there are too many, those of most tasks. The others are written where they are used."""
    order = {leaf: n for n, leaf in enumerate(leaves)}
    chosen = sorted(leaves, key=lambda leaf: (-leaves[leaf], order[leaf]))[:most]
    return {leaf: f"shape-{n}" for n, leaf in enumerate(sorted(chosen, key=order.__getitem__))}


def _parameter(name: str) -> str:
    return f"{{{{inputs.parameters.{name}}}}}"


def _parameters(leaf: _Leaf) -> list[str]:
    return ["task", *(["group"] if leaf.names_group else []), "shard", "digest"]


def _leaf_template(leaf: _Leaf, plan: Plan) -> Manifest:
    shape = leaf.shape
    names = Names(
        container="main",
        task=_parameter("task"),
        group=_parameter("group") if leaf.names_group else f"{_parameter('task')}-group",
        config_map=config_map_name(plan, _parameter("shard")),
        digest=_parameter("digest"),
        run_id={"value": "{{workflow.uid}}"},
        attempt={"value": "0"},
    )
    pod = build_pod(shape, names, plan)
    spec = pod["spec"]
    patch: Manifest = {key: spec[key] for key in spec if key not in (*_TEMPLATE_FIELDS, *_WORKFLOW_FIELDS)}
    if shape.is_grouped:
        patch |= {"hostname": names.task, "subdomain": f"{plan.workflow_id}-{names.group}"}
    if shape.retry:
        attempt = [{"name": "OSMO_ATTEMPT", "value": "{{retries}}"}]
        patch["initContainers"] = [{"name": "osmo-ctrl", "env": attempt}]
    labels = {key: value for key, value in pod["metadata"]["labels"].items() if key not in _common_labels(plan)}
    template: Manifest = {
        "inputs": {"parameters": [{"name": name} for name in _parameters(leaf)]},
        "metadata": {"labels": labels, "annotations": pod["metadata"]["annotations"]},
    }
    template |= {key: spec[key] for key in _TEMPLATE_FIELDS if key in spec}
    if shape.pending_timeout:
        template["pendingTimeout"] = f"{shape.pending_timeout}s"
    if shape.retry:
        template["retryStrategy"] = _retry_strategy(shape.retry)
    main, *sidecars = sorted(spec["containers"], key=lambda container: container["name"] != "main")
    template["container"] = {key: value for key, value in main.items() if key != "name"}
    if sidecars:
        template["sidecars"] = sidecars
    template["podSpecPatch"] = document(patch)
    return template


def _common_labels(plan: Plan) -> Mapping[str, str]:
    return dict(plan.labels) | MANAGED_BY | {"osmo.workflow_id": plan.workflow_id}


def _retry_strategy(retry: Retry) -> Manifest:
    """The agent ends with the sentinel if its exit actions ask for another attempt; the rest it cannot see itself."""
    terms = []
    if retry.on_sentinel:
        terms.append("asInt(lastRetry.exitCode) == 250")
    if retry.on_lost_node:
        # A pod that is killed at its deadline ends with 248 too, and has had its time.
        terms.append(
            "((lastRetry.status == 'Error' || asInt(lastRetry.exitCode) == 248)"
            " && not (lastRetry.message contains 'specified deadline'))"
        )
    if retry.on_out_of_memory:
        terms.append("lastRetry.message contains 'OOMKilled'")
    return {"limit": str(retry.limit), "retryPolicy": "Always", "expression": " || ".join(terms)}


def _hoist(bodies: dict[_Leaf, Manifest]) -> Manifest:
    """Take out of the leaves, in place, what all of them have in common: the defaults of every leaf.

    Whole fields; of `volumes`, whose order means nothing, single items. A leaf cannot take back what stands in the
    defaults, so nothing goes there that one of them lacks.
    """
    if len(bodies) < 2:
        return {}
    defaults: Manifest = {}
    first, *others = bodies.values()
    for key in ("initContainers", "securityContext", "podSpecPatch"):
        if key in first and all(other.get(key) == first[key] for other in others):
            defaults[key] = first[key]
            for body in bodies.values():
                del body[key]
    shared = [item for item in first["volumes"] if all(item in other["volumes"] for other in others)]
    defaults["volumes"] = shared
    for body in bodies.values():
        body["volumes"] = [item for item in body["volumes"] if item not in shared]
        if not body["volumes"]:
            del body["volumes"]
    return defaults


class _DagWriter:
    """DAG tasks of groups and of the tasks in them; templates are named, or written inline where they have no name."""

    def __init__(self, plan: Plan, names: Mapping[_Leaf, str], bodies: Mapping[_Leaf, Manifest]) -> None:
        self.plan = plan
        self.is_inline = is_inline(plan)
        self._names = names
        self._bodies = bodies

    def group_task(self, group: Group, depends: str) -> Manifest:
        condition = {"depends": depends} if depends else {}
        if len(group.tasks) == 1:
            return self._task(group.tasks[0], group) | condition
        if self.is_inline:
            return {"name": dag_name(group), "inline": self.group_dag(group)} | condition
        return {"name": dag_name(group), "template": f"group-{group.label}"} | condition

    def group_dag(self, group: Group) -> Manifest:
        tasks = []
        for task in group.tasks:
            # Only the lead decides how the group ends; the others' part is in the lead's own exit code.
            rest = {} if task.shape.is_lead else {"continueOn": {"failed": True, "error": True}}
            tasks.append(self._task(task, group) | rest)
        return {"dag": {"failFast": False, "tasks": tasks}}

    def _task(self, task: Task, group: Group) -> Manifest:
        leaf = _leaf(task, group)
        values = {
            "task": task.label,
            "group": group.label,
            "shard": str(self.plan.shard_of[task.name]),
            "digest": task.document_digest,
        }
        parameters = [{"name": name, "value": values[name]} for name in _parameters(leaf)]
        shape = self._names.get(leaf)
        template = {"template": shape} if shape else {"inline": self._bodies[leaf]}
        name = dag_name(group) if len(group.tasks) == 1 else task.label
        return {"name": name} | template | {"arguments": {"parameters": parameters}}


# Words of the language in which `depends` is written; no task can be waited for by such a name.
_WORDS: Final = frozenset(
    {
        "and",
        "or",
        "not",
        "in",
        "matches",
        "contains",
        "startswith",
        "endswith",
        "let",
        "if",
        "else",
        "nil",
        "true",
        "false",
    }
)


def dag_name(group: Group) -> str:
    """A group of one task bears the task's name."""
    name = group.tasks[0].label if len(group.tasks) == 1 else group.label
    return f"{name}-" if name in _WORDS else name


def _outer_tasks(plan: Plan) -> Iterator[tuple[str, Group | None, str]]:
    """Groups in the order of the file with their `depends`, and joins (no group) where many wait for many.

    A join is a DAG task that is never started: it stands for its upstreams, so that N groups that wait for M cost
    N + M references, not N times M, in the spec and in the status.
    """
    waiting: dict[tuple[str, ...], int] = Counter(group.upstream for group in plan.groups.values())
    taken = {dag_name(group) for group in plan.groups.values()}
    joined: dict[tuple[str, ...], str] = {}
    for group in plan.groups.values():
        names = [dag_name(plan.groups[name]) for name in group.upstream]
        shared = len(names) >= _SHARED_DEPENDS and waiting[group.upstream] > 1
        if not shared and len(names) <= _MOST_DEPENDS:
            yield dag_name(group), group, _all_of(names)
            continue
        if group.upstream not in joined:
            joins = []
            for part in _parts(names, _MOST_DEPENDS):
                join = _free_name("join", len(taken), taken)
                taken.add(join)
                joins.append(join)
                yield join, None, _all_of(part)
            joined[group.upstream] = " && ".join(f"({join}.Succeeded || {join}.Skipped)" for join in joins)
        yield dag_name(group), group, joined[group.upstream]


def _parts(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), size):
        yield names[start : start + size]


def _free_name(stem: str, number: int, taken: set[str]) -> str:
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"


def _all_of(names: Sequence[str]) -> str:
    return " && ".join(f"{name}.Succeeded" for name in names)


def _join(name: str, depends: str) -> Manifest:
    return {"name": name, "template": "join", "when": "1 == 2", "depends": depends}


def _check(workflow: Manifest, plan: Plan) -> None:
    text = json.dumps(workflow, ensure_ascii=False, separators=(",", ":"))
    tags = _TAG.findall(text)
    strange = set(tags) - _TAGS
    # Names and paths were checked long before: if one of them could hold braces, that is a bug, and no user's fault.
    if strange or text.count("{{") != len(tags):
        raise AssertionError(f"text that Argo would substitute: {sorted(strange)[:3] or 'unpaired braces'}")
    tasks = sum(len(group.tasks) for group in plan.groups.values())
    size = len(text.encode())
    if size + STATUS_BYTES * tasks > MOST_BYTES:
        raise TooLarge(
            f"a Workflow of {tasks} tasks takes {size // 1024} KiB and about {STATUS_BYTES * tasks // 1024} KiB more "
            f"for their status; Argo stores {MOST_BYTES // 1024} KiB",
            help="split the workflow, or compile it with --target jobs",
        )
