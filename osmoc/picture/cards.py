"""What stands in a box of the SVG picture, and how much room it takes. Nothing here draws.

A task is a card: its name, its image, and a row for every piece of data it reads (at the left, where arrows come in)
or writes (at the right, where they leave). Dataset arrows run from row to row, so that their label is at both ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
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
_GAP: Final = 8
_NARROWEST: Final = 140
_LONGEST: Final = 36
_MOST_ROWS: Final = 6
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
    """A task, `y` below the top of its box."""

    task: Task
    y: int
    height: int
    name: str
    badge: str
    caption: str
    reads: Sequence[Row]
    writes: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Frame:
    """A group as a box with cards; an implicit group is its card and no more."""

    group: Group
    title: str
    cards: Sequence[Card]
    box: Box

    @property
    def inset(self) -> int:
        return 0 if self.group.implicit else PADDING


def frame(group: Group, drawn: Flow) -> Frame:
    inset, y = (0, 0) if group.implicit else (PADDING, HEADER)
    cards: list[Card] = []
    for task in group.tasks:
        cards.append(_card(task, y, drawn))
        y += cards[-1].height + _GAP
    title = cut_middle(plain(group.name), _LONGEST)
    width = max(
        _NARROWEST, *(_card_width(card, group) for card in cards), 0 if group.implicit else _wide(title, NAME_SIZE)
    )
    return Frame(group, title, cards, Box(width + 2 * inset, y - _GAP + inset))


def _card(task: Task, y: int, drawn: Flow) -> Card:
    reads = _rows([item for item in drawn.reads[task.name] if item.kind is not Kind.TASK], _CAPTION_END)
    writes = _rows(drawn.writes[task.name], _CAPTION_END + _LINE * len(reads))
    lines = len(reads) + len(writes)
    return Card(
        task=task,
        y=y,
        height=_CAPTION_END + _LINE * lines + 6,
        name=cut_middle(task.name, _LONGEST),
        badge=gpus(task.resource),
        caption=cut(" · ".join(filter(None, (image_name(task.image), plain(task.resource.platform or "")))), _LONGEST),
        reads=reads,
        writes=writes,
    )


def _rows(items: Sequence[Data], top: int) -> Sequence[Row]:
    shown = items if len(items) <= _MOST_ROWS else items[: _MOST_ROWS - 1]
    rows = [Row(top + _LINE * n + _LINE // 2, _label(item), (item,)) for n, item in enumerate(shown)]
    if rest := items[len(shown) :]:
        rows.append(Row(top + _LINE * len(rows) + _LINE // 2, f"and {len(rest)} more", rest))
    return rows


def _label(item: Data) -> str:
    return cut_middle(plain(item.name), _LONGEST)


def _card_width(card: Card, group: Group) -> int:
    """Renderers have fonts of their own: the widest of the usual ones is reckoned with."""
    name = _wide(card.name, NAME_SIZE) + (0 if group.implicit else STAR)
    badge = _wide(card.badge, SMALL_SIZE) + 24 if card.badge else 0
    rows = [_wide(row.text, SMALL_SIZE) + ICON for row in (*card.reads, *card.writes)]
    return 2 * PADDING + max(name + badge, _wide(card.caption, SMALL_SIZE), *rows, 0)


def _wide(text: str, size: int) -> int:
    return round(size * sum(_width(character) for character in text))


def _width(character: str) -> float:
    if character in "ijlI.,:;'|!-()[]/ft ":
        return 0.4
    if character in "mwMW@%…":
        return 0.98
    if not character.isascii():
        return 1.0
    return 0.7 if character.isupper() else 0.63
