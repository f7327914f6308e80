"""What the driver sees of a cluster: the little of Jobs and pods that decisions need. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from osmo_driver.records import State


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnd:
    complete: bool
    at: datetime
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSeen:
    """`run` is what the pods' annotation says: the uid of the driver's Job that started it, empty before that.

    `parked` means that the Job controller, too, knows that it is suspended: before that its template cannot be changed.
    `canceled` is what somebody wrote who wants the run to end.
    """

    name: str
    uid: str
    version: str
    suspended: bool
    parked: bool = True
    retention: int | None = None
    run: str = ""
    started: datetime | None = None
    end: JobEnd | None = None
    canceled: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Why a container has not been started."""

    container: str
    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerEnd:
    code: int
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSeen:
    """`group` and `task` are the labels of those, `main` the end of the task's container, `began` when that started.

    `deleted` is when its grace is over; `lost` means that the control plane has given the pod's node up; `gone` that
    only this memory of it is left.
    """

    name: str
    uid: str
    job: str
    created: datetime
    group: str = ""
    task: str = ""
    attempt: int = 0
    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    node: str = ""
    scheduled: datetime | None = None
    unschedulable: str = ""
    waiting: Waiting | None = None
    began: datetime | None = None
    main: ContainerEnd | None = None
    init: ContainerEnd | None = None
    ended: datetime | None = None
    disruption: str = ""
    deleted: datetime | None = None
    lost: bool = False
    gone: bool = False

    @property
    def has_ended(self) -> bool:
        return self.phase in ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The API server does not let the driver do something: since when, and why."""

    since: datetime
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """`run` is the uid of the driver's Job, `since` when it began; pods are by Job, the oldest attempt first.

    `canceled` says who has ended the run, if anybody has.
    """

    run: str
    since: datetime
    jobs: Mapping[str, JobSeen]
    pods: Mapping[str, tuple[PodSeen, ...]] = field(default_factory=dict)
    recorded: State | None = None
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    canceled: str = ""
