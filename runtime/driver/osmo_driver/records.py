"""What the driver keeps in the ConfigMap of its state, and `osmoc status` reads: `schemas/state.schema.json`."""

import base64
import gzip
import zlib
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

_KEY: Final = "state.json"
_COMPRESSED: Final = "state.json.gz"
_PLAIN: Final = 800_000


class Status(StrEnum):
    """OSMO's words. A group or task goes from one to a later one; what `has_ended` stays as it is."""

    SUBMITTING = "SUBMITTING"  # its Job has not been seen
    WAITING = "WAITING"  # for other groups
    PROCESSING = "PROCESSING"  # its Job was started, and has no pod
    SCHEDULING = "SCHEDULING"  # its pod has no node
    INITIALIZING = "INITIALIZING"  # images are pulled, osmo-init runs
    RUNNING = "RUNNING"
    PENDING = "PENDING"  # a workflow none of whose groups runs

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
    started: datetime | None = Field(None, description="When its Jobs were started.")
    ended: datetime | None = None
    tasks: dict[str, TaskState]


class State(Record):
    """The state of one run: of what the driver's Job with this uid has started."""

    version: Literal[1]
    workflow_id: str
    run: str
    status: Status
    reason: str = ""
    started: datetime
    ended: datetime | None = None
    groups: dict[str, GroupState]


def to_text(state: State) -> str:
    return state.model_dump_json(exclude_defaults=True) + "\n"


def to_config_map(state: State) -> tuple[dict[str, dict[str, str | None]], int]:
    """A merge patch of the ConfigMap, and its size: compressed for thousands of tasks, since 1 MiB is the limit."""
    text = to_text(state)
    if len(text) <= _PLAIN:
        return {"data": {_KEY: text}, "binaryData": {_COMPRESSED: None}}, len(text)
    packed = base64.b64encode(gzip.compress(text.encode(), 5, mtime=0)).decode()
    return {"data": {_KEY: None}, "binaryData": {_COMPRESSED: packed}}, len(packed)


def from_config_map(found: Mapping[str, Any]) -> State | None:
    """None if nothing has been written yet. Raises: ValueError for what is no state."""
    packed = (found.get("binaryData") or {}).get(_COMPRESSED)
    try:
        text = gzip.decompress(base64.b64decode(packed)) if packed else (found.get("data") or {}).get(_KEY)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(str(error)) from None
    return State.model_validate_json(text) if text else None
