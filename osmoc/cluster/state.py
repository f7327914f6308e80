"""The state of a run in OSMO's words, by group and task, whichever target it has: what `osmoc status` prints.

That of Jobs is what the driver keeps: `schemas/state.schema.json`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Status(StrEnum):
    """Of a task, a group or a run."""

    SUBMITTING = "SUBMITTING"
    WAITING = "WAITING"
    PROCESSING = "PROCESSING"
    SCHEDULING = "SCHEDULING"
    INITIALIZING = "INITIALIZING"
    RUNNING = "RUNNING"
    PENDING = "PENDING"

    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    FAILED_CANCELED = "FAILED_CANCELED"
    FAILED_SUBMISSION = "FAILED_SUBMISSION"
    FAILED_UPSTREAM = "FAILED_UPSTREAM"
    FAILED_EXEC_TIMEOUT = "FAILED_EXEC_TIMEOUT"
    FAILED_QUEUE_TIMEOUT = "FAILED_QUEUE_TIMEOUT"
    FAILED_START_TIMEOUT = "FAILED_START_TIMEOUT"
    FAILED_START_ERROR = "FAILED_START_ERROR"
    FAILED_IMAGE_PULL = "FAILED_IMAGE_PULL"
    FAILED_BACKEND_ERROR = "FAILED_BACKEND_ERROR"
    FAILED_EVICTED = "FAILED_EVICTED"
    FAILED_PREEMPTED = "FAILED_PREEMPTED"

    @property
    def has_failed(self) -> bool:
        return self.value.startswith("FAILED")

    @property
    def has_ended(self) -> bool:
        return self is Status.COMPLETED or self.has_failed


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TaskState(Record):
    status: Status
    reason: str = ""
    exit: int | None = Field(None, description="The command's exit code, or a code of docs/exit-codes.md.")
    attempts: int = Field(0, description="Pods that it has had.")
    node: str = ""
    started: datetime | None = None
    ended: datetime | None = None


class GroupState(Record):
    status: Status
    reason: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    tasks: dict[str, TaskState] = {}


class State(Record):
    """Of one run. `run` is what its pods and the storage call it: the uid of its owner, `static` without a driver."""

    workflow_id: str
    run: str
    status: Status
    reason: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    groups: dict[str, GroupState] = {}

    @property
    def tasks(self) -> dict[str, TaskState]:
        return {name: task for group in self.groups.values() for name, task in group.tasks.items()}

    def with_tasks(self, tasks: Mapping[str, dict[str, TaskState]]) -> "State":
        """By group and name; what they make together is the state of the run."""
        groups = {name: _group(found) for name, found in tasks.items()}
        ended = [group.ended for group in groups.values() if group.ended]
        status = _joined([group.status for group in groups.values()]) if groups else Status.PENDING
        reason = next((f"{name}: {group.reason}" for name, group in groups.items() if group.status.has_failed), "")
        changes: dict[str, object] = {"groups": groups, "status": status}
        changes["reason"] = reason.removesuffix(": ") if status.has_failed else ""
        changes["ended"] = max(ended, default=None) if status.has_ended else None
        return self.model_copy(update=changes)


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


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
