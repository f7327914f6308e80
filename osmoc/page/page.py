"""A run as one HTML page that needs nothing beside it and runs no script: states, times side by side, ends of logs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Final

from jinja2 import Environment, StrictUndefined

from osmoc.local.telling import duration

_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """`log` are the last lines of its last attempt."""

    group: str
    name: str
    status: str
    exit: int | None = None
    attempts: int = 0
    node: str = ""
    reason: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    log: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """As it was at the moment `seen`."""

    name: str
    status: str
    reason: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    seen: datetime
    tasks: Sequence[Task] = ()


@dataclass(frozen=True, slots=True)
class _Bar:
    """Where a task stands in the time of its run, in percent."""

    left: float
    width: float


def page(run: Run) -> str:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters |= {"took": lambda one: _took(one.started, one.ended or run.seen), "moment": _moment}
    template = environment.from_string(files("osmoc.page").joinpath("page.html").read_text(encoding="utf-8"))
    bars = [_bar(task, run) for task in run.tasks]
    return template.render(run=run, rows=list(zip(run.tasks, bars, strict=True)), kind=_kind)


def _bar(task: Task, run: Run) -> _Bar | None:
    """None for a task that never started."""
    if task.started is None:
        return None
    begin = min(filter(None, [run.started, *(one.started for one in run.tasks)]))
    end = max(filter(None, [run.ended or run.seen, *(one.ended for one in run.tasks)]))
    whole = max((end - begin) / _SECOND, 1e-9)
    left = (task.started - begin) / _SECOND / whole
    width = ((task.ended or run.seen) - task.started) / _SECOND / whole
    return _Bar(round(100 * min(left, 1), 2), round(100 * max(0, min(width, 1 - left)), 2))


def _kind(status: str) -> str:
    """What a status looks like. A task that was never run has not failed itself."""
    if status == "FAILED_UPSTREAM":
        return "waiting"
    if status.startswith("FAILED") or status == "KILLED":
        return "failed"
    return {"COMPLETED": "completed", "RUNNING": "running"}.get(status, "waiting")


def _took(started: datetime | None, ended: datetime) -> str:
    return duration((ended - started) / _SECOND) if started else ""


def _moment(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC") if moment else ""
