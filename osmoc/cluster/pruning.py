"""Which runs are to be removed, and why the others are not. Pure: states and the time in, decisions out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from osmoc.cluster.state import State


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run; `state` is None if the cluster does not know it."""

    workflow_id: str
    workflow: str
    state: State | None


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` is how the run has ended, or what it is kept for."""

    workflow_id: str
    is_removed: bool
    reason: str


def decide(
    candidates: Iterable[Candidate], now: datetime, *, keeps_newest: bool, older_than: timedelta = timedelta()
) -> list[Decision]:
    """In the order of the candidates. What the cluster does not know may be about to start, and is kept."""
    listed = list(candidates)
    newest = _newest(listed) if keeps_newest else set()
    return [_decide(one, now, one.workflow_id in newest, older_than) for one in listed]


def _newest(candidates: Iterable[Candidate]) -> set[str]:
    """Of each workflow, the run that was started last."""
    by_workflow: dict[str, list[tuple[datetime, str]]] = {}
    for one in candidates:
        if one.state and one.state.started:
            by_workflow.setdefault(one.workflow, []).append((one.state.started, one.workflow_id))
    return {max(runs)[1] for runs in by_workflow.values()}


def _decide(one: Candidate, now: datetime, is_newest: bool, older_than: timedelta) -> Decision:
    state = one.state
    if state is None:
        return Decision(one.workflow_id, False, "not on the cluster, or not yet")
    if not state.status.has_ended:
        return Decision(one.workflow_id, False, f"it is {state.status}")
    if is_newest:
        return Decision(one.workflow_id, False, f"{state.status}, but the newest run of `{one.workflow}`")
    ended = state.ended or state.started
    if ended is None or now - ended < older_than:
        return Decision(one.workflow_id, False, f"{state.status} not that long ago")
    return Decision(one.workflow_id, True, state.status)
