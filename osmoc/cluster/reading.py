"""From the objects of a run to its state. Pure: JSON of the API server in, `State` out."""

import base64
import gzip
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from osmoc.cluster.kinds import ARGO, BATCH, Object, Reference, reference_to
from osmoc.cluster.state import GroupState, State, Status, TaskState

WORKFLOW_ID: Final = "osmo.workflow_id"
DRIVER: Final = "osmo.driver"
GROUP: Final = "osmo.group_name"
TASK: Final = "osmo.task_name"
# Of an owner that is not released yet, and of any object: what it was applied from.
PENDING: Final = "osmo.pending"
DIGEST: Final = "osmo.digest"
CANCELED: Final = "osmo.canceled"

_STATIC: Final = "static"  # what pods without a driver take for their run
_STATE: Final = "state.json"
_COMPRESSED: Final = "state.json.gz"

# Argo's words for nodes; what is not here goes by how its pod ended.
_PHASES: Final = {
    "": Status.WAITING,
    "Pending": Status.SCHEDULING,
    "Running": Status.RUNNING,
    "Succeeded": Status.COMPLETED,
    "Skipped": Status.COMPLETED,
    "Omitted": Status.FAILED_UPSTREAM,
}
_BY_EXIT: Final = {
    243: Status.FAILED_EXEC_TIMEOUT,
    247: Status.FAILED_BACKEND_ERROR,
}


@dataclass(frozen=True, slots=True)
class Found:
    """The objects that say how a run is: its owner, the state its driver keeps, pods of the driver, Jobs of tasks."""

    owner: Object
    kept: Object | None = None
    drivers: Sequence[Object] = ()
    jobs: Sequence[Object] = field(default=())


def owner_of(workflow_id: str, target: str, has_driver: bool) -> Reference:
    """What all other objects of a run belong to, and what its removal removes."""
    if target == "argo":
        return Reference(ARGO, "Workflow", workflow_id)
    if has_driver:
        return Reference(BATCH, "Job", f"{workflow_id}-driver")
    return Reference("v1", "ConfigMap", f"{workflow_id}-tasks-0")


def read_state(found: Found) -> State:
    owner = found.owner
    meta = owner["metadata"]
    run = meta["uid"] if owner["kind"] != "ConfigMap" else _STATIC
    base = State(workflow_id=meta["labels"][WORKFLOW_ID], run=run, status=Status.PENDING)
    base = base.model_copy(update={"started": _time(meta["creationTimestamp"])})
    if PENDING in meta["labels"]:
        reason = "not started: its apply was interrupted; the same apply finishes it, `osmoc delete` removes it"
        return base.model_copy(update={"status": Status.SUBMITTING, "reason": reason})
    match reference_to(owner).kind:
        case "Workflow":
            return _of_workflow(owner, base)
        case "Job":
            return _of_driver(found, base)
        case _:
            return _of_jobs(found.jobs, base)


def _of_driver(found: Found, base: State) -> State:
    state = _kept(found.kept) if found.kept else None
    if state is None or state.run != base.run:  # of an earlier run of this name
        reason = next(filter(None, map(_trouble, found.drivers)), "")
        state = base.model_copy(update={"reason": f"the driver: {reason}" if reason else ""})
    failed = _condition(found.owner, "Failed")
    if failed and not state.status.has_ended:
        reason = f"the driver has failed: {failed.get('message') or failed.get('reason', '')}"
        ended = _time(failed.get("lastTransitionTime"))
        return state.model_copy(update={"status": Status.FAILED_BACKEND_ERROR, "reason": reason, "ended": ended})
    return state


def _kept(config_map: Object) -> State | None:
    """What a driver has written; nothing if it cannot be read, or has not been written yet."""
    packed = (config_map.get("binaryData") or {}).get(_COMPRESSED)
    try:
        text = gzip.decompress(base64.b64decode(packed)) if packed else (config_map.get("data") or {}).get(_STATE)
        return State.model_validate_json(text) if text else None
    except (OSError, EOFError, ValueError, zlib.error, ValidationError):
        return None


def _trouble(pod: Object) -> str:
    """Why a pod does not start."""
    status = pod.get("status", {})
    for container in [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]:
        waiting = container.get("state", {}).get("waiting", {})
        if waiting.get("reason", "") not in ("", "PodInitializing", "ContainerCreating"):
            return f"{waiting['reason']}: {waiting.get('message', '')}".removesuffix(": ")
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return str(condition.get("message", ""))
    return ""


def _condition(job: Object, *types: str) -> Mapping[str, Any] | None:
    conditions = job.get("status", {}).get("conditions", ())
    return next((one for one in conditions if one["type"] in types and one["status"] == "True"), None)


# --- Jobs without a driver


def _of_jobs(jobs: Iterable[Object], base: State) -> State:
    groups: dict[str, dict[str, TaskState]] = {}
    for job in jobs:
        labels = job["metadata"]["labels"]
        groups.setdefault(labels[GROUP], {})[labels[TASK]] = _of_job(job)
    return _whole(base, {name: _group(tasks) for name, tasks in groups.items()})


def _of_job(job: Object) -> TaskState:
    status = job.get("status", {})
    started = _time(status.get("startTime"))
    if end := _condition(job, "Complete", "Failed"):
        ended = _time(end.get("lastTransitionTime"))
        if end["type"] == "Complete":
            return TaskState(status=Status.COMPLETED, exit=0, started=started, ended=ended)
        return TaskState(status=Status.FAILED, reason=end.get("message", ""), started=started, ended=ended)
    return TaskState(status=Status.RUNNING if status.get("ready") else Status.PROCESSING, started=started)


# --- Argo


def _of_workflow(workflow: Object, base: State) -> State:
    status = workflow.get("status", {})
    groups: dict[str, dict[str, TaskState]] = {}
    for group, task, state in _task_nodes(_nodes(status)):
        groups.setdefault(group, {})[task] = state
    phase = status.get("phase", "")
    message = status.get("message", "")
    whole = _whole(base, {name: _group(tasks) for name, tasks in groups.items()})
    ends = {"Succeeded": Status.COMPLETED, "Failed": Status.FAILED, "Error": Status.FAILED_BACKEND_ERROR}
    changes: dict[str, Any] = {"status": ends.get(phase, Status.RUNNING if groups else Status.PENDING)}
    if phase in ends:
        changes["ended"] = _time(status.get("finishedAt"))
        if phase == "Failed" and whole.status.has_failed:
            changes["status"] = whole.status
        if phase != "Succeeded":
            changes["reason"] = whole.reason or message
            if canceled := workflow["metadata"].get("annotations", {}).get(CANCELED):
                changes |= {"status": Status.FAILED_CANCELED, "reason": canceled}
    else:
        changes["ended"] = None
        changes["reason"] = message if phase else "waiting for Argo's controller to see it"
    return whole.model_copy(update=changes)


def _nodes(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """Compressed by Argo when there are many."""
    if packed := status.get("compressedNodes"):
        found: Mapping[str, Any] = json.loads(gzip.decompress(base64.b64decode(packed)))
        return found
    return status.get("nodes") or {}


def _task_nodes(nodes: Mapping[str, Any]) -> Iterable[tuple[str, str, TaskState]]:
    """A task is the Retry above its pods, or its only pod; tasks that never ran are nodes with the same parameters."""
    retried = {child for node in nodes.values() if node.get("type") == "Retry" for child in node.get("children", ())}
    for key, node in nodes.items():
        if key in retried or node.get("type") not in ("Pod", "Retry", "Skipped"):
            continue
        parameters = {one["name"]: one.get("value", "") for one in node.get("inputs", {}).get("parameters", ())}
        if "task" in parameters:
            pods = [nodes[child] for child in node.get("children", ()) if child in nodes and child in retried] or [node]
            name = parameters["task"]
            yield parameters.get("group", f"{name}-group"), name, _of_node(node, pods)


def _of_node(node: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]) -> TaskState:
    last = pods[-1]
    code = last.get("outputs", {}).get("exitCode")
    exit = int(code) if code is not None else None
    status = _PHASES.get(node.get("phase", ""), _BY_EXIT.get(exit or 0, Status.FAILED))
    return TaskState(
        status=status,
        reason=last.get("message", "") if status.has_failed else "",
        exit=exit,
        attempts=len(pods) if last.get("type") == "Pod" else 0,
        node=last.get("hostNodeName", ""),
        started=_time(node.get("startedAt")),
        ended=_time(node.get("finishedAt")),
    )


# --- Groups and runs, of tasks


def _group(tasks: dict[str, TaskState]) -> GroupState:
    statuses = [task.status for task in tasks.values()]
    starts = [task.started for task in tasks.values() if task.started]
    ends = [task.ended for task in tasks.values() if task.ended]
    has_ended = all(status.has_ended for status in statuses)
    reason = next((f"{name}: {task.reason}" for name, task in tasks.items() if task.reason), "")
    return GroupState(
        status=_joined(statuses),
        reason=reason,
        started=min(starts, default=None),
        ended=max(ends, default=None) if has_ended else None,
        tasks=tasks,
    )


def _joined(statuses: Sequence[Status]) -> Status:
    """What tasks make together: running while one runs, else the failure that is not another's."""
    failed = [status for status in statuses if status.has_failed]
    if any(not status.has_ended for status in statuses):
        return Status.RUNNING if Status.RUNNING in statuses else next(s for s in statuses if not s.has_ended)
    own = [status for status in failed if status is not Status.FAILED_UPSTREAM]
    return next(iter([*own, *failed]), Status.COMPLETED)


def _whole(base: State, groups: dict[str, GroupState]) -> State:
    statuses = [group.status for group in groups.values()]
    ended = [group.ended for group in groups.values() if group.ended]
    status = _joined(statuses) if statuses else Status.PENDING
    reason = next((f"{name}: {group.reason}" for name, group in groups.items() if group.status.has_failed), "")
    changes: dict[str, Any] = {"groups": groups, "status": status}
    changes["reason"] = reason.removesuffix(": ") if status.has_failed else ""
    changes["ended"] = max(ended, default=None) if status.has_ended else None
    return base.model_copy(update=changes)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
