"""Turn datasets into edges: a group that reads a dataset runs after the groups of this workflow that write it.

Needs: groups with all their tasks (`lower_groups`). Leaves: every order that follows from a dataset as an `Edge`;
cycles are `check_cycles`' business. The whole group waits, not only the task that reads: its peers start with it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from osmoc import codes
from osmoc.datasets import in_bucket, is_new
from osmoc.diagnostics import Diagnostics
from osmoc.graph import Dataset, DatasetRead, DatasetUpdate, DatasetWrite, Edge, Graph, Group, Task, Via
from osmoc.yamltree import Path, Tree

# A thousand tasks that write a dataset and a thousand that read it would be a million reasons to wait.
_MOST_PAIRS: Final = 250_000


@dataclass(frozen=True, slots=True)
class _Writer:
    group: Group
    task: Task
    tag: str


def lower_datasets(graph: Graph, default_bucket: str, tree: Tree, found: Diagnostics) -> Graph:
    writers = _writers(graph, default_bucket)
    edges = dict.fromkeys(graph.edges)  # a set that keeps the order of the file
    pairs = _count_pairs(graph, writers, default_bucket)
    if pairs > _MOST_PAIRS:
        message = (
            f"{pairs} pairs of a task that writes a dataset and one that reads it; at most {_MOST_PAIRS} have room"
        )
        found.add(codes.TARGET_SIZE, None, message, help="let one task read what the many wrote, and write it anew")
        return graph
    for group in graph.groups.values():
        for edge in _edges(group, writers, default_bucket, tree, found):
            edges.setdefault(edge)
    return replace(graph, edges=tuple(edges))


def _count_pairs(graph: Graph, writers: Mapping[Dataset, list[_Writer]], default_bucket: str) -> int:
    reads = (read for _, task in graph.tasks() for read in task.reads if isinstance(read, DatasetRead))
    return sum(len(writers.get(in_bucket(read.dataset, default_bucket), ())) for read in reads)


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
                    if found.leaves_out(codes.DATASET_OWN_GROUP):
                        continue
                    found.report(
                        codes.DATASET_OWN_GROUP,
                        tree.span(where),
                        f"`{writer.task.name}` of the same group writes `{read.dataset}` too: "
                        "what is read is the version before this run",
                        help="to read what it writes, move the reader to another group",
                    )
                else:
                    yield Edge(writer.group.name, group.name, Via.DATASET, str(read.dataset), where)
