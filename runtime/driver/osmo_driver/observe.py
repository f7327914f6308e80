"""Argo: which pods can never start, and which are left of a group that is over. Pure.

Argo itself waits for them for ever where a task may be run again, and so do the other tasks of a group.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from osmo_driver.decide import GiveUp, is_given_up
from osmo_driver.plan import Group, Plan
from osmo_driver.records import Status
from osmo_driver.seen import PodSeen
from osmo_driver.verdicts import Verdict, fault_of

# The lead's agent exits last of its group: what still runs after this is stuck, unless Argo makes the lead another pod.
_LEFTOVER_LIMIT: Final = timedelta(minutes=1)
_RETRY_LIMIT: Final = timedelta(minutes=10)
_MAY_BE_RETRIED: Final = (248, 250)


@dataclass(frozen=True, slots=True)
class Fail:
    """Ends a pod that has not started. Argo takes it for a failure with this message, and does not run it again.

    A kubelet that has just written the pod's status may write over it: then it is said again.
    """

    pod: PodSeen
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class End:
    """Ends a pod that runs, though its group is over: its task gets SIGTERM, and keeps what it has."""

    pod: PodSeen
    reason: str


def observe(pods: Iterable[PodSeen], plan: Plan, now: datetime) -> Iterator[Fail | End | GiveUp]:
    by_group: defaultdict[str, list[PodSeen]] = defaultdict(list)
    for pod in sorted(pods, key=lambda pod: pod.name):
        by_group[pod.group].append(pod)
    for group in plan.groups:
        found = by_group.pop(group.label, [])
        over = _verdict_of(group, found, now) if group.size > 1 else None
        for pod in found:
            if is_given_up(pod, plan, now):
                yield GiveUp(pod)
            elif pod.has_ended or pod.deleted or pod.gone:
                continue
            elif over:
                yield End(pod, over.reason) if pod.began else Fail(pod, over)
            elif verdict := fault_of(pod, plan.image_pull_timeout, now) or _late(pod, group.queue_timeout, now):
                yield Fail(pod, verdict)


def _verdict_of(group: Group, pods: Sequence[PodSeen], now: datetime) -> Verdict | None:
    """Why a group is over, though pods of it may be left: one of them was ended here, or its lead has ended."""
    for pod in pods:
        if pod.phase == "Failed" and pod.reason in Status.__members__:
            return Verdict(Status(pod.reason), None, f"{pod.task} has not started")
    leads = [pod for pod in pods if pod.task == group.lead_label]
    last = max(leads, key=lambda pod: pod.created, default=None)
    if last is None or not last.has_ended:
        return None
    may_return = last.main is None or last.main.code in _MAY_BE_RETRIED
    if now - (last.ended or last.created) <= (_RETRY_LIMIT if may_return else _LEFTOVER_LIMIT):
        return None
    return Verdict(Status.FAILED, None, "its group has ended")


def _late(pod: PodSeen, limit: timedelta | None, now: datetime) -> Verdict | None:
    if limit is None or pod.phase != "Pending" or pod.began or now - pod.created <= limit:
        return None
    if pod.scheduled and not pod.waiting:
        return None  # its images are being pulled
    why = f"{pod.waiting.reason}: {pod.waiting.message}" if pod.waiting else pod.unschedulable or "no node"
    reason = f"not started within {limit.total_seconds():g} s: {why}"
    return Verdict(Status.FAILED_QUEUE_TIMEOUT, None, reason)
