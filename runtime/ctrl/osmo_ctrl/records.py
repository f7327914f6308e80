"""Objects of JSON in a storage that are created once and then only read: manifests of attempts, claims, runs."""

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from osmo_ctrl.storage.store import Problem, StorageError, Store

Model = TypeVar("Model", bound="Record")
Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class Record(BaseModel):
    # What a later osmo-ctrl adds to this version is of no account for this one.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class StoredFile(Record):
    """`path` is the file's true name; `key` the object's, below the attempt's `output/`. Of a link neither is read."""

    path: str
    key: str = ""
    size: int = 0
    sha256: Sha256 | Literal[""] = ""
    mode: int = 0o644
    link: str | None = Field(None, description="Where a link leads, from the top of the output.")


class WrittenDataset(Record):
    bucket: str
    name: str
    version: int


class Exit(Record):
    """`code` is the command's own, `exit` what the pod ends with."""

    code: int
    exit: int
    cause: str = ""
    reason: str = ""


class Phase(Record):
    """Seconds since 1970."""

    name: str
    began: float
    ended: float


class StoredKpi(Record):
    """`value` is what the file holds, if that is JSON and small."""

    index: str
    path: str
    value: Any = None


class Manifest(Record):
    """How an attempt ended and what it left."""

    version: Literal[1] = 1
    workflow_id: str
    run: str
    task: str
    attempt: int
    pod: str
    node: str = ""
    outcome: Literal["completed", "failed", "rescheduled", "terminated", "lost"]
    digest: str = Field("", description="Of the task's document, see there.")
    exit: Exit | None = None
    files: tuple[StoredFile, ...] = ()
    directories: tuple[str, ...] = Field((), description="Those that are empty.")
    datasets: tuple[WrittenDataset, ...] = ()
    kpis: tuple[StoredKpi, ...] = ()
    phases: tuple[Phase, ...] = ()


class Claim(Record):
    """Written when an attempt starts."""

    version: Literal[1] = 1
    pod: str
    node: str
    claimed_at: float


class Run(Record):
    """A run of a workflow's manifests."""

    version: Literal[1] = 1
    workflow_id: str
    run: str
    workflow: str = ""
    began: float


class CompleteFile(Record):
    path: str
    size: int
    sha256: Sha256


class Complete(Record):
    """Written last to a URL of a task's outputs: what was uploaded there, and by whom."""

    version: Literal[1] = 1
    writer: str
    files: tuple[CompleteFile, ...]


class CheckpointFile(Record):
    """`key` is the object's, below the checkpoint's `files/`: of an earlier generation if the file is the same."""

    path: str
    key: str
    size: int
    sha256: Sha256
    modified: int = Field(description="Nanoseconds since 1970.")
    mode: int = 0o644


class Generation(Record):
    """A checkpoint that is complete: all its files, as they were when it was taken."""

    version: Literal[1] = 1
    number: int
    writer: str
    taken_at: float
    files: tuple[CheckpointFile, ...]


def to_bytes(record: Record) -> bytes:
    """Lines that a person can read, with nothing that some reader of JSON might not take."""
    return json.dumps(record.model_dump(mode="json", exclude_defaults=False), indent=1).encode() + b"\n"


async def read_record(store: Store, path: str, model: type[Model]) -> Model:
    content = await store.read(path)
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        reason = f"this is not what osmo-ctrl writes: {place}: {first['msg']}"
        raise StorageError(Problem.REFUSED, f"{store.url}/{path}", reason) from None
