"""YAML text to nodes, from libyaml's events: a quarter of the time of `yaml.load`, and scalars stay text.

YAML 1.1 as PyYAML's safe loader reads it, for that is what OSMO reads.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

import yaml

from osmoc import codes
from osmoc.diagnostics import Diagnostics
from osmoc.source import Span
from osmoc.yamlnodes import TAG, Kind, Node

LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_DEPTH: Final = 64
STRING: Final = TAG + "str"
# PyYAML itself, with which OSMO reads, takes a quarter of a second for so many characters.
_MOST_FOR_PYYAML: Final = 1 << 18
_DISPUTED: Final = re.compile(r"[\t?]")
_OTHER_BREAK: Final = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
# The tags that a node of each kind may be given; `!` asks for nothing in particular.
_SCALAR_TAGS: Final = ("str", "int", "float", "bool", "null", "binary", "timestamp")
_TAGS: Final = {
    Kind.SCALAR: frozenset({"!", *(TAG + name for name in _SCALAR_TAGS)}),
    Kind.SEQUENCE: frozenset({"!", TAG + "seq"}),
    Kind.MAPPING: frozenset({"!", TAG + "map"}),
}


def compose(text: str, found: Diagnostics) -> Node | None:
    """The node of the one document in `text`; None if it holds none or, reported, is not YAML."""
    try:
        return _compose(text, found)
    except yaml.MarkedYAMLError as error:
        found.report(codes.YAML_SYNTAX, _where(error, text), _problem(error), help=_syntax_help(error))
    except yaml.YAMLError as error:
        found.report(codes.YAML_SYNTAX, None, " ".join(str(error).split()))
    return None


def _compose(text: str, found: Diagnostics) -> Node | None:
    try:
        return _Composer(found).compose(_events(text, LOADER))
    except (yaml.scanner.ScannerError, yaml.parser.ParserError):
        # `[a:, b]` is a list to PyYAML, and a fault to libyaml; so is `"\\ud83d\\ude00"`, as JSON has a character.
        if len(text) <= _MOST_FOR_PYYAML:
            with suppress(yaml.YAMLError, UnicodeError):
                return _Composer(found).compose(_whole(_events(text, yaml.SafeLoader)))
        raise


def _whole(events: Iterator[Any]) -> Iterator[Any]:
    """Halves of characters as the characters that they are. UnicodeDecodeError for a half alone."""
    for event in events:
        if isinstance(event, yaml.ScalarEvent) and not event.value.isascii():
            event.value = event.value.encode("utf-16", "surrogatepass").decode("utf-16")
        yield event


def refuse_disputed(text: str, found: Diagnostics) -> None:
    """Report what libyaml takes and PyYAML does not: tabs between values, `?` in plain text within brackets."""
    if len(text) > _MOST_FOR_PYYAML or not _DISPUTED.search(text):
        return
    try:
        for _ in _events(text, yaml.SafeLoader):
            pass
    except yaml.MarkedYAMLError as error:
        found.report(codes.YAML_SYNTAX, _where(error, text), _problem(error), help=_syntax_help(error))


class _Composer:
    """Builds nodes from events; the open collections are a stack, so that no depth of nesting exhausts ours."""

    def __init__(self, found: Diagnostics) -> None:
        self._found = found
        self._root: Node | None = None
        self._stack: list[Node] = []
        self._anchors: dict[str, Node] = {}
        self._key: Node | None = None
        self._keys: list[Node | None] = []

    def compose(self, events: Iterator[Any]) -> Node | None:
        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                self._add(self._scalar(event), event.anchor)
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._open(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._close(event)
            elif isinstance(event, yaml.DocumentStartEvent) and self._root is not None:
                raise _fault("a second document: a file holds one workflow", event)
        return self._root

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        parent = self._stack[-1] if self._stack else None
        if parent is None:
            self._root = node
        elif parent.kind is Kind.SEQUENCE:
            parent.value.append(node)
        elif self._key is None:
            self._key = node
        else:
            parent.value.append((self._key, node))
            self._key = None

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            raise _fault(f"unknown alias `*{event.anchor}`", event)
        self._add(self._anchors[event.anchor], None)

    def _open(self, event: Any) -> None:
        if len(self._stack) == MAX_DEPTH:
            raise _fault(f"nested more than {MAX_DEPTH} deep", event)
        kind = Kind.MAPPING if isinstance(event, yaml.MappingStartEvent) else Kind.SEQUENCE
        node = Node(kind, [], event.tag or "", event)
        if event.tag:
            self._check_tag(node)
        self._add(node, event.anchor)
        self._stack.append(node)
        self._keys.append(self._key)
        self._key = None

    def _close(self, event: Any) -> None:
        node = self._stack.pop()
        node.end_line, node.end_column = event.end_mark.line + 1, event.end_mark.column + 1
        self._key = self._keys.pop()

    def _scalar(self, event: Any) -> Node:
        tag = event.tag or (resolve(event.value) if event.implicit[0] else STRING)
        node = Node(Kind.SCALAR, event.value, tag, event)
        if event.tag:
            self._check_tag(node)
        if "\0" in node.value:
            self._found.report(codes.CONTROL_CHARACTER, node.span, "a NUL character, which no program can be given")
        return node

    def _check_tag(self, node: Node) -> None:
        tag = node.tag
        if tag in _TAGS[node.kind]:
            return
        is_known = any(tag in tags for tags in _TAGS.values())
        message = (
            f"the YAML tag `{_short(tag)}` on a {node.kind.value}" if is_known else f"unknown YAML tag `{_short(tag)}`"
        )
        self._found.report(codes.YAML_SYNTAX, node.span, message)


def parse_events(text: str, loader: Any = LOADER) -> Iterator[Any]:
    """As `yaml.parse`, with no step of Python between the events: a fifth of the time of reading a file."""
    return iter(loader(text).get_event, None)


def has_other_breaks(text: str) -> bool:
    """Whether lines of YAML 1.1 are not the lines of the file."""
    return ("\r" in text or not text.isascii()) and _OTHER_BREAK.search(text) is not None


@lru_cache(4096)
def resolve(text: str) -> str:
    """The tag of a plain scalar, by PyYAML's own table."""
    for tag, pattern in yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], ()):
        if pattern.match(text):
            return str(tag)
    return STRING


def _short(tag: str) -> str:
    return "!!" + tag.removeprefix(TAG) if tag.startswith(TAG) else tag


class _Marks:
    """Marks of libyaml by the lines of the file: YAML 1.1 also ends a line at NEL, LS, PS and a lone CR."""

    def __init__(self, text: str) -> None:
        self._ends = [match.start() for match in re.finditer("\n", text)]

    def of(self, mark: Any) -> Any:
        line = bisect_left(self._ends, mark.index)
        start = self._ends[line - 1] + 1 if line else 0
        return yaml.Mark(mark.name, mark.index, line, mark.index - start, "", 0)


def _events(text: str, loader: Any) -> Iterator[Any]:
    events = parse_events(text, loader)
    return _placed(events, _Marks(text)) if has_other_breaks(text) else events


def _placed(events: Iterator[Any], marks: _Marks) -> Iterator[Any]:
    for event in events:
        event.start_mark, event.end_mark = marks.of(event.start_mark), marks.of(event.end_mark)
        yield event


def _fault(problem: str, event: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


def _where(error: yaml.MarkedYAMLError, text: str) -> Span | None:
    """The place of the problem; what is missing at the end of the text is missing on its last line."""
    mark: Any = error.problem_mark or error.context_mark
    if mark is None:
        return None
    if has_other_breaks(text):
        mark = _Marks(text).of(mark)
    content = text.rstrip()
    last = content.count("\n")
    if mark.line > last:
        column = len(content) - content.rfind("\n")
        return Span(last + 1, column, column + 1)
    return Span(mark.line + 1, mark.column + 1, mark.column + 2)


def _problem(error: yaml.MarkedYAMLError) -> str:
    context = f" {error.context}" if error.context else ""
    return f"not valid YAML: {error.problem or 'syntax error'}{context}"


def _syntax_help(error: yaml.MarkedYAMLError) -> str:
    problem = f"{error.problem} {error.context}"
    if "alias" in problem:
        return "a plain value cannot start with `*`: put it into quotes"
    if "mapping values are not allowed" in problem:
        return "a value that holds `: ` needs quotes"
    if "'\\t' that cannot start any token" in problem:
        return "a tab stands where only spaces may"
    if "but got '?'" in problem:
        return "text with `?` needs quotes within brackets"
    if "cannot start any token" in problem:
        return "put the value into quotes, and indent with spaces"
    if "did not find expected key" in problem or "block end" in problem or "block collection" in problem:
        return "the indentation does not fit the lines above"
    return ""
