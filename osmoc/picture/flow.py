"""What a picture shows beside the boxes: arrows from task to task, and the data that comes from or goes outside.

An `Edge` orders groups and stands for all its readers; who looks at a picture wants to see which task reads what
which task wrote. Both ends are therefore looked up again in the reads and writes of the tasks.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from osmoc.graph import (
    DatasetRead,
    DatasetUpdate,
    DatasetWrite,
    Edge,
    Graph,
    Read,
    Task,
    TaskRead,
    UrlRead,
    UrlWrite,
    Via,
    Write,
)


class Kind(Enum):
    """What a piece of data is: it decides about the shape it gets."""

    TASK = "task"
    DATASET = "dataset"
    URL = "url"
    RUN = "run"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True)
class Data:
    """What a task reads or writes. `inside` if an arrow shows the other end."""

    kind: Kind
    name: str
    inside: bool = False


@dataclass(frozen=True, slots=True)
class Arrow:
    """`reader` of the group `downstream` waits for `writer`; without a name the whole group is meant.

    `what` is the name of a task or dataset; `written` and `read` are the pieces of data at the ends, if not a task.
    """

    upstream: str
    downstream: str
    writer: str
    reader: str
    via: Via
    what: str
    written: Data | None = None
    read: Data | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """Arrows in the order of the edges; by task what it reads and writes, each piece once, in the file's order."""

    arrows: tuple[Arrow, ...]
    reads: Mapping[str, tuple[Data, ...]]
    writes: Mapping[str, tuple[Data, ...]]


_DatasetOutput = DatasetWrite | DatasetUpdate
_Readers = Mapping[tuple[str, str], list[tuple[Task, DatasetRead]]]
_Writers = Mapping[tuple[str, str], list[tuple[Task, _DatasetOutput]]]


def flow(graph: Graph) -> Flow:
    arrows: dict[Arrow, None] = {}  # a set that keeps the order
    inside: set[tuple[str, Read | Write]] = set()
    task_readers = _task_readers(graph)
    readers, writers = _dataset_readers(graph), _dataset_writers(graph)
    for edge in graph.edges:
        match edge.via:
            case Via.TASK:
                found = [_arrow(edge, edge.what, task.name) for task in task_readers[edge.downstream, edge.what]]
            case Via.DATASET:
                found = []
                for writer, write, reader, read in _pairs(edge, readers, writers):
                    inside |= {(writer.name, write), (reader.name, read)}
                    found.append(_arrow(edge, writer.name, reader.name, _data(write, True), _data(read, True)))
            case _:
                assert_never(edge.via)
        arrows.update(dict.fromkeys(found or [_arrow(edge, edge.what if edge.via is Via.TASK else "", "")]))
    tasks = [task for _, task in graph.tasks()]
    return Flow(
        tuple(arrows),
        {task.name: _unique(_data(item, (task.name, item) in inside) for item in task.reads) for task in tasks},
        {task.name: _unique(_outputs(task, inside)) for task in tasks},
    )


def outside(drawn: Flow) -> Iterator[tuple[str, str, Data]]:
    """`read` or `write`, a task, and data there that no arrow shows: it was there before, or stays."""
    for verb, by_task in (("read", drawn.reads), ("write", drawn.writes)):
        for task, items in by_task.items():
            yield from ((verb, task, item) for item in items if not item.inside)


def _arrow(edge: Edge, writer: str, reader: str, written: Data | None = None, read: Data | None = None) -> Arrow:
    return Arrow(edge.upstream, edge.downstream, writer, reader, edge.via, edge.what, written, read)


def _task_readers(graph: Graph) -> Mapping[tuple[str, str], list[Task]]:
    """Group and name of a task to those of the group who read its output."""
    readers: dict[tuple[str, str], list[Task]] = defaultdict(list)
    for group, task in graph.tasks():
        for read in task.reads:
            if isinstance(read, TaskRead) and not read.workflow:
                readers[group.name, read.task].append(task)
    return readers


def _dataset_readers(graph: Graph) -> _Readers:
    readers: dict[tuple[str, str], list[tuple[Task, DatasetRead]]] = defaultdict(list)
    for group, task in graph.tasks():
        for read in task.reads:
            if isinstance(read, DatasetRead):
                readers[group.name, str(read.dataset)].append((task, read))
    return readers


def _dataset_writers(graph: Graph) -> _Writers:
    writers: dict[tuple[str, str], list[tuple[Task, _DatasetOutput]]] = defaultdict(list)
    for group, task in graph.tasks():
        for write in task.writes:
            if isinstance(write, DatasetWrite | DatasetUpdate):
                writers[group.name, write.dataset.name].append((task, write))
    return writers


def _pairs(
    edge: Edge, readers: _Readers, writers: _Writers
) -> Iterator[tuple[Task, _DatasetOutput, Task, DatasetRead]]:
    """Who writes and who reads the dataset of an edge; without a bucket it is in the default one, whichever that is."""
    for writer, write in writers.get((edge.upstream, edge.what.rpartition("/")[2]), ()):
        tag = write.tag if isinstance(write, DatasetWrite) else ""
        for reader, read in readers.get((edge.downstream, edge.what), ()):
            buckets = {write.dataset.bucket, read.dataset.bucket} - {""}
            if len(buckets) < 2 and read.version in ("", tag):
                yield writer, write, reader, read


def _unique(items: Iterable[Data]) -> tuple[Data, ...]:
    return tuple(dict.fromkeys(items))


def _outputs(task: Task, inside: set[tuple[str, Read | Write]]) -> Iterator[Data]:
    for write in task.writes:
        yield _data(write, (task.name, write) in inside)
    for checkpoint in task.checkpoints:
        yield Data(Kind.CHECKPOINT, checkpoint.url)


def _data(item: Read | Write, inside: bool) -> Data:
    match item:
        case TaskRead(workflow=""):
            return Data(Kind.TASK, item.task, inside=True)
        case TaskRead():
            return Data(Kind.RUN, f"{item.workflow}:{item.task}")
        case UrlRead() | UrlWrite():
            return Data(Kind.URL, item.url)
        case DatasetRead():
            return Data(Kind.DATASET, _reference(str(item.dataset), item.version), inside)
        case DatasetWrite():
            return Data(Kind.DATASET, _reference(str(item.dataset), item.tag), inside)
        case DatasetUpdate():
            return Data(Kind.DATASET, str(item.dataset), inside)
        case _:
            assert_never(item)


def _reference(dataset: str, version: str) -> str:
    return f"{dataset}:{version}" if version else dataset
