"""From the API server's JSON to what the driver keeps of it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from osmo_driver.seen import ContainerEnd, JobEnd, JobSeen, PodSeen, Waiting

Object = Mapping[str, Any]

_RUN = "osmo.run_id"
_CANCELED = "osmo.canceled"
_INIT = "osmo-init"
_LONGEST = 500  # characters of a message; some are whole logs


def read_job(job: Object) -> JobSeen:
    meta, spec, status = job["metadata"], job["spec"], job.get("status", {})
    annotations = spec["template"].get("metadata", {}).get("annotations", {})
    return JobSeen(
        name=meta["name"],
        uid=meta["uid"],
        version=meta["resourceVersion"],
        suspended=bool(spec.get("suspend")),
        parked=any(one["type"] == "Suspended" and one["status"] == "True" for one in status.get("conditions", ())),
        retention=spec.get("ttlSecondsAfterFinished"),
        run=annotations.get(_RUN, ""),
        started=_time(status.get("startTime")),
        end=_job_end(status),
        canceled=_cut(meta.get("annotations", {}).get(_CANCELED)),
    )


def _job_end(status: Object) -> JobEnd | None:
    for condition in status.get("conditions", ()):
        if condition["status"] == "True" and condition["type"] in ("Complete", "Failed"):
            return JobEnd(
                complete=condition["type"] == "Complete",
                at=time_of(condition["lastTransitionTime"]),
                message=_cut(condition.get("message")),
            )
    return None


def read_pod(pod: Object) -> PodSeen:
    """Of a pod of a task. Its container has the task's name, as its label says; Argo calls it `main`."""
    meta, spec, status = pod["metadata"], pod["spec"], pod.get("status", {})
    labels, annotations = meta.get("labels", {}), meta.get("annotations", {})
    conditions = {condition["type"]: condition for condition in status.get("conditions", ())}
    containers = status.get("containerStatuses", ())
    inits = status.get("initContainerStatuses", ())
    placed, disruption = conditions.get("PodScheduled", {}), conditions.get("DisruptionTarget", {})
    names = {one["name"]: one for one in containers}
    main: Object = names.get(labels.get("osmo.task_name", "")) or names.get("main", {})
    init: Object = next((one for one in inits if one["name"] == _INIT), {})
    state = main.get("state", {})
    is_placed = placed.get("status") == "True"
    return PodSeen(
        name=meta["name"],
        uid=meta["uid"],
        job=labels.get("batch.kubernetes.io/job-name", ""),
        created=time_of(meta["creationTimestamp"]),
        group=labels.get("osmo.group_name", ""),
        task=labels.get("osmo.task_name", ""),
        attempt=int(annotations.get("batch.kubernetes.io/job-index-failure-count", 0)),
        phase=status.get("phase", "Pending"),
        reason=status.get("reason", ""),
        message=_cut(status.get("message")),
        node=spec.get("nodeName", ""),
        scheduled=_time(placed.get("lastTransitionTime")) if is_placed else None,
        unschedulable="" if is_placed else _cut(placed.get("message")),
        waiting=_waiting([*inits, *containers]),
        began=_time((state.get("running") or state.get("terminated") or {}).get("startedAt")),
        main=_container_end(state),
        init=_container_end(init.get("state", {})),
        ended=_time(state.get("terminated", {}).get("finishedAt")),
        disruption=disruption.get("reason", "") if disruption.get("status") == "True" else "",
        deleted=_time(meta.get("deletionTimestamp")),
        lost=_is_lost(conditions, containers),
    )


def _is_lost(conditions: Mapping[str, Object], containers: Iterable[Object]) -> bool:
    """Whether the node is gone, by what the control plane wrote into the pod: nodes themselves are not ours to read.

    The node's controller takes `Ready` from the pods of a node that is not, and leaves their containers as the
    kubelet last reported them; then it deletes the pods.
    """
    if conditions.get("DisruptionTarget", {}).get("reason") == "DeletionByTaintManager":
        return True
    reported = list(containers)
    ready = conditions.get("Ready", {}).get("status")
    return ready in ("False", "Unknown") and bool(reported) and all(one.get("ready") for one in reported)


def _waiting(containers: Iterable[Object]) -> Waiting | None:
    """Of the first that waits for more than its turn."""
    for container in containers:
        waiting = container.get("state", {}).get("waiting")
        if waiting and waiting.get("reason", "") not in ("", "PodInitializing", "ContainerCreating"):
            return Waiting(container=container["name"], reason=waiting["reason"], message=_cut(waiting.get("message")))
    return None


def _container_end(state: Object) -> ContainerEnd | None:
    ended = state.get("terminated")
    if ended is None:
        return None
    return ContainerEnd(code=ended["exitCode"], reason=ended.get("reason", ""), message=_cut(ended.get("message")))


def _cut(text: str | None) -> str:
    """On one line, and not longer than a reader reads."""
    line = " ".join((text or "").split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _time(text: str | None) -> datetime | None:
    return time_of(text) if text else None


def time_of(text: str) -> datetime:
    """Of the API's two forms: with and without parts of a second."""
    return datetime.fromisoformat(text)
