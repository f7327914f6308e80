"""Which pod of a task runs, and how commands in it end: `osmoc.cluster.running`, `osmoc.cluster.streams`."""

from typing import Any

import pytest

from osmoc.cluster.running import NotRunningError, choose_running
from osmoc.cluster.state import GroupState, State, Status, TaskState
from osmoc.cluster.streams import ExecError, read_status


def pod(task: str, name: str, attempt: int, container: str, *, runs: bool) -> dict[str, Any]:
    statuses = [{"name": container, "state": {"running": {}} if runs else {"terminated": {}}}]
    return {
        "metadata": {
            "name": name,
            "uid": name,
            "creationTimestamp": f"2026-11-26T10:00:0{attempt}Z",
            "labels": {"osmo.task_name": task},
            "annotations": {"batch.kubernetes.io/job-index-failure-count": str(attempt)},
        },
        "spec": {"containers": [{"name": container}]},
        "status": {"containerStatuses": [*statuses, {"name": "osmo-ctrl", "state": {"running": {}}}]},
    }


def state(**tasks: Status) -> State:
    found = {name: TaskState(status=status, reason="for a reason") for name, status in tasks.items()}
    return State(
        workflow_id="flow-1",
        run="run-1",
        status=Status.RUNNING,
        groups={"g": GroupState(status=Status.RUNNING, tasks=found)},
    )


@pytest.mark.parametrize("container", ["my-task", "main"])
def test_it_is_the_newest_that_runs(container: str) -> None:
    pods = [
        pod("my-task", "second", 1, container, runs=True),
        pod("my-task", "first", 0, container, runs=False),
        pod("other", "another", 2, "main", runs=True),
    ]
    found = choose_running(pods, state(my_task=Status.RUNNING, other=Status.RUNNING), "my_task")
    assert (found.pod, found.container, found.attempt) == ("second", container, 1)


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("my_tsak", "`flow-1` has no task `my_tsak`: do you mean `my_task`?"),
        ("xyz", "`flow-1` has no task `xyz`: it has my_task, other"),
        ("my_task", "`my_task` does not run: it is COMPLETED: for a reason"),
    ],
)
def test_why_there_is_none(task: str, said: str) -> None:
    pods = [pod("my-task", "first", 0, "main", runs=False), pod("other", "another", 0, "main", runs=True)]
    with pytest.raises(NotRunningError) as error:
        choose_running(pods, state(my_task=Status.COMPLETED, other=Status.RUNNING), task)
    assert str(error.value) == said


def test_how_a_command_has_ended() -> None:
    assert read_status(b'{"status": "Success"}') == 0
    causes = b'{"causes": [{"reason": "ExitCode", "message": "7"}]}'
    assert read_status(b'{"status": "Failure", "reason": "NonZeroExitCode", "details": %s}' % causes) == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"status": "Failure", "message": "no such program"}', "no such program"),
        (b'{"status": "Failure"}', "the command failed"),
        (b"", "the connection ended before the command did"),
        (b"[]", "the connection ended before the command did"),
        (b"not JSON", "the connection ended before the command did"),
    ],
)
def test_or_why_that_is_not_known(text: bytes, said: str) -> None:
    with pytest.raises(ExecError, match=said):
        read_status(text)
