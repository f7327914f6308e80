"""What osmo-ctrl and the agent say to each other over the control socket: one JSON object a line.

`schemas/agent.schema.json` is the schema of these models; `runtime/exec/protocol.go` has their other side. Times are
seconds since 1970. A message with a kind or a version that the reader does not know ends the connection.
"""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

VERSION: Final = 1
LONGEST: Final = 4 * 1024 * 1024  # bytes of one line; a task document has at most 900 KiB


class Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Variable(Message):
    name: str
    value: str


class ExitAction(Message):
    action: Literal["COMPLETE", "FAIL", "RESCHEDULE"]
    codes: tuple[tuple[int, int], ...]


class Masks(Message):
    """Whose values are not to be seen in the archived log: variables of the container, and files of directories."""

    variables: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()


class Retry(Message):
    """What an exit code of RESCHEDULE does: nothing when the attempts are used up."""

    may_reschedule: bool
    out_of_memory: bool = Field(description="The envelope runs the task again on 137, so a command's own 137 is 239.")


class Usage(Message):
    """Of the command and its descendants."""

    peak_memory: int = Field(description="Bytes, of the largest process.")
    user_seconds: float
    system_seconds: float


class Log(Message):
    segments: int
    bytes: int = Field(description="Written by the command, to both streams.")
    missing: int = Field(description="Bytes that are not in the segments, since there was no room.")


Outcome = Literal["completed", "failed", "rescheduled", "terminated"]
Cause = Literal["exited", "signaled", "not_found", "not_executable", "timed_out", "stopped", "terminated"]


class Ended(Message):
    """How the command of an epoch ended, and what the agent makes of it: `exit` is what the container will end with."""

    kind: Literal["ended"] = "ended"
    epoch: int
    cause: Cause
    code: int = Field(description="0-255; 128 + n after signal n, 127 and 126 if it could not start.")
    outcome: Outcome
    exit: int
    started_at: float
    ended_at: float
    usage: Usage
    out_of_memory: bool = Field(description="The kernel ended a process of the container meanwhile: code 3004.")
    log: Log


class Hello(Message):
    """First word of each connection. `key` is empty the first time, and then what `welcome` gave."""

    kind: Literal["hello"] = "hello"
    version: int
    key: str
    state: Literal["waiting", "running", "ended"]
    epoch: int = 0
    ended: Ended | None = None


class Started(Message):
    kind: Literal["started"] = "started"
    epoch: int
    at: float


class Terminating(Message):
    """The container got SIGTERM. What the agent does about the command it tells by `ended`."""

    kind: Literal["terminating"] = "terminating"


class ListedFile(Message):
    path: str
    size: int
    modified: int = Field(description="Nanoseconds since 1970.")
    mode: int


class Listing(Message):
    """Answer to `list`. Empty directories and links that lead nowhere are left out; `error` says why there is none."""

    kind: Literal["listing"] = "listing"
    id: int
    files: tuple[ListedFile, ...] = ()
    error: str = ""


class Opened(Message):
    """Answer to `open`: the descriptor comes with the first byte of this line, unless there is an error."""

    kind: Literal["opened"] = "opened"
    id: int
    error: str = ""


class Welcome(Message):
    kind: Literal["welcome"] = "welcome"
    version: int
    key: str


class Start(Message):
    """Run the command. Sent once an epoch; the agent answers a repeated one with what it said before."""

    kind: Literal["start"] = "start"
    epoch: int
    command: tuple[str, ...]
    args: tuple[str, ...]
    environment: tuple[Variable, ...]
    exit_actions: tuple[ExitAction, ...]
    retry: Retry
    exec_timeout: float | None
    grace: float
    output: str = Field(description="Directory that is made readable for osmo-ctrl when the command has ended.")
    log: str = Field(description="Directory for segments of the log.")
    masks: Masks


class Stop(Message):
    """End the command of an epoch: TERM, `grace` seconds, KILL. `ended` follows, with the cause `stopped`."""

    kind: Literal["stop"] = "stop"
    epoch: int
    grace: float


class List(Message):
    """What lies below a path that only the user's container sees."""

    kind: Literal["list"] = "list"
    id: int
    path: str
    regex: str = ""


class Open(Message):
    kind: Literal["open"] = "open"
    id: int
    path: str


class Finish(Message):
    """The last word: all is uploaded, or `failure` says what went wrong. The agent exits."""

    kind: Literal["finish"] = "finish"
    failure: "Failure | None" = None


class Failure(Message):
    """`code` is OSMO's, such as 2012, and exit actions may name it; `exit` is a reserved one for any other case."""

    code: int
    exit: int
    reason: str
    is_final: bool = Field(False, description="`exit` is what the container ends with: exit actions are not tried.")


FromAgent = Annotated[Hello | Started | Ended | Terminating | Listing | Opened, Field(discriminator="kind")]
FromCtrl = Annotated[Welcome | Start | Stop | List | Open | Finish, Field(discriminator="kind")]

FROM_AGENT: Final[TypeAdapter[FromAgent]] = TypeAdapter(FromAgent)
FROM_CTRL: Final[TypeAdapter[FromCtrl]] = TypeAdapter(FromCtrl)
