"""Manifests as text: what stands on each of their lines."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from osmoc.diagnostics import Diagnostics
from osmoc.source import Source
from osmoc.yamlcompose import compose
from osmoc.yamlnodes import Kind, Node, Path

_SEPARATOR: Final = re.compile(r"^---(?: .*)?$", re.MULTILINE)
# The driver's plan is JSON too, on one line that tells nobody anything.
_NESTED: Final = re.compile(r"podSpecPatch|(?!plan\.).*\.json")


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands on the lines `line` to `last`: a value, or the key of a mapping or list.

    `path` goes on into documents that stand in a block of text. `is_text`: the lines are those of a text. `is_key`:
    the values are on other lines.
    """

    path: Path
    line: int
    last: int
    is_text: bool = False
    is_key: bool = False


@dataclass(frozen=True, slots=True)
class Emitted:
    """An object: its values, all scalars as text, and its entries in the order of their lines."""

    plain: dict[str, Any]
    entries: tuple[Entry, ...]

    @property
    def kind(self) -> str:
        return str(self.plain.get("kind", ""))

    @property
    def name(self) -> str:
        return str(_mapping(self.plain.get("metadata")).get("name", ""))

    @property
    def labels(self) -> dict[str, Any]:
        return _mapping(_mapping(self.plain.get("metadata")).get("labels"))

    def at(self, line: int) -> Entry | None:
        """The innermost entry of a line."""
        around = [entry for entry in self.entries if entry.line <= line <= entry.last]
        return max(around, key=lambda entry: (entry.line, len(entry.path)), default=None)


def read_objects(text: str, first: int = 1) -> Iterator[Emitted]:
    """The objects of a stream whose first line has the number `first`; what is not YAML is passed over."""
    for start, end in _documents(text):
        before = first - 1 + text.count("\n", 0, start)
        part = text[start:end]
        root = compose(part, Diagnostics(Source("", part)))
        if root is None or root.kind is not Kind.MAPPING:
            continue
        plain: dict[str, Any] = _plain(root)
        if plain.get("kind") == "List" and isinstance(plain.get("items"), list):
            items = next(value for key, value in root.value if key.value == "items")
            for node in items.value:
                yield Emitted(_plain(node), tuple(_entries(node, (), before)))
        else:
            yield Emitted(plain, tuple(_entries(root, (), before)))


def _documents(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for separator in _SEPARATOR.finditer(text):
        yield start, separator.start()
        start = separator.end()
    yield start, len(text)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _nested(key: str, node: Node) -> Node | None:
    """The document in a block of text."""
    if node.kind is Kind.SCALAR and node.end_line > node.line and _NESTED.fullmatch(key):
        return compose(node.value, Diagnostics(Source("", node.value)))
    return None


def _plain(node: Node, key: str = "") -> Any:
    match node.kind:
        case Kind.MAPPING:
            return {name.value: _plain(value, name.value) for name, value in node.value}
        case Kind.SEQUENCE:
            return [_plain(item) for item in node.value]
        case Kind.SCALAR:
            inner = _nested(key, node)
            return node.value if inner is None else _plain(inner)


def _entries(node: Node, path: Path, before: int) -> Iterator[Entry]:
    """`before` is the number of lines above the text that the node is of."""
    if node.kind is Kind.MAPPING:
        for key, value in node.value:
            yield from _value(value, (*path, key.value), key.line, before)
    elif node.kind is Kind.SEQUENCE:
        for number, item in enumerate(node.value):
            if item.kind is Kind.SCALAR:
                yield from _value(item, (*path, number), item.line, before)
            else:
                yield from _entries(item, (*path, number), before)


def _value(node: Node, path: Path, line: int, before: int) -> Iterator[Entry]:
    if node.kind is not Kind.SCALAR:
        yield Entry(path, before + line, before + line, is_key=True)
        yield from _entries(node, path, before)
        return
    last = node.end_line - (1 if node.end_column == 1 and node.end_line > node.line else 0)
    inner = _nested(str(path[-1]), node)
    yield Entry(path, before + line, before + last, is_text=inner is None and last > line)
    if inner is not None:
        yield from _entries(inner, path, before + node.line)
