"""What was decided, done. Each patch says which version it is made for, each deletion which pod."""

from collections.abc import Callable

from osmo_driver.cluster import STRATEGIC, ApiError, Cluster
from osmo_driver.reading import read_job
from osmo_driver.seen import JobSeen, PodSeen
from osmo_driver.verdicts import Verdict

_JOBS = "batch/v1"
_LOST = "NodeLost"


def start(cluster: Cluster, job: JobSeen, run: str) -> JobSeen:
    """Returns the Job as it is now."""
    annotations = {"osmo.run_id": run}
    return _patch(cluster, job, {"suspend": False, "template": {"metadata": {"annotations": annotations}}}, {})


def suspend(cluster: Cluster, job: JobSeen, reason: str) -> JobSeen:
    return _patch(cluster, job, {"suspend": True}, {"osmo.ended": reason})


def expire(cluster: Cluster, job: JobSeen, seconds: int) -> JobSeen:
    return _patch(cluster, job, {"ttlSecondsAfterFinished": seconds}, {})


def _patch(cluster: Cluster, job: JobSeen, spec: dict[str, object], annotations: dict[str, str]) -> JobSeen:
    meta: dict[str, object] = {"resourceVersion": job.version, "uid": job.uid}
    if annotations:
        meta["annotations"] = annotations
    return read_job(cluster.patch(cluster.path(_JOBS, "jobs", job.name), {"metadata": meta, "spec": spec}))


def give_up(cluster: Cluster, pod: PodSeen, say: Callable[[str], None]) -> None:
    """Marks the pod as failed, since its kubelet cannot, by which its Job knows; then takes it away."""
    say(f"give up pod {pod.name} on {pod.node}, which is lost")
    path = cluster.path("v1", "pods", pod.name)
    message = f"node {pod.node} is lost"
    conditions = []
    if not pod.disruption:
        # What the Job's podFailurePolicy goes by.
        conditions = [{"type": "DisruptionTarget", "status": "True", "reason": _LOST, "message": message}]
    try:
        if not pod.has_ended:
            _fail(cluster, pod, _LOST, message, conditions)
        cluster.delete(path, {"gracePeriodSeconds": 0, "preconditions": {"uid": pod.uid}})
    except ApiError as error:
        _unless_gone(error)


def fail(cluster: Cluster, pod: PodSeen, verdict: Verdict, say: Callable[[str], None]) -> None:
    """Argo keeps nothing but the message, so that says the status, too."""
    message = f"{verdict.status}: {verdict.reason}"
    say(f"end pod {pod.name}: {message}")
    try:
        _fail(cluster, pod, verdict.status.value, message, [])
    except ApiError as error:
        _unless_gone(error)


def end(cluster: Cluster, pod: PodSeen, reason: str, say: Callable[[str], None]) -> None:
    say(f"end pod {pod.name}: {reason}")
    try:
        cluster.delete(cluster.path("v1", "pods", pod.name), {"preconditions": {"uid": pod.uid}})
    except ApiError as error:
        _unless_gone(error)


def _fail(cluster: Cluster, pod: PodSeen, reason: str, message: str, conditions: list[dict[str, str]]) -> None:
    status: dict[str, object] = {"phase": "Failed", "reason": reason, "message": message}
    if conditions:
        status["conditions"] = conditions
    path = cluster.path("v1", "pods", pod.name)
    cluster.patch(f"{path}/status", {"metadata": {"uid": pod.uid}, "status": status}, STRATEGIC)


def _unless_gone(error: ApiError) -> None:
    if error.status not in (404, 409):
        raise error
