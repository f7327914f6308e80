"""Real inputs, compiled: what tests of whole results run over."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from osmoc import compile_workflow
from osmoc.pipeline import Options, Result
from osmoc.source import Source

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("OSMOC_SHARED", ROOT.parent / "shared"))
BOOTSTRAP = {
    ("ServiceAccount", "osmo-task"),
    ("ServiceAccount", "osmo-executor"),
    ("Secret", "osmo-group-key"),
    ("Secret", "osmo-executor.service-account-token"),
}


def shared(*parts: str) -> Path:
    """A file or folder of the shared test data; the test is skipped where it is missing."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"test data {'/'.join(parts)} is not there: set OSMOC_SHARED")
    return path


def verdicts() -> Iterator[dict[str, Any]]:
    path = SHARED / "corpus" / "verdicts.jsonl"
    if path.exists():
        yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


def corpus_files() -> list[Path]:
    return sorted((SHARED / "corpus").rglob("*.yaml"))


def compiled(path: Path, target: str) -> Result:
    return compile_workflow(
        Source(str(path), path.read_text(encoding="utf-8")),
        options=Options(target=target),  # type: ignore[arg-type]
        read_file=lambda name: (path.parent / name).read_bytes(),
    )


def external(result: Result) -> set[tuple[str, str]]:
    """Objects outside the result that it says it needs."""
    assert result.plan is not None
    return BOOTSTRAP | {(need.kind, need.name) for need in result.plan.requirements}
