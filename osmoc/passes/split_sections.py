"""Split a workflow file into its sections, as OSMO's server does: by lines, before any YAML is read.

A section starts with a word and a colon at the start of a line. Leaves: the text of each section on its own lines,
so that a line number in a section is a line number in the file.
"""

import re
from typing import Final

from osmoc import codes
from osmoc.diagnostics import Diagnostics, advice, did_you_mean
from osmoc.sections import DEFAULTS, VERSION, WORKFLOW, Section
from osmoc.yamlnodes import UNPRINTABLE

_SECTION: Final = re.compile(r"^([A-Za-z][A-Za-z0-9_-]*):", re.MULTILINE)
_STATEMENT: Final = re.compile(r"^\s*\{%")
_NEARLY: Final = re.compile(r"""^[ \t{]*["']?workflow["']?[ \t]*:""", re.MULTILINE)
_IGNORE: Final = re.compile(r"#\s*osmoc:\s*ignore\s+((?:[WN][0-9]{3}[,\s]*)+)")
_MAX_CHARACTERS: Final = 32 * 1024 * 1024
_KNOWN: Final = (WORKFLOW, DEFAULTS, VERSION)


def split_sections(found: Diagnostics) -> dict[str, Section]:
    """The sections of `found.source` by key; what is wrong with them is reported."""
    text = found.source.text.removeprefix("\ufeff")
    if len(text) > _MAX_CHARACTERS:
        found.report_line(codes.TOO_LARGE, 1, f"a file of {len(text)} characters; the limit is {_MAX_CHARACTERS}")
        return {}
    _check_characters(text, found)
    _read_ignores(text, found)
    starts = list(_SECTION.finditer(text))
    sections: dict[str, Section] = {}
    _check_lost(text[: starts[0].start()] if starts else text, 1, found)
    line = 1
    for n, start in enumerate(starts):
        line += text.count("\n", starts[n - 1].start() if n else 0, start.start())
        end = starts[n + 1].start() if n + 1 < len(starts) else len(text)
        is_read = start[1] in _KNOWN and start[1] not in sections
        content = "\n" * (line - 1) + text[start.start() : end] if is_read else ""
        _add(sections, start[1], Section(line, content), found)
    if WORKFLOW not in sections and not (found.failed and sections.keys() - {DEFAULTS, VERSION}):
        _no_workflow(text, found)
    return sections


def _add(sections: dict[str, Section], key: str, section: Section, found: Diagnostics) -> None:
    if key in sections:
        found.report_line(
            codes.DUPLICATE_SECTION,
            section.line,
            f"a second section `{key}`; the first is on line {sections[key].line}",
            text=key,
        )
        return
    sections[key] = section
    if key not in _KNOWN:
        if found.leaves_out(codes.UNKNOWN_SECTION):
            return
        hint = did_you_mean(key, _KNOWN)
        if not hint and WORKFLOW in sections:
            hint = "if the line belongs to a block of text above, or to `workflow`, indent it"
        found.report_line(
            codes.UNKNOWN_SECTION,
            section.line,
            f"`{key}` is not a section of a workflow file",
            help=advice(hint, "sections: `workflow`, `default-values`, `version`"),
            text=key,
        )
    elif key == VERSION:
        _check_lost(section.text, 1, found)


def _check_characters(text: str, found: Diagnostics) -> None:
    line, counted = 1, 0
    for match in UNPRINTABLE.finditer(text):
        if found.leaves_out(codes.CONTROL_CHARACTER):
            continue
        line += text.count("\n", counted, match.start())
        counted = match.start()
        found.report_line(
            codes.CONTROL_CHARACTER,
            line,
            f"the character U+{ord(match[0]):04X}, which YAML does not allow",
            help='within double quotes it can be written as an escape, such as "\\x07"' if match[0] != "\0" else "",
            text=match[0],
        )


def _check_lost(text: str, first_line: int, found: Diagnostics) -> None:
    for n, line in enumerate(text.split("\n")):
        if _STATEMENT.match(line):
            found.report_line(
                codes.LOST_STATEMENT,
                first_line + n,
                "a template statement outside the workflow section is dropped",
                help="move it below `workflow:`",
            )


def _read_ignores(text: str, found: Diagnostics) -> None:
    """`# osmoc: ignore W123` counts for its line; alone on a line for the next one too; above all else for the file."""
    if "osmoc:" not in text:
        return
    before_all = True
    for number, line in enumerate(text.split("\n"), start=1):
        is_comment = line.lstrip().startswith("#")
        before_all = before_all and (is_comment or not line.strip())
        if match := _IGNORE.search(line):
            ids = re.findall(r"[WN][0-9]{3}", match[1])
            found.ignore(ids, 0 if before_all else number)
            if is_comment:
                found.ignore(ids, number + 1)


def _no_workflow(text: str, found: Diagnostics) -> None:
    nearly = _NEARLY.search(text)
    if not nearly:
        found.report_line(
            codes.NO_WORKFLOW, 1, "the file has no section `workflow:`", help="`osmoc init` writes a first one"
        )
        return
    line = text.count("\n", 0, nearly.end()) + 1
    help = "write `workflow:` without quotes or spaces at the start of a line; the rest of the section is indented"
    if "{" in nearly[0]:
        help = "the file is in flow style or JSON: write the sections as block YAML, `workflow:` at the start of a line"
    found.report_line(codes.NO_WORKFLOW, line, "`workflow` does not start a section here", help=help, text="workflow")
