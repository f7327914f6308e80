"""Turn datasets into edges: a group that reads a dataset runs after the groups of this workflow that write it.

Needs: groups with all their tasks (`lower_groups`). Leaves: every order that follows from a dataset as an `Edge`;
cycles are `check_cycles`' business. The whole group waits, not only the task that reads: its peers start with it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from osmoc import codes
from osmoc.datasets import in_bucket, is_new
from osmoc.diagnostics import Diagnostics
from osmoc.graph import Dataset, DatasetRead, DatasetUpdate, DatasetWrite, Edge, Graph, Group, Task, Via
from osmoc.yamltree import Path, Tree


@dataclass(frozen=True, slots=True)
class _Writer:
    group: Group
    task: Task
    tag: str


def lower_datasets(graph: Graph, default_bucket: str, tree: Tree, found: Diagnostics) -> Graph:
    writers = _writers(graph, default_bucket)
    edges = dict.fromkeys(graph.edges)  # a set that keeps the order of the file
    for group in graph.groups.values():
        for edge in _edges(group, writers, default_bucket, tree, found):
            edges.setdefault(edge)
    return replace(graph, edges=tuple(edges))


def _writers(graph: Graph, default_bucket: str) -> Mapping[Dataset, list[_Writer]]:
    writers: dict[Dataset, list[_Writer]] = defaultdict(list)
    for group, task in graph.tasks():
        for write in task.writes:
            if isinstance(write, DatasetWrite):
                writers[in_bucket(write.dataset, default_bucket)].append(_Writer(group, task, write.tag))
            elif isinstance(write, DatasetUpdate):
                writers[in_bucket(write.dataset, default_bucket)].append(_Writer(group, task, ""))
    return writers


def _edges(
    group: Group, writers: Mapping[Dataset, list[_Writer]], default_bucket: str, tree: Tree, found: Diagnostics
) -> Iterator[Edge]:
    for reader in group.tasks:
        for n, read in enumerate(reader.reads):
            if not isinstance(read, DatasetRead):
                continue
            where: Path = (*reader.where, "inputs", n, "dataset", "name")
            for writer in writers.get(in_bucket(read.dataset, default_bucket), ()):
                if not is_new(read.version, writer.tag):
                    continue
                if writer.group.name == group.name:
                    found.report(
                        codes.DATASET_OWN_GROUP,
                        tree.span(where),
                        f"`{writer.task.name}` of the same group writes `{read.dataset}` too: "
                        "what is read is the version before this run",
                        help="to read what it writes, move the reader to another group",
                    )
                else:
                    yield Edge(writer.group.name, group.name, Via.DATASET, str(read.dataset), where)
