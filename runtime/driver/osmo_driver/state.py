"""From what is seen to the state of the run: every group and task by its status and reason. Pure.

What has ended stays so: `seen.recorded` is what an earlier look concluded, of this driver or the one before it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from osmo_driver.ends import End, end_of_group, end_of_job
from osmo_driver.plan import Plan
from osmo_driver.records import GroupState, State, Status, TaskState
from osmo_driver.seen import PodSeen, Seen
from osmo_driver.view import View

_COURSE: Final = (Status.SUBMITTING, Status.WAITING, Status.PROCESSING, Status.SCHEDULING, Status.INITIALIZING)
# Whatever else failed, these are what a workflow has failed of (reference 6.5).
_FOREMOST: Final = (
    Status.FAILED_CANCELED,
    Status.FAILED_SUBMISSION,
    Status.FAILED_EXEC_TIMEOUT,
    Status.FAILED_QUEUE_TIMEOUT,
)


def assess(seen: Seen, plan: Plan, now: datetime) -> State:
    before = seen.recorded
    groups: dict[str, GroupState] = {}
    for group in plan.groups:
        known = before.groups[group.name] if before else None
        groups[group.name] = _group_state(View(group, known, seen, plan, now), groups)
    has_ended = all(group.status.has_ended and not _is_under_way(group) for group in groups.values())
    status = workflow_status(groups) if has_ended else _unfinished(groups)
    return State(
        version=1,
        workflow_id=plan.workflow_id,
        run=seen.run,
        status=status,
        reason=_reason(groups, status) if status.has_failed else "",
        started=seen.since,
        ended=((before and before.ended) or now) if has_ended else None,
        groups=groups,
    )


def workflow_status(groups: Mapping[str, GroupState]) -> Status:
    """Of groups that have all ended."""
    failed = {group.status for group in groups.values() if group.status.has_failed}
    for status in _FOREMOST:
        if status in failed:
            return status
    own = failed - {Status.FAILED_UPSTREAM}
    if len(own) == 1:
        return own.pop()
    return Status.FAILED if failed else Status.COMPLETED


def _unfinished(groups: Mapping[str, GroupState]) -> Status:
    return Status.RUNNING if any(map(_is_under_way, groups.values())) else Status.PENDING


def _is_under_way(group: GroupState) -> bool:
    """Also when it has ended by its lead, as long as others of its tasks still upload."""
    if group.status.has_ended:
        return not all(task.status.has_ended for task in group.tasks.values())
    return group.status is Status.RUNNING


def _reason(groups: Mapping[str, GroupState], status: Status) -> str:
    """Of the first group that ended so; of all those whose Jobs are missing, for that is a list to go through."""
    own = {name: group for name, group in groups.items() if group.status is status} or {
        name: group
        for name, group in groups.items()
        if group.status.has_failed and group.status is not Status.FAILED_UPSTREAM
    }
    first = sorted(
        (group.ended, f"{name}: {group.reason or group.status}") for name, group in own.items() if group.ended
    )
    return "; ".join(text for _, text in (first if status is Status.FAILED_SUBMISSION else first[:1]))


def _group_state(view: View, upstream: dict[str, GroupState]) -> GroupState:
    end = end_of_group(view, upstream)
    tasks = {task: _task_state(view, task, end) for task in view.group.tasks}
    jobs = (view.job(task) for task in view.group.tasks)
    starts = (job.started for job in jobs if job and job.started and view.is_mine(job))
    started = (view.known.started if view.known else None) or min(starts, default=None)
    if end:
        return GroupState(status=end.status, reason=end.reason, started=started, ended=end.at, tasks=tasks)
    reasons = (view.named(name, task.reason) for name, task in tasks.items() if task.reason)
    return GroupState(status=_furthest(tasks), reason=next(reasons, ""), started=started, tasks=tasks)


def _furthest(tasks: Mapping[str, TaskState]) -> Status:
    statuses = {task.status for task in tasks.values()}
    if any(status not in _COURSE for status in statuses):
        return Status.RUNNING
    return max(statuses, key=_COURSE.index)


def _task_state(view: View, task: str, end: End | None) -> TaskState:
    known = view.known.tasks[task] if view.known else TaskState(status=Status.SUBMITTING)
    if known.status.has_ended:
        return known
    job, pod = view.job(task), view.pod(task)
    is_mine = view.is_mine(job)
    if is_mine and job:
        known = TaskState(
            status=known.status,
            attempts=max(known.attempts, pod.attempt + 1 if pod else 0),
            node=pod.node if pod else known.node,
            started=known.started or job.started,
        )
    if is_mine and job and job.end:
        own = end_of_job(view, task, job)
        return _changed(known, status=own.status, exit=own.exit, reason=own.reason, ended=job.end.at)
    if end and (not end.by_lead or job is None or job.suspended):
        # It ends with its group; what a lead has completed is complete.
        exit = end.exit if end.task in ("", task) else None
        return _changed(known, status=end.status, exit=exit, reason="", ended=end.at)
    if not is_mine:
        return TaskState(status=Status.WAITING if job else Status.SUBMITTING)
    status, reason = _progress(pod)
    return _changed(known, status=status, reason=reason)


def _changed(state: TaskState, **fields: object) -> TaskState:
    return state.model_copy(update=fields)


def _progress(pod: PodSeen | None) -> tuple[Status, str]:
    if pod is None or pod.has_ended:
        return Status.PROCESSING, ""
    if pod.deleted:
        return Status.RUNNING if pod.began else Status.PROCESSING, "its pod is being deleted"
    if not pod.node:
        return Status.SCHEDULING, pod.unschedulable
    if pod.waiting:
        return Status.INITIALIZING, f"{pod.waiting.container}: {pod.waiting.reason}"
    return Status.RUNNING if pod.began else Status.INITIALIZING, ""
