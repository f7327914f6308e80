"""The code that decides in the pods of a group, asked by numbers: a model of a group is made of them.

What is found to be wrong with an answer is raised, whatever the model makes of it.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Generic, TypeVar

from osmo_ctrl.group import coordinator
from osmo_ctrl.group.coordinator import BARRIER_CODE, LOST_CODE, Rules, State
from osmo_ctrl.group.leading import LeadMembership
from osmo_ctrl.group.member import Deed, react
from osmo_ctrl.group.messages import Order, Report, Verdict
from osmo_ctrl.group.part import Membership, Talk
from osmo_ctrl.messages import Ended, Failure

LEAD: Final = 0
TASKS: Final = ("lead", "one", "two")
NOTHING: Final = -1

# The leaps of time, in seconds: over the window, a moment's patience, the absence of a task, the limit of the barrier.
SETTLED, MOMENT, ABSENCE, LIMIT = 5.0, 20.0, 300.0, 3600.0


class BrokenError(AssertionError):
    """A step that must not be."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A group, and how much may go wrong in it. `returning` are those whose first attempt may be followed by another.

    `flaky` are the tasks that faults befall.
    """

    barrier: bool = True
    ignore_nonlead_status: bool = True
    publishing: tuple[str, ...] = ()
    returning: tuple[str, ...] = ()
    flaky: tuple[str, ...] = TASKS
    faults: int = 1

    @property
    def rules(self) -> Rules:
        return Rules(
            tasks=TASKS,
            lead=TASKS[LEAD],
            barrier=self.barrier,
            ignore_nonlead_status=self.ignore_nonlead_status,
            publishing=frozenset(self.publishing),
            settle=SETTLED,
            barrier_timeout=LIMIT,
            absence=ABSENCE,
        )


Value = TypeVar("Value")


class Book(Generic[Value]):
    """Numbers for values, the same for equal ones: they are quick to compare."""

    def __init__(self, key: Callable[[Value], Hashable]) -> None:
        self._key = key
        self._numbers: dict[Hashable, int] = {}
        self._values: list[Value] = []

    def number(self, value: Value) -> int:
        number = self._numbers.setdefault(self._key(value), len(self._values))
        if number == len(self._values):
            self._values.append(value)
        return number

    def __getitem__(self, number: int) -> Value:
        assert number != NOTHING
        return self._values[number]


class Ledger:
    """The code under test, by numbers. What it has answered once it would answer again: it is pure."""

    def __init__(self, setting: Setting) -> None:
        self.rules = setting.rules
        self.has_barrier = setting.barrier
        self.reports: Book[Report] = Book(lambda report: report)
        self.orders: Book[Order] = Book(lambda order: order)
        self.verdicts: Book[Verdict] = Book(lambda verdict: verdict)
        self.ends: Book[Ended] = Book(lambda ended: (ended.cause, ended.outcome, ended.code, ended.exit))
        self.groups: Book[State] = Book(_key)
        self.hear = cache(self._hear)
        self.lose = cache(self._lose)
        self.publish = cache(self._publish)
        self.resume = cache(self._resume)
        self.leap = cache(self._leap)
        self.order = cache(self._order)
        self.verdict = cache(self._verdict)
        self.is_finished = cache(self._is_finished)
        self.deed = cache(self._deed)
        self.told = cache(self._told)
        self.heard = cache(self._heard)
        self.overtaken = cache(self._overtaken)

    # The coordinator. It is always the moment 0: what was before has a time below it.

    def begin(self, attempt: int, pod: str, end: int) -> int:
        state = coordinator.begin(self.rules, attempt, pod, 0.0)
        if end != NOTHING:
            state = state.model_copy(update={"verdict": self.verdicts[end]})
        return self._number(state)

    def adopt(self, group: int, end: int) -> int:
        return self._number(self.groups[group].model_copy(update={"verdict": self.verdicts[end]}))

    def _hear(self, group: int, task: int, report: int) -> int:
        before, said = self.groups[group], self.reports[report]
        after = coordinator.hear(self.rules, before, TASKS[task], said, 0.0)
        _check_hearing(before, TASKS[task], said, after)
        return self._number(after, before)

    def _lose(self, group: int, task: int) -> int:
        return self._number(coordinator.lose(self.rules, self.groups[group], TASKS[task], 0.0), self.groups[group])

    def _publish(self, group: int, task: int) -> int:
        return self._number(coordinator.publish(self.rules, self.groups[group], TASKS[task], 0.0), self.groups[group])

    def _resume(self, group: int) -> int:
        return self._number(coordinator.resume(self.groups[group], 0.0), self.groups[group])

    def _leap(self, group: int, seconds: float) -> int:
        """All ages are at least so long afterwards."""
        state = self.groups[group]
        changes: dict[str, Any] = {"window": None if state.window is None else min(state.window, 0.0)}
        if seconds > SETTLED:
            changes["waiting_since"] = min(state.waiting_since, -seconds)
            changes["ended_at"] = min(state.ended_at, -seconds)
            changes["tasks"] = {
                name: item.model_copy(update={"since": min(item.since, -seconds)}) for name, item in state.tasks.items()
            }
        return self._number(coordinator.tick(self.rules, state.model_copy(update=changes), 0.0), state)

    def _order(self, group: int, task: int) -> int:
        return self.orders.number(coordinator.order(self.rules, self.groups[group], TASKS[task]))

    def _verdict(self, group: int) -> int:
        verdict = self.groups[group].verdict
        return NOTHING if verdict is None else self.verdicts.number(verdict)

    def _is_finished(self, group: int) -> bool:
        return coordinator.is_finished(self.rules, self.groups[group], 0.0)

    def _number(self, state: State, before: State | None = None) -> int:
        """Times that nobody asks for are all the same."""
        if before is not None:
            _check_decision(self.rules, before, state)
        tasks = {
            name: item.model_copy(update={"since": 0.0}) if item.here else item for name, item in state.tasks.items()
        }
        changes: dict[str, Any] = {"tasks": tasks}
        if state.open or state.verdict:
            changes["waiting_since"] = 0.0
        if state.verdict is None:
            changes["ended_at"] = 0.0
        return self.groups.number(state.model_copy(update=changes))

    # A task.

    def _deed(self, report: int, order: int) -> Deed:
        return react(self.reports[report], None if order == NOTHING else self.orders[order])

    def _told(self, report: int, order: int, **changes: Any) -> int:
        talk = self._talk(report, order)
        talk.tell(**changes)
        return self.reports.number(talk.report)

    def _heard(self, report: int, order: int) -> int:
        talk = self._talk(report, NOTHING)
        talk.hear(self.orders[order])
        return self.reports.number(talk.report)

    def _overtaken(self, task: int, report: int, order: int, ended: int) -> tuple[int, Failure | None]:
        worth, word = self.part(task, report, order).overtaken(self.ends[ended])
        return self.ends.number(worth), word

    def part(self, task: int, report: int, order: int) -> Membership:
        talk = self._talk(report, order)
        if task == LEAD:
            return LeadMembership(talk, None, has_barrier=self.has_barrier)  # type: ignore[arg-type]
        return Membership(talk, has_barrier=self.has_barrier)

    def _talk(self, report: int, order: int) -> Talk:
        talk = Talk(self.reports[report], lambda _: None)
        talk.order = None if order == NOTHING else self.orders[order]
        return talk


def _key(state: State) -> Hashable:
    tasks = tuple(state.tasks.values())
    known = (state.epoch, state.open, state.leaving, state.verdict)
    return (*known, state.waiting_since, state.window, state.ended_at, tasks)


def _check_hearing(before: State, task: str, report: Report, after: State) -> None:
    """A message of an old epoch changes nothing but what is known of its task."""
    known = before.tasks[task]
    is_of_same_pod = (known.attempt, known.pod) == (report.attempt, report.pod)
    if is_of_same_pod and report.epoch not in (None, before.epoch) and report.phase != "done":
        changed = {name for name in before.tasks if before.tasks[name] != after.tasks[name]}
        said = (before.epoch, before.verdict, before.leaving)
        if not changed <= {task} or (after.epoch, after.verdict, after.leaving) != said:
            raise BrokenError(f"an old message of {task} has changed something")


def _check_decision(rules: Rules, before: State, after: State) -> None:
    if before.verdict is not None and after.verdict != before.verdict:
        raise BrokenError("the verdict has changed")
    if rules.ignore_nonlead_status:
        if after.epoch.number > 1 and not after.leaving:
            raise BrokenError("a task that the group ignores has started the others again")
        if after.verdict is not None and after.verdict.task != rules.lead and after.verdict.code != BARRIER_CODE:
            raise BrokenError("a task that the group ignores has ended it")
    elif after.verdict is not None and not after.verdict.completed and before.verdict is None:
        end = after.tasks[after.verdict.task].end
        if after.verdict.code not in (BARRIER_CODE, LOST_CODE) and (end is None or end.code != after.verdict.code):
            raise BrokenError("the verdict has not the code of the task that it names")
