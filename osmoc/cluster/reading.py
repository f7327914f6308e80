"""From the objects of a run to its state. Pure: JSON of the API server in, `State` out."""

import base64
import gzip
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from osmoc.cluster.kinds import ARGO, BATCH, Object, Reference, reference_to
from osmoc.cluster.reading_argo import read_workflow
from osmoc.cluster.state import State, Status, TaskState, moment

WORKFLOW_ID: Final = "osmo.workflow_id"
DRIVER: Final = "osmo.driver"
GROUP: Final = "osmo.group_name"
TASK: Final = "osmo.task_name"
# Of an owner that is not released yet, and of any object: what it was applied from.
PENDING: Final = "osmo.pending"
DIGEST: Final = "osmo.digest"

_STATIC: Final = "static"  # what pods without a driver take for their run
_STATE: Final = "state.json"
_COMPRESSED: Final = "state.json.gz"


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
    base = base.model_copy(update={"started": moment(meta["creationTimestamp"])})
    if PENDING in meta["labels"]:
        reason = "not started: its apply was interrupted; the same apply finishes it, `osmoc delete` removes it"
        return base.model_copy(update={"status": Status.SUBMITTING, "reason": reason})
    match reference_to(owner).kind:
        case "Workflow":
            return read_workflow(owner, base)
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
        ended = moment(failed.get("lastTransitionTime"))
        return state.model_copy(update={"status": Status.FAILED_BACKEND_ERROR, "reason": reason, "ended": ended})
    complete = _condition(found.owner, "Complete")
    if complete and not state.status.has_ended:
        return _completed(state, moment(complete.get("lastTransitionTime")))
    return state


def _completed(state: State, ended: datetime | None) -> State:
    """A driver only succeeds when all tasks have: also if what it wrote last was written over, or could not be kept."""
    end = {"status": Status.COMPLETED, "reason": "", "ended": ended}
    groups = {
        name: group.model_copy(
            update=end | {"tasks": {task: found.model_copy(update=end) for task, found in group.tasks.items()}}
        )
        for name, group in state.groups.items()
    }
    return state.model_copy(update=end | {"groups": groups})


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
    return base.with_tasks(groups)


def _of_job(job: Object) -> TaskState:
    status = job.get("status", {})
    started = moment(status.get("startTime"))
    if end := _condition(job, "Complete", "Failed"):
        ended = moment(end.get("lastTransitionTime"))
        if end["type"] == "Complete":
            return TaskState(status=Status.COMPLETED, exit=0, started=started, ended=ended)
        return TaskState(status=Status.FAILED, reason=end.get("message", ""), started=started, ended=ended)
    return TaskState(status=Status.RUNNING if status.get("ready") else Status.PROCESSING, started=started)
