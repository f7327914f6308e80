"""A graph for the terminal: levels from top to bottom, each task with why it waits and what it touches.

level 2
└─ group_2
   │  after   group_1 (dataset frames)
   ├─ ★ train   pytorch:24.01-py3 · 8 GPU
   │     reads   dataset frames
   └─   report  python:3.12
         writes  s3://bucket/report
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from osmoc.graph import Graph, Group, Task, Via
from osmoc.picture.captions import LEAD, caption, columns, cut, cut_middle, data, heading, plain, title
from osmoc.picture.flow import Flow, Kind, flow
from osmoc.picture.levels import levels

_WIDTH = 100
_LONGEST_NAME = 48
_WORD = 8  # the longest of `after`, `reads`, `writes`, `saves` and two spaces


@dataclass(frozen=True, slots=True)
class _Line:
    """A branch of the tree; captions stand in one column for a whole level."""

    branch: str
    caption: str = ""


def text(graph: Graph) -> str:
    """Needs: a graph without cycles. Leaves: lines of at most 100 columns."""
    drawn, waits = flow(graph), _waits(graph)
    lines = [cut(f"{plain(graph.name)}: {heading(graph)}", _WIDTH)]
    for number, names in enumerate(levels(graph.groups, ((e.upstream, e.downstream) for e in graph.edges)), 1):
        branches: list[_Line] = []
        for name, (tee, bar) in zip(names, _tree(len(names)), strict=True):
            branches += _group(graph.groups[name], tee, bar, waits[name], drawn)
        lines += ["", f"level {number}", *_aligned(branches)]
    return "\n".join(lines) + "\n"


def _waits(graph: Graph) -> Mapping[str, list[str]]:
    """For each group what it waits for and why: `prepare`, `fetch (download, dataset cats)`."""
    reasons: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for edge in graph.edges:
        whats = reasons[edge.upstream, edge.downstream]
        if edge.via is Via.DATASET:
            whats[plain(f"dataset {edge.what}")] = None
        elif not graph.groups[edge.upstream].implicit:
            whats[plain(edge.what)] = None
    waits: dict[str, list[str]] = {}
    for name, upstreams in graph.upstream().items():
        waits[name] = []
        for upstream in upstreams:
            whats = reasons[upstream, name]
            waits[name].append(title(graph.groups[upstream]) + (f" ({', '.join(whats)})" if whats else ""))
    return waits


def _tree(count: int) -> Iterator[tuple[str, str]]:
    """For each of `count` branches what stands before its own line, and before the lines below it."""
    for n in range(count):
        yield ("└─ ", "   ") if n == count - 1 else ("├─ ", "│  ")


def _group(group: Group, tee: str, bar: str, waits: Sequence[str], drawn: Flow) -> Iterator[_Line]:
    if group.implicit:
        task = group.tasks[0]
        yield _Line(tee + task.name, caption(task))
        yield from _details(bar + "   ", "after", waits)
        yield from _data(task, bar + "   ", drawn, inside=False)
        return
    yield _Line(tee + group.name)
    yield from _details(bar + "│  ", "after", waits)
    for task, (inner_tee, inner_bar) in zip(group.tasks, _tree(len(group.tasks)), strict=True):
        yield _Line(f"{bar}{inner_tee}{LEAD if task.is_lead else ' '} {task.name}", caption(task))
        yield from _data(task, f"{bar}{inner_bar}   ", drawn, inside=True)


def _data(task: Task, indent: str, drawn: Flow, *, inside: bool) -> Iterator[_Line]:
    """What a task touches; without `inside` not what `after` has said already."""
    reads = [data(item) for item in drawn.reads[task.name] if inside or not item.inside]
    writes = [data(item) for item in drawn.writes[task.name] if item.kind is not Kind.CHECKPOINT]
    saves = [data(item) for item in drawn.writes[task.name] if item.kind is Kind.CHECKPOINT]
    for word, items in (("reads", reads), ("writes", writes), ("saves", saves)):
        yield from _details(indent, word, items)


def _details(indent: str, word: str, items: Sequence[str]) -> Iterator[_Line]:
    """`after   a, b, c`, on as many lines as it takes."""
    room = _WIDTH - len(indent) - _WORD
    line = ""
    for piece in ", ".join(items).split(" ") if items else ():
        piece = cut_middle(piece, room)
        if line and columns(line) + 1 + columns(piece) > room:
            yield _Line(f"{indent}{word:{_WORD}}{line}")
            line, word = piece, ""
        else:
            line = f"{line} {piece}" if line else piece
    if line:
        yield _Line(f"{indent}{word:{_WORD}}{line}")


def _aligned(lines: Sequence[_Line]) -> Iterator[str]:
    column = min(_LONGEST_NAME, max((len(line.branch) for line in lines if line.caption), default=0))
    for line in lines:
        yield cut(f"{line.branch:{column}}  {line.caption}", _WIDTH) if line.caption else line.branch
