"""YAML text to a tree of nodes that know their place.

Built from libyaml's events: a quarter of the time of `yaml.load`, and scalars stay text until somebody needs a
number. YAML 1.1 as PyYAML's safe loader reads it, for that is what OSMO reads; duplicate keys, alias bombs and
unknown tags are findings.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any, Final

import yaml

from osmoc import codes
from osmoc.diagnostics import Diagnostics
from osmoc.source import Span

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_DEPTH: Final = 64
_MAX_DIGITS: Final = 100
# What aliases may add to a document: collections that are read once more, characters of scalars.
_MOST_SHARED: Final = 10_000
_MOST_REPEATED: Final = 1 << 20
_TAG: Final = "tag:yaml.org,2002:"
# What PyYAML calls printable; anything else in a file is refused before it is parsed.
UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OTHER_BREAK: Final = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
_KNOWN_TAGS: Final = frozenset(_TAG + name for name in ("str", "int", "float", "bool", "null", "map", "seq"))

type_name: Final = {str: "a string", bool: "a boolean", int: "an integer", float: "a number", date: "a date"}

# A place in the plain values: keys and indexes from the root.
Path = tuple[str | int, ...]


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
        return next((name for kind, name in type_name.items() if type(self.value) is kind), "a date")


class Tree:
    """A parsed document: plain values to read, nodes to point at."""

    def __init__(self, root: Node, plain: Any, lines: Sequence[str]) -> None:
        self.root = root
        self.plain = plain
        self._lines = lines

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
                # The last of two equal keys is the one that counts, so it is the one to look at.
                pairs = [pair for pair in node.value if pair[0].value == str(step)]
                if not pairs:
                    break
                key, node = pairs[-1]
            elif node.kind is Kind.SEQUENCE and isinstance(step, int) and step < len(node.value):
                node, key = node.value[step], None
            else:
                break
        return node, key


def _first(node: Node) -> Node:
    while node.kind is not Kind.SCALAR and node.value:
        node = node.value[0] if node.kind is Kind.SEQUENCE else node.value[0][0]
    return node


def parse(text: str, found: Diagnostics) -> Tree | None:
    """The tree of the one document in `text`; None if it holds none or is not YAML."""
    try:
        root = _compose(text, found)
    except yaml.MarkedYAMLError as error:
        found.report(codes.YAML_SYNTAX, _where(error, text), _problem(error), help=_syntax_help(error))
        return None
    except yaml.YAMLError as error:
        found.report(codes.YAML_SYNTAX, None, " ".join(str(error).split()))
        return None
    if root is None:
        return None
    nodes = _Plain(found, len(text) + _MOST_REPEATED)
    plain = nodes.of(root)
    return None if nodes.exhausted else Tree(root, plain, text.split("\n"))


def _where(error: yaml.MarkedYAMLError, text: str) -> Span | None:
    """The place of the problem; what is missing at the end of the text is missing on its last line."""
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return None
    if _OTHER_BREAK.search(text):
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
    if "cannot start any token" in problem:
        return "put the value into quotes, and indent with spaces"
    if "did not find expected key" in problem or "block end" in problem or "block collection" in problem:
        return "the indentation does not fit the lines above"
    return ""


class _TooDeep(yaml.MarkedYAMLError):
    pass


class _Marks:
    """Marks of libyaml by the lines of the file: YAML 1.1 also ends a line at NEL, LS, PS and a lone CR."""

    def __init__(self, text: str) -> None:
        self._ends = [match.start() for match in re.finditer("\n", text)]

    def of(self, mark: yaml.Mark) -> yaml.Mark:
        line = bisect_left(self._ends, mark.index)
        start = self._ends[line - 1] + 1 if line else 0
        return yaml.Mark(mark.name, mark.index, line, mark.index - start, None, None)


def _events(text: str) -> Iterator[yaml.Event]:
    events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
    if not _OTHER_BREAK.search(text):
        return events
    return _placed(events, _Marks(text))


def _placed(events: Iterator[yaml.Event], marks: _Marks) -> Iterator[yaml.Event]:
    for event in events:
        event.start_mark, event.end_mark = marks.of(event.start_mark), marks.of(event.end_mark)
        yield event


def _compose(text: str, found: Diagnostics) -> Node | None:
    root: Node | None = None
    stack: list[Node] = []
    anchors: dict[str, Node] = {}
    key: Node | None = None
    keys: list[Node | None] = []
    event: Any  # the stubs know of events without marks; libyaml does not make any
    for event in _events(text):
        if isinstance(event, yaml.ScalarEvent):
            tag = event.tag or (_resolve(event.value) if event.implicit[0] else _TAG + "str")
            node = Node(Kind.SCALAR, event.value, tag, event)
            _check_scalar(node, event, found)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in anchors:
                raise yaml.MarkedYAMLError(problem=f"unknown alias `*{event.anchor}`", problem_mark=event.start_mark)
            node = anchors[event.anchor]
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            is_map = isinstance(event, yaml.MappingStartEvent)
            node = Node(Kind.MAPPING if is_map else Kind.SEQUENCE, [], event.tag or "", event)
            if node.tag and node.tag not in _KNOWN_TAGS:
                found.report(codes.YAML_SYNTAX, node.span, f"unknown YAML tag `{_short(node.tag)}`")
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            done = stack.pop()
            done.end_line, done.end_column = event.end_mark.line + 1, event.end_mark.column + 1
            key = keys.pop()
            continue
        elif isinstance(event, yaml.DocumentStartEvent):
            if root is not None:
                raise yaml.MarkedYAMLError(
                    problem="a second document: a file holds one workflow", problem_mark=event.start_mark
                )
            continue
        else:
            continue
        if event.anchor and not isinstance(event, yaml.AliasEvent):
            anchors[event.anchor] = node
        if not stack:
            root = node
        elif stack[-1].kind is Kind.SEQUENCE:
            stack[-1].value.append(node)
        elif key is None:
            key = node
        else:
            stack[-1].value.append((key, node))
            key = None
        if isinstance(event, yaml.CollectionStartEvent):
            if len(stack) == _MAX_DEPTH:
                raise _TooDeep(problem=f"nested more than {_MAX_DEPTH} deep", problem_mark=event.start_mark)
            stack.append(node)
            keys.append(key)
            key = None
    return root


def _check_scalar(node: Node, event: yaml.ScalarEvent, found: Diagnostics) -> None:
    if node.tag not in _KNOWN_TAGS and event.tag and node.tag not in (_TAG + "timestamp", "!"):
        found.report(codes.YAML_SYNTAX, node.span, f"unknown YAML tag `{_short(node.tag)}`")
    if "\0" in node.value:
        found.report(codes.CONTROL_CHARACTER, node.span, "a NUL character, which no program can be given")


def _short(tag: str) -> str:
    return "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag


def _resolve(text: str) -> str:
    for tag, pattern in yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], ()):
        if pattern.match(text):
            return str(tag)
    return _TAG + "str"


class _Plain:
    """Nodes to plain values: str, None, `Scalar` for other scalars, list, dict. Aliases are expanded, within bounds."""

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
                self._found.report(
                    codes.DUPLICATE_KEY,
                    key_node.span,
                    f"key `{key_node.value}` stands twice in one mapping; the last one counts",
                    notes=[self._first_place(first[identity][1])],
                )
                del plain[first[identity][0]]
            first[identity] = (key, key_node)
            plain[key] = self.of(value_node)
        return plain

    def _first_place(self, key: Node) -> str:
        place = self._found.source.place(key.span)
        return f"first on line {place.line}" if place else "first in the same mapping"

    def _merged(self, node: Node) -> Iterator[tuple[Node, Node]]:
        """The pairs of a mapping, those merged with `<<` where nothing else gives the key."""
        pairs: list[tuple[Node, Node]] = node.value
        if not any(key.tag == _TAG + "merge" for key, _ in pairs):
            yield from pairs
            return
        own = {key.value for key, _ in pairs}
        for key, value in pairs:
            if key.tag != _TAG + "merge":
                yield key, value
                continue
            sources = value.value if value.kind is Kind.SEQUENCE else [value]
            for source in sources:
                if source.kind is not Kind.MAPPING:
                    self._found.report(codes.YAML_SYNTAX, key.span, "not valid YAML: `<<` merges mappings only")
                    continue
                for pair in self._merged(source) if self._enter(source) else ():
                    if pair[0].value not in own:
                        own.add(pair[0].value)
                        yield pair
                self._open.discard(id(source))

    def _scalar(self, node: Node) -> Any:
        self._budget -= len(node.value)
        if self._budget < 0:
            self._exhaust(node)
            return None
        if node.tag == _TAG + "str" or node.tag in ("!", _TAG + "value", _TAG + "merge"):
            return node.value
        if node.tag == _TAG + "null":
            return None
        if len(node.value) > _MAX_DIGITS:
            self._found.report(codes.TOO_LARGE, node.span, f"a number of {len(node.value)} characters")
            return None
        kind = node.tag.removeprefix(_TAG)
        build = getattr(self._constructor, f"construct_yaml_{kind}", None)
        try:
            value = build(yaml.ScalarNode(node.tag, node.value)) if build else node.value
        except (ValueError, LookupError, OverflowError, AttributeError, yaml.YAMLError):
            # `2024-13-45` has the form of a date, `!!int x` asks for what it is not.
            self._found.report(codes.YAML_SYNTAX, node.span, f"not valid YAML: `{node.value}` is no {kind}")
            return None
        return value if isinstance(value, str) else Scalar(value, node.value, node.span)
