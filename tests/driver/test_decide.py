"""What the driver does at which sight: one test for each thing that can happen to a group."""

from dataclasses import replace

import pytest
from driver.world import BEGAN, RUN, World, plan, seconds

from osmo_driver.decide import Finish, GiveUp, Record, Start, Suspend
from osmo_driver.records import Status
from osmo_driver.seen import ContainerEnd, Refusal, Waiting

CHAIN = plan({"a": [], "b": ["a"], "c": ["b"]})
PAIR = plan({"g": [], "after": ["g"]}, {"g": ["lead", "member"]})


def started(of: World) -> World:
    of.settle()
    return of


def test_the_first_level_is_started_and_no_other() -> None:
    world = started(World(CHAIN))
    assert world.started == ["flow-1-a"]
    assert world.statuses() == {"a": "PROCESSING", "b": "WAITING", "c": "WAITING"}


def test_a_group_is_started_when_its_upstream_is_recorded_as_complete() -> None:
    world = started(World(CHAIN))
    world.end("a")
    [record] = world.act()
    assert isinstance(record, Record) and record.urgent
    assert [type(action) for action in world.act()] == [Start]
    assert world.started == ["flow-1-a", "flow-1-b"]


def test_all_complete() -> None:
    world = started(World(CHAIN))
    for task in ("a", "b", "c"):
        world.wait(1)
        world.end(task)
        world.settle()
    assert world.finished is Status.COMPLETED


def test_a_failure_ends_what_waits_for_it_and_nothing_else() -> None:
    world = started(World(plan({"a": [], "b": ["a"], "c": ["b"], "d": ["c"], "e": ["a"], "f": ["e"]})))
    world.end("a")
    world.settle()
    world.end("b", 7)
    world.settle()
    assert world.statuses() == {
        "a": "COMPLETED", "b": "FAILED", "c": "FAILED_UPSTREAM", "d": "FAILED_UPSTREAM", "e": "PROCESSING",
        "f": "WAITING",
    }  # fmt: skip
    world.end("e")
    world.settle()
    world.end("f")
    world.settle()
    assert world.finished is Status.FAILED
    assert world.recorded and world.recorded.reason == "b: exit code 7"
    assert world.jobs["flow-1-c"].suspended and world.jobs["flow-1-d"].suspended


def test_whoever_cancels_the_run_ends_all_that_has_not_ended() -> None:
    world = started(World(CHAIN))
    world.end("a")
    world.settle()
    world.run("b")
    world.canceled = "by somebody"
    world.settle()
    assert world.statuses() == {"a": "COMPLETED", "b": "FAILED_CANCELED", "c": "FAILED_CANCELED"}
    assert world.reason("b") == "by somebody"
    assert world.jobs["flow-1-b"].suspended and "flow-1-c" not in world.started
    assert world.finished is Status.FAILED_CANCELED


def test_a_join_waits_for_all() -> None:
    world = started(World(plan({"a": [], "b": [], "c": ["a", "b"]})))
    world.end("a")
    world.settle()
    assert "flow-1-c" not in world.started
    world.end("b")
    world.settle()
    assert "flow-1-c" in world.started


def test_a_group_is_started_together_once_all_its_jobs_are_there() -> None:
    world = World(PAIR)
    member = world.jobs.pop("flow-1-member")
    world.settle()
    assert world.started == []
    world.jobs["flow-1-member"] = member
    world.settle()
    assert world.started == ["flow-1-member", "flow-1-lead"]


def test_a_job_is_not_started_before_its_controller_has_seen_it() -> None:
    world = World(CHAIN)
    world.change("flow-1-a", parked=False)
    world.settle()
    assert world.started == []
    world.change("flow-1-a", parked=True)
    world.settle()
    assert world.started == ["flow-1-a"]


def test_a_group_that_was_half_started_is_started_whole() -> None:
    world = World(PAIR)
    record, start = world.decide()
    world.do(record)
    world.do(start)
    assert world.started == ["flow-1-member"]
    world.settle()
    assert world.started == ["flow-1-member", "flow-1-lead"]
    assert not world.jobs["flow-1-lead"].suspended


def test_the_lead_decides() -> None:
    world = started(World(PAIR))
    world.end("member", 1)
    world.settle()
    assert world.statuses() == {"g": "RUNNING", "after": "WAITING"}
    world.end("lead")
    world.settle()
    assert world.statuses() == {"g": "COMPLETED", "after": "PROCESSING"}
    assert world.tasks()["member"] == "FAILED"


def test_what_is_left_of_a_group_is_suspended_a_minute_after_its_lead() -> None:
    world = started(World(PAIR))
    world.run("member")
    world.end("lead")
    world.settle()
    assert not world.jobs["flow-1-member"].suspended
    world.wait(61)
    actions = world.settle()
    assert [action.job.name for action in actions if isinstance(action, Suspend)] == ["flow-1-member"]
    assert world.tasks() == {"lead": "COMPLETED", "member": "COMPLETED", "after": "PROCESSING"}


def test_the_end_waits_for_what_is_left() -> None:
    world = started(World(plan({"g": []}, {"g": ["lead", "member"]})))
    world.end("lead", 3)
    world.settle()
    assert world.statuses() == {"g": "FAILED"}
    assert world.recorded and world.recorded.status is Status.RUNNING
    assert world.finished is None
    world.end("member", 248)
    world.settle()
    assert world.finished is Status.FAILED


# Pods that do not start.


@pytest.mark.parametrize(
    ("waiting", "after", "status", "exit"),
    [
        ("ErrImagePull", 3601, "FAILED_IMAGE_PULL", 302),
        ("ImagePullBackOff", 3601, "FAILED_IMAGE_PULL", 301),
        ("ErrImageNeverPull", 3601, "FAILED_IMAGE_PULL", 301),
        ("CreateContainerConfigError", 601, "FAILED_BACKEND_ERROR", 3001),
        ("CreateContainerError", 601, "FAILED_START_ERROR", 304),
        ("CrashLoopBackOff", 1801, "FAILED_START_TIMEOUT", 3005),
        ("SomethingNew", 1801, "FAILED_START_TIMEOUT", 3005),
        (None, 5401, "FAILED_START_TIMEOUT", 3005),
    ],
)
def test_a_pod_that_can_never_start_ends_its_group(waiting: str | None, after: float, status: str, exit: int) -> None:
    world = started(World(CHAIN))
    why = Waiting(container="a", reason=waiting, message="why") if waiting else None
    world.pod("a", node="n", scheduled=world.now, waiting=why)
    world.wait(after - 1)
    world.settle()
    assert world.statuses()["a"] == "INITIALIZING"
    world.wait(2)
    world.settle()
    assert world.statuses() == {"a": status, "b": "FAILED_UPSTREAM", "c": "FAILED_UPSTREAM"}
    assert world.recorded and world.recorded.groups["a"].tasks["a"].exit == exit
    if waiting:
        assert world.reason("a") == f"a: {waiting}: why"
    assert world.jobs["flow-1-a"].suspended
    assert world.finished is Status(status)


def test_the_verdict_is_recorded_before_the_job_is_suspended() -> None:
    world = started(World(CHAIN))
    world.pod("a", node="n", scheduled=world.now, waiting=Waiting(container="a", reason="InvalidImageName"))
    assert [type(action) for action in world.act()] == [Record]
    assert [type(action) for action in world.act()] == [Suspend]


def test_a_pod_that_runs_is_left_alone_whatever_its_sidecar_does() -> None:
    world = started(World(CHAIN))
    why = Waiting(container="osmo-ctrl", reason="CrashLoopBackOff")
    world.pod("a", node="n", phase="Running", scheduled=world.now, began=world.now, waiting=why)
    world.wait(100_000)
    world.settle()
    assert world.statuses()["a"] == "INITIALIZING"


def test_a_member_that_can_never_start_ends_its_group() -> None:
    world = started(World(PAIR))
    world.run("lead")
    world.pod("member", node="n", scheduled=world.now, waiting=Waiting(container="member", reason="InvalidImageName"))
    world.settle()
    assert world.reason("g") == "member: member: InvalidImageName"
    assert world.jobs["flow-1-lead"].suspended and world.jobs["flow-1-member"].suspended
    assert world.recorded and {task.exit for task in world.recorded.groups["g"].tasks.values()} == {301, None}


# Queue timeouts.

QUEUED = plan({"g": [], "after": ["g"]}, {"g": ["lead", "member"]}, queue=60)


def test_a_group_that_does_not_get_its_nodes_in_time_ends() -> None:
    world = started(World(QUEUED))
    world.run("lead")
    world.pod("member", unschedulable="0/1 nodes are available: 1 Insufficient cpu.")
    world.wait(60)
    world.settle()
    assert world.statuses()["g"] == "RUNNING"
    world.wait(1)
    world.settle()
    assert world.statuses()["g"] == "FAILED_QUEUE_TIMEOUT"
    assert world.reason("g") == "not started within 60 s: member: 0/1 nodes are available: 1 Insufficient cpu."
    assert world.jobs["flow-1-lead"].suspended and world.jobs["flow-1-member"].suspended
    assert world.finished is Status.FAILED_QUEUE_TIMEOUT


def test_a_quota_that_lets_no_pod_be_made_counts_as_queueing() -> None:
    world = started(World(QUEUED))
    world.run("lead")
    world.wait(61)
    world.settle()
    assert world.reason("g") == "not started within 60 s: member: the cluster has made no pod for it"


def test_pulling_images_is_not_queueing_but_failing_to_is() -> None:
    world = started(World(QUEUED))
    world.run("lead")
    world.pod("member", node="n", scheduled=world.now)
    world.wait(1000)
    world.settle()
    assert world.statuses()["g"] == "RUNNING"
    world.pod("member", node="n", scheduled=world.now, waiting=Waiting(container="member", reason="ErrImagePull"))
    world.settle()
    assert world.statuses()["g"] == "FAILED_QUEUE_TIMEOUT"


def test_a_further_attempt_has_the_time_again_after_kubernetes_own_pause() -> None:
    world = started(World(plan({"a": []}, queue=60)))
    world.wait(1000)
    world.pod("a", phase="Failed", began=world.now, ended=world.now, main=ContainerEnd(code=250))
    world.wait(70)
    world.settle()
    assert world.statuses()["a"] == "PROCESSING"
    world.pod("a", attempt=1)
    world.wait(60)
    world.settle()
    assert world.statuses()["a"] == "SCHEDULING"
    world.wait(1)
    world.settle()
    assert world.statuses()["a"] == "FAILED_QUEUE_TIMEOUT"


def test_a_waiting_group_does_not_queue() -> None:
    world = started(World(QUEUED))
    world.run("lead")
    world.run("member")
    world.wait(1000)
    world.settle()
    assert world.statuses() == {"g": "RUNNING", "after": "WAITING"}


# What others do.


def test_a_job_that_somebody_suspends_ends_its_group() -> None:
    world = started(World(PAIR))
    world.run("lead")
    world.change("flow-1-member", suspended=True)
    world.settle()
    assert world.statuses() == {"g": "FAILED_CANCELED", "after": "FAILED_UPSTREAM"}
    assert world.reason("g") == "Job flow-1-member was suspended by someone else"
    assert world.jobs["flow-1-lead"].suspended


def test_a_job_that_somebody_starts_ends_its_group() -> None:
    world = started(World(CHAIN))
    world.change("flow-1-b", suspended=False)
    world.settle()
    assert world.reason("b") == "Job flow-1-b was started by someone else"
    assert world.jobs["flow-1-b"].suspended


def test_a_job_of_another_run_is_not_taken_for_ones_own() -> None:
    world = World(CHAIN)
    world.end("a")
    world.change("flow-1-a", run="run-0", suspended=False)
    world.settle()
    assert world.reason("a") == "Job flow-1-a belongs to another run, run-0"


def test_a_job_that_is_seen_and_gone_is_canceled() -> None:
    world = started(World(CHAIN))
    world.delete("b")
    world.settle()
    assert world.statuses() == {"a": "PROCESSING", "b": "FAILED_CANCELED", "c": "FAILED_UPSTREAM"}


def test_a_complete_job_may_go() -> None:
    world = started(World(CHAIN))
    world.end("a")
    world.settle()
    world.delete("a")
    world.settle()
    assert world.statuses() == {"a": "COMPLETED", "b": "PROCESSING", "c": "WAITING"}


def test_a_job_that_never_comes_fails_after_ten_minutes() -> None:
    world = World(PAIR)
    world.delete("lead")
    world.delete("member")
    world.wait(600)
    world.settle()
    assert world.statuses() == {"g": "SUBMITTING", "after": "WAITING"}
    world.wait(1)
    world.settle()
    assert world.reason("g") == "never applied: flow-1-lead, flow-1-member"
    assert world.finished is Status.FAILED_SUBMISSION


def test_what_the_api_server_refuses_is_tried_for_two_minutes() -> None:
    world = started(World(CHAIN))
    world.change("flow-1-a", suspended=True, run="")
    world.refused["flow-1-a"] = Refusal(since=world.now, message="field is immutable")
    world.wait(120)
    assert any(isinstance(action, Start) for action in world.decide())
    world.wait(1)
    world.settle()
    assert world.reason("a") == "Job flow-1-a: field is immutable"
    assert world.finished is Status.FAILED_START_ERROR


# Afterwards.


def test_jobs_are_let_go_when_all_is_over() -> None:
    world = started(World(replace(plan({"a": [], "b": ["a"]}), retention=60)))
    world.end("a")
    world.settle()
    assert world.jobs["flow-1-a"].retention is None
    world.wait(100)
    world.end("b")
    world.settle()
    # Of both this is the same time.
    assert [job.retention for job in world.jobs.values()] == [160, 60]
    assert world.finished is Status.COMPLETED


# Lost nodes.


def test_a_pod_on_a_lost_node_is_given_up_five_minutes_after_its_grace() -> None:
    world = started(World(CHAIN))
    pod = world.pod("a", phase="Running", node="n", began=world.now, deleted=world.now, lost=True)
    world.wait(300)
    assert not any(isinstance(action, GiveUp) for action in world.decide())
    world.wait(1)
    assert GiveUp(pod) in world.decide()


def test_a_pod_that_is_slow_to_end_on_a_node_that_is_ready_is_left_alone() -> None:
    world = started(World(CHAIN))
    world.pod("a", phase="Running", node="n", began=world.now, deleted=world.now)
    world.wait(100_000)
    assert not any(isinstance(action, GiveUp) for action in world.decide())


def test_a_pod_on_a_lost_node_waits_for_it_where_the_profile_says_so() -> None:
    world = started(World(replace(CHAIN, waits_for_lost_nodes=True)))
    world.pod("a", phase="Running", node="n", began=world.now, deleted=world.now, lost=True)
    world.wait(100_000)
    assert not any(isinstance(action, GiveUp) for action in world.decide())


# States of a task.


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "SCHEDULING"),
        ({"node": "n"}, "INITIALIZING"),
        ({"node": "n", "phase": "Running", "began": BEGAN}, "RUNNING"),
        ({"node": "n", "phase": "Failed", "main": ContainerEnd(code=250)}, "PROCESSING"),
    ],
)
def test_a_task_is_as_far_as_its_pod(fields: dict[str, object], status: str) -> None:
    world = started(World(CHAIN))
    world.pod("a", **fields)
    world.settle()
    assert world.tasks()["a"] == status


def test_attempts_are_counted() -> None:
    world = started(World(CHAIN))
    world.pod("a", attempt=2)
    world.settle()
    assert world.recorded and world.recorded.groups["a"].tasks["a"].attempts == 3


def test_a_change_that_the_cluster_shows_anyhow_may_wait_to_be_written() -> None:
    world = started(World(CHAIN))
    world.run("a")
    [record] = world.decide()
    assert isinstance(record, Record) and not record.urgent


def test_the_state_of_another_driver_counts() -> None:
    """An end stays, though nothing of it can be seen any more."""
    world = started(World(CHAIN))
    world.end("a", 5)
    world.settle()
    for task in ("a", "b", "c"):
        world.delete(task)
    assert world.decide() == [Finish(Status.FAILED)]


def test_deciding_changes_nothing() -> None:
    world = started(World(PAIR))
    world.end("lead")
    seen = world.seen()
    assert world.decide() == world.decide()
    assert world.seen() == seen
    assert replace(seen, run=RUN) == seen and world.now == BEGAN + seconds(0)
