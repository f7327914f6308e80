"""The workflow file as the compiler parsed it, with the way back to the user's lines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from osmoc.diagnostics import Diagnostics
from osmoc.passes.bind_values import bind_values
from osmoc.passes.render_template import Renderer, render_template
from osmoc.passes.split_sections import split_sections
from osmoc.sections import WORKFLOW
from osmoc.source import Place, Source, Span, line_of
from osmoc.yamlnodes import Kind, Node, Path, merged_into
from osmoc.yamltree import Tree, parse


@dataclass(frozen=True)
class Located:
    """`tree` is of the rendered text, and so are the lines that go in and out; places are of the user's file."""

    source: Source
    tree: Tree

    def place(self, path: Path, offset: int = 0) -> Place | None:
        """Of the value at `path`; of line `offset` of it if it is a text of several lines."""
        if not offset:
            return self.source.place(self.tree.span(path))
        number = self.lines(path).start + offset
        text = line_of(self._text, number)
        return self.source.place(Span(number, len(text) - len(text.lstrip()) + 1, len(text) + 1))

    def lines(self, path: Path) -> range:
        """The lines that the value at `path` takes, its key included. `Tree.lines` may end on the next value's."""
        line, node = self.tree.root.line, self.tree.root
        for step in path:
            if node.kind is Kind.SEQUENCE and isinstance(step, int):
                node = node.value[step]
                line = node.line
            else:
                key, node = _pair(node, str(step), set()) or (node, node)
                line = key.line
        return range(line, self._last(node) + 1)

    def parsed_lines(self, line: int) -> list[int]:
        """What a line of the user's file is in the parsed text: none or several where the template says so."""
        if not self.source.origin:
            return [line]
        return [number for number, origin in enumerate(self.source.origin, start=1) if origin == line]

    def block(self, line: int) -> range | None:
        """The lines that a line stands for: its own, or all below a key that has no value on it.

        None if nothing stands there.
        """
        if any(line in lines for lines, is_scalar in self._values if is_scalar):
            return range(line, line + 1)
        below = [lines.stop for lines, _ in self._values if lines.start == line]
        return range(line, max(below)) if below else None

    @property
    def _text(self) -> str:
        return self.source.rendered or self.source.text

    @cached_property
    def _values(self) -> list[tuple[range, bool]]:
        """The lines of every value in the file, and whether it is a scalar."""
        return list(self._walk(self.tree.root, self.tree.root.line, set()))

    def _walk(self, node: Node, line: int, seen: set[int]) -> Iterator[tuple[range, bool]]:
        if id(node) in seen:  # what an alias stands for is where its anchor is
            return
        seen.add(id(node))
        yield range(line, self._last(node) + 1), node.kind is Kind.SCALAR
        match node.kind:
            case Kind.MAPPING:
                for key, value in node.value:
                    yield from self._walk(value, key.line, seen)
            case Kind.SEQUENCE:
                for item in node.value:
                    yield from self._walk(item, item.line, seen)

    def _last(self, node: Node) -> int:
        """The end marks of blocks stand where the next value begins, or after empty lines."""
        while node.kind is not Kind.SCALAR and node.value:
            node = node.value[-1] if node.kind is Kind.SEQUENCE else node.value[-1][1]
        last: int = node.end_line
        end = node.end_column - 1
        while last > node.line and not line_of(self._text, last)[:end].strip():
            last, end = last - 1, 1 << 20
        return last


def _pair(mapping: Node, key: str, seen: set[int]) -> tuple[Node, Node] | None:
    """The key and the value; what `<<` merges in counts after what stands there."""
    if mapping.kind is not Kind.MAPPING or id(mapping) in seen:
        return None
    seen.add(id(mapping))
    pairs: list[tuple[Node, Node]] = mapping.value
    own = next((pair for pair in reversed(pairs) if pair[0].value == key), None)
    return own or next((pair for source in merged_into(mapping) if (pair := _pair(source, key, seen))), None)


def locate(source: Source, set_: Mapping[str, str], set_string: Mapping[str, str], render: Renderer) -> Located:
    """Needs: a file that compiles with these values."""
    found = Diagnostics(source)
    sections = split_sections(found)
    text = render_template(sections[WORKFLOW], bind_values(sections, set_, set_string, found), found, render)
    tree = parse(text, found) if text is not None else None
    assert tree is not None, "compiled before"
    return Located(found.source, tree)
