"""Why a group ends. The first reason counts: what its lead did, then what people did, then what the cluster did."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from osmo_driver.records import GroupState, Status
from osmo_driver.seen import JobSeen
from osmo_driver.verdicts import Verdict, end_of, fault_of
from osmo_driver.view import View

APPLY_LIMIT: Final = timedelta(minutes=10)
REFUSAL_LIMIT: Final = timedelta(minutes=2)

# How long Kubernetes waits before it makes the next attempt's pod.
_FIRST_PAUSE: Final = timedelta(seconds=10)
_LONGEST_PAUSE: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class End:
    """`task` is the one that the exit code is of. `by_lead`: its other tasks may yet end by themselves."""

    status: Status
    reason: str
    at: datetime
    task: str = ""
    exit: int | None = None
    by_lead: bool = False


def end_of_group(view: View, upstream: dict[str, GroupState]) -> End | None:
    known = view.known
    if known and known.status.has_ended:
        return End(known.status, known.reason, known.ended or view.now, by_lead=view.ends_by_itself)
    return (
        _end_by_lead(view)
        or _end_by_cancel(view)
        or _end_by_upstream(view, upstream)
        or _end_by_others(view)
        or _end_by_refusal(view)
        or _end_by_fault(view)
        or _end_by_timeout(view)
    )


def end_of_job(view: View, task: str, job: JobSeen) -> Verdict:
    """Of a Job that has ended: what its last pod says, as long as there is one."""
    assert job.end is not None
    pod = view.pod(task)
    told = end_of(pod) if pod and pod.has_ended else None
    if job.end.complete:
        return Verdict(Status.COMPLETED, told.exit if told else 0)
    if told and told.status.has_failed:
        return told
    return Verdict(Status.FAILED, 4000, job.end.message or "the Job has failed")


def _end_by_lead(view: View) -> End | None:
    task = view.group.lead
    job = view.job(task)
    if job is None or job.end is None or not view.has_led:
        return None
    end = end_of_job(view, task, job)
    return End(end.status, view.named(task, end.reason), job.end.at, task, end.exit, by_lead=True)


def _end_by_cancel(view: View) -> End | None:
    return End(Status.FAILED_CANCELED, view.seen.canceled, view.now) if view.seen.canceled else None


def _end_by_upstream(view: View, upstream: dict[str, GroupState]) -> End | None:
    failed = [name for name in view.group.upstream if upstream[name].status.has_failed]
    if not failed or view.was_started:
        return None
    return End(Status.FAILED_UPSTREAM, f"{failed[0]} has failed", view.now, exit=3000)


def _end_by_others(view: View) -> End | None:
    """What somebody else did to its Jobs: no fight, the group ends."""
    missing: list[str] = []
    for task, name in view.group.jobs.items():
        job = view.job(task)
        if job is None:
            if view.known and view.known.tasks[task].status is not Status.SUBMITTING:
                return End(Status.FAILED_CANCELED, f"Job {name} was deleted", view.now)
            missing.append(name)
        elif job.run and not view.is_mine(job):
            return End(Status.FAILED_CANCELED, f"Job {name} belongs to another run, {job.run}", view.now)
        elif not job.run and not job.suspended:
            return End(Status.FAILED_CANCELED, f"Job {name} was started by someone else", view.now)
        elif job.run and job.suspended and not job.end:
            return End(Status.FAILED_CANCELED, f"Job {name} was suspended by someone else", view.now)
    if missing and view.now - view.seen.since > APPLY_LIMIT:
        return End(Status.FAILED_SUBMISSION, f"never applied: {', '.join(missing)}", view.now)
    return None


def _end_by_refusal(view: View) -> End | None:
    for task, name in view.group.jobs.items():
        refused = view.seen.refused.get(name)
        if refused and view.now - refused.since > REFUSAL_LIMIT:
            return End(Status.FAILED_START_ERROR, f"Job {name}: {refused.message}", view.now, task, 3003)
    return None


def _end_by_fault(view: View) -> End | None:
    """A pod that can never start ends the group, whoever's it is: a group starts together or not at all."""
    for task, name in view.group.jobs.items():
        for pod in view.seen.pods.get(name, ()) if view.is_running(view.job(task)) else ():
            fault = fault_of(pod, view.plan.image_pull_timeout, view.now)
            if fault:
                return End(fault.status, view.named(task, fault.reason), view.now, task, fault.exit)
    return None


def _end_by_timeout(view: View) -> End | None:
    limit = view.group.queue_timeout
    if limit is None:
        return None
    late = [
        view.named(task, _queued_for(view, task))
        for task in view.group.tasks
        if (since := _queued_since(view, task)) and view.now - since > limit
    ]
    if not late:
        return None
    reason = f"not started within {limit.total_seconds():g} s: {'; '.join(late)}"
    return End(Status.FAILED_QUEUE_TIMEOUT, reason, view.now)


def _queued_since(view: View, task: str) -> datetime | None:
    """Since when a task has waited for a pod that starts; None if it does not.

    From the start of its Job on; for a further attempt from when its pod is there, or should be. A pod whose images
    are being pulled has started, one whose images cannot be pulled has not.
    """
    job, pod = view.job(task), view.pod(task)
    if job is None or job.started is None or not view.is_running(job):
        return None
    if pod is None:
        return job.started
    if pod.has_ended:
        return (pod.ended or pod.created) + min(_FIRST_PAUSE * (1 << min(pod.attempt, 10)), _LONGEST_PAUSE)
    if pod.began or pod.deleted or (pod.scheduled and not pod.waiting):
        return None
    return pod.created if pod.attempt else job.started


def _queued_for(view: View, task: str) -> str:
    pod = view.pod(task)
    if pod is None or pod.has_ended:
        return "the cluster has made no pod for it"
    if pod.waiting:
        return f"{pod.waiting.reason}: {pod.waiting.message}"
    return pod.unschedulable or "no node"
