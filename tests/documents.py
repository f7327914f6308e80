"""Markdown as the tests of the documentation read it: code blocks, inline code, links, headings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Final

_FENCE: Final = re.compile(
    r"^(?:<!-- *file: *(?P<file>[^ ]+) *-->\n+)?(?P<indent> *)```(?P<kind>[^\n]*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_INLINE: Final = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING: Final = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_EXIT: Final = re.compile(r"\[exit status ([0-9]+)\]")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. `file` is the name in the comment `<!-- file: NAME -->` on the line before it."""

    line: int
    kind: str
    text: str
    file: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a console block, the lines it prints, and how it ends."""

    text: str
    expected: tuple[str, ...]
    status: int


def blocks(markdown: str) -> list[Block]:
    return [
        Block(
            markdown.count("\n", 0, found.start("kind")) + 1,
            found["kind"].strip(),
            dedent(found["text"]),
            found["file"] or "",
        )
        for found in _FENCE.finditer(markdown)
    ]


def prose(markdown: str) -> str:
    """What is not in a block, on its own lines."""
    return _FENCE.sub(lambda found: "\n" * found[0].count("\n"), markdown)


def inline_code(markdown: str) -> list[str]:
    return _INLINE.findall(prose(markdown).replace("\\|", "|"))


def links(markdown: str) -> list[str]:
    return _LINK.findall(_INLINE.sub("", prose(markdown)))


def anchors(markdown: str) -> set[str]:
    """What `#…` can point at, as GitHub makes it of headings."""
    titles = (re.sub(r"[^\w -]", "", title.lower()) for title in _HEADING.findall(prose(markdown)))
    return {title.strip().replace(" ", "-") for title in titles}


def section(markdown: str, title: str) -> str:
    """The text below a heading, up to the next of its level or above."""
    start = re.search(rf"^(#+) +{re.escape(title)}$", markdown, re.MULTILINE)
    assert start, f"no section {title!r}"
    end = re.search(rf"^#{{1,{len(start[1])}}} ", markdown[start.end() :], re.MULTILINE)
    return markdown[start.end() : start.end() + end.start()] if end else markdown[start.end() :]


def table(markdown: str) -> list[list[str]]:
    """The cells of the first table of a text, without its two lines of heading."""
    rows = re.search(r"^\|.*\n\|[-| :]+\|\n((?:\|.*\n?)*)", markdown, re.MULTILINE)
    assert rows, "no table"
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows[1].splitlines()]


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console block; one that ends in a backslash goes on in the next line."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, *lines = re.sub(r"\\\n", "\\\0", part).rstrip("\n").split("\n")
        ends = _EXIT.fullmatch(lines[-1]) if lines else None
        expected = lines[:-1] if ends else lines
        yield Command(command.replace("\0", "\n"), tuple(expected), int(ends[1]) if ends else 0)


def is_printed(expected: tuple[str, ...], lines: list[str]) -> bool:
    """Whether `lines` are what is expected: `...` is any number of lines, the word ID the digits of a workflow's id."""
    first, *rest = _split(expected)
    if not rest:
        return _at(first, lines, 0) and len(first) == len(lines)
    *middle, last = rest
    if not _at(first, lines, 0):
        return False
    start = len(first)
    for part in middle:
        while start <= len(lines) and not _at(part, lines, start):
            start += 1
        start += len(part)
    return start <= len(lines) - len(last) and _at(last, lines, len(lines) - len(last))


def _split(expected: tuple[str, ...]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for line in expected:
        if line.strip() == "...":
            parts.append([])
        else:
            parts[-1].append(line)
    return parts


def _at(part: list[str], lines: list[str], start: int) -> bool:
    found = lines[start : start + len(part)]
    return len(found) == len(part) and all(_pattern(one).fullmatch(line) for one, line in zip(part, found, strict=True))


def _pattern(line: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"(?<![A-Za-z0-9])ID(?![A-Za-z0-9])", "[0-9a-f]{8}", re.escape(line.rstrip())))


def markdown_files(root: Path) -> list[Path]:
    """Every Markdown file of the project, in the order of their names."""
    files = (path.relative_to(root) for path in root.rglob("*.md"))
    return sorted(path for path in files if not any(part.startswith(".") or part == "build" for part in path.parts))
