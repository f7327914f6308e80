"""What osmo-ctrl and `osmo`, the tool in the task, say to each other over the tool's socket: one JSON object a line.

`runtime/exec/internal/tool/messages.go` has the other side, and says who speaks when.
"""

from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter

from osmo_ctrl.messages import Message, Opened

LONGEST: Final = 64 * 1024  # bytes of one line: a path of 4 KiB may take six times as many
MOST_FILES: Final = 16  # under way, that is without `done`

Operation = Literal["data_upload", "data_download", "data_list", "dataset_upload", "dataset_download", "dataset_info"]


class Request(Message):
    """The target is a URL, or `[bucket/]name[:version or tag]`."""

    kind: Literal["request"] = "request"
    version: int
    operation: Operation
    target: str


class Barrier(Message):
    """The first word of `osmo barrier`. A connection that is lost may be followed by another one with the same id."""

    kind: Literal["barrier"] = "barrier"
    version: int
    id: str = Field(pattern="^[0-9a-f]{32}$")
    name: str = Field(min_length=1, max_length=100, pattern=r"^\P{Cc}*$")
    count: int | None = Field(None, ge=1, le=100_000, description="By itself as many as the group has tasks.")


class Open(Message):
    """The barrier is open. That is sure, whether the result is heard or not."""

    kind: Literal["open"] = "open"


class File(Message):
    """To be stored, or to be written; the descriptor comes with the first byte of the line that says it is open."""

    kind: Literal["file"] = "file"
    id: int = Field(ge=0, lt=2**31)
    path: str = Field(min_length=1, max_length=4096)
    size: int = Field(ge=0, lt=2**63)
    modified: int = Field(description="Nanoseconds since 1970.")
    mode: int


class End(Message):
    """All files are named."""

    kind: Literal["end"] = "end"


class Done(Message):
    """This file is no longer under way. Whether all went well the result tells."""

    kind: Literal["done"] = "done"
    id: int


class Text(Message):
    """A line for standard output."""

    kind: Literal["text"] = "text"
    text: str


class ProgressLine(Message):
    """A line for standard error."""

    kind: Literal["progress"] = "progress"
    text: str


class Result(Message):
    """The last word."""

    kind: Literal["result"] = "result"
    status: Literal[0, 1] = 0
    error: str = ""


FromTool = Annotated[Request | Barrier | File | End | Opened, Field(discriminator="kind")]
ToTool = File | Open | Done | Text | ProgressLine | Result

FROM_TOOL: Final[TypeAdapter[FromTool]] = TypeAdapter(FromTool)
