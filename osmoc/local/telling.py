"""What is said of a run: a line for what happens to a task, rows of a table, the end."""

import re
from typing import Final

from osmoc.local.records import Attempt, Run, Task
from osmoc.local.schedule import State
from osmoc.report.printable import printable

# Colours and the like: they are the task's, and would not end with its line.
_SEQUENCE: Final = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]")


def shown(line: bytes) -> str:
    """A line of a task's output as a terminal may have it. Of one that was drawn again and again, the last."""
    text = line.decode(errors="replace").rstrip("\r").rpartition("\r")[2]
    return "\t".join(map(printable, _SEQUENCE.sub("", text).split("\t")))


def rows(run: Run, now: float, most: int) -> list[tuple[State | None, str, str]]:
    """Each task in the order of the file; of more than there is room for, those that say most."""
    shown = list(run.tasks.items())
    if len(shown) > most > 0:
        rank = {State.WAITING: 2, State.FAILED_UPSTREAM: 3, State.COMPLETED: 4}
        first = sorted(shown, key=lambda item: rank.get(item[1].state, 0 if item[1].state.is_active else 1))
        kept = {name for name, _ in first[: most - 1]}
        shown = [item for item in shown if item[0] in kept]
    lines: list[tuple[State | None, str, str]] = []
    for name, task in shown:
        lines.append((task.state, name, _now_told(task, run.upstream.get(name, ()), run, now)))
    if len(run.tasks) > len(shown):
        counts = ", ".join(f"{count} {state}" for state, count in _counts(run).items())
        lines.append((None, "…", f"{len(run.tasks)} tasks: {counts}"))
    return lines


def _counts(run: Run) -> dict[str, int]:
    counts: dict[str, int] = {}
    for task in run.tasks.values():
        word = task.state.value.lower()
        counts[word] = counts.get(word, 0) + 1
    return counts


def _now_told(task: Task, upstream: tuple[str, ...], run: Run, now: float) -> str:
    word = task.state.value.lower().replace("_", " ")
    if task.state is State.WAITING:
        missing = [name for name in upstream if run.tasks[name].state is not State.COMPLETED]
        few = ", ".join(missing[:3]) + (" …" if len(missing) > 3 else "")
        return f"waits for {few}" if missing else "waits for room"
    if not task.attempts:
        return word
    last = task.attempts[-1]
    again = f", attempt {last.attempt + 1}" if last.attempt else ""
    is_moving = task.state in (State.INITIALIZING, State.UPLOADING)
    note = f": {printable(last.note)}" if last.note and is_moving else _why(task, last)
    return f"{word} {duration((last.ended_at or now) - last.started_at)}{again}{note}"


def told(name: str, task: Task) -> str:
    """One line for what happened to a task; nothing for what is of no interest later."""
    last = task.attempts[-1] if task.attempts else None
    match task.state:
        case State.INITIALIZING if last and last.attempt:
            return f"{name}: starts again, attempt {last.attempt + 1}"
        case State.RUNNING:
            return f"{name}: running"
        case State.COMPLETED if last and last.ended_at:
            return f"{name}: completed in {duration(last.ended_at - last.started_at)}"
        case State.RESCHEDULED if last:
            return f"{name}: ended with {_code(last)}, to be run again"
        case State.FAILED_UPSTREAM:
            return f"{name}: not run, since what it waits for failed"
        case _ if task.state.is_failed:
            return f"{name}: {task.state.value}{_why(task, last) if last else ''}"
        case _:
            return ""


def _why(task: Task, last: Attempt) -> str:
    if not task.state.is_failed:
        return ""
    if last.reason:
        return f": {printable(last.reason)}"
    if task.state is State.FAILED_EXEC_TIMEOUT:
        return ": it took longer than `exec_timeout`"
    return f": exit code {_code(last)}" if last.exit is not None else ""


def _code(last: Attempt) -> int | None:
    """What the command ended with; what the agent made of it, if that is not known."""
    return last.code if last.code is not None else last.exit


def summary(run: Run) -> str:
    took = duration((run.ended_at or run.started_at) - run.started_at)
    return f"run {run.id}: {run.state.value} in {took}"


def interruption(count: int) -> str:
    if count == 1:
        return "interrupted: tasks are being ended and what they wrote is kept; once more to end them at once"
    return "interrupted again: everything is ended at once"


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{max(seconds, 0):.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m{rest:02}s" if hours else f"{minutes}m{rest:02}s"
