"""What lies in a bucket as JSON. `format` changes when a reader of the old form would misread the new one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from osmo_ctrl.dataset.faults import DatasetError, Fault
from osmo_ctrl.dataset.layout import is_name
from osmo_ctrl.dataset.paths import fault_of_path


def _path(text: str) -> str:
    if fault := fault_of_path(text):
        raise ValueError(fault)
    return text


def _name(text: str) -> str:
    if not is_name(text):
        raise ValueError("not the name of a dataset")
    return text


Path = Annotated[str, AfterValidator(_path)]
Name = Annotated[str, AfterValidator(_name)]
Number = Annotated[int, Field(ge=1, lt=10**10)]


@dataclass(frozen=True, slots=True, order=True)
class File:
    """One file of a version; its content is the object of that digest. A dataclass, for there may be a million."""

    path: Path
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    executable: bool = False


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True, hide_input_in_errors=True)

    format: Literal[1] = 1

    def to_bytes(self) -> bytes:
        return f"{self.model_dump_json()}\n".encode()


class Version(Record):
    """Created once, when all of its objects are there. `files` is null where a deleted version was cleaned away."""

    name: Name
    number: Number
    base: int | None = Field(None, description="The version that it was made of by an update.")
    created_at: datetime
    writer: str = Field("", description="Who wrote it, the same if it is tried again.")
    origin: Mapping[str, Any] = Field({}, description="What is known of that: workflow, run, task.")
    metadata: Mapping[str, Any] = {}
    files: tuple[File, ...] | None


class Tombstone(Record):
    """Version `number` is deleted. Its objects stay for a while, for those who are reading it."""

    deleted_at: datetime
    by: str = ""


class Tag(Record):
    version: Number
    set_at: datetime
    by: str = ""


class Labels(Record):
    """Those of the dataset, whole."""

    labels: Mapping[str, Any]
    set_at: datetime


class Pin(BaseModel):
    """One version of one dataset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    version: Number


class Collection(Record):
    """A named set of versions in one bucket, at most one of each dataset."""

    pins: tuple[Pin, ...]
    set_at: datetime


class Resolution(Record):
    """What a reference meant when the first task of a run asked."""

    reference: str
    pins: tuple[Pin, ...]
    resolved_at: datetime


_Record = TypeVar("_Record", bound=Record)


def parse(model: type[_Record], content: bytes, path: str) -> _Record:
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        reason = f"{where}: {first['msg']}" if where else first["msg"]
        raise DatasetError(Fault.DAMAGED, f"{path} is damaged: {reason}") from None
