"""Files made to hurt, and files that are only very large: each ends soon, with findings or with a result.

The only timed tests. They count processor time, of this process and of those it started, so that a busy machine does
not fail them; on a quiet one most need less than half of what is allowed.
"""

import gc
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Final, Literal

import pytest
from fuzzing.hostile import HOSTILE
from fuzzing.large import LARGE
from fuzzing.promises import check_place
from fuzzing.sources import flow, task

from osmoc import sandbox, values
from osmoc.pipeline import Options, Result, compile_workflow
from osmoc.report.text import to_text

_HOSTILE_SECONDS: Final = 2.0
_LARGE_SECONDS: Final = 5.0
_NO_ROOM: Final = frozenset({"E605", "E801"})

Target = Literal["argo", "jobs"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_ends_soon(name: str) -> None:
    text, codes = HOSTILE[name]
    _check(text(), codes, "argo", _HOSTILE_SECONDS)


@pytest.mark.parametrize("name", LARGE)
def test_large_file_ends_soon(name: str) -> None:
    text, codes = LARGE[name]
    _check(text(), codes, "argo", _LARGE_SECONDS)


@pytest.mark.parametrize("name", [name for name, (_, codes) in LARGE.items() if not codes])
def test_large_file_ends_soon_as_jobs(name: str) -> None:
    text, codes = LARGE[name]
    _check(text(), codes, "jobs", _LARGE_SECONDS)


@pytest.mark.parametrize("regex", ["(a+)+$|1", "(?:a|a)*b|1", "(.*)*x|1", "(?:a*)*(?:a*)*c|1"])
def test_nobody_matches_a_pattern_of_the_user(regex: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is compiled, to see whether that can be done, and no more is done with it."""
    compiled: list[str] = []
    monkeypatch.setattr(values, "re", SimpleNamespace(compile=compiled.append, error=re.error, match=re.match))
    text = "a" * 2000 + "!"
    outputs = [{"url": f"s3://bucket/{text}", "regex": regex}, {"dataset": {"name": "d", "path": text, "regex": regex}}]
    inputs = [{"task": "a", "regex": regex}, {"url": f"s3://bucket/{text}", "regex": regex}]
    files = [{"path": f"/{text[:-1]}", "contents": text}]
    source = flow(task("a", files=files, outputs=outputs), task("b", inputs=inputs, args=[text]))
    with _limit(_HOSTILE_SECONDS):
        result = compile_workflow(source)
    assert not result.failed, result.findings
    assert regex in compiled


def _check(text: str, codes: str, target: Target, seconds: float) -> None:
    """Of `codes` one must be found; "" means that it compiles or has no room in a cluster, "*" says nothing."""
    with _limit(seconds):
        result = compile_workflow(text, options=Options(target=target), render=sandbox.render)
    with _limit(seconds):
        to_text(result.findings)
    lines = text.split("\n")
    for finding in result.findings:
        check_place(finding, lines)
    found = {finding.code.id for finding in result.findings}
    assert result.failed != bool(result.manifests)
    if codes == "":
        assert not result.failed or found & _NO_ROOM, _shown(result)
    elif codes != "*":
        assert found & set(codes.split()), _shown(result)


@contextmanager
def _limit(seconds: float) -> Iterator[None]:
    gc.disable()  # as the command line does
    start = _processor_time()
    try:
        yield
    finally:
        took = _processor_time() - start
        gc.enable()
    assert took < seconds, f"{took:.1f} s of processor time"


def _processor_time() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _shown(result: Result) -> str:
    return to_text(result.findings[:20])[:2000]
