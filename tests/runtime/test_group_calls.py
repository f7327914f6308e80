"""Calls of `osmo barrier`: which of them the coordinator opens, and what a task keeps of them over a restart."""

from typing import Any

from runtime.loop import asynchronous

from osmo_ctrl.group import coordinator
from osmo_ctrl.group.calls import MOST_CALLS
from osmo_ctrl.group.coordinator import Rules, State
from osmo_ctrl.group.messages import LONGEST, Call, Order, Report, Sealed
from osmo_ctrl.group.part import Membership, Talk

RULES = Rules(
    tasks=("lead", "one"),
    lead="lead",
    barrier=True,
    ignore_nonlead_status=True,
    publishing=frozenset(),
    settle=1,
    barrier_timeout=60,
    absence=60,
)


def call(id: str, name: str = "x", count: int = 2, **more: Any) -> Call:
    return Call(id=id, name=name, count=count, **more)


def hear(state: State, task: str, *calls: Call, **more: Any) -> State:
    said = {"attempt": 0, "pod": task, "phase": "running", "epoch": state.epoch, "calls": calls, **more}
    return coordinator.hear(RULES, state, task, Report(**said), now=1)


def running() -> State:
    state = coordinator.begin(RULES, 0, "lead", now=0)
    for phase in ("ready", "running"):
        for task in RULES.tasks:
            state = hear(state, task, phase=phase)
    assert state.open
    return state


def opened(state: State, task: str) -> tuple[str, ...]:
    return coordinator.order(RULES, state, task).opened


def test_a_call_stays_open_until_its_task_has_heard_it_and_no_longer() -> None:
    state = hear(hear(running(), "lead", call("a")), "one", call("b"))
    assert (opened(state, "lead"), opened(state, "one")) == (("a",), ("b",))
    state = coordinator.lose(RULES, hear(state, "lead"), "one", now=2)
    state = hear(coordinator.resume(state, now=3), "lead", call("c"))
    assert state.opened == ("b",)
    state = hear(state, "one", call("b", absent=True))
    assert opened(state, "one") == ("b",), "its task was restarted and its tool has not come back"
    assert opened(hear(state, "one", call("b")), "one") == ("b",)
    assert hear(state, "one").opened == ()


def test_a_call_that_nobody_may_stand_behind_opens_nothing() -> None:
    state = hear(running(), "lead", call("a"))
    assert hear(state, "one", call("b", absent=True)).opened == ()
    assert hear(state, "one", call("b"), phase="ended").opened == ()
    old = state.epoch.model_copy(update={"number": 0})
    assert hear(state, "one", call("b"), epoch=old).opened == ()
    away = coordinator.lose(RULES, hear(running(), "one", call("b")), "one", now=2)
    assert hear(away, "lead", call("a")).opened == ()
    assert hear(hear(away, "lead", call("a")), "one", call("b")).opened == ("a", "b")


def test_who_takes_its_call_back_may_leave_enough_behind() -> None:
    state = hear(hear(running(), "lead", call("a"), call("many", count=9)), "one", call("b"))
    assert state.opened == ()
    assert hear(state, "lead", call("a")).opened == ("a", "b")


def membership(*calls: Call) -> tuple[Membership, Talk, list[Report]]:
    kept: list[Report] = []
    talk = Talk(Report(attempt=0, pod="p", phase="running", calls=calls), kept.append)
    return Membership(talk, has_barrier=True), talk, kept


@asynchronous
async def test_a_call_that_comes_back_takes_its_place() -> None:
    part, talk, kept = membership(call("a", absent=True), call("b", absent=True))
    talk.hear(Order(do="run", epoch=coordinator.begin(RULES, 0, "lead", 0).epoch, opened=("a",)))
    async with part.call(call("a")):
        assert kept[-1].calls == (call("b", absent=True), call("a"))
    assert kept[-1].calls == (call("b", absent=True),)


@asynchronous
async def test_those_that_do_not_come_back_take_no_room_from_others() -> None:
    part, talk, _ = membership(call("here"), *(call(f"{number}", absent=True) for number in range(MOST_CALLS)))
    talk.hear(Order(do="run", epoch=coordinator.begin(RULES, 0, "lead", 0).epoch, opened=("a",)))
    async with part.call(call("a")):
        calls = talk.report.calls
        assert len(calls) == MOST_CALLS and calls[0] == call("here") and calls[-1] == call("a")


def test_the_most_calls_with_the_longest_names_fit_a_line() -> None:
    for letter in ('"', "\\", "\N{LEFT-POINTING MAGNIFYING GLASS}"):
        calls = [call(f"{number:032x}", letter * 100, 100_000, absent=True) for number in range(MOST_CALLS)]
        report = Report(attempt=0, pod="p" * 36, calls=tuple(calls)).model_dump_json()
        assert len(Sealed(sequence=2**60, body=report, seal="0" * 64).model_dump_json().encode()) < LONGEST - 8192
