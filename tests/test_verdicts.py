"""What OSMO says about hundreds of small files, and what is wanted here: severity and place of the worst finding."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from osmoc.codes import Severity
from osmoc.pipeline import Options, Result, compile_workflow

_VERDICTS: Final = Path(__file__).parents[2] / "shared" / "corpus" / "verdicts.jsonl"
_RANK: Final = ("ok", "warning", "error")

# Files for which a warning is as right as silence.
_EITHER: Final = frozenset({"workflow-pool", "reschedule-137", "reschedule-oom"})


def _verdicts() -> list[dict[str, Any]]:
    return [json.loads(line) for line in _VERDICTS.read_text().splitlines()] if _VERDICTS.is_file() else []


_CASES: Final = _verdicts()


def test_verdicts_are_there() -> None:
    if not _CASES:
        pytest.skip(f"{_VERDICTS} is not beside this checkout")
    assert len({verdict["id"] for verdict in _CASES}) == len(_CASES)


@pytest.mark.parametrize("verdict", [pytest.param(verdict, id=verdict["id"]) for verdict in _CASES])
def test_verdict_is_as_wanted(verdict: dict[str, Any]) -> None:
    result = compile_workflow(verdict["spec"], options=Options(set_=verdict.get("set") or {}))
    severity = _worst(result)
    wanted = {"ok", "warning"} if verdict["id"] in _EITHER else {verdict["want"]}
    assert severity in wanted, _shown(result)
    if "want_line" in verdict and severity != "ok":
        assert any(_is_there(line, verdict) for line in _lines(severity, result)), _shown(result)


def _worst(result: Result) -> str:
    """Notes count as ok."""
    ranks = [_RANK.index(found.severity.value) for found in result.findings if found.severity is not Severity.NOTE]
    return _RANK[max(ranks, default=0)]


def _lines(severity: str, result: Result) -> list[int | None]:
    found = [one for one in result.findings if one.severity.value == severity]
    return [one.place.line if one.place else None for one in found]


def _is_there(line: int | None, verdict: dict[str, Any]) -> bool:
    """One line off is fine; what is about a `--set` value has no line."""
    return bool(verdict.get("set")) if line is None else abs(line - verdict["want_line"]) <= 1


def _shown(result: Result) -> str:
    lines = [f"{found.code.id} {found.place and found.place.line} {found.message}" for found in result.findings]
    return "\n".join(lines) or "no findings"
