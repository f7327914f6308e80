"""What the coordinator of a group decides: who starts again, who ends it, and how long it waits for whom."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from osmo_ctrl.group import coordinator
from osmo_ctrl.group.coordinator import Rules, State
from osmo_ctrl.group.messages import End, Epoch, Report, Verdict
from osmo_ctrl.verdicts import Recorded

TASKS = ("lead", "one", "two")
SETTLE, BARRIER, ABSENCE = 5.0, 60.0, 30.0


def end(outcome: Recorded, code: int = 7, reason: str = "") -> End:
    return End(outcome=outcome, code=code, exit=0 if outcome == "completed" else code, reason=reason)


@dataclass
class Crew:
    """A lead, `one` and `two`, as their coordinator knows them; its clock stands still but for `after`."""

    rules: Rules
    state: State
    now: float = 0.0
    pods: dict[str, tuple[int, str]] = field(default_factory=lambda: {task: (0, f"{task}-0") for task in TASKS})
    may_return: frozenset[str] = frozenset()

    def says(self, task: str, phase: Any, **more: Any) -> "Crew":
        attempt, pod = self.pods[task]
        epoch = None if phase == "preparing" else self.state.epoch
        said = {"attempt": attempt, "pod": pod, "phase": phase, "epoch": epoch, "may_return": task in self.may_return}
        self.state = coordinator.hear(self.rules, self.state, task, Report(**{**said, **more}), self.now)
        return self

    def all_say(self, phase: str, *tasks: str) -> "Crew":
        for task in tasks or TASKS:
            self.says(task, phase)
        return self

    def ends(self, task: str, outcome: Any) -> "Crew":
        return self.says(task, "ended", end=end(outcome))

    def new_pod(self, task: str, phase: str = "ready") -> "Crew":
        attempt, _ = self.pods[task]
        self.pods[task] = attempt + 1, f"{task}-{attempt + 1}"
        return self.says(task, phase)

    def goes_away(self, task: str) -> "Crew":
        self.state = coordinator.lose(self.rules, self.state, task, self.now)
        return self

    def after(self, seconds: float) -> "Crew":
        """As often as the clock of `Leading` ticks."""
        for _ in range(round(seconds * 10)):
            self.now = round(self.now + 0.1, 1)
            self.state = coordinator.tick(self.rules, self.state, self.now)
        return self

    @property
    def orders(self) -> dict[str, str]:
        return {task: coordinator.order(self.rules, self.state, task).do for task in TASKS}

    @property
    def fate(self) -> str:
        """In a word."""
        verdict = self.state.verdict
        if verdict is not None:
            return "complete" if verdict.completed else f"failed by {verdict.task} with {verdict.exit}"
        return "runs" if self.state.epoch.number == 1 else "again"

    @property
    def is_finished(self) -> bool:
        return coordinator.is_finished(self.rules, self.state, self.now)

    @property
    def result(self) -> Verdict:
        return coordinator.result(self.rules, self.state)


def crew(ignore: bool = True, barrier: bool = True, publishing: tuple[str, ...] = (), returning: str = "") -> Crew:
    """That nobody has joined yet. `returning` are those whose pods may be run again."""
    rules = Rules(
        tasks=TASKS,
        lead="lead",
        barrier=barrier,
        ignore_nonlead_status=ignore,
        publishing=frozenset(publishing),
        settle=SETTLE,
        barrier_timeout=BARRIER,
        absence=ABSENCE,
    )
    return Crew(rules, coordinator.begin(rules, 0, "lead-0", 0.0), may_return=frozenset(returning.split()))


def running(ignore: bool = True, **more: Any) -> Crew:
    made = crew(ignore, **more).all_say("ready").all_say("running")
    assert set(made.orders.values()) == {"run"}
    return made


# --- The barrier


def test_the_barrier_opens_when_all_are_ready() -> None:
    made = crew().all_say("ready", "lead", "one").says("two", "preparing")
    assert set(made.orders.values()) == {"wait"}
    assert set(made.says("two", "ready").orders.values()) == {"run"}


def test_one_that_is_ready_and_away_does_not_count_and_one_that_is_over_does() -> None:
    made = crew().all_say("ready", "one").goes_away("one").all_say("ready", "lead", "two")
    assert not made.state.open
    assert made.says("one", "done", end=end("failed")).state.open


def test_without_a_barrier_there_is_nothing_to_open() -> None:
    assert crew(barrier=False).says("lead", "ready").orders["lead"] == "run"


@pytest.mark.parametrize(
    ("ready", "missing"), [(("lead", "one"), "two"), (("lead",), "one, two"), (("one", "two"), "lead")]
)
def test_the_timeout_of_the_barrier_names_who_is_missing(ready: tuple[str, ...], missing: str) -> None:
    made = crew().all_say("preparing").all_say("ready", *ready).after(BARRIER - 0.1)
    assert made.state.verdict is None
    verdict = made.after(0.1).state.verdict
    assert verdict is not None and (verdict.code, verdict.exit) == (2024, 242)
    assert verdict.reason == f"not at the barrier after 60 s: {missing}"


# --- Who starts again


@pytest.mark.parametrize(
    ("who", "ignore", "epoch", "orders"),
    [
        ("lead", True, 2, {"lead": "leave", "one": "wait", "two": "wait"}),
        ("lead", False, 2, {"lead": "leave", "one": "wait", "two": "wait"}),
        ("one", False, 2, {"lead": "wait", "one": "leave", "two": "wait"}),
        ("one", True, 1, {"lead": "run", "one": "leave", "two": "run"}),
    ],
)
@pytest.mark.parametrize("outcome", ["rescheduled", "terminated", "lost"])
def test_who_is_run_again_takes_others_along(
    who: str, ignore: bool, epoch: int, orders: dict[str, str], outcome: Recorded
) -> None:
    made = running(ignore, returning=who).ends(who, outcome).after(SETTLE)
    assert (made.state.epoch.number, made.orders, made.state.verdict) == (epoch, orders, None)


@pytest.mark.parametrize(("ignore", "orders"), [(True, {"run"}), (False, {"wait"})])
def test_a_pod_that_vanished_without_a_word_is_known_by_the_next_one(ignore: bool, orders: set[str]) -> None:
    made = running(ignore).goes_away("one").after(1).new_pod("one", "preparing")
    assert set(made.orders.values()) == orders


def test_all_meet_again_at_the_barrier_of_the_next_epoch() -> None:
    made = running(ignore=False).ends("one", "rescheduled").after(SETTLE)
    assert not made.all_say("ready", "lead", "two").new_pod("one", "preparing").state.open
    assert set(made.says("one", "ready").orders.values()) == {"run"}
    assert made.state.epoch == Epoch(attempt=0, pod="lead-0", number=2)


def test_the_next_pod_of_one_that_is_ignored_joins_the_epoch_that_runs() -> None:
    made = running().ends("one", "rescheduled").after(SETTLE).new_pod("one")
    assert made.orders == {"lead": "run", "one": "run", "two": "run"} and made.state.epoch.number == 1


def test_a_lead_that_is_run_again_goes_when_all_know_that_they_must_wait() -> None:
    made = running().ends("lead", "rescheduled")
    assert not made.is_finished
    assert made.all_say("ready", "one").goes_away("two").is_finished


# --- Which of several ends counts


@pytest.mark.parametrize(
    ("ignore", "ends", "fate"),
    [
        pytest.param(False, "0 lead completed", "complete", id="success of the lead"),
        pytest.param(False, "0 one failed, 4.9 lead completed", "complete", id="before a failure"),
        pytest.param(False, "0 one rescheduled, 4.9 lead completed", "complete", id="before RESCHEDULE"),
        pytest.param(False, "0 one failed, 5.1 lead completed", "failed by one with 7", id="too late"),
        pytest.param(
            False, "0 one failed, 4 two failed, 5.1 lead completed", "failed by one with 7", id="5 s of the first"
        ),
        pytest.param(False, "0 lead failed, 4.9 one rescheduled", "again", id="RESCHEDULE before a failure"),
        pytest.param(False, "0 one failed, 4.9 lead rescheduled", "again", id="RESCHEDULE of the lead"),
        pytest.param(False, "0 one failed, 4.9 two rescheduled", "again", id="RESCHEDULE of another"),
        pytest.param(False, "0 one failed, 4.9 lead failed", "failed by lead with 7", id="failure of the lead first"),
        pytest.param(False, "0 one failed", "failed by one with 7", id="failure of another"),
        pytest.param(False, "0 one completed", "runs", id="success of another"),
        pytest.param(True, "0 one failed", "runs", id="failure ignored"),
        pytest.param(True, "0 one rescheduled", "runs", id="RESCHEDULE ignored"),
        pytest.param(True, "0 one failed, 20 lead completed", "complete", id="success after failures ignored"),
        pytest.param(True, "0 one rescheduled, 4 lead failed", "failed by lead with 7", id="RESCHEDULE out of scope"),
        pytest.param(True, "0 one failed, 4 lead rescheduled", "again", id="the lead is in scope"),
    ],
)
def test_of_ends_that_come_together(ignore: bool, ends: str, fate: str) -> None:
    made = running(ignore)
    for when, task, outcome in (one.split() for one in ends.split(", ")):
        made.after(float(when) - made.now).ends(task, outcome)
    assert made.after(30).fate == fate


@pytest.mark.parametrize(
    ("ignore", "ends", "fate"),
    [
        pytest.param(False, "one failed, two failed, lead failed", "failed by lead with 7", id="all have ended"),
        pytest.param(False, "one failed, two failed, lead rescheduled", "again", id="all have ended, one comes back"),
        pytest.param(True, "lead terminated", "failed by lead with 7", id="the pod of the lead is going"),
        pytest.param(False, "one terminated", "failed by one with 7", id="the pod of another is going"),
    ],
)
def test_nobody_waits_for_a_window_in_which_nothing_can_come(ignore: bool, ends: str, fate: str) -> None:
    made = running(ignore)
    for task, outcome in (one.split() for one in ends.split(", ")):
        made.ends(task, outcome)
    assert made.fate == fate


def test_an_end_that_another_end_has_caused_does_not_count_and_is_followed_by_a_start_in_place() -> None:
    made = running(ignore=False).ends("one", "failed").after(1).ends("two", "rescheduled").after(SETTLE)
    assert made.orders == {"lead": "wait", "one": "wait", "two": "leave"}
    assert made.state.tasks["one"].end is None


@pytest.mark.parametrize(("earlier", "stands"), [(4.9, False), (5.1, True)])
def test_an_end_stands_if_the_group_did_not_end_within_its_window(earlier: float, stands: bool) -> None:
    made = running().ends("one", "failed").after(earlier).ends("lead", "completed")
    order = coordinator.order(made.rules, made.state, "one")
    assert (order.do, order.end_stands) == ("end", stands)


@pytest.mark.parametrize(("returning", "order"), [("", "leave"), ("lead", "run"), ("two", "leave")])
def test_who_is_early_leaves_unless_it_may_have_to_start_again(returning: str, order: str) -> None:
    assert running(returning=returning).ends("one", "completed").orders["one"] == order


# --- Words of the past


def test_an_end_of_an_epoch_that_is_over_changes_nothing() -> None:
    made = running(ignore=False).ends("one", "rescheduled").after(SETTLE).new_pod("one").all_say("ready", "lead", "two")
    old = made.state.epoch.model_copy(update={"number": 1})
    for outcome in ("completed", "failed", "rescheduled"):
        made.says("lead", "ended", end=end(outcome), epoch=old).says("two", "ended", end=end(outcome), epoch=old)
        assert (made.fate, made.state.tasks["lead"].end, made.state.tasks["two"].end) == ("again", None, None)
    assert made.after(2 * SETTLE).state.verdict is None


def test_but_that_of_a_pod_that_is_over_counts() -> None:
    made = running(ignore=False).ends("one", "rescheduled").after(SETTLE)
    old = made.state.epoch.model_copy(update={"number": 1})
    assert made.says("two", "done", end=end("failed"), epoch=old).fate == "failed by two with 7"


@pytest.mark.parametrize(
    ("attempt", "pod", "is_here", "is_welcome"),
    [
        (1, "one-1", True, True),
        (1, "double", True, False),
        (1, "double", False, True),
        (2, "one-2", True, True),
        (0, "one-0", True, False),
        (0, "one-0", False, False),
    ],
)
def test_a_double_is_not_welcome_while_the_other_is_here_and_an_earlier_attempt_never(
    attempt: int, pod: str, is_here: bool, is_welcome: bool
) -> None:
    made = running().ends("one", "rescheduled").after(SETTLE).new_pod("one", "running")
    if not is_here:
        made.goes_away("one")
    report = Report(attempt=attempt, pod=pod, phase="running", epoch=made.state.epoch)
    assert coordinator.is_welcome(made.state.tasks["one"], report) is is_welcome
    if not is_welcome:
        assert coordinator.hear(made.rules, made.state, "one", report, made.now) == made.state


def test_a_restart_of_osmo_ctrl_keeps_the_epoch_and_waits_anew() -> None:
    made = running(ignore=False).goes_away("one").after(ABSENCE - 1)
    made.state = coordinator.resume(made.state, made.now)
    assert not any(known.here for known in made.state.tasks.values())
    made.all_say("running", "lead", "two").after(ABSENCE - 1)
    assert made.fate == "runs" and made.says("one", "running").orders["one"] == "run"


# --- Who is away


@pytest.mark.parametrize(
    ("ignore", "returning", "limit"), [(False, "", ABSENCE), (False, "one", BARRIER), (True, "", None)]
)
def test_who_is_not_ignored_is_missed(ignore: bool, returning: str, limit: float | None) -> None:
    made = running(ignore, returning=returning).goes_away("one").after((limit or BARRIER) - 0.1)
    assert made.fate == "runs"
    verdict = made.after(0.1).state.verdict
    if limit is None:
        assert verdict is None
    else:
        reason = f"one has been away for {limit:g} s"
        assert verdict == Verdict(completed=False, task="one", code=2021, exit=249, reason=reason)


def test_who_comes_back_in_time_is_not_missed() -> None:
    made = running(ignore=False).goes_away("one").after(ABSENCE - 0.1).says("one", "running")
    assert made.after(10).fate == "runs"


# --- The end


def test_the_lead_goes_last() -> None:
    made = running().ends("lead", "completed")
    assert set(made.orders.values()) == {"end"}
    assert not made.says("one", "done").is_finished
    assert made.orders["one"] == "go"
    assert made.says("two", "done").is_finished


@pytest.mark.parametrize(
    ("publishing", "returning", "seconds"),
    [((), "", 20), (("one",), "", ABSENCE), (("one",), "one", BARRIER)],
    ids=["not needed", "needed", "needed, and it may return"],
)
def test_who_is_away_at_the_end_is_waited_for(publishing: tuple[str, ...], returning: str, seconds: float) -> None:
    made = running(publishing=publishing, returning=returning).goes_away("one").after(1).ends("lead", "completed")
    made.says("two", "done").after(seconds - 0.1)
    assert not made.is_finished
    assert made.after(0.1).is_finished


@pytest.mark.parametrize("ignore", [True, False])
def test_a_group_is_not_complete_without_what_others_need(ignore: bool) -> None:
    made = running(ignore, publishing=("one", "two")).ends("lead", "completed")
    made.says("one", "done", end=end("completed"), published=True)
    made.says("two", "done", end=end("failed", reason="the storage is full"))
    reason = "two has not published its outputs: the storage is full"
    assert made.result == Verdict(completed=False, task="two", code=2012, exit=244, reason=reason)


def test_what_one_that_is_away_has_published_stands_in_the_storage() -> None:
    made = running(publishing=("one",)).goes_away("one").ends("lead", "completed").says("two", "done")
    assert coordinator.awaited(made.rules, made.state) == ("one",) and made.result.exit == 244
    made.state = coordinator.publish(made.rules, made.state, "one", made.now)
    assert made.is_finished and made.result.completed
    assert coordinator.awaited(made.rules, made.state) == ()


@pytest.mark.parametrize(("ignore", "completed"), [(True, True), (False, False)])
def test_a_failure_to_upload_after_the_end_follows_the_flag(ignore: bool, completed: bool) -> None:
    made = running(ignore).ends("lead", "completed").says("two", "done", end=end("completed"))
    made.says("one", "done", end=End(outcome="failed", code=2012, exit=241, reason="the storage is full"))
    assert made.result.completed is completed
    if not completed:
        assert (made.result.task, made.result.exit) == ("one", 241)


def test_a_group_that_has_failed_needs_nothing_more() -> None:
    made = running(publishing=("one",)).ends("lead", "failed").after(SETTLE).goes_away("one").says("two", "done")
    assert made.after(20).is_finished and made.result.exit == 7
