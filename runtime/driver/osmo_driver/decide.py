"""What the driver does next. Pure, and level-triggered: the same `seen` gives the same actions, done or not.

Nothing is done upon a conclusion before it is recorded. So a driver that dies between any two actions leaves a cluster
from which the next one comes to the same end.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from osmo_driver.ends import REFUSAL_LIMIT
from osmo_driver.plan import Group, Plan
from osmo_driver.records import State, Status
from osmo_driver.seen import JobSeen, PodSeen, Seen
from osmo_driver.state import assess
from osmo_driver.view import View

_LOST_LIMIT: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Record:
    """Writes the state: at once if it is `urgent`, else there may be more to write in a while."""

    state: State
    urgent: bool


@dataclass(frozen=True, slots=True)
class Start:
    """Unsuspends a Job as it was seen, and marks it with the run, in one patch."""

    group: str
    job: JobSeen


@dataclass(frozen=True, slots=True)
class Suspend:
    job: JobSeen
    reason: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Ends a pod whose node is lost, so that its Job can go on."""

    pod: PodSeen


@dataclass(frozen=True, slots=True)
class Expire:
    """Lets Kubernetes remove a Job after a while, now that nobody asks for it any more."""

    job: JobSeen
    seconds: int


@dataclass(frozen=True, slots=True)
class Finish:
    status: Status


Action = Record | Start | Suspend | GiveUp | Expire | Finish


def decide(seen: Seen, plan: Plan, now: datetime) -> list[Action]:
    state = assess(seen, plan, now)
    actions: list[Action] = []
    if state != seen.recorded:
        actions.append(Record(state, _is_urgent(state, seen.recorded)))
    recorded = seen.recorded.groups if seen.recorded else {}
    is_over = True
    for group in plan.groups:
        known = recorded.get(group.name)
        if known and known.status.has_ended:
            leftovers = [job for job in _leftovers(group, seen) if not _is_refused(job, seen, now)]
            if not View(group, known, seen, plan, now).ends_by_itself:
                reason = f"{known.status}: {known.reason}" if known.reason else known.status.value
                actions += [Suspend(job, reason) for job in leftovers]
            is_over &= not leftovers
            continue
        is_over = False
        if state.groups[group.name].status.has_ended:
            continue
        if all(name in recorded and recorded[name].status is Status.COMPLETED for name in group.upstream):
            actions += _start(group, seen)
    actions += _give_up(plan, seen, now)
    if is_over and state == seen.recorded:
        actions += list(_expire(plan, seen, state.ended or now, now)) or [Finish(state.status)]
    return actions


def _is_urgent(state: State, before: State | None) -> bool:
    """A group has ended or a Job is seen for the first time, which is lost if the Job goes; or all is over."""
    if before is None or state.status.has_ended:
        return True
    for name, group in state.groups.items():
        known = before.groups[name]
        if group.status.has_ended != known.status.has_ended:
            return True
        for task, found in group.tasks.items():
            if known.tasks[task].status is Status.SUBMITTING is not found.status:
                return True
    return False


def _start(group: Group, seen: Seen) -> Iterator[Start]:
    """All of a group, once all of them are there; the rest of it, if a driver died in between.

    The lead last: the others wait for it, but it may have ended before they begin.
    """
    lead, *others = (seen.jobs.get(name) for name in group.jobs.values())
    if lead is None or not all(others):
        return
    held = [job for job in others if job and _is_held(job)]
    yield from (Start(group.name, job) for job in held if job.parked)
    if not held and _is_held(lead) and lead.parked:
        yield Start(group.name, lead)


def _is_held(job: JobSeen) -> bool:
    return job.suspended and not job.run and not job.end


def _leftovers(group: Group, seen: Seen) -> Iterator[JobSeen]:
    """Jobs of a group that has ended which may still run pods."""
    for name in group.jobs.values():
        job = seen.jobs.get(name)
        if job and not job.suspended and not job.end:
            yield job


def _is_refused(job: JobSeen, seen: Seen, now: datetime) -> bool:
    refused = seen.refused.get(job.name)
    return refused is not None and now - refused.since > REFUSAL_LIMIT


def _give_up(plan: Plan, seen: Seen, now: datetime) -> Iterator[GiveUp]:
    for job in plan.jobs():
        for pod in seen.pods.get(job, ()):
            if is_given_up(pod, plan, now):
                yield GiveUp(pod)


def is_given_up(pod: PodSeen, plan: Plan, now: datetime) -> bool:
    is_lost = pod.lost and pod.deleted is not None and not pod.gone and now - pod.deleted > _LOST_LIMIT
    return is_lost and not plan.waits_for_lost_nodes


def _expire(plan: Plan, seen: Seen, ended: datetime, now: datetime) -> Iterator[Expire]:
    """All at the same time, that long after the end of the workflow; Kubernetes counts from the end of each."""
    for name in plan.jobs() if plan.retention is not None else ():
        job = seen.jobs.get(name)
        if job and job.end and job.retention is None and plan.retention is not None and not _is_refused(job, seen, now):
            yield Expire(job, plan.retention + max(0, int((ended - job.end.at).total_seconds())))
