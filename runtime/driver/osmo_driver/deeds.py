"""What was decided, done. Each patch says which version it is made for, each deletion which pod."""

from osmo_driver.cluster import STRATEGIC, Cluster
from osmo_driver.reading import read_job
from osmo_driver.seen import JobSeen, PodSeen

_JOBS = "batch/v1"
_LOST = "NodeLost"


def start(cluster: Cluster, job: JobSeen, run: str) -> JobSeen:
    """Returns the Job as it is now."""
    annotations = {"osmo.run_id": run}
    return _patch(cluster, job, {"suspend": False, "template": {"metadata": {"annotations": annotations}}}, {})


def suspend(cluster: Cluster, job: JobSeen, reason: str) -> JobSeen:
    return _patch(cluster, job, {"suspend": True}, {"osmo.ended": reason})


def _patch(cluster: Cluster, job: JobSeen, spec: dict[str, object], annotations: dict[str, str]) -> JobSeen:
    meta: dict[str, object] = {"resourceVersion": job.version, "uid": job.uid}
    if annotations:
        meta["annotations"] = annotations
    return read_job(cluster.patch(cluster.path(_JOBS, "jobs", job.name), {"metadata": meta, "spec": spec}))


def give_up(cluster: Cluster, pod: PodSeen) -> None:
    """Marks the pod as failed, since its kubelet cannot, by which its Job knows; then takes it away."""
    path = cluster.path("v1", "pods", pod.name)
    if not pod.has_ended:
        message = f"node {pod.node} is lost"
        status: dict[str, object] = {"phase": "Failed", "reason": _LOST, "message": message}
        if not pod.disruption:
            # What the Job's podFailurePolicy goes by.
            status["conditions"] = [{"type": "DisruptionTarget", "status": "True", "reason": _LOST, "message": message}]
        cluster.patch(f"{path}/status", {"metadata": {"uid": pod.uid}, "status": status}, STRATEGIC)
    cluster.delete(path, {"gracePeriodSeconds": 0, "preconditions": {"uid": pod.uid}})
