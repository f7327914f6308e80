"""Plain Kubernetes: one suspended Indexed Job a task. The driver starts a group when its upstream is complete."""

from functools import partial
from typing import Any

from osmoc.emit.objects import (
    Manifest,
    Manifests,
    config_map_name,
    driver_objects,
    group_objects,
    metadata,
    retention,
    service_name,
    task_config_maps,
)
from osmoc.emit.pod import INIT, Names, build_pod
from osmoc.plan import Group, Plan, Shape, Task

_SENTINEL = 250
_OUT_OF_MEMORY = 137
_ATTEMPT = "metadata.annotations['batch.kubernetes.io/job-index-failure-count']"


def emit_jobs(plan: Plan) -> Manifests:
    jobs = [partial(_job, task, group, plan) for group in plan.groups.values() for task in group.tasks]
    # The driver comes last: when it starts, all that it looks for has been applied.
    return Manifests([*task_config_maps(plan), *group_objects(plan), *jobs, *driver_objects(plan)])


def _job(task: Task, group: Group, plan: Plan) -> Manifest:
    names = Names(
        container=task.label,
        task=task.label,
        group=group.label,
        config_map=config_map_name(plan, task.shard),
        digest=task.document_digest,
        # The driver writes the run id into the pods' annotations in the patch that unsuspends.
        run_id=_field("metadata.annotations['osmo.run_id']") if plan.driver else {"value": "static"},
        attempt=_field(_ATTEMPT),
    )
    pod = build_pod(task.shape, names, plan)
    if task.shape.is_grouped:
        pod["spec"]["subdomain"] = service_name(group, plan)
    labels = {"osmo.group_name": group.label, "osmo.task_name": task.label}
    if task.shape.is_lead:
        labels["osmo.lead_container"] = "true"
    meta = metadata(task.job, plan, **labels)
    if group.upstream:
        meta["annotations"] = {"osmo.depends_on": ",".join(plan.groups[name].label for name in group.upstream)}
    spec: Manifest = {
        "suspend": plan.driver is not None,
        "completionMode": "Indexed",
        "completions": 1,
        "parallelism": 1,
        "backoffLimitPerIndex": task.shape.retry.limit if task.shape.retry else 0,
        "maxFailedIndexes": 0,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {"rules": _rules(task.shape, names)},
        "template": pod,
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": spec | retention(plan)}


def _rules(shape: Shape, names: Names) -> list[Manifest]:
    """First match counts. Init containers are searched too, so every rule names its container."""
    retry = shape.retry
    rules: list[Manifest] = []
    again = [_SENTINEL] if retry and retry.on_sentinel else []
    again += [_OUT_OF_MEMORY] if retry and retry.on_out_of_memory else []
    again += [248] if retry and retry.on_lost_node else []
    if again:
        rules.append({"action": "Count", "onExitCodes": _exit_codes(names.container, "In", sorted(again))})
    lost: dict[str, Any] = {"onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    rules.append({"action": "Count" if retry and retry.on_lost_node else "FailIndex"} | lost)
    rules.append({"action": "FailIndex", "onExitCodes": _exit_codes(INIT, "NotIn", [0])})
    rules.append({"action": "FailIndex", "onExitCodes": _exit_codes(names.container, "NotIn", [0])})
    return rules


def _exit_codes(container: str, operator: str, values: list[int]) -> Manifest:
    return {"containerName": container, "operator": operator, "values": values}


def _field(path: str) -> Manifest:
    return {"valueFrom": {"fieldRef": {"fieldPath": path}}}
