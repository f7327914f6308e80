"""What to start next, what will never start, and how it all ended: a pure function of what is known about each task.

Groups start as a whole. A failed group ends what waits for it, and nothing else: its siblings go on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final


class State(Enum):
    """Of a task, a group or a run, in the words of OSMO."""

    WAITING = "WAITING"
    INITIALIZING = "INITIALIZING"
    RUNNING = "RUNNING"
    UPLOADING = "UPLOADING"
    RESCHEDULED = "RESCHEDULED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    FAILED_CANCELED = "FAILED_CANCELED"
    FAILED_EXEC_TIMEOUT = "FAILED_EXEC_TIMEOUT"
    FAILED_SERVER_ERROR = "FAILED_SERVER_ERROR"
    FAILED_UPSTREAM = "FAILED_UPSTREAM"

    @property
    def is_final(self) -> bool:
        return self is State.COMPLETED or self.is_failed

    @property
    def is_failed(self) -> bool:
        return self.value.startswith("FAILED")

    @property
    def is_active(self) -> bool:
        """It takes room on the machine."""
        return not self.is_final and self is not State.WAITING


@dataclass(frozen=True, slots=True)
class Amount:
    """Of a machine, or what a group needs of it."""

    tasks: int = 0
    cpu: int = 0
    gpu: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.tasks + other.tasks, self.cpu + other.cpu, self.gpu + other.gpu)

    def fits(self, whole: "Amount") -> bool:
        return self.tasks <= whole.tasks and self.cpu <= whole.cpu and self.gpu <= whole.gpu


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Tasks that start together. `upstream` are the groups that must be complete before."""

    name: str
    tasks: tuple[str, ...]
    lead: str
    upstream: tuple[str, ...] = ()
    needs: Amount = Amount(tasks=1)
    ignore_nonlead_status: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Groups to start, and tasks whose state is decided without starting them."""

    start: tuple[str, ...] = ()
    marks: Mapping[str, State] = field(default_factory=dict)


def decide(groups: Sequence[Group], states: Mapping[str, State], machine: Amount, *, canceled: bool) -> Decision:
    """The next step; nothing if there is nothing to do but to wait. `states` are of tasks."""
    known = {group.name: group_state(group, states) for group in groups}
    busy = sum((group.needs for group in groups if known[group.name].is_active), Amount())
    start: list[str] = []
    marks: dict[str, State] = {}
    # Groups stand in the order of the file, which need not be that of the graph: failure spreads until it rests.
    waiting = [group for group in groups if known[group.name] is State.WAITING]
    spread = not canceled
    while spread:
        spread = False
        for group in waiting:
            if known[group.name] is State.WAITING and any(known[name].is_failed for name in group.upstream):
                known[group.name] = State.FAILED_UPSTREAM
                marks |= dict.fromkeys(group.tasks, State.FAILED_UPSTREAM)
                spread = True
    if canceled:
        return Decision(marks={task: State.FAILED_CANCELED for group in waiting for task in group.tasks})
    for group in waiting:
        is_ready = known[group.name] is State.WAITING and _is_ready(group, known)
        # What is larger than the machine runs alone: it is the machine that there is.
        if is_ready and ((busy + group.needs).fits(machine) or busy == Amount()):
            start.append(group.name)
            busy += group.needs
    return Decision(start=tuple(start), marks=marks)


def _is_ready(group: Group, known: Mapping[str, State]) -> bool:
    return all(known[name] is State.COMPLETED for name in group.upstream)


def group_state(group: Group, states: Mapping[str, State]) -> State:
    """Failures of others than the lead count only where the file says so."""
    own = [states[task] for task in group.tasks]
    unfinished = [state for state in own if not state.is_final]
    if unfinished:
        return State.WAITING if all(state is State.WAITING for state in own) else State.RUNNING
    if State.FAILED_UPSTREAM in own:
        return State.FAILED_UPSTREAM
    considered = [states[group.lead]] if group.ignore_nonlead_status else own
    return next((state for state in considered if state.is_failed), State.COMPLETED)


def run_state(groups: Sequence[Group], states: Mapping[str, State]) -> State:
    """Of the whole run. Its failure is that of its groups if they failed alike."""
    known = [group_state(group, states) for group in groups]
    if any(not state.is_final for state in known):
        return State.RUNNING
    if State.FAILED_CANCELED in known:
        return State.FAILED_CANCELED
    causes = {state for state in known if state.is_failed and state is not State.FAILED_UPSTREAM}
    if not causes:
        return State.COMPLETED
    return causes.pop() if len(causes) == 1 else State.FAILED


# Exit codes of the agent that `osmoc run` acts on; docs/exit-codes.md has them all.
TIMED_OUT: Final = 243
SYSTEM_FAILED: Final = 247
TERMINATED: Final = 248
RESCHEDULE: Final = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an attempt ended: the exit code of the agent, and what it wrote as its last word."""

    exit: int
    cause: str = ""
    killed: bool = False


def after(ended: Ended, attempt: int, limit: int, *, canceled: bool) -> State:
    """The state of the task after an attempt; RESCHEDULED means that there is another one."""
    if ended.exit == 0:
        return State.COMPLETED
    if canceled:
        return State.FAILED_CANCELED
    if ended.exit == RESCHEDULE:
        return State.RESCHEDULED if attempt < limit else State.FAILED
    if ended.exit == TIMED_OUT or ended.cause == "timed_out":
        return State.FAILED_EXEC_TIMEOUT
    if ended.exit == TERMINATED or ended.killed:
        return State.FAILED_CANCELED
    return State.FAILED


def exit_status(state: State, *, interrupted: bool) -> int:
    """Of `osmoc run`."""
    if interrupted:
        return 130
    return 0 if state is State.COMPLETED else 1


def needs(amounts: Iterable[tuple[int | None, int | None]]) -> Amount:
    """What a group needs: cores and GPUs of each of its tasks."""
    return sum((Amount(1, cpu or 0, gpu or 0) for cpu, gpu in amounts), Amount())
