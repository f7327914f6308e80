"""What starts, what never will and how it ends: each line of a table is a moment of a run."""

import pytest

from osmoc.local.schedule import Amount, Ended, Group, State, after, decide, exit_status, group_state, run_state

ROOMY = Amount(tasks=8, cpu=8, gpu=0)
# prepare -> train -> report, and aside alone.
CHAIN = (
    Group(name="prepare", tasks=("prepare",), lead="prepare"),
    Group(name="train", tasks=("train",), lead="train", upstream=("prepare",)),
    Group(name="report", tasks=("report",), lead="report", upstream=("train",)),
    Group(name="aside", tasks=("aside",), lead="aside"),
)
LETTERS = {
    ".": State.WAITING,
    "i": State.INITIALIZING,
    "r": State.RUNNING,
    "a": State.RESCHEDULED,
    "C": State.COMPLETED,
    "F": State.FAILED,
    "T": State.FAILED_EXEC_TIMEOUT,
    "U": State.FAILED_UPSTREAM,
    "X": State.FAILED_CANCELED,
}


def states(text: str, groups: tuple[Group, ...] = CHAIN) -> dict[str, State]:
    return {
        task: LETTERS[letter] for group in groups for task in group.tasks for letter in [text[_index(task, groups)]]
    }


def _index(task: str, groups: tuple[Group, ...]) -> int:
    return [name for group in groups for name in group.tasks].index(task)


@pytest.mark.parametrize(
    ("before", "start", "marked"),
    [
        ("....", "prepare aside", {}),
        ("r..r", "", {}),
        ("C..r", "train", {}),
        ("a..C", "", {}),  # will be run again
        ("F..r", "", {"train": "U", "report": "U"}),
        ("T..r", "", {"train": "U", "report": "U"}),
        ("CF.r", "", {"report": "U"}),
        ("CC.F", "report", {}),  # a sibling's failure is not ours
        ("CCCC", "", {}),
    ],
)
def test_decide(before: str, start: str, marked: dict[str, str]) -> None:
    decision = decide(CHAIN, states(before), ROOMY, canceled=False)
    assert " ".join(decision.start) == start
    assert decision.marks == {name: LETTERS[letter] for name, letter in marked.items()}


def test_failure_spreads_against_the_order_of_the_file() -> None:
    backwards = tuple(reversed(CHAIN))
    decision = decide(backwards, {**states("...."), "prepare": State.FAILED}, ROOMY, canceled=False)
    assert decision.marks == {"train": State.FAILED_UPSTREAM, "report": State.FAILED_UPSTREAM}


def test_nothing_starts_when_canceled() -> None:
    decision = decide(CHAIN, states("C..r"), ROOMY, canceled=True)
    assert not decision.start
    assert decision.marks == {"train": State.FAILED_CANCELED, "report": State.FAILED_CANCELED}


@pytest.mark.parametrize(
    ("machine", "busy", "started"),
    [
        (Amount(2, 8, 0), "...", "one two"),
        (Amount(1, 8, 0), "...", "one"),
        (Amount(1, 8, 0), "r..", ""),
        (Amount(9, 4, 0), "...", "one three"),  # two needs 4 of the 4 cores, three none
        (Amount(9, 4, 0), "r..", "three"),
        (Amount(9, 4, 0), "C..", "two three"),
        (Amount(9, 2, 0), "C.C", "two"),  # larger than the machine: alone
        (Amount(9, 2, 0), "C.r", ""),
    ],
)
def test_tasks_share_the_machine(machine: Amount, busy: str, started: str) -> None:
    groups = tuple(
        Group(name=name, tasks=(name,), lead=name, needs=Amount(1, cpu))
        for name, cpu in (("one", 2), ("two", 4), ("three", 0))
    )
    if machine == Amount(2, 8, 0):
        groups = groups[:2]
        busy = busy[:2]
    assert " ".join(decide(groups, states(busy, groups), machine, canceled=False).start) == started


def test_deciding_again_gives_the_same() -> None:
    before = states("C..r")
    assert decide(CHAIN, before, ROOMY, canceled=False) == decide(CHAIN, before, ROOMY, canceled=False)


PAIR = Group(name="pair", tasks=("lead", "other"), lead="lead")


@pytest.mark.parametrize(
    ("own", "ignored", "strict"),
    [
        ("..", "WAITING", "WAITING"),
        (".r", "RUNNING", "RUNNING"),
        ("Cr", "RUNNING", "RUNNING"),
        ("CC", "COMPLETED", "COMPLETED"),
        ("CF", "COMPLETED", "FAILED"),
        ("FC", "FAILED", "FAILED"),
        ("UU", "FAILED_UPSTREAM", "FAILED_UPSTREAM"),
    ],
)
def test_state_of_a_group(own: str, ignored: str, strict: str) -> None:
    known = dict(zip(PAIR.tasks, map(LETTERS.__getitem__, own), strict=True))
    assert group_state(PAIR, known).value == ignored
    stern = Group(name="pair", tasks=PAIR.tasks, lead="lead", ignore_nonlead_status=False)
    assert group_state(stern, known).value == strict


@pytest.mark.parametrize(
    ("end", "state", "status"),
    [
        ("CCCC", State.COMPLETED, 0),
        ("FUUC", State.FAILED, 1),
        ("TUUC", State.FAILED_EXEC_TIMEOUT, 1),
        ("TUUF", State.FAILED, 1),
        ("CXXC", State.FAILED_CANCELED, 1),
        ("Cr.C", State.RUNNING, 1),
    ],
)
def test_state_of_a_run(end: str, state: State, status: int) -> None:
    assert run_state(CHAIN, states(end)) is state
    assert exit_status(state, interrupted=False) == status


def test_exit_status_of_an_interrupted_run() -> None:
    assert exit_status(State.FAILED_CANCELED, interrupted=True) == 130


@pytest.mark.parametrize(
    ("code", "cause", "attempt", "canceled", "state"),
    [
        (0, "exited", 0, False, State.COMPLETED),
        (3, "exited", 0, False, State.FAILED),
        (250, "exited", 0, False, State.RESCHEDULED),
        (250, "exited", 3, False, State.FAILED),
        (250, "exited", 0, True, State.FAILED_CANCELED),
        (243, "timed_out", 0, False, State.FAILED_EXEC_TIMEOUT),
        (248, "terminated", 0, False, State.FAILED_CANCELED),
        (248, "terminated", 0, True, State.FAILED_CANCELED),
        (0, "exited", 0, True, State.COMPLETED),  # it was quicker
        (241, "exited", 0, False, State.FAILED),
    ],
)
def test_state_after_an_attempt(code: int, cause: str, attempt: int, canceled: bool, state: State) -> None:
    assert after(Ended(exit=code, cause=cause), attempt, 3, canceled=canceled) is state
