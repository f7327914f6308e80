"""Argo: which pods can never start. Pure.

Argo itself waits for them for ever where a task may be run again, and so do the other tasks of a group.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from osmo_driver.decide import GiveUp, is_given_up
from osmo_driver.plan import Plan
from osmo_driver.records import Status
from osmo_driver.seen import PodSeen
from osmo_driver.verdicts import Verdict, fault_of


@dataclass(frozen=True, slots=True)
class Fail:
    """Ends a pod that has not started. Argo takes it for a failure with this message, and does not run it again.

    A kubelet that has just written the pod's status may write over it: then it is said again.
    """

    pod: PodSeen
    verdict: Verdict


def observe(pods: Iterable[PodSeen], plan: Plan, now: datetime) -> Iterator[Fail | GiveUp]:
    limits = {group.label: group.queue_timeout for group in plan.groups}
    for pod in sorted(pods, key=lambda pod: pod.name):
        if is_given_up(pod, plan, now):
            yield GiveUp(pod)
        elif verdict := fault_of(pod, plan.image_pull_timeout, now) or _late(pod, limits.get(pod.group), now):
            yield Fail(pod, verdict)


def _late(pod: PodSeen, limit: timedelta | None, now: datetime) -> Verdict | None:
    if limit is None or pod.phase != "Pending" or pod.began or pod.deleted or pod.gone or now - pod.created <= limit:
        return None
    if pod.scheduled and not pod.waiting:
        return None  # its images are being pulled
    why = f"{pod.waiting.reason}: {pod.waiting.message}" if pod.waiting else pod.unschedulable or "no node"
    reason = f"not started within {limit.total_seconds():g} s: {why}"
    return Verdict(Status.FAILED_QUEUE_TIMEOUT, None, reason)
