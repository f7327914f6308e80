"""What stands in a box of the SVG picture, and how much room it takes. Nothing here draws.

A task is a card: its name, its image, and a row for every piece of data it reads (at the left, where arrows come in)
or writes (at the right, where they leave). Dataset arrows run from row to row, so that their label is at both ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Final

from osmoc.graph import Group, Task
from osmoc.picture.captions import cut, cut_middle, gpus, image_name, plain
from osmoc.picture.flow import Data, Flow, Kind
from osmoc.picture.mesh import Box

PADDING: Final = 12  # inside a card, and around the cards of a group
TITLE_Y: Final = 19  # the middle of a card's first line
HEADER: Final = 32  # above the cards of a group
STAR: Final = 18
ICON: Final = 17
_CAPTION_END: Final = 46
_LINE: Final = 18
GAP: Final = 8
_END: Final = 6
_NARROWEST: Final = 140
_LONGEST: Final = 36
_MOST_ROWS: Final = 6
_MANY: Final = 16
NAME_SIZE: Final = 13
SMALL_SIZE: Final = 11


@dataclass(frozen=True, slots=True)
class Row:
    """Data whose line has its middle `y` below the top of the card; the last of many stands for all the rest."""

    y: int
    text: str
    items: Sequence[Data]


@dataclass(frozen=True, slots=True)
class Card:
    """A task, in a column of its frame and `y` below the top of it."""

    task: Task
    column: int
    y: int
    height: int
    name: str
    badge: str
    caption: str
    reads: Sequence[Row]
    writes: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Frame:
    """A box: a group with its tasks, a lone task, or tasks that are `alike`. Many stand in more than one column.

    Arrows go to tasks, except where they would run across others: then they go to the box.
    """

    groups: Sequence[Group]
    title: str
    cards: Sequence[Card]
    columns: int
    box: Box

    @property
    def is_card(self) -> bool:
        """Whether the box is its one task and no more."""
        return len(self.groups) == 1 and self.groups[0].implicit

    @property
    def is_group(self) -> bool:
        return not self.groups[0].implicit

    @property
    def has_ports(self) -> bool:
        """Whether arrows go to its tasks."""
        return self.columns == 1

    @property
    def inset(self) -> int:
        return 0 if self.is_card else PADDING


def frame(groups: Sequence[Group], drawn: Flow) -> Frame:
    tasks = [task for group in groups for task in group.tasks]
    is_card, is_group = len(tasks) == 1 and groups[0].implicit, not groups[0].implicit
    cards = [_card(task, drawn) for task in tasks]
    width = max(_NARROWEST, *(_card_width(card, is_group) for card in cards))
    few = is_card or (is_group and len(cards) < _MANY)
    columns = 1 if few else max(2, round(sqrt(sum(card.height + GAP for card in cards) / width)))
    inset, top = (0, 0) if is_card else (PADDING, HEADER)
    placed: list[Card] = []
    for row in range(0, len(cards), columns):
        line = cards[row : row + columns]
        placed += [replace(card, column=n, y=top) for n, card in enumerate(line)]
        top += max(card.height for card in line) + GAP
    title = _short(groups[0].name) if is_group else f"{len(tasks):,} tasks side by side"
    width = max(width * columns + GAP * (columns - 1), _wide(title, NAME_SIZE) if not is_card else 0)
    return Frame(groups, title, placed, columns, Box(width + 2 * inset, top - GAP + inset))


def _card(task: Task, drawn: Flow) -> Card:
    reads = _rows([item for item in drawn.reads[task.name] if item.kind is not Kind.TASK], _CAPTION_END)
    writes = _rows(drawn.writes[task.name], _CAPTION_END + _LINE * len(reads))
    return Card(
        task=task,
        column=0,
        y=0,
        height=_CAPTION_END + _LINE * (len(reads) + len(writes)) + _END,
        name=_short(task.name),
        badge=gpus(task.resource),
        caption=cut(" · ".join(filter(None, (image_name(task.image), plain(task.resource.platform or "")))), _LONGEST),
        reads=reads,
        writes=writes,
    )


def _rows(items: Sequence[Data], top: int) -> Sequence[Row]:
    shown = items if len(items) <= _MOST_ROWS else items[: _MOST_ROWS - 1]
    rows = [Row(top + _LINE * n + _LINE // 2, _short(item.name), (item,)) for n, item in enumerate(shown)]
    if rest := items[len(shown) :]:
        rows.append(Row(top + _LINE * len(rows) + _LINE // 2, f"and {len(rest)} more", rest))
    return rows


def _short(text: str) -> str:
    return cut_middle(plain(text), _LONGEST)


def _card_width(card: Card, is_group: bool) -> int:
    """Renderers have fonts of their own: the widest of the usual ones is reckoned with."""
    name = _wide(card.name, NAME_SIZE) + (STAR if is_group else 0)
    badge = _wide(card.badge, SMALL_SIZE) + 24 if card.badge else 0
    rows = [_wide(row.text, SMALL_SIZE) + ICON for row in (*card.reads, *card.writes)]
    return 2 * PADDING + max(name + badge, _wide(card.caption, SMALL_SIZE), *rows, 0)


def _wide(text: str, size: int) -> int:
    bold = 1.1 if size == NAME_SIZE else 1.0
    return round(size * bold * sum(map(_width, text)))


def _width(character: str) -> float:
    if character in "ijlI.,:;'|!-()[]/ft ":
        return 0.4
    if character in "mwMW@%…":
        return 0.98
    if not character.isascii():
        return 1.0
    return 0.7 if character.isupper() else 0.63
