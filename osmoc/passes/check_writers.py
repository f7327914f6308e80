"""Two tasks that write one dataset or URL in no order: which of them comes last is chance.

Needs: a graph without cycles.
"""

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from osmoc import codes
from osmoc.diagnostics import Diagnostics
from osmoc.graph import DatasetUpdate, DatasetWrite, Graph, Task, UrlWrite
from osmoc.yamltree import Path, Tree


@dataclass(frozen=True, slots=True)
class _Place:
    """Where something is written, as the user named it; `part` tells apart what does not clash in one place."""

    name: str
    bucket: str = ""
    part: str = ""


@dataclass(frozen=True, slots=True)
class _Writer:
    task: str
    group: str
    where: Path


def check_writers(graph: Graph, default_bucket: str, tree: Tree, found: Diagnostics) -> None:
    writers: dict[_Place, list[_Writer]] = defaultdict(list)
    for group, task in graph.tasks():
        for place, path in _places(task, default_bucket):
            writers[place].append(_Writer(task.name, group.name, (*task.where, *path)))
    shared = {place: several for place, several in writers.items() if len({writer.task for writer in several}) > 1}
    if shared:
        _check_order(shared, graph, tree, found)


def _places(task: Task, default_bucket: str) -> Iterator[tuple[_Place, Path]]:
    for n, write in enumerate(task.writes):
        match write:
            case UrlWrite():
                # With a regex each of the two may well write files of its own.
                yield _Place(write.url.rstrip("/"), part=write.regex), ("outputs", n, "url")
            case DatasetWrite():
                bucket = write.dataset.bucket or default_bucket
                yield _Place(write.dataset.name, bucket, write.tag), ("outputs", n, "dataset", "name")
            case DatasetUpdate():
                bucket = write.dataset.bucket or default_bucket
                # It makes a version without a tag, of whatever has the tag of its base by then.
                for part in dict.fromkeys(("", write.base)):
                    yield _Place(write.dataset.name, bucket, part), ("outputs", n, "update_dataset", "name")
    for n, checkpoint in enumerate(task.checkpoints):
        url = f"{checkpoint.url.rstrip('/')}/{posixpath.basename(checkpoint.path)}"
        yield _Place(url, part=checkpoint.regex), ("checkpoint", n, "url")


def _check_order(shared: Mapping[_Place, Sequence[_Writer]], graph: Graph, tree: Tree, found: Diagnostics) -> None:
    number = {name: n for n, name in enumerate(graph.groups)}
    ordered = _ordered(graph, number)
    for place, several in shared.items():
        earlier: dict[int, dict[str, None]] = {}  # tasks that write here too, by the number of their group
        groups = 0
        for writer in several:
            own = number[writer.group]
            other = _first(writer.task, groups & ~ordered[own], earlier)
            if other and not found.leaves_out(codes.TWO_WRITERS):
                found.report(
                    codes.TWO_WRITERS,
                    tree.span(writer.where),
                    f"`{other}` and `{writer.task}` both write `{place.name}`, in no order",
                    help="let one read from the other, or write to different places",
                )
            earlier.setdefault(own, {})[writer.task] = None
            groups |= 1 << own


def _ordered(graph: Graph, number: Mapping[str, int]) -> list[int]:
    """For each group those that surely run before or after it: sets of numbers, as the bits of one."""
    upstream = graph.upstream()
    order = list(TopologicalSorter(upstream).static_order())
    before, after = [0] * len(order), [0] * len(order)
    for name in order:
        for up in upstream[name]:
            before[number[name]] |= before[number[up]] | 1 << number[up]
    for name in reversed(order):
        for up in upstream[name]:
            after[number[up]] |= after[number[name]] | 1 << number[name]
    return [first | second for first, second in zip(before, after, strict=True)]


def _first(task: str, groups: int, earlier: Mapping[int, Mapping[str, None]]) -> str:
    """The first other task of `groups`, a set as bits."""
    while groups:
        group = (groups & -groups).bit_length() - 1
        if other := next((name for name in earlier[group] if name != task), ""):
            return other
        groups &= groups - 1
    return ""
