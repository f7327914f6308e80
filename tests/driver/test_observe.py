"""Which pods of a Workflow the driver ends."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from driver.world import BEGAN, plan, seconds

from osmo_driver.decide import GiveUp
from osmo_driver.observe import End, Fail, observe
from osmo_driver.records import Status
from osmo_driver.seen import ContainerEnd, PodSeen, Waiting
from osmo_driver.verdicts import Verdict

PLAN = plan({"g": [], "h": []}, {"g": ["lead", "one"]}, queue=60)
PATIENT = plan({"g": []})
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
        ({"node": "n", "scheduled": BEGAN, "waiting": PULL}, 3601, "FAILED_IMAGE_PULL"),
        ({"node": "n", "scheduled": BEGAN, "waiting": PULL}, 3600, None),
        ({"node": "n", "scheduled": BEGAN}, 61, None),
        ({"node": "n", "scheduled": BEGAN, "phase": "Running", "began": BEGAN}, 100_000, None),
        ({"phase": "Failed"}, 100_000, None),
        ({"deleted": BEGAN}, 100_000, None),
    ],
)
def test_what_can_never_start_is_ended(fields: dict[str, Any], after: float, status: str | None) -> None:
    has_queue_timeout = after < 3600
    found = list(observe([pod(**fields)], PLAN if has_queue_timeout else PATIENT, BEGAN + seconds(after)))
    assert [action.verdict.status.value for action in found if isinstance(action, Fail)] == ([status] if status else [])


# What is left of a group.


@pytest.mark.parametrize(
    ("code", "after", "over"),
    [(0, 61, True), (242, 61, True), (242, 60, False), (250, 61, False), (248, 600, False), (248, 601, True)],
)
def test_a_group_is_over_when_its_lead_has_ended_for_good(code: int, after: float, over: bool) -> None:
    lead = pod(name="l", task="lead", phase="Failed", main=ContainerEnd(code=code), ended=BEGAN)
    waits, runs = pod(name="w", task="one"), pod(name="r", task="two", phase="Running", node="n", began=BEGAN)
    found = list(observe([lead, waits, runs], replace(PATIENT, groups=PLAN.groups[:1]), BEGAN + seconds(after)))
    ends = [action for action in found if isinstance(action, End)]
    assert [action.pod.name for action in ends] == (["r"] if over else [])
    assert not over or Fail(waits, Verdict(Status.FAILED, None, "its group has ended")) in found


def test_a_lead_that_has_come_again_is_none_that_has_ended() -> None:
    first = pod(name="l", task="lead", phase="Failed", main=ContainerEnd(code=1), ended=BEGAN)
    second = pod(name="m", task="lead", phase="Running", node="n", began=LATE, created=LATE)
    assert not list(observe([first, second], PLAN, LATE + seconds(1)))


def test_a_group_is_over_when_one_of_it_can_never_start() -> None:
    failed = pod(name="a", task="one", phase="Failed", reason="FAILED_IMAGE_PULL", message="FAILED_IMAGE_PULL: none")
    lead = pod(name="l", task="lead", phase="Running", node="n", began=BEGAN)
    assert list(observe([failed, lead], PLAN, BEGAN)) == [End(lead, "one has not started")]
    assert not list(observe([failed, replace(lead, deleted=BEGAN)], PLAN, BEGAN))
    other = replace(lead, group="h", task="h")
    assert not list(observe([failed, other], PLAN, BEGAN))


def test_the_reason_is_in_the_message() -> None:
    [action] = observe([pod(unschedulable="no node has 8 GPUs")], PLAN, LATE)
    assert isinstance(action, Fail)
    assert action.verdict.reason == "not started within 60 s: no node has 8 GPUs"


def test_a_pod_on_a_lost_node_is_given_up() -> None:
    lost = pod(node="n", phase="Running", began=BEGAN, deleted=BEGAN, lost=True)
    assert list(observe([lost], PLAN, BEGAN + timedelta(minutes=6))) == [GiveUp(lost)]
    waits = replace(PLAN, waits_for_lost_nodes=True)
    assert not list(observe([lost], waits, BEGAN + timedelta(minutes=6)))
