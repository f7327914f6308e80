"""Which logs of a run are read, and from where: `osmoc.cluster.logs`."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from osmoc.cluster.logs import Source, Wanted, _without_executor, choose, sources, without_pod
from osmoc.cluster.state import GroupState, State, Status, TaskState
from osmoc.logs_client import KeptLog
from osmoc.names import kubernetes_name

MADE = datetime(2026, 11, 26, tzinfo=UTC)


def pod(task: str, number: int, uid: str, *, is_argo: bool = False) -> dict[str, Any]:
    main: dict[str, Any] = {"name": "main" if is_argo else task}
    ctrl: dict[str, Any] = {"name": "osmo-ctrl", "env": [{"name": "OSMO_ATTEMPT", "valueFrom": {}}]}
    meta: dict[str, Any] = {"name": f"pod-{uid}", "uid": uid, "labels": {"osmo.task_name": task}}
    meta["creationTimestamp"] = f"2026-11-26T10:00:0{number}Z"
    if is_argo:
        ctrl["env"] = [{"name": "OSMO_ATTEMPT", "value": str(number)}]
    else:
        meta["annotations"] = {"batch.kubernetes.io/job-index-failure-count": str(number)}
    status = {"containerStatuses": [{"name": main["name"], "state": {"terminated": {}}}]}
    return {"metadata": meta, "spec": {"containers": [main], "initContainers": [ctrl]}, "status": status}


def source(task: str, number: int, uid: str) -> Source:
    return Source(task=task, attempt=number, pod=f"pod-{uid}", uid=uid, container=task, has_started=True)


def state(**tasks: TaskState) -> State:
    group = GroupState(status=Status.RUNNING, tasks=tasks)
    return State(workflow_id="flow-1", run="run-1", status=Status.RUNNING, groups={"g": group})


@pytest.mark.parametrize("is_argo", [False, True])
def test_an_attempt_is_what_its_pod_says_whichever_pods_are_left(is_argo: bool) -> None:
    pods = [pod("b", 2, "u3", is_argo=is_argo), pod("a", 0, "u2"), pod("b", 1, "u1", is_argo=is_argo)]
    found = sources(pods)
    assert [(one.task, one.attempt, one.uid) for one in found] == [("a", 0, "u2"), ("b", 1, "u1"), ("b", 2, "u3")]
    assert [one.container for one in sources(pods, task="a")] == ["a"]
    assert {one.container for one in sources(pods, task="b")} == {"main" if is_argo else "b"}
    assert {one.container for one in sources(pods, is_ctrl=True)} == {"osmo-ctrl"}


@pytest.mark.parametrize(
    ("state", "has_started"),
    [
        ({"waiting": {"reason": "ErrImagePull"}}, False),
        ({"running": {"startedAt": "2026-11-26T10:00:01Z"}}, True),
        ({"terminated": {"exitCode": 0, "containerID": "containerd://1"}}, True),
        ({"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown"}}, False),
    ],
)
def test_a_container_that_was_never_made_has_no_log(state: dict[str, Any], has_started: bool) -> None:
    made = pod("a", 0, "u1")
    made["status"]["containerStatuses"][0]["state"] = state
    assert [one.has_started for one in sources([made])] == [has_started]


def test_what_argos_executor_says_is_not_the_tasks() -> None:
    """Lines of a real one, with the kubelet's time."""
    lines = [
        b'1Z time=2026-11-27T04:48:00.850Z level=INFO msg="waiting for signals" argo=true signalPath=/var/run/argo',
        b"2Z one",
        b"3Z Error: exit status 3",
        b"4Z time=now level=high",
        b'5Z time=2026-11-27T04:48:01.851Z level=INFO msg="sub-process exited" argo=true error="exit status 7"',
        b"6Z Error: exit status 7",
    ]
    assert list(_without_executor(lines)) == [lines[1], lines[2], lines[3]]


@pytest.mark.parametrize(
    ("task", "wanted", "expected"),
    [
        (TaskState(status=Status.COMPLETED, attempts=1), Wanted(), ["my-task"]),
        (TaskState(status=Status.COMPLETED, attempts=1), Wanted(task="other"), []),
        (TaskState(status=Status.COMPLETED, started=MADE), Wanted(), ["my-task"]),
        (TaskState(status=Status.WAITING), Wanted(), []),
        (TaskState(status=Status.FAILED_UPSTREAM, started=MADE), Wanted(), []),
    ],
)
def test_a_task_that_has_begun_and_has_no_pod_is_looked_for(
    task: TaskState, wanted: Wanted, expected: list[str]
) -> None:
    assert without_pod(state(My_Task=task), (), wanted) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [(Wanted(), []), (Wanted("a", 1), []), (Wanted("a", 0), ["a"]), (Wanted(every=True), ["a"])],
)
def test_an_attempt_without_a_pod_is_looked_for_only_if_it_is_wanted(wanted: Wanted, expected: list[str]) -> None:
    known = state(a=TaskState(status=Status.RUNNING, attempts=2))
    assert without_pod(known, [source("a", 1, "u1")], wanted) == expected


def test_of_the_last_attempts_the_one_without_a_pod_counts() -> None:
    kept = [KeptLog("a", 0, "uid-0000"), KeptLog("a", 1, "uid-1111")]
    assert choose([source("a", 0, "uid-0000-x")], kept, Wanted()) == [kept[1]]


NUMBERED = some.tuples(some.sampled_from(["a", "b", "C_c"]), some.integers(0, 3))


@given(
    some.dictionaries(some.integers(10_000_000, 10_000_009), NUMBERED),
    some.sets(some.integers(10_000_000, 10_000_009)),
    some.sets(some.integers(10_000_000, 10_000_009)),
    some.booleans(),
)
def test_no_attempt_comes_twice_and_none_is_lost(
    attempts: dict[int, tuple[str, int]], with_pod: set[int], archived: set[int], every: bool
) -> None:
    """Whatever pods are left, and whatever is kept."""
    found = [
        source(kubernetes_name(task), number, f"{uid}-rest")
        for uid, (task, number) in attempts.items()
        if uid in with_pod
    ]
    kept = [KeptLog(task, number, str(uid)) for uid, (task, number) in attempts.items() if uid in archived]
    chosen = choose(found, kept, Wanted(every=every))
    uids = [int(one.pod if isinstance(one, KeptLog) else one.uid[:8]) for one in chosen]
    there = [uid for uid in attempts if uid in with_pod | archived]
    assert len(set(uids)) == len(uids)
    assert all(isinstance(one, Source) == (uid in with_pod) for one, uid in zip(chosen, uids, strict=True))
    order = [(kubernetes_name(attempts[uid][0]), attempts[uid][1]) for uid in uids]
    assert order == sorted(order)
    if every:
        assert set(uids) == set(there)
    else:
        last = {
            name: number
            for name, number in sorted((kubernetes_name(t), n) for t, n in (attempts[uid] for uid in there))
        }
        assert dict(order) == last and len(order) == len(last)
