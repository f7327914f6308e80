"""Pieces of YAML that know their place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any, Final

from osmoc.source import Span

TAG: Final = "tag:yaml.org,2002:"
MERGE: Final = TAG + "merge"
NULL: Final = TAG + "null"

# What PyYAML calls printable; anything else in a file is refused before it is parsed.
UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# A place in the plain values: keys and indexes from the root.
Path = tuple[str | int, ...]

_TYPE_NAMES: Final = {bool: "a boolean", int: "an integer", float: "a number", date: "a date", bytes: "binary data"}


class Kind(Enum):
    SCALAR = "scalar"
    SEQUENCE = "sequence"
    MAPPING = "mapping"


class Node:
    """A piece of YAML; `value` is text, a list of nodes or a list of pairs of nodes. Lines and columns from 1."""

    __slots__ = ("column", "end_column", "end_line", "kind", "line", "tag", "value")

    def __init__(self, kind: Kind, value: Any, tag: str, event: Any) -> None:
        self.kind = kind
        self.value = value
        self.tag = tag
        start, end = event.start_mark, event.end_mark
        self.line, self.column = start.line + 1, start.column + 1
        self.end_line, self.end_column = end.line + 1, end.column + 1

    @property
    def span(self) -> Span:
        end = self.end_column if self.end_line == self.line else 1 << 20
        return Span(self.line, self.column, end)


@dataclass(frozen=True, slots=True, repr=False)
class Scalar:
    """A scalar that YAML takes for something else than a string: its value, and how it was written."""

    value: bool | int | float | date | bytes
    text: str
    span: Span

    def __repr__(self) -> str:
        return self.text  # what pydantic puts into the path of a finding about a key

    @property
    def type_name(self) -> str:
        return _TYPE_NAMES.get(type(self.value), "a date")


def merged_into(mapping: Node) -> Iterator[Node]:
    """The mappings that stand behind the `<<` of a mapping, the one that counts first."""
    for key, value in mapping.value:
        if key.tag == MERGE:
            sources = value.value if value.kind is Kind.SEQUENCE else [value]
            yield from (source for source in sources if source.kind is Kind.MAPPING)
