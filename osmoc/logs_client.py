"""Logs that attempts have left in a storage, by `python -m osmo_ctrl.kept_logs`; `schemas/logs.schema.json`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from osmoc.runtime_process import ask


@dataclass(frozen=True, slots=True)
class StoragePlace:
    """Where runs keep what they write; the keys of a Secret in `credential` stand in for what is empty."""

    url: str = ""
    endpoint: str = ""
    region: str = ""
    credential: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class KeptLog:
    """Of an attempt, counted from 0; `pod` is the beginning of its pod's uid."""

    task: str
    number: int
    pod: str


@dataclass(frozen=True, slots=True)
class KeptRun:
    """`run` is empty if the storage has none of the workflow."""

    run: str
    logs: tuple[KeptLog, ...]


def list_logs(place: StoragePlace, workflow_id: str, run: str) -> KeptRun:
    """Of the newest run if none is named. Raises: RuntimeFailed, RuntimeMissing."""
    result = _ask("list", place, workflow_id, run, {})
    return KeptRun(result["run"], tuple(KeptLog(**log) for log in result["logs"]))


def fetch_logs(place: StoragePlace, workflow_id: str, run: str, logs: Sequence[KeptLog], folder: Path) -> list[Path]:
    """A file for each. Raises: RuntimeFailed, RuntimeMissing."""
    _ask("fetch", place, workflow_id, run, {"logs": list(map(asdict, logs)), "directory": str(folder)})
    return [folder / str(index) for index in range(len(logs))]


def _ask(operation: str, place: StoragePlace, workflow_id: str, run: str, rest: Mapping[str, Any]) -> Mapping[str, Any]:
    storage = asdict(place)
    request = {"operation": operation, "storage": storage, "workflow_id": workflow_id, "run": run, **rest}
    return ask("osmo_ctrl.kept_logs", request)
