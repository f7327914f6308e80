"""Plain Kubernetes: one suspended Indexed Job a task. The driver starts a group when its upstream is complete."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from osmoc.emit.manifests import BLANKS, Filled, Form, Manifest, Manifests
from osmoc.emit.objects import (
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


class _JobNames(NamedTuple):
    """What differs between the Jobs of one shape; `depends_on` is empty for those of the first level."""

    job: str
    task: str
    group: str
    service: str
    config_map: str
    digest: str
    depends_on: str


_BLANK_NAMES: Final = _JobNames(*BLANKS[: len(_JobNames._fields)])


def emit_jobs(plan: Plan) -> Manifests:
    # The driver comes last: when it starts, all that it looks for has been applied.
    return Manifests([*task_config_maps(plan), *group_objects(plan), *_jobs(plan), *driver_objects(plan)])


def _jobs(plan: Plan) -> Iterator[Manifest | Filled]:
    forms: dict[tuple[Shape, bool], Form] = {}
    for group in plan.groups.values():
        depends_on = ",".join(plan.groups[name].label for name in group.upstream)
        for task in group.tasks:
            names = _job_names(task, group, depends_on, plan)
            if task.shape.placement.pod_patch:
                # Merged by names of containers: if one of them is that of a task, the Jobs differ in more than names.
                yield _job(task.shape, names, plan)
                continue
            key = (task.shape, bool(depends_on))
            if key not in forms:
                blanks = _BLANK_NAMES if depends_on else _BLANK_NAMES._replace(depends_on="")
                forms[key] = Form(_job(task.shape, blanks, plan))
            yield Filled(forms[key], names)


def _job_names(task: Task, group: Group, depends_on: str, plan: Plan) -> _JobNames:
    return _JobNames(
        job=task.job,
        task=task.label,
        group=group.label,
        service=service_name(group, plan),
        config_map=config_map_name(plan, plan.shard_of[task.name]),
        digest=task.document_digest,
        depends_on=depends_on,
    )


def _job(shape: Shape, job: _JobNames, plan: Plan) -> Manifest:
    names = Names(
        container=job.task,
        task=job.task,
        group=job.group,
        config_map=job.config_map,
        digest=job.digest,
        # The driver writes the run id into the pods' annotations in the patch that unsuspends.
        run_id=_field("metadata.annotations['osmo.run_id']") if plan.driver else {"value": "static"},
        attempt=_field(_ATTEMPT),
    )
    pod = build_pod(shape, names, plan)
    if shape.is_grouped:
        pod["spec"]["subdomain"] = job.service
    labels = {"osmo.group_name": job.group, "osmo.task_name": job.task}
    if shape.is_lead:
        labels["osmo.lead_container"] = "true"
    meta = metadata(job.job, plan, **labels)
    if job.depends_on:
        meta["annotations"] = {"osmo.depends_on": job.depends_on}
    spec: Manifest = {
        "suspend": plan.driver is not None,
        "completionMode": "Indexed",
        "completions": 1,
        "parallelism": 1,
        "backoffLimitPerIndex": shape.retry.limit if shape.retry else 0,
        "maxFailedIndexes": 0,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {"rules": _rules(shape, names)},
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
