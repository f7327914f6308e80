"""YAML text to a tree: plain values to read, nodes to point at."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

from osmoc.diagnostics import Diagnostics
from osmoc.source import Source, Span
from osmoc.yamlcompose import compose, refuse_disputed
from osmoc.yamlnodes import NULL, Kind, Node, Path, Scalar, merged_into
from osmoc.yamlsimple import read_simple
from osmoc.yamlvalues import plain_values

__all__ = ["Path", "Scalar", "Tree", "parse"]

_SMALL: Final = 32


def parse(text: str, found: Diagnostics) -> "Tree | None":
    """The tree of the one document in `text`; None if it holds none or is not YAML."""
    simple = read_simple(text)
    if simple is not None:
        return Tree(simple, text)
    root = compose(text, found)
    if root is None:
        return None
    plain, is_whole = plain_values(root, len(text), found)
    return Tree(plain, text) if is_whole else None


class Tree:
    """A parsed document: plain values to read, nodes to point at."""

    def __init__(self, plain: Any, text: str) -> None:
        self.plain = plain
        self._text = text
        self._pairs: dict[int, dict[str, tuple[Node, Node]]] = {}  # of large mappings, by key

    def refuse_disputed(self, found: Diagnostics) -> None:
        """Report what other readers would take, but not PyYAML: workflows are to be read by OSMO as well."""
        refuse_disputed(self._text, found)

    @cached_property
    def root(self) -> Node:
        """The nodes, made again when the first place is asked for: most files need none, and nodes take memory."""
        root = compose(self._text, Diagnostics(Source("", self._text)))
        assert root is not None
        return root

    @cached_property
    def _lines(self) -> Sequence[str]:
        return self._text.split("\n")

    def heading(self) -> Span:
        """The key `workflow`, which starts a line: for findings about files too large to make nodes for one place."""
        line = next((n for n, text in enumerate(self._lines) if text.startswith("workflow")), 0)
        return Span(line + 1, 1, len("workflow") + 1)

    def span(self, path: Path) -> Span:
        """What to underline for `path`: a scalar, or the key of a collection, whose end marks run past it."""
        node, key = self._walk(path)
        if node.kind is Kind.SCALAR and node.value != "":
            return node.span
        return (key or _first(node)).span

    def key(self, path: Path) -> Span:
        """The key of `path`; for an item of a list its first key or value."""
        node, key = self._walk(path)
        return (key or _first(node)).span

    def lines(self, path: Path) -> tuple[int, int]:
        """The first and the last line of `path`, its key included."""
        node, key = self._walk(path)
        # The end mark of a block collection stands on the line after it.
        last = node.end_line - (1 if node.end_column == 1 and node.end_line > node.line else 0)
        return (key or node).line, last

    def find(self, path: Path, text: str, occurrence: int = 0) -> Span:
        """`text` within the scalar at `path`, block scalars included; the scalar if it is not found there."""
        node, _ = self._walk(path)
        for number in range(node.line, min(node.end_line, len(self._lines)) + 1):
            line = self._lines[number - 1]
            end = node.end_column - 1 if number == node.end_line else len(line)
            at = line.find(text, node.column - 1 if number == node.line else 0, end)
            while at >= 0:
                if occurrence == 0:
                    return Span(number, at + 1, at + 1 + len(text))
                occurrence -= 1
                at = line.find(text, at + 1, end)
        return self.span(path)

    def _walk(self, path: Path) -> tuple[Node, Node | None]:
        node, key = self.root, None
        for step in path:
            if node.kind is Kind.MAPPING:
                pair = self._pair(node, str(step))
                if pair is None:
                    break
                key, node = pair
            elif node.kind is Kind.SEQUENCE and isinstance(step, int) and step < len(node.value):
                node, key = node.value[step], None
            else:
                break
        return node, key

    def _pair(self, mapping: Node, key: str) -> tuple[Node, Node] | None:
        """The last of equal keys is the one that counts, so it is the one to look at; else what `<<` merges in."""
        if len(mapping.value) <= _SMALL:
            pair = next((pair for pair in reversed(mapping.value) if pair[0].value == key), None)
        else:
            if id(mapping) not in self._pairs:
                pairs = {pair[0].value: pair for pair in mapping.value if pair[0].kind is Kind.SCALAR}
                self._pairs[id(mapping)] = pairs
            pair = self._pairs[id(mapping)].get(key)
        if pair is None and key == "None":  # as a path spells the key `null`, or `~`, or none
            pair = next((pair for pair in mapping.value if pair[0].tag == NULL), None)
        return pair or self._merged_pair(mapping, key)

    def _merged_pair(self, mapping: Node, key: str) -> tuple[Node, Node] | None:
        seen, sources = {id(mapping)}, list(merged_into(mapping))
        while sources:
            source = sources.pop(0)
            if id(source) in seen:
                continue
            seen.add(id(source))
            pairs: list[tuple[Node, Node]] = source.value
            pair = next((pair for pair in reversed(pairs) if pair[0].value == key), None)
            if pair:
                return pair
            sources[:0] = merged_into(source)
        return None


def _first(node: Node) -> Node:
    while node.kind is not Kind.SCALAR and node.value:
        node = node.value[0] if node.kind is Kind.SEQUENCE else node.value[0][0]
    return node
