"""What `python -m osmo_ctrl.dataset` reads and writes: one request on standard input, events a line on standard output.

`schemas/dataset.schema.json` is the schema of these models. The last event is a result or an error, and the exit
status 0 or 1 accordingly.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter

from osmo_ctrl.dataset.records import File, Pin


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, hide_input_in_errors=True)


class BucketPlace(Part):
    """Where the datasets lie; `credential` has the keys that a Secret for it would have."""

    url: str
    endpoint: str = ""
    region: str = ""
    credential: Mapping[str, SecretStr] = {}
    single_writer: bool = False


class Request(Part):
    bucket: BucketPlace
    patience: float = Field(60.0, description="Seconds to wait for a storage that is away.")


class ListRequest(Request):
    operation: Literal["list"] = "list"


class InfoRequest(Request):
    """`version` is a number or a tag, empty for the newest one."""

    operation: Literal["info"] = "info"
    name: str
    version: str = ""
    files: bool = Field(False, description="List the files too.")


class UploadRequest(Request):
    """Local paths are relative to the working directory. `base` is null unless it is an update."""

    operation: Literal["upload"] = "upload"
    reuse: bool = Field(False, description="If the newest version has these very files, it is the result.")
    name: str
    tag: str = ""
    sources: tuple[str, ...] = ()
    regex: str = ""
    base: str | None = None
    remove: str = Field("", description="Regex of files of the base to be left out.")
    metadata: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    by: str = ""


class DownloadRequest(Request):
    """Each dataset becomes a folder of its name in `directory`."""

    operation: Literal["download"] = "download"
    name: str
    version: str = ""
    directory: str
    regex: str = ""


class TagRequest(Request):
    operation: Literal["tag"] = "tag"
    name: str
    version: str = ""
    set: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    by: str = ""


class DeleteRequest(Request):
    """One version, or a collection; all versions with `all`."""

    operation: Literal["delete"] = "delete"
    name: str
    version: str = ""
    all: bool = False
    dry_run: bool = False
    by: str = ""


class GcRequest(Request):
    """Of all datasets of the bucket if there are no names."""

    operation: Literal["gc"] = "gc"
    names: tuple[str, ...] = ()
    dry_run: bool = False


class VerifyRequest(Request):
    """All versions if `version` is empty. `quick` looks at sizes only."""

    operation: Literal["verify"] = "verify"
    name: str
    version: str = ""
    quick: bool = False


class DiffRequest(Request):
    operation: Literal["diff"] = "diff"
    name: str
    old: str
    new: str = ""


class CollectRequest(Request):
    """Make a collection of versions, each `name[:version or tag]`."""

    operation: Literal["collect"] = "collect"
    name: str
    members: tuple[str, ...]
    replace: bool = False


AnyRequest = Annotated[
    ListRequest
    | InfoRequest
    | UploadRequest
    | DownloadRequest
    | TagRequest
    | DeleteRequest
    | GcRequest
    | VerifyRequest
    | DiffRequest
    | CollectRequest,
    Field(discriminator="operation"),
]


class Listed(Part):
    name: str
    kind: Literal["dataset", "collection"]
    latest: int = Field(0, description="0 for a collection.")
    versions: int = 0
    modified: datetime | None = None


class ListResult(Part):
    operation: Literal["list"] = "list"
    datasets: tuple[Listed, ...]


class ListedVersion(Part):
    number: int
    created_at: datetime
    tags: tuple[str, ...] = ()


class InfoResult(Part):
    """Of a dataset: its versions, and one of them. Of a collection: its pins."""

    operation: Literal["info"] = "info"
    name: str
    kind: Literal["dataset", "collection"]
    labels: Mapping[str, Any] = {}
    versions: tuple[ListedVersion, ...] = ()
    deleted: tuple[int, ...] = ()
    version: int = 0
    base: int | None = None
    created_at: datetime | None = None
    origin: Mapping[str, Any] = {}
    metadata: Mapping[str, Any] = {}
    file_count: int = 0
    size: int = 0
    files: tuple[File, ...] | None = None
    pins: tuple[Pin, ...] = ()


class UploadResult(Part):
    operation: Literal["upload"] = "upload"
    name: str
    version: int
    tag: str = ""
    files: int
    size: int
    uploaded_files: int
    uploaded_size: int
    warnings: tuple[str, ...] = Field((), description="What was left out.")


class DownloadResult(Part):
    operation: Literal["download"] = "download"
    pins: tuple[Pin, ...]
    files: int
    size: int


class TagResult(Part):
    operation: Literal["tag"] = "tag"
    name: str
    tags: Mapping[str, int]


class DeleteResult(Part):
    operation: Literal["delete"] = "delete"
    name: str
    kind: Literal["dataset", "collection"]
    versions: tuple[int, ...] = ()


class Garbage(Part):
    name: str
    objects: int
    size: int
    versions: tuple[int, ...] = Field((), description="Deleted versions whose list of files is removed.")


class GcResult(Part):
    operation: Literal["gc"] = "gc"
    datasets: tuple[Garbage, ...]


class Damage(Part):
    version: int
    path: str
    reason: Literal["missing", "size", "digest"]


class VerifyResult(Part):
    operation: Literal["verify"] = "verify"
    name: str
    versions: tuple[int, ...]
    objects: int
    size: int
    damages: tuple[Damage, ...]


class Changed(Part):
    path: str
    old_size: int
    new_size: int


class DiffResult(Part):
    operation: Literal["diff"] = "diff"
    name: str
    old: int
    new: int
    added: tuple[File, ...]
    removed: tuple[File, ...]
    changed: tuple[Changed, ...]


class CollectResult(Part):
    operation: Literal["collect"] = "collect"
    name: str
    pins: tuple[Pin, ...]


AnyResult = Annotated[
    ListResult
    | InfoResult
    | UploadResult
    | DownloadResult
    | TagResult
    | DeleteResult
    | GcResult
    | VerifyResult
    | DiffResult
    | CollectResult,
    Field(discriminator="operation"),
]


class ProgressEvent(Part):
    event: Literal["progress"] = "progress"
    step: Literal["read", "upload", "download", "verify"]
    files: int
    all_files: int
    size: int
    all_size: int


class WaitingEvent(Part):
    """The storage is away, and is asked again."""

    event: Literal["waiting"] = "waiting"
    reason: str


class ResultEvent(Part):
    event: Literal["result"] = "result"
    result: AnyResult


class ErrorEvent(Part):
    event: Literal["error"] = "error"
    fault: str = Field(description="Such as missing, denied, away, refused, deleted, damaged, invalid, unsafe, files.")
    message: str


AnyEvent = Annotated[ProgressEvent | WaitingEvent | ResultEvent | ErrorEvent, Field(discriminator="event")]

REQUEST: Final[TypeAdapter[AnyRequest]] = TypeAdapter(AnyRequest)


class _Contract(Part):
    request: AnyRequest
    event: AnyEvent


def schema() -> dict[str, Any]:
    """The JSON Schema of `python -m osmo_ctrl.dataset`: a request, and an event."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | _Contract.model_json_schema()
