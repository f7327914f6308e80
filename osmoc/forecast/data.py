"""A forecast as plain values, for programs: processors as numbers, memory in bytes, times in seconds."""

from collections.abc import Iterable, Mapping
from typing import Any

from osmoc.forecast.forecast import GPU, Forecast, Hours
from osmoc.forecast.needs import CPU, MEMORY, PODS, Amounts
from osmoc.forecast.peak import Peak
from osmoc.forecast.quota import Row


def data(forecast: Forecast, rows: Iterable[Row] = ()) -> dict[str, Any]:
    return {
        "workflow": forecast.workflow,
        "id": forecast.workflow_id,
        "target": forecast.target,
        "tasks": forecast.tasks,
        "groups": len(forecast.by_group),
        "peak": {
            name: {"amount": _number(forecast.peaks[key].amount), "groups": list(forecast.peaks[key].groups)}
            for name, key in (("gpus", GPU), ("cpu", CPU), ("memory", MEMORY), ("pods", PODS))
        },
        "levels": [
            {"level": level.number, "groups": list(level.groups), "tasks": level.tasks} | _amounts(level.amounts)
            for level in forecast.levels
        ],
        "pools": [
            {"pool": share.pool, "platform": share.platform, "tasks": share.tasks} | _amounts(_of_peaks(share.peaks))
            for share in forecast.shares
        ],
        "objects": [
            {
                "kind": kind.kind,
                "number": kind.count,
                "bytes": kind.bytes,
                "largest": kind.largest,
                "largest_bytes": kind.largest_bytes,
                "limit": kind.limit,
            }
            for kind in forecast.kinds
        ],
        "bytes": forecast.bytes,
        "templates": _templates(forecast),
        "critical_path": {
            "seconds": forecast.critical.seconds,
            "without_retries": forecast.critical_first.seconds,
            "groups": list(forecast.critical.groups),
        },
        "gpu_hours": _hours(forecast.gpu_hours),
        "cpu_hours": _hours(forecast.cpu_hours),
        "unbounded": list(forecast.unbounded),
        "measured": list(forecast.measured),
        "quotas": [_row(row) for row in rows],
    }


def _templates(forecast: Forecast) -> dict[str, Any] | None:
    if forecast.templates is None:
        return None
    return {
        "number": forecast.templates.count,
        "limit": forecast.templates.limit,
        "dag_tasks": forecast.templates.dag_tasks,
        "dag_limit": forecast.templates.dag_limit,
        "inline": forecast.templates.is_inline,
    }


def _hours(hours: Hours) -> dict[str, Any]:
    return {"at_most": hours.whole, "without_retries": hours.first}


def _of_peaks(peaks: Mapping[str, Peak]) -> Amounts:
    return {name: peak.amount for name, peak in peaks.items()}


def _amounts(amounts: Amounts) -> dict[str, int | float]:
    return {name: _number(amounts.get(key, 0)) for name, key in (("gpus", GPU), ("cpu", CPU), ("memory", MEMORY))}


def _row(row: Row) -> dict[str, Any]:
    return {
        "quota": row.quota,
        "resource": row.resource,
        "hard": _number(row.hard),
        "used": _number(row.used),
        "needed": _number(row.needed),
        "largest": _number(row.largest),
        "group": row.group,
        "verdict": row.verdict.value,
    }


def _number(thousandths: int) -> int | float:
    return thousandths / 1000 if thousandths % 1000 else thousandths // 1000
