"""How pods end, and which can never start. OSMO's table of states and codes, docs/exit-codes.md."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from osmo_driver.records import Status
from osmo_driver.seen import ContainerEnd, PodSeen


@dataclass(frozen=True, slots=True)
class Verdict:
    status: Status
    exit: int | None = None
    reason: str = ""


# Codes of the pod's agent that say more than that the command failed.
_EXEC_TIMEOUT: Final = 243
_ENDED_FROM_OUTSIDE: Final = 248
_FIRST_OF_INIT: Final = 255

# What no time cures.
_HOPELESS: Final = {"InvalidImageName": 301}
_IMAGE: Final = {
    "ErrImagePull": 302,
    "ImagePullBackOff": 301,
    "ErrImageNeverPull": 301,
    "ImageInspectError": 301,
    "RegistryUnavailable": 301,
    "SignatureValidationFailed": 301,
}
# A Secret or ConfigMap that somebody forgot may still come.
_CONFIGURATION: Final = {"CreateContainerConfigError": 3001, "CreateContainerError": 304, "RunContainerError": 304}
_CONFIGURATION_LIMIT: Final = timedelta(minutes=10)
_START_LIMIT: Final = timedelta(minutes=30)


def fault_of(pod: PodSeen, image_pull_timeout: timedelta, now: datetime) -> Verdict | None:
    """Why a pod that has a node will not start; None if it may yet, or has.

    Times count from when it got its node: nothing else in it says since when an image cannot be pulled, and a driver
    that was killed must come to the same conclusion.
    """
    if pod.scheduled is None or pod.began or pod.has_ended or pod.deleted:
        return None
    age = now - pod.scheduled
    waiting = pod.waiting
    if waiting is None:
        if age > image_pull_timeout + _START_LIMIT:
            return Verdict(Status.FAILED_START_TIMEOUT, 3005, f"has not started on {pod.node}")
        return None
    said = f"{waiting.container}: {waiting.reason}" + (f": {waiting.message}" if waiting.message else "")
    if waiting.reason in _HOPELESS:
        return Verdict(Status.FAILED_IMAGE_PULL, _HOPELESS[waiting.reason], said)
    if waiting.reason in _IMAGE:
        return Verdict(Status.FAILED_IMAGE_PULL, _IMAGE[waiting.reason], said) if age > image_pull_timeout else None
    if waiting.reason in _CONFIGURATION:
        code = _CONFIGURATION[waiting.reason]
        status = Status.FAILED_BACKEND_ERROR if code == 3001 else Status.FAILED_START_ERROR
        return Verdict(status, code, said) if age > _CONFIGURATION_LIMIT else None
    return Verdict(Status.FAILED_START_TIMEOUT, 3005, said) if age > _START_LIMIT else None


def end_of(pod: PodSeen) -> Verdict:
    """What a pod that has ended says of its task."""
    main, said = pod.main, _said(pod.main)
    if main and main.code == 0:
        return Verdict(Status.COMPLETED, _code(said, main))
    if pod.reason == "Evicted" or (main and main.reason == "OOMKilled"):
        return Verdict(Status.FAILED_EVICTED, 3004, pod.message or "out of memory")
    if pod.disruption in ("PreemptionByScheduler", "PreemptionByKubeScheduler"):
        return Verdict(Status.FAILED_PREEMPTED, 3006, "preempted")
    if pod.reason == "DeadlineExceeded":
        return Verdict(Status.FAILED_EXEC_TIMEOUT, main.code if main else None, pod.message)
    if main and main.reason in ("StartError", "ContainerCannotRun"):
        return Verdict(Status.FAILED_START_ERROR, 3003, main.message)
    if pod.disruption or pod.reason:
        return Verdict(Status.FAILED_BACKEND_ERROR, 3001, pod.message or pod.disruption or pod.reason)
    if main:
        return _end_of_main(main, said)
    if pod.init and pod.init.code:
        return Verdict(Status.FAILED, _FIRST_OF_INIT + pod.init.code, f"osmo-init: {pod.init.message}".rstrip(": "))
    return Verdict(Status.FAILED, 4000, pod.message or "the pod failed")


def _end_of_main(main: ContainerEnd, said: Mapping[str, Any]) -> Verdict:
    reason = str(said.get("reason") or "")
    if main.code == _EXEC_TIMEOUT:
        return Verdict(Status.FAILED_EXEC_TIMEOUT, main.code, reason or "exec_timeout")
    if main.code == _ENDED_FROM_OUTSIDE:
        return Verdict(Status.FAILED_BACKEND_ERROR, 3001, reason or "the pod was ended from outside")
    code = _code(said, main)
    status = Status.FAILED_EVICTED if code == 3004 else Status.FAILED
    return Verdict(status, code, reason or f"exit code {code}")


def _said(end: ContainerEnd | None) -> Mapping[str, Any]:
    """The agent's last words."""
    try:
        said = json.loads(end.message) if end else {}
    except ValueError:
        said = {}
    return said if isinstance(said, dict) else {}


def _code(said: Mapping[str, Any], end: ContainerEnd) -> int:
    code = said.get("code")
    return code if isinstance(code, int) else end.code
