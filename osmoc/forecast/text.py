"""A forecast as people read it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from osmoc.diagnostics import listed
from osmoc.forecast.durations import duration
from osmoc.forecast.forecast import GPU, Forecast, Hours
from osmoc.forecast.needs import CPU, MEMORY, PODS, Amounts
from osmoc.forecast.quantity import in_bytes, plain
from osmoc.forecast.quota import Row, Verdict

_MOST_LEVELS: Final = 20
_NOTED: Final = ("ConfigMap", "Workflow", "Job")
# What `kubectl apply` can keep in an annotation.
_CLIENT_SIDE: Final = 1 << 18
_SHOWN: Final = ((GPU, "GPUs"), (CPU, "CPU"), (MEMORY, "memory"))
_WORDS: Final = {
    Verdict.FITS: "fits",
    Verdict.WAITS: "tasks wait for each other",
    Verdict.NEVER: "never",
}


def text(forecast: Forecast, rows: Sequence[Row] = (), run: str = "") -> str:
    """`run` is the earlier run whose times were taken, if any were."""
    parts = [
        [f"{forecast.workflow_id}: {_count(forecast)} for {forecast.target}"],
        _levels(forecast),
        _peaks(forecast),
        _pools(forecast),
        _quotas(rows),
        _objects(forecast),
        _times(forecast, run),
    ]
    return "\n".join("".join(f"{line}\n" for line in part) for part in parts if part)


def _count(forecast: Forecast) -> str:
    return f"{_of(forecast.tasks, 'task')} in {_of(len(forecast.by_group), 'group')}"


def _of(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _levels(forecast: Forecast) -> list[str]:
    rows = [
        [str(level.number), str(len(level.groups)), str(level.tasks), *_amounts(level.amounts), _few(level.groups)]
        for level in forecast.levels[:_MOST_LEVELS]
    ]
    lines = _table(">>>>>><", ["level", "groups", "tasks", "GPUs", "CPU", "memory", ""], rows)
    more = len(forecast.levels) - _MOST_LEVELS
    return [*lines, f"  … and {_of(more, 'level')} more"] if more > 0 else lines


def _amounts(amounts: Amounts) -> list[str]:
    return [amount_text(name, amounts.get(name, 0)) for name, _ in _SHOWN]


def amount_text(name: str, amount: int) -> str:
    return in_bytes(amount) if name.endswith(("memory", "storage")) else plain(amount)


def _peaks(forecast: Forecast) -> list[str]:
    rows = [
        [noun, amount_text(name, forecast.peaks[name].amount), _few(forecast.peaks[name].groups)]
        for name, noun in (*_SHOWN, (PODS, "pods"))
    ]
    driver = ", the driver included" if forecast.driver else ""
    return [f"at the same time, at most{driver}", *_table("<><", [], rows)]


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:4])
    return f"{shown} and {len(names) - 4:,} more" if len(names) > 4 else shown


def _pools(forecast: Forecast) -> list[str]:
    if not any(share.pool or share.platform for share in forecast.shares):
        return []
    rows = [
        [share.pool or "-", share.platform or "-", str(share.tasks)]
        + [amount_text(name, share.peaks[name].amount) for name, _ in _SHOWN]
        for share in forecast.shares
    ]
    return _table("<<>>>>", ["pool", "platform", "tasks", "GPUs", "CPU", "memory"], rows)


def _quotas(rows: Iterable[Row]) -> list[str]:
    cells = [
        [row.quota, row.resource]
        + [amount_text(row.resource, amount) for amount in (row.hard, row.used, row.needed)]
        + [_WORDS[row.verdict]]
        for row in rows
    ]
    return _table("<<>>><", ["quota", "of", "hard", "used", "needed", ""], cells) if cells else []


def _objects(forecast: Forecast) -> list[str]:
    shown = [kind for kind in forecast.kinds if kind.kind in _NOTED or kind.largest_bytes * 10 > kind.limit]
    rows = [
        [kind.kind, str(kind.count), _bytes(kind.bytes), _bytes(kind.largest_bytes), _bytes(kind.limit), kind.largest]
        for kind in shown
    ]
    lines = _table("<>>>><", ["kind", "objects", "size", "largest", "limit", ""], rows)
    if others := [kind for kind in forecast.kinds if kind not in shown]:
        number, size = sum(kind.count for kind in others), sum(kind.bytes for kind in others)
        lines.append(f"and {_of(number, 'small object')} of {_bytes(size)}")
    if own := forecast.templates:
        lines.append(
            f"{_of(own.dag_tasks, 'task')} in an inline DAG, which no limit counts"
            if own.is_inline
            else f"{own.count} of {own.limit} templates, {own.dag_tasks} of {own.dag_limit} tasks in a DAG"
        )
    if any(kind.largest_bytes > _CLIENT_SIDE for kind in forecast.kinds):
        lines.append(f"above {_bytes(_CLIENT_SIDE)}: to be applied with `kubectl apply --server-side`")
    return lines


def _bytes(number: int) -> str:
    return in_bytes(number * 1000)


def _times(forecast: Forecast, run: str) -> list[str]:
    basis = f"as in {run}" if run else "by `exec_timeout`"
    rows = [
        [
            "critical path",
            _retried(forecast.critical.seconds, forecast.critical_first.seconds, duration),
            " > ".join(_middle_left_out(forecast.critical.groups)),
        ],
        ["GPU-hours", _hours(forecast.gpu_hours), ""],
        ["CPU-hours", _hours(forecast.cpu_hours), ""],
    ]
    return [f"time of commands, {basis}", *_table("<<<", [], rows), *_unbounded(forecast, run)]


def _middle_left_out(names: Sequence[str]) -> Sequence[str]:
    return names if len(names) <= 6 else [*names[:3], "…", *names[-2:]]


def _hours(hours: Hours) -> str:
    return _retried(hours.whole, hours.first, lambda number: f"{number:,.2f}".rstrip("0").rstrip("."))


def _retried(whole: float | None, first: float | None, shown: Callable[[float], str]) -> str:
    if whole is None or first is None:
        return "unbounded"
    return shown(whole) if whole == first else f"{shown(whole)} ({shown(first)} if nothing is run again)"


def _unbounded(forecast: Forecast, run: str) -> Iterator[str]:
    if forecast.unbounded:
        yield f"unbounded: {listed(forecast.unbounded, 4)}; `exec_timeout` in the workflow or the profile sets a bound"
    if run and len(forecast.measured) < forecast.tasks:
        known = f"{len(forecast.measured)} of {_of(forecast.tasks, 'task')}"
        yield f"{run} has the time of {known}; timeouts bound the others"


def _table(sides: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of text, each flush to the side that `sides` says: `<` or `>`."""
    lines = [heads, *rows] if heads else rows
    widths = [max(len(line[n]) for line in lines) for n in range(len(sides))]
    return [
        "  "
        + "  ".join(f"{cell:{side}{width}}" for side, cell, width in zip(sides, line, widths, strict=True)).rstrip()
        for line in lines
    ]
