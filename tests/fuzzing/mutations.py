"""Real files with a few things done to them that people, editors and merges do."""

import json
from functools import cache
from pathlib import Path
from typing import Final

from fuzzing.trees import ODD
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

CORPUS: Final = Path(__file__).parents[3] / "shared" / "corpus"

_TOKENS: Final = (
    "{{", "}}", "{%", "%}", "{#", "#}", "&a ", "*a", "!!", "!!int ", "<<: ", "<<: *a", "\t", "\0", "\r", "- ", "? ",
    ": ", "|", ">", "|2", "'", '"', "[", "]", "{", "}", ",", "#", "%", "@", "`", "---\n", "...\n", "\n", "  ",
    "\u2028", "\x85", "\ufeff", "\ud800", "😀", "é", "{{output}}", "{{input:0}}", "{{host:", "{{ x }}", "{% if x %}",
    "{% endif %}", "{{uuid}}", "{% for i in range(3) %}", "{% endfor %}", "{% raw %}", "{% endraw %}",
    "{% set x = 1 %}", "{%- ", "-%}", "workflow:", "default-values:\n  x: 1\n", "version: 2\n",
    "# osmoc: ignore W020\n", "name: x\n", "{{ x | random }}", "{{ loop }}", "{% macro m() %}", "{% endmacro %}",
    "{{ m() }}", "{% include 'x' %}", "~", "null", "0x", "1e9", "2024-01-01", "%YAML 1.1\n---\n",
)  # fmt: skip


@cache
def files() -> tuple[str, ...]:
    """Every workflow of the corpus; empty if it is not beside this checkout."""
    found = [path.read_text() for path in sorted(CORPUS.glob("**/*.yaml"))]
    verdicts = CORPUS / "verdicts.jsonl"
    if verdicts.is_file():
        found += [json.loads(line)["spec"] for line in verdicts.read_text().splitlines()]
    return tuple(found)


@st.composite
def mutated_files(draw: DrawFn) -> str:
    everything = files()
    text = draw(st.sampled_from(everything))
    for _ in range(draw(st.integers(1, 6))):
        text = _mutated(draw, text, everything)
    return text


def _mutated(draw: DrawFn, text: str, everything: tuple[str, ...]) -> str:
    lines = text.split("\n")

    def a_line() -> int:
        return draw(st.integers(0, len(lines) - 1))

    match draw(st.integers(0, 10)):
        case 0:
            del lines[a_line()]
        case 1:
            lines.insert(a_line(), lines[a_line()])
        case 2:
            first, second = a_line(), a_line()
            lines[first], lines[second] = lines[second], lines[first]
        case 3:
            at = a_line()
            lines[at] = " " * draw(st.integers(0, 12)) + lines[at].lstrip()
        case 4:
            start = a_line()
            del lines[start : start + draw(st.integers(1, 10))]
        case 5:
            # A block that stands somewhere else a second time.
            start, to = a_line(), a_line()
            lines[to:to] = lines[start : start + draw(st.integers(1, 20))]
        case 6:
            other = draw(st.sampled_from(everything)).split("\n")
            cut, start = a_line(), draw(st.integers(0, len(other) - 1))
            lines = lines[:cut] + other[start:]
        case 7:
            at = a_line()
            key, colon, _ = lines[at].partition(":")
            lines[at] = f"{key}{colon} {draw(st.sampled_from(ODD)).text}"
        case 8:
            return text.replace("\n", "\r\n") if "\r" not in text else text[:-1]
        case _:
            at = a_line()
            column = draw(st.integers(0, len(lines[at])))
            lines[at] = lines[at][:column] + draw(st.sampled_from(_TOKENS)) + lines[at][column:]
    return "\n".join(lines)
