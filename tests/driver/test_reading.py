"""What the driver keeps of the API server's objects."""

from datetime import UTC, datetime
from typing import Any

from osmo_driver.reading import read_job, read_pod
from osmo_driver.seen import ContainerEnd, JobEnd, Waiting

TIME = "2026-11-25T23:46:45Z"
AT = datetime(2026, 11, 25, 23, 46, 45, tzinfo=UTC)
META = {"name": "x", "uid": "u", "resourceVersion": "7", "creationTimestamp": TIME}


def job(**status: Any) -> dict[str, Any]:
    annotations = {"osmo.run_id": "r"}
    spec = {"suspend": False, "ttlSecondsAfterFinished": 5, "template": {"metadata": {"annotations": annotations}}}
    return {"metadata": META, "spec": spec, "status": status}


def pod(*, deleted: bool = False, **status: Any) -> dict[str, Any]:
    own = {"osmo.task_name": "train", "osmo.group_name": "g", "batch.kubernetes.io/job-name": "j"}
    annotations = {"batch.kubernetes.io/job-index-failure-count": "2"}
    meta = META | {"labels": own, "annotations": annotations}
    return {
        "metadata": meta | ({"deletionTimestamp": TIME} if deleted else {}),
        "spec": {"nodeName": "n"},
        "status": status,
    }


def condition(name: str, status: str, **fields: str) -> dict[str, str]:
    return {"type": name, "status": status, "lastTransitionTime": TIME} | fields


def test_a_job() -> None:
    found = read_job(job(startTime=TIME, conditions=[condition("SuccessCriteriaMet", "True")]))
    assert (found.version, found.suspended, found.run, found.started) == ("7", False, "r", AT)
    assert found.retention == 5 and found.end is None and not found.parked
    assert read_job(job(conditions=[condition("Suspended", "True")])).parked


def test_the_end_of_a_job() -> None:
    ends = [condition("FailureTarget", "True"), condition("Failed", "True", message="index 0\nfailed")]
    assert read_job(job(conditions=ends)).end == JobEnd(complete=False, at=AT, message="index 0 failed")
    assert read_job(job(conditions=[condition("Failed", "False")])).end is None
    assert read_job(job(conditions=[condition("Complete", "True")])).end == JobEnd(complete=True, at=AT)


def test_a_pod_that_runs() -> None:
    running = {"name": "train", "ready": True, "state": {"running": {"startedAt": TIME}}}
    ready = [condition("PodScheduled", "True"), condition("Ready", "True")]
    found = read_pod(pod(phase="Running", conditions=ready, containerStatuses=[running]))
    assert (found.job, found.group, found.attempt, found.node) == ("j", "g", 2, "n")
    assert (found.scheduled, found.began, found.lost, found.main) == (AT, AT, False, None)


def test_a_pod_without_a_node() -> None:
    found = read_pod(pod(conditions=[condition("PodScheduled", "False", message="no node")]))
    assert (found.scheduled, found.unschedulable) == (None, "no node")


def test_what_a_container_waits_for_unless_it_is_its_turn() -> None:
    turn = {"name": "train", "state": {"waiting": {"reason": "PodInitializing"}}}
    pull = {"name": "osmo-ctrl", "state": {"waiting": {"reason": "ErrImagePull", "message": "x" * 1000}}}
    assert read_pod(pod(containerStatuses=[turn])).waiting is None
    found = read_pod(pod(initContainerStatuses=[pull], containerStatuses=[turn])).waiting
    assert found == Waiting(container="osmo-ctrl", reason="ErrImagePull", message="x" * 499 + "…")


def test_the_end_of_the_tasks_container_is_found_by_the_tasks_name_or_as_argos_main() -> None:
    ended = {"exitCode": 3, "reason": "Error", "finishedAt": TIME, "startedAt": TIME}
    for name in ("train", "main"):
        status = {"name": name, "state": {"terminated": ended}}
        found = read_pod(pod(phase="Failed", containerStatuses=[{"name": "wait", "state": {}}, status]))
        assert found.main == ContainerEnd(code=3, reason="Error") and found.ended == AT


def test_a_pod_is_lost_if_the_control_plane_says_so() -> None:
    """It takes `Ready` from the pods of a node that it gives up, and leaves what the kubelet reported."""
    running = {"name": "train", "ready": True, "state": {"running": {"startedAt": TIME}}}
    starting = running | {"ready": False}
    given_up = [condition("Ready", "False")]
    assert read_pod(pod(conditions=given_up, containerStatuses=[running])).lost
    assert not read_pod(pod(conditions=given_up, containerStatuses=[running, starting])).lost
    evicted = [condition("DisruptionTarget", "True", reason="DeletionByTaintManager")]
    assert read_pod(pod(conditions=evicted, deleted=True)).lost
