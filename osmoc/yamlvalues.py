"""Nodes to plain values: what the spec is read from.

Duplicate keys, recursive aliases and documents that aliases make too large are findings.
"""

from collections.abc import Iterator
from typing import Any, Final

import yaml

from osmoc import codes
from osmoc.diagnostics import Diagnostics
from osmoc.yamlnodes import MERGE, NULL, TAG, Kind, Node, Scalar

_MAX_DIGITS: Final = 100
_BUILT: Final = ("int", "float", "bool", "timestamp", "binary")
# A bare `=`, and `<<` where it is no key.
_RESERVED: Final = (TAG + "value", MERGE)
# What aliases may add to a document: collections that are read once more, characters of scalars.
_MOST_SHARED: Final = 10_000
_MOST_REPEATED: Final = 1 << 20


def plain_values(root: Node, size: int, found: Diagnostics) -> tuple[Any, bool]:
    """str, None, `Scalar` for other scalars, list, dict; and whether that is all there is. `size` is the text's."""
    reader = Reader(found, size + _MOST_REPEATED)
    return reader.of(root), not reader.exhausted


class Reader:
    """Expands aliases, within bounds."""

    def __init__(self, found: Diagnostics, budget: int) -> None:
        """`budget` is how many characters may be read: those of the text, and what aliases repeat of them."""
        self._found = found
        self._constructor = yaml.constructor.SafeConstructor()
        self._open: set[int] = set()
        self._budget = budget
        self._seen: set[int] = set()
        self._shared = 0
        self.exhausted = False

    def of(self, node: Node) -> Any:
        if node.kind is Kind.SCALAR:
            return self._scalar(node)
        if self.exhausted or not self._enter(node):
            return None
        try:
            if node.kind is Kind.SEQUENCE:
                return [self.of(item) for item in node.value]
            return self._mapping(node)
        finally:
            self._open.discard(id(node))

    def _enter(self, node: Node) -> bool:
        if id(node) in self._open:
            self._found.report(codes.YAML_SYNTAX, node.span, "not valid YAML: an alias within its own anchor")
            self.exhausted = True
            return False
        if id(node) in self._seen:
            self._shared += 1
            if self._shared > _MOST_SHARED:
                self._exhaust(node)
                return False
        self._seen.add(id(node))
        self._open.add(id(node))
        return True

    def _exhaust(self, node: Node) -> None:
        if not self.exhausted:
            self._found.report(codes.TOO_LARGE, node.span, "aliases that repeat this value make the document too large")
        self.exhausted = True

    def _mapping(self, node: Node) -> dict[Any, Any]:
        plain: dict[Any, Any] = {}
        first: dict[Any, tuple[Any, Node]] = {}
        for key_node, value_node in self._merged(node):
            key = self.of(key_node)
            if isinstance(key, list | dict):
                self._found.report(
                    codes.YAML_SYNTAX,
                    key_node.span,
                    "not valid YAML: a key that is a list or a mapping",
                    help="braces in a value need quotes",
                )
                continue
            identity = key.value if isinstance(key, Scalar) else key
            if identity in first:
                self._report_twice(key_node, first[identity][1])
                del plain[first[identity][0]]
            first[identity] = (key, key_node)
            plain[key] = self.of(value_node)
        return plain

    def _report_twice(self, key: Node, first: Node) -> None:
        if self._found.leaves_out(codes.DUPLICATE_KEY):
            return
        place = self._found.source.place(first.span)
        note = f"first on line {place.line}" if place else "first in the same mapping"
        message = f"key `{key.value}` stands twice in one mapping; the last one counts"
        self._found.report(codes.DUPLICATE_KEY, key.span, message, notes=[note])

    def _merged(self, node: Node) -> Iterator[tuple[Node, Node]]:
        """The pairs of a mapping, those merged with `<<` where nothing else gives the key."""
        pairs: list[tuple[Node, Node]] = node.value
        if not any(key.tag == MERGE for key, _ in pairs):
            yield from pairs
            return
        own = {key.value for key, _ in pairs if key.kind is Kind.SCALAR}
        for key, value in pairs:
            if key.tag != MERGE:
                yield key, value
                continue
            sources = value.value if value.kind is Kind.SEQUENCE else [value]
            for source in sources:
                if source.kind is not Kind.MAPPING:
                    self._found.report(codes.YAML_SYNTAX, key.span, "not valid YAML: `<<` merges mappings only")
                    continue
                if self.exhausted or not self._enter(source):
                    continue
                for pair in self._merged(source):
                    name = pair[0].value if pair[0].kind is Kind.SCALAR else ""
                    if name not in own:
                        own.add(name)
                        yield pair
                self._open.discard(id(source))

    def _scalar(self, node: Node) -> Any:
        self._budget -= len(node.value)
        if self._budget < 0:
            self._exhaust(node)
            return None
        if node.tag in (TAG + "str", "!"):
            return node.value
        if node.tag in _RESERVED:
            message = f"not valid YAML: `{node.value}` stands for more than itself"
            self._found.report(codes.YAML_SYNTAX, node.span, message, help=f'write "{node.value}"')
            return node.value
        if node.tag == NULL:
            return None
        if len(node.value) > _MAX_DIGITS:
            self._found.report(codes.TOO_LARGE, node.span, f"a number of {len(node.value)} characters")
            return node.value
        kind = node.tag.removeprefix(TAG)
        if kind not in _BUILT:
            return node.value  # a tag that was reported
        build = getattr(self._constructor, f"construct_yaml_{kind}")
        try:
            value = build(yaml.ScalarNode(node.tag, node.value))
        except (ValueError, LookupError, OverflowError, AttributeError, yaml.YAMLError):
            # `2024-13-45` has the form of a date, `!!int x` asks for what it is not.
            self._found.report(codes.YAML_SYNTAX, node.span, f"not valid YAML: `{node.value}` is no {kind}")
            return None
        return value if isinstance(value, str) else Scalar(value, node.value, node.span)
