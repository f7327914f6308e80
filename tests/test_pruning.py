"""Which runs are removed: `osmoc.cluster.pruning`."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from osmoc.cluster.pruning import Candidate, decide
from osmoc.cluster.state import State, Status

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def run(name: str, status: Status | None, *, hours: float = 1, workflow: str = "train") -> Candidate:
    """Of two hours, which ended so many hours ago."""
    if status is None:
        return Candidate(name, workflow, None)
    ended = NOW - timedelta(hours=hours)
    state = State(
        workflow_id=name,
        run=f"uid-{name}",
        status=status,
        started=ended - timedelta(hours=2),
        ended=ended if status.has_ended else None,
    )
    return Candidate(name, workflow, state)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (run("a", None), "not on the cluster, or not yet"),
        (run("a", Status.RUNNING), "it is RUNNING"),
        (run("a", Status.SUBMITTING), "it is SUBMITTING"),
        (run("a", Status.COMPLETED), "COMPLETED, but the newest run of `train`"),
        (run("a", Status.FAILED), "FAILED, but the newest run of `train`"),
    ],
)
def test_what_is_kept_says_why(one: Candidate, reason: str) -> None:
    [decision] = decide([one], NOW, keeps_newest=True)
    assert (decision.is_removed, decision.reason) == (False, reason)


def test_of_each_workflow_the_newest_stays_unless_all_are_meant() -> None:
    runs = [
        run("old", Status.FAILED, hours=9),
        run("new", Status.COMPLETED, hours=2),
        run("other", Status.COMPLETED, hours=9, workflow="evaluate"),
    ]
    assert [one.workflow_id for one in decide(runs, NOW, keeps_newest=True) if one.is_removed] == ["old"]
    assert all(one.is_removed for one in decide(runs, NOW, keeps_newest=False))


def test_a_run_is_old_by_its_end() -> None:
    runs = [run("old", Status.FAILED, hours=9), run("new", Status.COMPLETED, hours=2)]
    decisions = decide(runs, NOW, keeps_newest=False, older_than=timedelta(hours=3))
    assert [(one.workflow_id, one.is_removed) for one in decisions] == [("old", True), ("new", False)]


RUNS = some.builds(
    run,
    some.sampled_from("abcdefgh"),
    some.none() | some.sampled_from(Status),
    hours=some.integers(0, 48),
    workflow=some.sampled_from(["train", "evaluate"]),
)


@given(some.lists(RUNS, unique_by=lambda one: one.workflow_id), some.booleans(), some.integers(0, 48))
def test_only_what_has_ended_is_ever_removed(runs: list[Candidate], keeps_newest: bool, hours: int) -> None:
    decisions = decide(runs, NOW, keeps_newest=keeps_newest, older_than=timedelta(hours=hours))
    assert [one.workflow_id for one in decisions] == [one.workflow_id for one in runs]
    removed = {one.workflow_id for one in decisions if one.is_removed}
    for one in runs:
        if one.workflow_id in removed:
            assert one.state and one.state.status.has_ended and one.state.ended
            assert NOW - one.state.ended >= timedelta(hours=hours)
    if keeps_newest:
        for workflow in ("train", "evaluate"):
            known = [one.workflow_id for one in runs if one.workflow == workflow and one.state]
            assert not known or set(known) - removed
