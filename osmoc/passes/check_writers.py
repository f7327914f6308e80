"""Two tasks that write one dataset or URL in no order: which of them comes last is chance.

Needs: a graph without cycles.
"""

from collections import defaultdict
from collections.abc import Mapping

from osmoc import codes
from osmoc.diagnostics import Diagnostics
from osmoc.graph import DatasetUpdate, DatasetWrite, Graph, Group, Task, UrlWrite
from osmoc.yamltree import Path, Tree

_Writer = tuple[Group, Task, Path]


def check_writers(graph: Graph, default_bucket: str, tree: Tree, found: Diagnostics) -> None:
    writers: dict[tuple[str, str], list[_Writer]] = defaultdict(list)
    for group, task in graph.tasks():
        for n, write in enumerate(task.writes):
            where: Path = (*task.where, "outputs", n)
            match write:
                case UrlWrite():
                    # With a regex each of the two may well write files of its own.
                    key = (write.url.rstrip("/"), write.regex)
                    writers[key].append((group, task, (*where, "url")))
                case DatasetWrite():
                    key = (f"{write.dataset.bucket or default_bucket}/{write.dataset.name}", f":{write.tag}")
                    writers[key].append((group, task, (*where, "dataset", "name")))
                case DatasetUpdate():
                    key = (f"{write.dataset.bucket or default_bucket}/{write.dataset.name}", ":")
                    writers[key].append((group, task, (*where, "update_dataset", "name")))
    shared = {what: several for what, several in writers.items() if len(several) > 1}
    if shared:
        _check_order(shared, graph, tree, found)


def _check_order(shared: Mapping[tuple[str, str], list[_Writer]], graph: Graph, tree: Tree, found: Diagnostics) -> None:
    upstream = graph.upstream()
    above: dict[str, set[str]] = {}

    def all_above(name: str) -> set[str]:
        open_ = [name]
        while open_:
            top = open_[-1]
            missing = [up for up in upstream[top] if up not in above]
            if missing:
                open_.extend(missing)
            else:
                above[open_.pop()] = {*upstream[top], *(far for up in upstream[top] for far in above[up])}
        return above[name]

    for (what, _), several in shared.items():
        for n, (group, task, where) in enumerate(several[1:], start=1):
            for other_group, other, _ in several[:n]:
                if other.name == task.name:
                    continue
                if group.name not in all_above(other_group.name) and other_group.name not in all_above(group.name):
                    found.report(
                        codes.TWO_WRITERS,
                        tree.span(where),
                        f"`{other.name}` and `{task.name}` both write `{what}`, in no order",
                        help="let one read from the other, or write to different places",
                    )
                    break
