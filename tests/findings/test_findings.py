"""Small files, and all errors and warnings that the whole compiler finds in them, each on its line.

A case is a title and a `workflow`; a comment such as `# E204` stands on the line that earns a finding, and a comment
`# E204 below` on the line before it. What has no line is in `nowhere`. `ends` says how the lines of the file end.
"""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from osmoc.codes import Severity
from osmoc.pipeline import Options, compile_workflow

_MARK: Final = re.compile(r"# ((?:[EW][0-9]{3},? ?)+)(below)?$")
_KEYS: Final = frozenset({"title", "workflow", "nowhere", "ends", "set"})


def _cases() -> list[Any]:
    files = sorted(Path(__file__).parent.glob("*.yaml"))
    return [
        pytest.param(case, id=f"{path.stem}: {case['title']}")
        for path in files
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


def _expected(case: dict[str, Any]) -> list[tuple[str, int]]:
    expected = [(code, 0) for code in case.get("nowhere", ())]
    for number, line in enumerate(case["workflow"].split("\n"), start=1):
        if match := _MARK.search(line):
            expected += [(code, number + bool(match[2])) for code in re.findall(r"[EW][0-9]{3}", match[1])]
    return sorted(expected)


@pytest.mark.parametrize("case", _cases())
def test_findings_of_a_small_file(case: dict[str, Any]) -> None:
    assert case.keys() <= _KEYS
    text = case["workflow"].replace("\n", case.get("ends", "\n"))
    result = compile_workflow(text, options=Options(set_=case.get("set", {})))
    found = [one for one in result.findings if one.severity is not Severity.NOTE]
    places = sorted((one.code.id, one.place.line if one.place else 0) for one in found)
    assert places == _expected(case), "\n".join(f"{one.place} {one.code.id} {one.message}" for one in found)
