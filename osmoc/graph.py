"""IR 2: what the workflow means - groups, their tasks, and every reason why one waits for another."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from typing import NamedTuple

from osmoc.spec import Resource
from osmoc.values import ExitRange
from osmoc.yamltree import Path


class Action(Enum):
    """What an exit code of the command means for the task."""

    COMPLETE = "COMPLETE"
    FAIL = "FAIL"
    RESCHEDULE = "RESCHEDULE"


class Via(Enum):
    """Why one group waits for another."""

    TASK = "task"
    DATASET = "dataset"


class Dataset(NamedTuple):
    """A dataset; without a bucket it is in the default one."""

    name: str
    bucket: str = ""

    def __str__(self) -> str:
        return f"{self.bucket}/{self.name}" if self.bucket else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRead:
    """The output directory of a task; of an earlier run if `workflow` names one."""

    task: str
    workflow: str = ""
    regex: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlRead:
    url: str
    regex: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRead:
    """`version` is a tag or a number; empty means the newest."""

    dataset: Dataset
    version: str = ""
    regex: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlWrite:
    url: str
    regex: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetWrite:
    """A new version. `path` is below the output directory; `tag` is put on the version."""

    dataset: Dataset
    tag: str = ""
    path: str = ""
    regex: str = ""
    metadata: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetUpdate:
    """A new version: the version `base` (a tag or a number, the newest if empty) and new files."""

    dataset: Dataset
    base: str = ""
    paths: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


Read = TaskRead | UrlRead | DatasetRead
Write = UrlWrite | DatasetWrite | DatasetUpdate


class File(NamedTuple):
    """A file for the user's container: text, whose tokens will be replaced, or bytes."""

    path: str
    content: str | bytes

    @property
    def digest(self) -> str:
        """SHA-256 of its bytes, in hex."""
        return sha256(self.content.encode() if isinstance(self.content, str) else self.content).hexdigest()


class Checkpoint(NamedTuple):
    path: str
    url: str
    frequency: float
    regex: str


class CredentialVariable(NamedTuple):
    name: str
    credential: str
    key: str


class CredentialDirectory(NamedTuple):
    directory: str
    credential: str


@dataclass(frozen=True, slots=True)
class Kpi:
    index: str
    path: str


class Mount(NamedTuple):
    """A directory of the node, seen by the user's container."""

    host: str
    container: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One container to run; `where` is its path in the file."""

    name: str
    is_lead: bool
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    variables: tuple[CredentialVariable, ...] = ()
    directories: tuple[CredentialDirectory, ...] = ()
    reads: tuple[Read, ...] = ()
    writes: tuple[Write, ...] = ()
    files: tuple[File, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    kpis: tuple[Kpi, ...] = ()
    exit_actions: tuple[tuple[Action, tuple[ExitRange, ...]], ...] = ()
    mounts: tuple[Mount, ...] = ()
    resource: Resource = field(default_factory=Resource)
    privileged: bool = False
    host_network: bool = False
    where: Path = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Tasks that start together. `implicit` if the file has only its one task."""

    name: str
    tasks: tuple[Task, ...]
    barrier: bool = True
    ignore_nonlead_status: bool = True
    implicit: bool = False
    where: Path = field(default=(), compare=False, repr=False)

    @property
    def lead(self) -> Task:
        return next(task for task in self.tasks if task.is_lead)


@dataclass(frozen=True, slots=True)
class Edge:
    """`downstream` starts when `upstream` is complete, for `what` is a task or a dataset of it."""

    upstream: str
    downstream: str
    via: Via
    what: str
    where: Path = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Groups by name in the order of the file; `exec_timeout` and `queue_timeout` are seconds."""

    name: str
    groups: Mapping[str, Group]
    edges: tuple[Edge, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    pool: str = ""
    exec_timeout: float | None = None
    queue_timeout: float | None = None

    def tasks(self) -> Iterator[tuple[Group, Task]]:
        for group in self.groups.values():
            for task in group.tasks:
                yield group, task

    def upstream(self) -> dict[str, tuple[str, ...]]:
        """For each group the groups it waits for, each once, in the order of the file."""
        waits: dict[str, dict[str, None]] = {name: {} for name in self.groups}
        for edge in self.edges:
            waits[edge.downstream][edge.upstream] = None
        order = {name: n for n, name in enumerate(self.groups)}
        return {name: tuple(sorted(names, key=order.__getitem__)) for name, names in waits.items()}
