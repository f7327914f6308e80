"""What is said of a run on a cluster: rows of tables, lines for what happens, the end."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from osmoc.cluster.state import State, Status, TaskState
from osmoc.report.printable import printable


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need to be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)


def task_rows(state: State, now: datetime, *, is_wide: bool = False) -> list[list[str]]:
    wide = ["GROUP", "NODE", "STARTED"] if is_wide else []
    rows = [["TASK", "STATUS", "EXIT", "ATTEMPTS", "TIME", *wide, "REASON"]]
    for group_name, group in state.groups.items():
        for name, task in group.tasks.items():
            exit = "" if task.exit is None else str(task.exit)
            more = [group_name, task.node, _moment(task.started)] if is_wide else []
            time = _took(task.started, task.ended, now)
            row = [name, task.status, exit, str(task.attempts or ""), time, *more, printable(task.reason)]
            rows.append(row)
    return rows


def run_rows(states: Sequence[State], now: datetime) -> list[list[str]]:
    rows = [["ID", "STATUS", "STARTED", "TIME", "TASKS"]]
    for state in states:
        done = sum(task.status is Status.COMPLETED for task in state.tasks.values())
        tasks = f"{done}/{len(state.tasks)}" if state.tasks else ""
        took = _took(state.started, state.ended, now)
        rows.append([state.workflow_id, state.status, _moment(state.started), took, tasks])
    return rows


def summary(state: State, now: datetime) -> str:
    reason = f": {printable(state.reason)}" if state.reason else ""
    return f"run {state.workflow_id}: {state.status} in {_took(state.started, state.ended, now)}{reason}"


def changes(before: State | None, after: State) -> Iterator[str]:
    """A line for what has happened to a task, and what is of interest later."""
    known = before.tasks if before else {}
    for name, task in after.tasks.items():
        was = known.get(name)
        if was is None or (was.status, was.attempts) != (task.status, task.attempts):
            yield from _change(name, was, task)
    if after.reason and not after.status.has_ended and (before is None or before.reason != after.reason):
        yield printable(after.reason)


def _change(name: str, was: TaskState | None, task: TaskState) -> Iterator[str]:
    if task.status is Status.RUNNING:
        again = f", attempt {task.attempts}" if task.attempts > 1 else ""
        yield f"{name}: running{again}"
    elif task.status.has_ended and (was is None or not was.status.has_ended):
        code = f", exit code {task.exit}" if task.exit else ""
        reason = f": {printable(task.reason)}" if task.reason else ""
        yield f"{name}: {task.status.lower().replace('_', ' ')}{code if not task.reason else ''}{reason}"


def now() -> datetime:
    return datetime.now(UTC)


def _took(started: datetime | None, ended: datetime | None, now: datetime) -> str:
    if started is None:
        return ""
    seconds = max(0, round(((ended or now) - started) / timedelta(seconds=1)))
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s" if minutes else f"{rest}s"


def _moment(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else ""
