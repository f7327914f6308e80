"""How long tasks take: at most, by `exec_timeout`; or as in a run that has been."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from osmoc.plan import Task


@dataclass(frozen=True, slots=True)
class Time:
    """Seconds of all attempts together, and of the first alone; None where nothing bounds them."""

    whole: float | None
    first: float | None
    is_measured: bool = False


@dataclass(frozen=True, slots=True)
class Path:
    """Groups of which each waits for the one before. `seconds` is None if a group on it is unbounded."""

    seconds: float | None
    groups: tuple[str, ...]


def times_of(tasks: Iterable[Task], measured: Mapping[str, float]) -> dict[str, Time]:
    """By the name of a task: `measured` seconds where there are any, else what its timeout allows."""
    return {
        task.name: Time(measured[task.name], measured[task.name], True) if task.name in measured else _at_most(task)
        for task in tasks
    }


def _at_most(task: Task) -> Time:
    timeout: float | None = json.loads(task.document)["timeouts"]["exec"]
    if timeout is None:
        return Time(None, None)
    attempts = 1 + (task.shape.retry.limit if task.shape.retry else 0)
    return Time(attempts * timeout, timeout)


def longest_path(seconds: Mapping[str, float | None], upstream: Mapping[str, Iterable[str]]) -> Path:
    """The one that decides when all is over: of most unbounded groups, then of most time, then of most groups.

    Needs: `seconds` in an order in which each group stands after those that it waits for.
    """
    best: dict[str, tuple[int, float, int]] = {}
    before: dict[str, str | None] = {}
    for name, own in seconds.items():
        above = max(upstream[name], key=best.__getitem__, default=None)
        unbounded, time, length = best[above] if above is not None else (0, 0.0, 0)
        best[name] = (unbounded + (own is None), time + (own or 0.0), length + 1)
        before[name] = above
    last = max(best, key=best.__getitem__)
    unbounded, time, _ = best[last]
    groups: list[str] = []
    group: str | None = last
    while group is not None:
        groups.append(group)
        group = before[group]
    return Path(None if unbounded else time, tuple(reversed(groups)))
