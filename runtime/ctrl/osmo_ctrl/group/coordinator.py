"""How a group is led: a pure function of what its tasks have reported. It does no I/O, and asks no clock.

`hear`, `lose`, `publish` and `tick` give the next state; `order` says what a task shall do in it. The rules:

* The barrier opens when each task is ready, or done for good.
* The lead's success ends the group at once. All else is decided when no end has come for the settle window: any task
  in scope that is to be run again starts the others again; then a failure in scope ends the group.
* In scope are the lead, and the others if the group does not ignore them.
* A task that was settled and that nothing can start again leaves; the others hold their end until the group's.
"""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from osmo_ctrl.group.calls import opening
from osmo_ctrl.group.messages import Call, End, Epoch, Order, Phase, Report, Verdict

BARRIER_CODE, BARRIER_EXIT = 2024, 242
UNPUBLISHED_CODE, UNPUBLISHED_EXIT = 2012, 244
LOST_CODE, LOST_EXIT = 2021, 249

# How long a task that has lost its connection is awaited at the end, if nothing is needed of it.
_HICCUP: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the document says of the group. Times are in seconds."""

    tasks: tuple[str, ...]
    lead: str
    barrier: bool
    ignore_nonlead_status: bool
    publishing: frozenset[str]
    settle: float
    barrier_timeout: float
    absence: float

    @property
    def others(self) -> tuple[str, ...]:
        return tuple(task for task in self.tasks if task != self.lead)

    def is_in_scope(self, task: str) -> bool:
        return task == self.lead or not self.ignore_nonlead_status


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Standing(Record):
    """What is known of a task. `since` is when it came or went; it `left` if it was told so, or is not to be asked."""

    attempt: int = -1
    pod: str = ""
    here: bool = False
    since: float = 0.0
    phase: Phase = "preparing"
    epoch: Epoch | None = None
    end: End | None = None
    published: bool = False
    may_return: bool = False
    settled: bool = False
    left: bool = False
    calls: tuple[Call, ...] = ()

    @property
    def comes_back(self) -> bool:
        """Its end is one after which it is run again."""
        if self.end is None:
            return False
        return self.end.outcome == "rescheduled" or (self.end.outcome in ("terminated", "lost") and self.may_return)

    @property
    def is_over(self) -> bool:
        """Nothing more is to come of it."""
        return self.phase == "done" and not self.comes_back

    @property
    def cannot_wait(self) -> bool:
        """Its pod is going, whatever we decide."""
        return self.phase == "done" or (self.end is not None and self.end.outcome in ("terminated", "lost"))


class State(Record):
    """Of the group, as its lead's osmo-ctrl keeps it. Times are of one clock of the coordinator's."""

    epoch: Epoch
    open: bool = False
    waiting_since: float
    window: float | None = None
    leaving: bool = False
    verdict: Verdict | None = None
    ended_at: float = 0.0
    tasks: dict[str, Standing]
    opened: tuple[str, ...] = ()


def begin(rules: Rules, attempt: int, pod: str, now: float) -> State:
    """The first state that a pod of the lead knows."""
    epoch = Epoch(attempt=attempt, pod=pod, number=1)
    return State(epoch=epoch, waiting_since=now, tasks=dict.fromkeys(rules.tasks, Standing(since=now)))


def resume(state: State, now: float) -> State:
    """After a restart of osmo-ctrl: nobody is connected, and all waiting begins anew."""
    tasks = {name: item.model_copy(update={"here": False, "since": now}) for name, item in state.tasks.items()}
    return _with(state, tasks=tasks, waiting_since=now, window=None, ended_at=now)


def hear(rules: Rules, state: State, task: str, report: Report, now: float) -> State:
    """A task has reported."""
    known = state.tasks[task]
    if not is_welcome(known, report):
        return state
    if (report.attempt, report.pod) != (known.attempt, known.pod):
        took_part = known.attempt >= 0 and known.epoch == state.epoch and not known.left
        known = Standing(attempt=report.attempt, pod=report.pod)
        state = _set(state, task, known)
        if took_part and rules.is_in_scope(task) and state.open and state.verdict is None:
            state = _start_again(state, now)
    # Of an epoch that is over only the pod's own end still counts.
    counts = report.epoch in (None, state.epoch) or report.phase == "done"
    known = known.model_copy(
        update={
            "here": True,
            "since": known.since if known.here else now,
            "phase": report.phase,
            "epoch": report.epoch,
            "end": report.end if counts else None,
            "published": report.published,
            "may_return": report.may_return,
            "calls": report.calls,
        }
    )
    return tick(rules, _set(state, task, known), now)


def is_welcome(known: Standing, report: Report) -> bool:
    """Not an attempt that is over, nor the double of a pod that is here."""
    if report.attempt != known.attempt:
        return report.attempt > known.attempt
    return report.pod == known.pod or not known.here


def lose(rules: Rules, state: State, task: str, now: float) -> State:
    """The connection to a task is gone."""
    return tick(rules, _set(state, task, state.tasks[task].model_copy(update={"here": False, "since": now})), now)


def publish(rules: Rules, state: State, task: str, now: float) -> State:
    """The storage says that a task that is away has published what is needed of it."""
    known = state.tasks[task].model_copy(update={"published": True, "phase": "done", "left": True})
    return tick(rules, _set(state, task, known), now)


def tick(rules: Rules, state: State, now: float) -> State:
    """Whatever can be decided by now."""
    while (following := _decide(rules, state, now)) != state:
        state = following
    return state


def order(rules: Rules, state: State, task: str) -> Order:
    known = state.tasks[task]
    more: dict[str, Any] = {"epoch": state.epoch, "lead_returns": state.leaving or state.tasks[rules.lead].may_return}
    more["opened"] = tuple(call.id for call in known.calls if call.id in state.opened)
    if known.phase == "done":
        return Order(do="go", verdict=state.verdict, **more)
    if state.verdict is not None:
        stands = known.settled or (known.end is not None and state.verdict.task == task)
        return Order(do="end", verdict=state.verdict, end_stands=stands, **more)
    if known.left:
        return Order(do="leave", **more)
    return Order(do="run" if state.open else "wait", **more)


def is_finished(rules: Rules, state: State, now: float) -> bool:
    """Whether the lead may go: the others are done, or given up."""
    if state.verdict is None:
        # A lead that is run again goes when all know that they must wait for it.
        return state.leaving and all(_knows(state, state.tasks[task]) for task in rules.others)
    return all(_is_finished(rules, state, task, now) for task in rules.others)


def awaited(rules: Rules, state: State) -> tuple[str, ...]:
    """Tasks that are away, and that the storage may know to be complete."""
    away = (task for task in rules.others if not state.tasks[task].here and not state.tasks[task].published)
    if state.verdict is None:
        # An earlier pod of the lead may have let it go.
        return tuple(task for task in away if state.tasks[task].attempt < 0)
    return tuple(task for task in away if task in rules.publishing) if state.verdict.completed else ()


def result(rules: Rules, state: State) -> Verdict:
    """How the group ended once all of it is finished: a task that others need must have published."""
    assert state.verdict is not None, "the group has ended"
    if not state.verdict.completed:
        return state.verdict
    for task in rules.others:
        known = state.tasks[task]
        if task in rules.publishing and not known.published:
            why = f": {known.end.reason}" if known.end and known.end.reason else ""
            return _failed(task, UNPUBLISHED_CODE, UNPUBLISHED_EXIT, f"{task} has not published its outputs{why}")
        end = known.end
        if not rules.ignore_nonlead_status and end and end.outcome == "failed" and end.exit and known.phase == "done":
            return _failed(task, end.code, end.exit, f"{task} failed: {end.reason or f'exit code {end.exit}'}")
    return state.verdict


def missing(rules: Rules, state: State) -> tuple[str, ...]:
    """Who keeps the barrier closed."""
    return tuple(task for task in rules.tasks if not _is_at_barrier(state, state.tasks[task]))


def _knows(state: State, known: Standing) -> bool:
    return not known.here or known.left or known.phase in ("preparing", "done") or known.epoch == state.epoch


def _is_finished(rules: Rules, state: State, task: str, now: float) -> bool:
    known = state.tasks[task]
    is_needed = task in rules.publishing and state.verdict is not None and state.verdict.completed
    if known.phase == "done" and (known.published or not is_needed or not known.comes_back):
        return True
    if known.here:
        return False
    away = now - max(known.since, state.ended_at)
    if is_needed:
        return away >= (rules.barrier_timeout if known.may_return or known.comes_back else rules.absence)
    return known.attempt < 0 or known.left or away >= min(_HICCUP, rules.absence)


def _decide(rules: Rules, state: State, now: float) -> State:
    """One step, or the same state."""
    if state.verdict is not None or state.leaving:
        return state
    for step in (
        _decide_lead,
        _decide_returns,
        _decide_failures,
        _settle,
        _decide_barrier,
        _decide_absence,
        _open_calls,
    ):
        following = step(rules, state, now)
        if following != state:
            return following
    return state


def _decide_lead(rules: Rules, state: State, now: float) -> State:
    lead = state.tasks[rules.lead]
    if lead.end is None:
        return state
    if lead.end.outcome == "completed":
        return _end(state, Verdict(completed=True, task=rules.lead, code=lead.end.code, exit=0), now)
    if lead.comes_back:
        state = _start_again(state, now)
        return _with(_set(state, rules.lead, lead.model_copy(update={"left": True})), leaving=True)
    return state


def _decide_returns(rules: Rules, state: State, now: float) -> State:
    """A task in scope that is run again starts the others again, and comes back to the next barrier."""
    for task in rules.others:
        known = state.tasks[task]
        if known.comes_back and not known.left and rules.is_in_scope(task) and _is_due(state, known, now):
            state = _start_again(state, now) if state.open else state
            known = state.tasks[task]
            return _set(state, task, known.model_copy(update={"left": True}))
    return state


def _decide_failures(rules: Rules, state: State, now: float) -> State:
    """The lead's counts first, then that of whoever the group does not ignore."""
    for task in (rules.lead, *rules.others):
        known = state.tasks[task]
        end = known.end
        is_failure = end is not None and end.outcome != "completed" and not known.comes_back
        if end and is_failure and not known.left and rules.is_in_scope(task) and _is_due(state, known, now):
            return _end(state, _failed(task, end.code, end.exit or 1, _reason(task, end)), now)
    return state


def _settle(rules: Rules, state: State, now: float) -> State:
    """Ends that change nothing for the others stand after the window, and at once if they are a success."""
    for task in rules.others:
        known = state.tasks[task]
        if known.end is None or known.left:
            continue
        is_harmless = known.end.outcome == "completed" or not rules.is_in_scope(task)
        if is_harmless and (known.end.outcome == "completed" or _is_due(state, known, now)):
            leaves = known.cannot_wait or known.comes_back or not _may_start_again(rules, state)
            known = known.model_copy(update={"settled": True, "left": leaves})
            if known != state.tasks[task]:
                return _set(state, task, known)
    is_undecided = any(item.end and not item.settled and not item.left for item in state.tasks.values())
    if is_undecided is (state.window is None):
        return _with(state, window=now + rules.settle if is_undecided else None)
    return state


def _decide_barrier(rules: Rules, state: State, now: float) -> State:
    if state.open:
        return state
    if not rules.barrier or not (away := missing(rules, state)):
        return _with(state, open=True)
    if now - state.waiting_since >= rules.barrier_timeout:
        reason = f"not at the barrier after {rules.barrier_timeout:g} s: {', '.join(away)}"
        return _end(state, _failed(away[0], BARRIER_CODE, BARRIER_EXIT, reason), now)
    return state


def _decide_absence(rules: Rules, state: State, now: float) -> State:
    """Of whom the group does not ignore; at the barrier its timeout counts."""
    for task in rules.others if state.open else ():
        known = state.tasks[task]
        if known.here or known.phase == "done" or not rules.is_in_scope(task):
            continue
        limit = rules.barrier_timeout if known.may_return or known.attempt < 0 else rules.absence
        if now - known.since >= limit:
            return _end(state, _failed(task, LOST_CODE, LOST_EXIT, f"{task} has been away for {limit:g} s"), now)
    return state


def _open_calls(rules: Rules, state: State, now: float) -> State:
    """`osmo barrier`: calls of one name wait until as many are there as the largest count says."""
    running = [item for item in state.tasks.values() if item.here and item.phase == "running"]
    calls = [call for item in running if item.epoch == state.epoch for call in item.calls]
    opened = opening(call for call in calls if not call.absent and call.id not in state.opened)
    # Of a task that is away too: it has not heard yet that its call is open.
    present = {call.id for item in state.tasks.values() for call in item.calls}
    kept = tuple(sorted({*state.opened, *(call.id for call in opened)} & present))
    return _with(state, opened=kept) if kept != state.opened else state


def _is_at_barrier(state: State, known: Standing) -> bool:
    return known.is_over or (known.here and known.phase == "ready" and known.epoch == state.epoch)


def _is_due(state: State, known: Standing, now: float) -> bool:
    """The window is over: it began with the first end, and nobody waits for it who cannot, or when all have ended."""
    if known.cannot_wait or all(item.end is not None for item in state.tasks.values()):
        return True
    return state.window is not None and now >= state.window


def _may_start_again(rules: Rules, state: State) -> bool:
    return any(item.may_return and not item.is_over for task, item in state.tasks.items() if rules.is_in_scope(task))


def _start_again(state: State, now: float) -> State:
    """A new epoch. Ends by which tasks come back stay; all others are as if they had not been."""
    epoch = state.epoch.model_copy(update={"number": state.epoch.number + 1})
    tasks = {
        name: item
        if item.comes_back or item.phase == "done"
        else item.model_copy(update={"end": None, "settled": False})
        for name, item in state.tasks.items()
    }
    return _with(state, epoch=epoch, open=False, waiting_since=now, window=None, tasks=tasks)


def _end(state: State, verdict: Verdict, now: float) -> State:
    return _with(state, verdict=verdict, ended_at=now, window=None)


def _failed(task: str, code: int, exit: int, reason: str) -> Verdict:
    return Verdict(completed=False, task=task, code=code, exit=exit, reason=reason)


def _reason(task: str, end: End) -> str:
    if end.reason:
        return f"{task}: {end.reason}"
    return f"{task} was ended from outside" if end.outcome == "terminated" else f"{task} ended with {end.code}"


def _set(state: State, task: str, standing: Standing) -> State:
    return _with(state, tasks={**state.tasks, task: standing})


def _with(state: State, **changes: Any) -> State:
    return state.model_copy(update=changes)
