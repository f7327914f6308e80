"""Graphs for the pictures: the two example flows of the documents, one that is hostile, and random ones."""

from collections.abc import Sequence

from hypothesis import strategies as st

from osmoc.graph import (
    Checkpoint,
    Dataset,
    DatasetRead,
    DatasetWrite,
    Edge,
    Graph,
    Group,
    Read,
    Task,
    TaskRead,
    UrlRead,
    UrlWrite,
    Via,
    Write,
)
from osmoc.spec import Resource

_Given = Read | Write | Checkpoint


def task(
    name: str, *given: _Given, lead: bool = False, image: str = "ubuntu:24.04", resource: Resource | None = None
) -> Task:
    return Task(
        name=name,
        is_lead=lead,
        image=image,
        command=("python", f"{name}.py"),
        reads=tuple(item for item in given if isinstance(item, Read)),
        writes=tuple(item for item in given if isinstance(item, Write)),
        checkpoints=tuple(item for item in given if isinstance(item, Checkpoint)),
        resource=resource or Resource(),
    )


def lone(name: str, *given: _Given, image: str = "ubuntu:24.04", resource: Resource | None = None) -> Group:
    """A task of `tasks`: a group that the file does not have."""
    only = task(name, *given, lead=True, image=image, resource=resource)
    return Group(name=f"{name}-group", tasks=(only,), implicit=True)


def group(name: str, *tasks: Task) -> Group:
    return Group(name=name, tasks=tasks)


def after(*names: str) -> Sequence[TaskRead]:
    return [TaskRead(task=name) for name in names]


def reads(name: str) -> DatasetRead:
    return DatasetRead(dataset=Dataset(name))


def writes(name: str) -> DatasetWrite:
    return DatasetWrite(dataset=Dataset(name))


def graph(name: str, *groups: Group) -> Graph:
    """With the edges that the passes would find."""
    home = {each.name: each_group.name for each_group in groups for each in each_group.tasks}
    writers = [
        (each_group.name, write.dataset)
        for each_group in groups
        for each in each_group.tasks
        for write in each.writes
        if isinstance(write, DatasetWrite)
    ]
    by_task: dict[Edge, None] = {}
    by_dataset: dict[Edge, None] = {}
    for each_group in groups:
        for read in (read for each in each_group.tasks for read in each.reads):
            if isinstance(read, TaskRead) and not read.workflow:
                by_task[Edge(home[read.task], each_group.name, Via.TASK, read.task)] = None
            if isinstance(read, DatasetRead) and not read.version:
                for writer, dataset in writers:
                    if dataset == read.dataset and writer != each_group.name:
                        by_dataset[Edge(writer, each_group.name, Via.DATASET, str(dataset))] = None
    return Graph(name=name, groups={each.name: each for each in groups}, edges=(*by_task, *by_dataset))


PYTORCH = "nvcr.io/nvidia/pytorch:24.03-py3"

TRAINING = graph(
    "train-and-export",
    lone("preprocess", UrlRead(url="s3://my-bucket/raw"), image="python:3.12"),
    lone(
        "train",
        *after("preprocess"),
        UrlWrite(url="s3://my-bucket/models/"),
        Checkpoint("/checkpoints", "s3://my-bucket/checkpoints", 600.0, ""),
        image=PYTORCH,
        resource=Resource(gpu=8, cpu=32, platform="dgx-h100"),
    ),
    lone("evaluate", *after("train"), image=PYTORCH, resource=Resource(gpu=1)),
    lone("export-onnx", *after("train"), writes("onnx"), image=PYTORCH),
)

DATASETS = graph(
    "datasets-flow",
    group(
        "group_1",
        task("task_1", reads("dataset_1"), reads("dataset_2"), lead=True),
        task("task_2", writes("dataset_3")),
        task("task_3"),
    ),
    group("group_2", task("task_4", reads("dataset_3"), writes("dataset_4"), lead=True)),
    group("group_3", task("task_5", reads("dataset_3"), lead=True), task("task_6", writes("dataset_5"))),
)

HOSTILE_URL = 's3://b"u[c]k{e}t/<script>x</script>&amp;#35;`y`%%{a}|b|\\n\\'
HOSTILE = graph(
    "n\"a:m'e #1 <b>",
    lone("end", UrlRead(url=HOSTILE_URL), UrlRead(url="s3://日本語/\x1b[0m\u202e"), writes("{{x}}--y")),
    group("style", task("subgraph", reads("{{x}}--y"), *after("end"), lead=True), task("a--b"), task("class")),
)


def sweep(count: int) -> Graph:
    names = [f"train-{n}" for n in range(count)]
    return graph(
        "sweep", lone("prepare"), *(lone(name, *after("prepare")) for name in names), lone("pick", *after(*names))
    )


@st.composite
def graphs(draw: st.DrawFn, most: int = 12) -> Graph:
    """Groups that read tasks and datasets of groups before them."""
    groups: list[Group] = []
    names: list[str] = []
    for number in range(draw(st.integers(1, most))):
        implicit = draw(st.booleans())
        count = 1 if implicit else draw(st.integers(1, 4))
        tasks = []
        for n in range(count):
            given: list[_Given] = []
            for earlier in draw(st.lists(st.sampled_from(names), max_size=3, unique=True)) if names else []:
                read: TaskRead | DatasetRead = TaskRead(task=earlier)
                given.append(read if draw(st.booleans()) else reads(f"data-of-{earlier}"))
            name = f"task{number}-{n}"
            if draw(st.booleans()):
                given.append(writes(f"data-of-{name}"))
            if draw(st.integers(0, 4)) == 0:
                given.append(UrlWrite(url=f"s3://bucket/{name}"))
            tasks.append(task(name, *given, lead=n == 0))
        names += [each.name for each in tasks]
        groups.append(lone(tasks[0].name, *given) if implicit else group(f"group{number}", *tasks))
    return graph("random", *groups)
