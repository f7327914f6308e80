"""How pods end: OSMO's table."""

import json

import pytest
from driver.world import BEGAN

from osmo_driver.seen import ContainerEnd, PodSeen
from osmo_driver.verdicts import end_of


def said(code: int, **fields: object) -> str:
    return json.dumps({"code": code, "exit": 1, "phase": "run", "cause": "exited", "outcome": "failed"} | fields)


@pytest.mark.parametrize(
    ("fields", "status", "exit", "reason"),
    [
        ({"main": ContainerEnd(code=0)}, "COMPLETED", 0, ""),
        ({"main": ContainerEnd(code=0, message=said(3))}, "COMPLETED", 3, ""),
        ({"main": ContainerEnd(code=7)}, "FAILED", 7, "exit code 7"),
        ({"main": ContainerEnd(code=239, message=said(250))}, "FAILED", 250, "exit code 250"),
        ({"main": ContainerEnd(code=240, message=said(2010, reason="no such key"))}, "FAILED", 2010, "no such key"),
        ({"main": ContainerEnd(code=243)}, "FAILED_EXEC_TIMEOUT", 243, "exec_timeout"),
        ({"main": ContainerEnd(code=248)}, "FAILED_BACKEND_ERROR", 3001, "the pod was ended from outside"),
        ({"main": ContainerEnd(code=137, reason="OOMKilled")}, "FAILED_EVICTED", 3004, "out of memory"),
        ({"main": ContainerEnd(code=137, message=said(3004))}, "FAILED_EVICTED", 3004, "exit code 3004"),
        ({"main": ContainerEnd(code=128, reason="StartError", message="no sh")}, "FAILED_START_ERROR", 3003, "no sh"),
        ({"reason": "Evicted", "message": "low on memory"}, "FAILED_EVICTED", 3004, "low on memory"),
        ({"reason": "DeadlineExceeded", "message": "too long"}, "FAILED_EXEC_TIMEOUT", None, "too long"),
        ({"reason": "UnexpectedAdmissionError", "message": "gpu"}, "FAILED_BACKEND_ERROR", 3001, "gpu"),
        ({"reason": "NodeLost", "message": "node n is lost"}, "FAILED_BACKEND_ERROR", 3001, "node n is lost"),
        ({"disruption": "PreemptionByScheduler"}, "FAILED_PREEMPTED", 3006, "preempted"),
        ({"disruption": "EvictionByEvictionAPI"}, "FAILED_BACKEND_ERROR", 3001, "EvictionByEvictionAPI"),
        ({"disruption": "EvictionByEvictionAPI", "main": ContainerEnd(code=0)}, "COMPLETED", 0, ""),
        ({"init": ContainerEnd(code=2, message="no room")}, "FAILED", 257, "osmo-init: no room"),
        ({}, "FAILED", 4000, "the pod failed"),
        ({"main": ContainerEnd(code=1, message="[1]")}, "FAILED", 1, "exit code 1"),
    ],
)
def test_end_of_a_pod(fields: dict[str, object], status: str, exit: int | None, reason: str) -> None:
    pod = PodSeen(name="p", uid="u", job="j", created=BEGAN, phase="Failed", **fields)  # type: ignore[arg-type]
    verdict = end_of(pod)
    assert (verdict.status.value, verdict.exit, verdict.reason) == (status, exit, reason)
