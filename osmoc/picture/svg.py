"""A graph as an SVG picture that needs nothing beside it: no font, no script, no stylesheet, no Graphviz.

Columns are levels: what stands further right starts later. Boxes have room for the widest of the usual sans-serif
fonts, for which one the viewer has nobody knows.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Final
from xml.sax.saxutils import escape

from osmoc.graph import Graph, Task, Via
from osmoc.picture.alike import alike
from osmoc.picture.captions import command_line, cut_middle, data, hardware, heading, plain
from osmoc.picture.cards import GAP, HEADER, ICON, PADDING, STAR, TITLE_Y, Card, Frame, Row, frame
from osmoc.picture.flow import Arrow, Data, Flow, Kind, flow
from osmoc.picture.layout import Place, Route, layout
from osmoc.picture.mesh import Link
from osmoc.picture.sheet import SIGNS, STYLE

_MARGIN: Final = 24
_TOP: Final = 72
_BOTTOM: Final = 52
_NARROWEST: Final = 300
_MOST_REASONS: Final = 12


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
    name = cut_middle(plain(graph.name), 64)
    width = max(plan.width, starts[-1], len(name) * 13, _NARROWEST) + 2 * _MARGIN
    height = plan.height + _TOP + _BOTTOM
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="osmoc" role="img" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}">',
        f"<title>{_escaped(graph.name)}</title>",
        f"<style>\n{STYLE}\n</style>",
        f"<defs>\n{SIGNS}\n</defs>",
        f'<rect class="paper" width="{width}" height="{height}"/>',
        _text(_MARGIN, 34, name, "heading"),
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
            words.append("every task counts, not only the lead")
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
