"""A graph as an SVG picture that needs nothing beside it: no font, no script, no stylesheet, no Graphviz.

Columns are levels: what stands further right starts later. Colours follow the reader's light or dark mode where the
viewer tells; text is never narrower than reckoned, so that it fits whatever sans-serif font there is.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Final
from xml.sax.saxutils import escape

from osmoc.graph import Graph, Task, Via
from osmoc.picture.alike import alike
from osmoc.picture.captions import command_line, data, hardware, heading, plain
from osmoc.picture.cards import GAP, HEADER, ICON, PADDING, STAR, TITLE_Y, Card, Frame, Row, frame
from osmoc.picture.flow import Arrow, Data, Flow, Kind, flow
from osmoc.picture.layout import Place, Route, layout
from osmoc.picture.mesh import Link

_MARGIN: Final = 24
_TOP: Final = 72
_BOTTOM: Final = 52
_NARROWEST: Final = 300
_MOST_REASONS: Final = 12

_STYLE: Final = """\
.osmoc { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
.osmoc text { fill: #1f2328; font-size: 13px; }
.osmoc .heading { font-size: 18px; font-weight: 600; }
.osmoc .name { font-weight: 600; }
.osmoc .small { font-size: 11px; fill: #59636e; }
.osmoc .end { text-anchor: end; }
.osmoc .paper { fill: #ffffff; }
.osmoc .group > rect { fill: #f6f8fa; stroke: #d1d9e0; }
.osmoc .bundle > rect { fill: none; stroke: #afb8c1; stroke-dasharray: 3 4; }
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
.osmoc .bundle > rect { stroke: #656c76; }
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
<path id="osmoc-star" d="M0-6.5L1.6-2.2L6.2-2L2.6.8L3.8 5.3L0 2.7L-3.8 5.3L-2.6.8L-6.2-2L-1.6-2.2z"/>
<path id="osmoc-dataset" d="M-4.5-3.2a4.5 1.7 0 0 0 9 0a4.5 1.7 0 0 0-9 0v6.4a4.5 1.7 0 0 0 9 0v-6.4"/>
<path id="osmoc-url" d="M-3 3.5h5.8a2.4 2.4 0 0 0 .3-4.8a3.5 3.5 0 0 0-6.7-.7a2.8 2.8 0 0 0 .6 5.5z"/>
<path id="osmoc-run" d="M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0M0-2.6V0l2 1.4"/>
<path id="osmoc-checkpoint" d="M-4.5-4.5h7l2 2v7h-9zM-2-4.5v3h4v-3M-2.5 4.5v-3.5h5v3.5"/>"""


def svg(graph: Graph) -> str:
    """Needs: a graph without cycles."""
    drawn = flow(graph)
    frames = [frame(groups, drawn) for groups in alike(graph, drawn.arrows)]
    frame_of = {group.name: each for each in frames for group in each.groups}
    links: dict[Link, list[Arrow]] = defaultdict(list)  # what would be drawn twice is drawn once
    for arrow in drawn.arrows:
        links[_link(arrow, frame_of)].append(arrow)
    plan = layout({_name(each): each.box for each in frames}, list(links))
    legend = list(_legend(graph, drawn))
    starts = list(accumulate((wide for _, wide in legend), initial=0))
    width, height = max(plan.width, starts[-1], _NARROWEST) + 2 * _MARGIN, plan.height + _TOP + _BOTTOM
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
        *(_box(each, plan.places[_name(each)]) for each in frames if not each.is_card),
        *(_line(link, route, links[link], frame_of) for link, route in zip(links, plan.routes, strict=True)),
        *(
            piece
            for each in frames
            for card in each.cards
            for piece in _card(card, each, plan.places[_name(each)], drawn)
        ),
        "</g>",
        *(
            f'<g transform="translate({_MARGIN + start},{height - 22})">{sign}</g>'
            for (sign, _), start in zip(legend, starts, strict=False)
        ),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _name(box: Frame) -> str:
    return box.groups[0].name


def _link(arrow: Arrow, frame_of: Mapping[str, Frame]) -> Link:
    upstream, downstream = frame_of[arrow.upstream], frame_of[arrow.downstream]
    leaves = _port(upstream, arrow.writer, arrow.written, writes=True)
    enters = _port(downstream, arrow.reader, arrow.read, writes=False)
    return Link(_name(upstream), _name(downstream), leaves, enters)


def _port(box: Frame, task: str, item: Data | None, *, writes: bool) -> int:
    """How far below the top of its box an arrow starts or ends: at the data's row, else at the task's or box's name."""
    if box.has_ports:
        for card in box.cards:
            if card.task.name == task:
                rows = card.writes if writes else card.reads
                return card.y + next((row.y for row in rows if item in row.items), TITLE_Y)
    return HEADER // 2


def _box(box: Frame, place: Place) -> str:
    words = [box.title]
    if box.is_group:
        group = box.groups[0]
        words = [f"group {group.name}", f"lead {group.lead.name}"]
        if not group.barrier:
            words.append("no barrier: a command starts as soon as its own task is ready")
        if not group.ignore_nonlead_status:
            words.append("fails as soon as one of its tasks fails")
    return (
        f'<g class="{"group" if box.is_group else "bundle"}"><title>{_escaped(*words)}</title>'
        f'<rect x="{place.x}" y="{place.y}" width="{place.width}" height="{place.height}" rx="10"/>'
        f"{_text(place.x + PADDING, place.y + HEADER // 2 + 5, box.title, 'name' if box.is_group else 'small')}</g>"
    )


def _line(link: Link, route: Route, arrows: Sequence[Arrow], frame_of: Mapping[str, Frame]) -> str:
    """A dashed line starts where it shares its tracks with others: there their dashes must fall on each other."""
    start, end = frame_of[link.upstream], frame_of[link.downstream]
    (first_x, first_y), (last_x, last_y) = route.points[0], route.points[-1]
    points = [(first_x - _depth(start, arrows[0].writer), first_y), *route.points]
    points.append((last_x + _depth(end, arrows[0].reader), last_y))
    path = _curve(points[::-1] if route.gathers else points)
    by_task = any(arrow.via is Via.TASK for arrow in arrows)
    kind, marker = ("arrow", "osmoc-head") if by_task else ("arrow dataset", "osmoc-dataset-head")
    side = "start" if route.gathers else "end"
    words = [_reason(arrow) for arrow in arrows[:_MOST_REASONS]]
    if more := len(arrows) - len(words):
        words.append(f"and {more:,} more")
    return f'<path class="{kind}" d="{path}" marker-{side}="url(#{marker})"><title>{_escaped(*words)}</title></path>'


def _depth(box: Frame, task: str) -> int:
    """How far inside its box an arrow starts or ends."""
    return box.inset if task and box.has_ports else 0


def _reason(arrow: Arrow) -> str:
    reason = f"{arrow.writer or arrow.upstream} → {arrow.reader or arrow.downstream}"
    return f"{reason}: dataset {arrow.what}" if arrow.via is Via.DATASET else reason


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
    width = (place.width - 2 * box.inset - GAP * (box.columns - 1)) // box.columns
    x, y = place.x + box.inset + card.column * (width + GAP), place.y + card.y
    lead = card.task.is_lead and box.is_group
    yield (
        f'<g class="task{" lead" if lead else ""}" transform="translate({x},{y})">'
        f"<title>{_escaped(*_tooltip(card.task, lead, drawn))}</title>"
        f'<rect class="card" width="{width}" height="{card.height}" rx="6"/>'
    )
    if lead:
        yield f'<use class="star" href="#osmoc-star" x="{PADDING + 6}" y="{TITLE_Y}"/>'
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


def _legend(graph: Graph, drawn: Flow) -> Iterator[tuple[str, int]]:
    """What the signs mean, of those that are there, each with its width."""
    if any(not group.implicit for group in graph.groups.values()):
        yield f'<use class="star" href="#osmoc-star" x="6" y="-4"/>{_text(STAR, 0, "lead of its group", "small")}', 140
    for via, words, kind in ((Via.TASK, "output of a task", "arrow"), (Via.DATASET, "dataset", "arrow dataset")):
        if any(arrow.via is via for arrow in drawn.arrows):
            yield f'<path class="{kind}" d="M0 -4h28"/>{_text(36, 0, words, "small")}', 150 if via is Via.TASK else 104
    if any(item.kind is not Kind.TASK for items in (*drawn.reads.values(), *drawn.writes.values()) for item in items):
        yield _text(0, 0, "data: read at the left, written at the right", "small"), 270


def _text(x: int, y: int, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(text)}</text>'


def _escaped(*lines: str) -> str:
    return escape("\n".join(map(plain, lines)))
