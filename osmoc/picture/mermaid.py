"""A graph as Mermaid's flowchart, for Markdown on GitHub, GitLab and in notebooks.

Ids are counted, for Mermaid takes words like `end` and dashes inside names for syntax; names stand in labels only.
"""

import json
from collections.abc import Iterator, Mapping

from osmoc.graph import Graph, Group, Task, Via
from osmoc.picture.captions import LEAD, caption, cut_middle, plain
from osmoc.picture.flow import Data, Flow, Kind, flow, outside

_LONGEST_LABEL = 60
# Read as themselves between Mermaid's quotes; everything else of ASCII is written as its number.
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-./:@+=,()")


def mermaid(graph: Graph) -> str:
    drawn = flow(graph)
    tasks = {task.name: f"t{n}" for n, (_, task) in enumerate(graph.tasks(), 1)}
    groups = {
        name: tasks[group.tasks[0].name] if group.implicit else f"g{n}"
        for n, (name, group) in enumerate(graph.groups.items(), 1)
    }
    lines = ["---", f"title: {json.dumps(plain(graph.name), ensure_ascii=False)}", "---", "flowchart LR"]
    for group in graph.groups.values():
        lines += _group(group, groups[group.name], tasks)
    for arrow in drawn.arrows:
        upstream = tasks.get(arrow.writer, groups[arrow.upstream])
        downstream = tasks.get(arrow.reader, groups[arrow.downstream])
        link = "-->" if arrow.via is Via.TASK else f'-. "{_escaped(arrow.what)}" .->'
        lines.append(f"  {upstream} {link} {downstream}")
    lines += _outside(drawn, tasks)
    return "\n".join(lines) + "\n"


def _group(group: Group, id: str, tasks: Mapping[str, str]) -> Iterator[str]:
    if group.implicit:
        yield f"  {_task(group.tasks[0], tasks, mark=False)}"
        return
    yield f'  subgraph {id}["{_escaped(group.name)}"]'
    yield "    direction LR"
    for task in group.tasks:
        yield f"    {_task(task, tasks, mark=task.is_lead)}"
    yield "  end"


def _task(task: Task, tasks: Mapping[str, str], mark: bool) -> str:
    name = f"{LEAD} {task.name}" if mark else task.name
    return f'{tasks[task.name]}["{_escaped(name)}<br/>{_escaped(caption(task))}"]'


def _outside(drawn: Flow, tasks: Mapping[str, str]) -> Iterator[str]:
    """What was there stands before its readers, what stays stands behind its writers; the same data once."""
    ids: dict[tuple[str, Data], str] = {}
    for verb, task, item in outside(drawn):
        if (verb, item) not in ids:
            ids[verb, item] = f"d{len(ids) + 1}"
            yield f"  {ids[verb, item]}{_shape(item)}"
        ends = (ids[verb, item], tasks[task])
        yield "  {} -.-> {}".format(*(ends if verb == "read" else reversed(ends)))


def _shape(item: Data) -> str:
    match item.kind:
        case Kind.DATASET:
            return f'[("{_escaped(item.name)}")]'
        case Kind.RUN:
            return f'(["{_escaped(item.name)}"])'
        case Kind.CHECKPOINT:
            return f'[/"checkpoint {_escaped(item.name)}"/]'
        case _:
            return f'[/"{_escaped(item.name)}"/]'


def _escaped(text: str) -> str:
    short = cut_middle(plain(text), _LONGEST_LABEL)
    return "".join(c if c in _SAFE or not c.isascii() else f"#{ord(c)};" for c in short)
