"""The state of a run in OSMO's words, by group and task, whichever target it has: what `osmoc status` prints.

That of Jobs is what the driver keeps: `schemas/state.schema.json`.
"""

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
