"""What the tasks of a group say to their coordinator, and what it answers: `schemas/group.schema.json`.

A task says what is, the coordinator what shall be; each says all of it every time. So a message that is lost, late or
said twice changes nothing that the next one does not put right.
"""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from osmo_ctrl.verdicts import Recorded

VERSION: Final = 1
LONGEST: Final = 64 * 1024  # bytes of a line


class Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Epoch(Message):
    """One start of the group. A lead that is run again begins anew; within one of its pods `number` counts."""

    attempt: int = Field(description="Of the lead.")
    pod: str = Field(description="The uid of the lead's pod.")
    number: int


# Of orders that no coordinator has given.
NOWHERE: Final = Epoch(attempt=-1, pod="", number=0)


class End(Message):
    """How a task's command ended, or why there was none."""

    outcome: Recorded
    code: int = Field(description="The command's own, or OSMO's for a failure of the system.")
    exit: int = Field(description="What the pod would end with.")
    reason: str = ""


Phase = Literal["preparing", "ready", "running", "ended", "done"]


class Report(Message):
    """What a task is at."""

    kind: Literal["report"] = "report"
    attempt: int
    pod: str
    phase: Phase = "preparing"
    epoch: Epoch | None = Field(None, description="Of its command, or which it is ready for. Null before it is known.")
    end: End | None = None
    published: bool = Field(False, description="Done, and what others need of it is committed.")
    may_return: bool = Field(False, description="It may be run again, if its exit code or the loss of its pod says so.")
    calls: tuple["Call", ...] = ()


class Call(Message):
    """One `osmo barrier` that waits in a task."""

    id: str
    name: str
    count: int
    absent: bool = Field(
        False,
        description="Its process was not heard of since osmo-ctrl was restarted. It opens nothing, but may be opened.",
    )


class Verdict(Message):
    """How the group ended, and by whom."""

    completed: bool
    task: str
    code: int
    exit: int
    reason: str = ""


class Order(Message):
    """What a task shall do.

    `wait`: run nothing, be ready. `run`: run the command of this epoch. `leave`: its end stands, it uploads and goes.
    `end`: the group has ended. `go`: that it is done has been heard.
    """

    kind: Literal["order"] = "order"
    do: Literal["wait", "run", "leave", "end", "go"]
    epoch: Epoch
    verdict: Verdict | None = None
    end_stands: bool = Field(False, description="With `end`: the task's own end came before, and counts.")
    lead_returns: bool = Field(False, description="A lead that is gone may be run again, so waiting is worth while.")
    opened: tuple[str, ...] = Field((), description="Calls of `osmo barrier` that may go on.")


class Challenge(Message):
    """The coordinator's first word."""

    kind: Literal["challenge"] = "challenge"
    version: int
    nonce: str


class Join(Message):
    """The answer of a task, which proves that it has the key and is of this group and run."""

    kind: Literal["join"] = "join"
    version: int
    workflow_id: str
    run: str
    group: str
    task: str
    nonce: str
    proof: str


class Accept(Message):
    """The coordinator's proof."""

    kind: Literal["accept"] = "accept"
    attempt: int
    pod: str
    proof: str


class Sealed(Message):
    """What follows: `body` is a report or an order as text. The sequence counts from 1 in each direction."""

    kind: Literal["sealed"] = "sealed"
    sequence: int
    body: str
    seal: str


Report.model_rebuild()

Greeting = Annotated[Challenge | Join | Accept | Sealed, Field(discriminator="kind")]
GREETING: Final[TypeAdapter[Greeting]] = TypeAdapter(Greeting)
