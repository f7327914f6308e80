"""A graph as an SVG picture that needs nothing beside it: no font, no script, no stylesheet, no Graphviz.

Columns are levels: what stands further right starts later. Colours follow the reader's light or dark mode where the
viewer tells; text is never narrower than reckoned, so that it fits whatever sans-serif font there is.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final
from xml.sax.saxutils import escape

from osmoc.graph import Graph, Task, Via
from osmoc.picture.captions import command_line, data, hardware, heading, plain, title
from osmoc.picture.cards import HEADER, ICON, PADDING, STAR, TITLE_Y, Card, Frame, Row, frame
from osmoc.picture.flow import Arrow, Data, Flow, Kind, flow
from osmoc.picture.layout import Place, Route, layout
from osmoc.picture.mesh import Link

_MARGIN: Final = 24
_TOP: Final = 72
_BOTTOM: Final = 52
_NARROWEST: Final = 420

_STYLE: Final = """\
.osmoc { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
.osmoc text { fill: #1f2328; font-size: 13px; }
.osmoc .heading { font-size: 18px; font-weight: 600; }
.osmoc .name { font-weight: 600; }
.osmoc .small { font-size: 11px; fill: #59636e; }
.osmoc .end { text-anchor: end; }
.osmoc .paper { fill: #ffffff; }
.osmoc .group > rect { fill: #f6f8fa; stroke: #d1d9e0; }
.osmoc .card { fill: #ffffff; stroke: #afb8c1; }
.osmoc .lead .card { stroke: #9a6700; }
.osmoc .star { fill: #bf8700; }
.osmoc .badge { fill: #ddf4ff; }
.osmoc .gpu { fill: #0550ae; font-size: 11px; font-weight: 600; text-anchor: middle; }
.osmoc .icon { fill: none; stroke: #59636e; stroke-width: 1.2; }
.osmoc .arrow { fill: none; stroke: #59636e; stroke-width: 1.5; }
.osmoc .dataset { stroke: #0969da; stroke-dasharray: 5 4; }
.osmoc text.linked { fill: #0969da; }
.osmoc use.linked { stroke: #0969da; }
.osmoc .head { fill: #59636e; }
.osmoc .dataset-head { fill: #0969da; }
.osmoc .arrow:hover { stroke-width: 3; }
@media (prefers-color-scheme: dark) {
.osmoc text { fill: #f0f6fc; }
.osmoc .small { fill: #9198a1; }
.osmoc .paper { fill: #0d1117; }
.osmoc .group > rect { fill: #151b23; stroke: #3d444d; }
.osmoc .card { fill: #212830; stroke: #656c76; }
.osmoc .lead .card { stroke: #d29922; }
.osmoc .star { fill: #e3b341; }
.osmoc .badge { fill: #0c2d6b; }
.osmoc .gpu { fill: #a5d6ff; }
.osmoc .icon, .osmoc .arrow { stroke: #9198a1; }
.osmoc .dataset, .osmoc use.linked { stroke: #4493f8; }
.osmoc text.linked { fill: #4493f8; }
.osmoc .head { fill: #9198a1; }
.osmoc .dataset-head { fill: #4493f8; }
}"""

_DEFS: Final = """\
<marker id="osmoc-head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" \
markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path class="head" d="M0 0L10 5L0 10z"/></marker>
<marker id="osmoc-dataset-head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" \
markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path class="dataset-head" d="M0 0L10 5L0 10z"/></marker>
<path id="osmoc-star" class="star" d="M0-6.5L1.6-2.2L6.2-2L2.6.8L3.8 5.3L0 2.7L-3.8 5.3L-2.6.8L-6.2-2L-1.6-2.2z"/>
<path id="osmoc-dataset" d="M-4.5-3.2a4.5 1.7 0 0 0 9 0a4.5 1.7 0 0 0-9 0v6.4a4.5 1.7 0 0 0 9 0v-6.4"/>
<path id="osmoc-url" d="M-3 3.5h5.8a2.4 2.4 0 0 0 .3-4.8a3.5 3.5 0 0 0-6.7-.7a2.8 2.8 0 0 0 .6 5.5z"/>
<path id="osmoc-run" d="M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0M0-2.6V0l2 1.4"/>
<path id="osmoc-checkpoint" d="M-4.5-4.5h7l2 2v7h-9zM-2-4.5v3h4v-3M-2.5 4.5v-3.5h5v3.5"/>"""


def svg(graph: Graph) -> str:
    """Needs: a graph without cycles."""
    drawn = flow(graph)
    frames = {name: frame(group, drawn) for name, group in graph.groups.items()}
    plan = layout({name: each.box for name, each in frames.items()}, [_link(arrow, frames) for arrow in drawn.arrows])
    width, height = max(_NARROWEST, plan.width + 2 * _MARGIN), plan.height + _TOP + _BOTTOM
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="osmoc" role="img" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}">',
        f"<title>{_escaped(graph.name)}</title>",
        f"<style>\n{_STYLE}\n</style>",
        f"<defs>\n{_DEFS}\n</defs>",
        f'<rect class="paper" width="{width}" height="{height}"/>',
        _text(_MARGIN, 34, plain(graph.name), "heading"),
        _text(_MARGIN, 54, heading(graph), "small"),
        f'<g transform="translate({_MARGIN},{_TOP})">',
        *(_group(frames[name], place) for name, place in plan.places.items() if not frames[name].group.implicit),
        *(_arrow(arrow, route, frames) for arrow, route in zip(drawn.arrows, plan.routes, strict=True)),
    ]
    for name, place in plan.places.items():
        for card in frames[name].cards:
            lines += _card(card, frames[name], place, drawn)
    return "\n".join([*lines, "</g>", *_legend(graph, drawn, height - 22), "</svg>"]) + "\n"


def _link(arrow: Arrow, frames: Mapping[str, Frame]) -> Link:
    upstream, downstream = frames[arrow.upstream], frames[arrow.downstream]
    leaves = _port(upstream, arrow.writer, arrow.written, writes=True)
    return Link(arrow.upstream, arrow.downstream, leaves, _port(downstream, arrow.reader, arrow.read, writes=False))


def _port(box: Frame, task: str, item: Data | None, *, writes: bool) -> int:
    """How far below the top of its box an arrow starts or ends: at the data's row, else at the task's or box's name."""
    for card in box.cards:
        if card.task.name == task:
            rows = card.writes if writes else card.reads
            return card.y + next((row.y for row in rows if item in row.items), TITLE_Y)
    return TITLE_Y if box.group.implicit else HEADER // 2


def _group(box: Frame, place: Place) -> str:
    words = [f"group {box.group.name}", f"lead {box.group.lead.name}"]
    if not box.group.barrier:
        words.append("without barrier: commands start as soon as their own task is ready")
    if not box.group.ignore_nonlead_status:
        words.append("fails if any of its tasks fails")
    return (
        f'<g class="group"><title>{_escaped(*words)}</title>'
        f'<rect x="{place.x}" y="{place.y}" width="{place.width}" height="{place.height}" rx="10"/>'
        f"{_text(place.x + PADDING, place.y + HEADER // 2 + 5, box.title, 'name')}</g>"
    )


def _arrow(arrow: Arrow, route: Route, frames: Mapping[str, Frame]) -> str:
    """A dashed line starts where it shares its tracks with others: there their dashes must fall on each other."""
    start = frames[arrow.upstream].inset if arrow.writer else 0
    end = frames[arrow.downstream].inset if arrow.reader else 0
    points = [(route.points[0][0] - start, route.points[0][1]), *route.points]
    points.append((route.points[-1][0] + end, route.points[-1][1]))
    path = _curve(points[::-1] if route.gathers else points)
    kind, marker = ("arrow", "osmoc-head") if arrow.via is Via.TASK else ("arrow dataset", "osmoc-dataset-head")
    upstream, downstream = (
        arrow.writer or title(frames[arrow.upstream].group),
        arrow.reader or title(frames[arrow.downstream].group),
    )
    words = f"{upstream} → {downstream}" + (f": dataset {arrow.what}" if arrow.via is Via.DATASET else "")
    side = "start" if route.gathers else "end"
    return f'<path class="{kind}" d="{path}" marker-{side}="url(#{marker})"><title>{_escaped(words)}</title></path>'


def _curve(points: list[tuple[int, int]]) -> str:
    """Level from an even point to the next, and a bow from an odd one."""
    path = f"M{points[0][0]} {points[0][1]}"
    for n, ((x, y), (next_x, next_y)) in enumerate(pairwise(points)):
        if n % 2 == 0 or y == next_y:
            path += f"H{next_x}" if x != next_x else ""
        else:
            middle = (x + next_x) // 2
            path += f"C{middle} {y} {middle} {next_y} {next_x} {next_y}"
    return path


def _card(card: Card, box: Frame, place: Place, drawn: Flow) -> Iterator[str]:
    width = place.width - 2 * box.inset
    lead = card.task.is_lead and not box.group.implicit
    yield (
        f'<g class="task{" lead" if lead else ""}" transform="translate({place.x + box.inset},{place.y + card.y})">'
        f"<title>{_escaped(*_tooltip(card.task, lead, drawn))}</title>"
        f'<rect class="card" width="{width}" height="{card.height}" rx="6"/>'
    )
    if lead:
        yield f'<use href="#osmoc-star" x="{PADDING + 6}" y="{TITLE_Y}"/>'
    yield _text(PADDING + (STAR if lead else 0), TITLE_Y + 5, card.name, "name")
    if card.badge:
        wide, right = 12 + 7 * len(card.badge), width - PADDING + 4
        yield f'<rect class="badge" x="{right - wide}" y="{TITLE_Y - 9}" width="{wide}" height="18" rx="9"/>'
        yield _text(right - wide // 2, TITLE_Y + 4, card.badge, "gpu")
    yield _text(PADDING, TITLE_Y + 20, card.caption, "small")
    for row in card.reads:
        yield from _row(row, PADDING + 5, PADDING + ICON, "small")
    for row in card.writes:
        yield from _row(row, width - PADDING - 5, width - PADDING - ICON, "small end")
    yield "</g>"


def _row(row: Row, icon_x: int, text_x: int, kind: str) -> Iterator[str]:
    linked = " linked" if any(item.inside for item in row.items) else ""
    yield f'<use class="icon{linked}" href="#osmoc-{row.items[0].kind.value}" x="{icon_x}" y="{row.y}"/>'
    yield _text(text_x, row.y + 4, row.text, kind + linked)


def _tooltip(task: Task, lead: bool, drawn: Flow) -> Iterator[str]:
    yield f"{task.name} (lead)" if lead else task.name
    yield f"image {task.image}"
    yield f"command {command_line(task)}"
    if asked := hardware(task.resource):
        yield asked
    yield from (f"reads {data(item)}" for item in drawn.reads[task.name])
    for item in drawn.writes[task.name]:
        yield f"{'saves' if item.kind is Kind.CHECKPOINT else 'writes'} {data(item)}"


def _legend(graph: Graph, drawn: Flow, y: int) -> Iterator[str]:
    """What the signs mean, of those that are there."""
    x = _MARGIN
    if any(not group.implicit for group in graph.groups.values()):
        yield f'<use href="#osmoc-star" x="{x + 6}" y="{y - 4}"/>{_text(x + STAR, y, "lead of its group", "small")}'
        x += 130
    for via, words, kind in ((Via.TASK, "output of a task", "arrow"), (Via.DATASET, "dataset", "arrow dataset")):
        if any(arrow.via is via for arrow in drawn.arrows):
            yield f'<path class="{kind}" d="M{x} {y - 4}h28"/>{_text(x + 36, y, words, "small")}'
            x += 150 if via is Via.TASK else 100
    if any(item.kind is not Kind.TASK for items in (*drawn.reads.values(), *drawn.writes.values()) for item in items):
        yield _text(x, y, "data: read at the left, written at the right", "small")


def _text(x: int, y: int, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(text)}</text>'


def _escaped(*lines: str) -> str:
    return escape("\n".join(map(plain, lines)))
