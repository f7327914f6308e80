"""Which pods of a Workflow the driver ends."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from driver.world import BEGAN, plan, seconds

from osmo_driver.decide import GiveUp
from osmo_driver.observe import Fail, observe
from osmo_driver.seen import PodSeen, Waiting

PLAN = plan({"g": [], "h": []}, queue=60)
LATE = BEGAN + seconds(61)
PULL = Waiting(container="main", reason="ImagePullBackOff", message="no such image")


def pod(**fields: Any) -> PodSeen:
    return PodSeen(**({"name": "p", "uid": "u", "job": "", "group": "g", "created": BEGAN} | fields))


@pytest.mark.parametrize(
    ("fields", "after", "status"),
    [
        ({"unschedulable": "no node has 8 GPUs"}, 61, "FAILED_QUEUE_TIMEOUT"),
        ({"unschedulable": "no node has 8 GPUs"}, 60, None),
        ({"node": "n", "scheduled": BEGAN, "waiting": PULL}, 61, "FAILED_QUEUE_TIMEOUT"),
        ({"node": "n", "scheduled": BEGAN, "waiting": PULL, "group": "other"}, 3601, "FAILED_IMAGE_PULL"),
        ({"node": "n", "scheduled": BEGAN, "waiting": PULL, "group": "other"}, 3600, None),
        ({"node": "n", "scheduled": BEGAN}, 61, None),
        ({"node": "n", "scheduled": BEGAN, "phase": "Running", "began": BEGAN}, 100_000, None),
        ({"phase": "Failed"}, 100_000, None),
        ({"deleted": BEGAN}, 100_000, None),
    ],
)
def test_what_can_never_start_is_ended(fields: dict[str, Any], after: float, status: str | None) -> None:
    found = list(observe([pod(**fields)], PLAN, BEGAN + seconds(after)))
    assert [action.verdict.status.value for action in found if isinstance(action, Fail)] == ([status] if status else [])


def test_the_reason_is_in_the_message() -> None:
    [action] = observe([pod(unschedulable="no node has 8 GPUs")], PLAN, LATE)
    assert isinstance(action, Fail)
    assert action.verdict.reason == "not started within 60 s: no node has 8 GPUs"


def test_a_pod_on_a_lost_node_is_given_up() -> None:
    lost = pod(node="n", phase="Running", began=BEGAN, deleted=BEGAN, lost=True)
    assert list(observe([lost], PLAN, BEGAN + timedelta(minutes=6))) == [GiveUp(lost)]
    waits = replace(PLAN, waits_for_lost_nodes=True)
    assert not list(observe([lost], waits, BEGAN + timedelta(minutes=6)))
