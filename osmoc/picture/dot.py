"""A graph for Graphviz, which lays out and paints better than anything else: `osmoc graph --format dot | dot -Tpdf`."""

from collections.abc import Iterator

from osmoc.graph import Graph, Group, Task, Via
from osmoc.picture.captions import LEAD, caption, command_line, cut_middle, hardware, plain
from osmoc.picture.flow import Arrow, Data, Flow, Kind, flow, outside

_LONGEST_LABEL = 60
_HEAD = """\
  rankdir=LR; compound=true; fontname="Helvetica"; fontsize=12; labelloc=t; nodesep=0.2; ranksep=0.6;
  node [shape=box, style="rounded,filled", fillcolor=white, fontname="Helvetica", fontsize=11];
  edge [fontname="Helvetica", fontsize=9, arrowsize=0.7];"""
_SHAPES = {Kind.DATASET: "cylinder", Kind.URL: "folder", Kind.CHECKPOINT: "folder", Kind.RUN: "component"}


def dot(graph: Graph) -> str:
    drawn = flow(graph)
    lines = [f"digraph {_quoted(graph.name)} {{", _HEAD, f"  label={_label(graph.name)};"]
    for group in graph.groups.values():
        lines += _group(group)
    lines += [_arrow(arrow, graph) for arrow in drawn.arrows]
    lines += _outside(drawn)
    return "\n".join([*lines, "}"]) + "\n"


def _group(group: Group) -> Iterator[str]:
    if group.implicit:
        yield f"  {_task(group.tasks[0], mark=False)}"
        return
    yield f"  subgraph {_quoted(_cluster(group.name))} {{"
    yield f'    label={_label(group.name)}; style="rounded,filled"; color="#d0d7de"; fillcolor="#f6f8fa";'
    for task in group.tasks:
        yield f"    {_task(task, mark=task.is_lead)}"
    yield "  }"


def _cluster(group: str) -> str:
    return f"cluster {group}"


def _task(task: Task, mark: bool) -> str:
    name = f"{LEAD} {task.name}" if mark else task.name
    tooltip = "\\n".join(_escaped(line) for line in (task.image, command_line(task), hardware(task.resource)) if line)
    pen = ", penwidth=1.6" if mark else ""
    return f'{_quoted(task.name)} [label="{_escaped(name)}\\n{_escaped(caption(task))}", tooltip="{tooltip}"{pen}];'


def _arrow(arrow: Arrow, graph: Graph) -> str:
    """An arrow to a group as a whole goes to its lead and is clipped at the group's box."""
    attributes = [] if arrow.via is Via.TASK else ["style=dashed", f"label={_label(arrow.what)}"]
    upstream, downstream = graph.groups[arrow.upstream], graph.groups[arrow.downstream]
    if not arrow.writer and not upstream.implicit:
        attributes.append(f"ltail={_quoted(_cluster(upstream.name))}")
    if not arrow.reader and not downstream.implicit:
        attributes.append(f"lhead={_quoted(_cluster(downstream.name))}")
    ends = f"{_quoted(arrow.writer or upstream.lead.name)} -> {_quoted(arrow.reader or downstream.lead.name)}"
    return f"  {ends} [{', '.join(attributes)}];" if attributes else f"  {ends};"


def _outside(drawn: Flow) -> Iterator[str]:
    """What was there stands before its readers, what stays stands behind its writers; the same data once."""
    shown: set[str] = set()
    for verb, task, item in outside(drawn):
        id = _quoted(f"{verb} {item.kind.value} {item.name}")
        if id not in shown:
            shown.add(id)
            yield f"  {id} [{_data(item)}];"
        ends = (id, _quoted(task)) if verb == "read" else (_quoted(task), id)
        yield f"  {ends[0]} -> {ends[1]} [style=dashed];"


def _data(item: Data) -> str:
    name = f"checkpoint {item.name}" if item.kind is Kind.CHECKPOINT else item.name
    return f'label={_label(name)}, tooltip={_quoted(item.name)}, shape={_SHAPES[item.kind]}, style="", fontsize=10'


def _label(text: str) -> str:
    return f'"{_escaped(cut_middle(plain(text), _LONGEST_LABEL))}"'


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    """Between Graphviz' quotes a backslash begins a command and an ampersand an entity."""
    return plain(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
