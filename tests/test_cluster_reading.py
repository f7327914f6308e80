"""What objects of a cluster say of a run: `osmoc.cluster.reading`."""

import base64
import gzip
import json
from typing import Any

import pytest
from compiled import ROOT

from osmoc.cluster.reading import Found, owner_of, read_state
from osmoc.cluster.state import Status
from osmoc.cluster.telling import changes, summary, table, task_rows

MADE = "2026-11-26T10:00:00Z"
STATE = {
    "version": 1,
    "workflow_id": "flow-1",
    "run": "uid-1",
    "status": "RUNNING",
    "started": MADE,
    "groups": {"a": {"status": "RUNNING", "tasks": {"a": {"status": "RUNNING", "attempts": 2, "node": "n"}}}},
}


def meta(name: str, **labels: str) -> dict[str, Any]:
    return {
        "name": name,
        "uid": "uid-1",
        "creationTimestamp": MADE,
        "labels": {"osmo.workflow_id": "flow-1", **labels},
    }


def driver(*conditions: dict[str, str], **labels: str) -> dict[str, Any]:
    status = {"conditions": list(conditions)}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta("flow-1-driver", **labels), "status": status}


def kept(state: dict[str, Any], *, packed: bool = False) -> dict[str, Any]:
    text = json.dumps(state)
    data = {"data": {"state.json": text}}
    if packed:
        data = {"binaryData": {"state.json.gz": base64.b64encode(gzip.compress(text.encode())).decode()}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("flow-1-driver-state")} | data


def test_its_words_are_those_of_the_driver() -> None:
    schema = json.loads((ROOT / "schemas" / "state.schema.json").read_text())
    assert [status.value for status in Status] == schema["$defs"]["Status"]["enum"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_driver_keeps_the_state_of_its_run(packed: bool) -> None:
    state = read_state(Found(driver(), kept(STATE, packed=packed)))
    assert state.status is Status.RUNNING and state.tasks["a"].attempts == 2


@pytest.mark.parametrize(
    "config_map",
    [
        None,
        kept(STATE | {"run": "another"}),
        kept({"what": 1}),
        {"metadata": meta("x"), "binaryData": {"state.json.gz": "!"}},
    ],
    ids=["none", "of an earlier run", "of no state", "that cannot be read"],
)
def test_without_a_state_the_driver_has_not_begun(config_map: dict[str, Any] | None) -> None:
    waiting = {"state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}}
    pod = {"status": {"containerStatuses": [waiting]}}
    state = read_state(Found(driver(), config_map, [pod]))
    assert (state.status, state.reason) == (Status.PENDING, "the driver: ErrImagePull: no such image")


def test_a_run_whose_apply_was_interrupted_has_not_been_started() -> None:
    state = read_state(Found(driver(**{"osmo.pending": "true"}), kept(STATE)))
    assert state.status is Status.SUBMITTING and "the same apply finishes it" in state.reason


def test_a_driver_that_fails_ends_the_run_that_it_leaves() -> None:
    failed = {"type": "Failed", "status": "True", "message": "backoff limit", "lastTransitionTime": MADE}
    state = read_state(Found(driver(failed), kept(STATE)))
    assert (state.status, state.reason) == (Status.FAILED_BACKEND_ERROR, "the driver has failed: backoff limit")
    ended = read_state(Found(driver(failed), kept(STATE | {"status": "FAILED", "reason": "a: exit code 3"})))
    assert (ended.status, ended.reason) == (Status.FAILED, "a: exit code 3")


@pytest.mark.parametrize("config_map", [kept(STATE), None], ids=["written over", "not kept"])
def test_a_driver_that_succeeds_ends_the_run_whatever_is_written(config_map: dict[str, Any] | None) -> None:
    complete = {"type": "Complete", "status": "True", "lastTransitionTime": MADE}
    state = read_state(Found(driver(complete), config_map))
    assert (state.status, state.reason) == (Status.COMPLETED, "") and state.ended is not None
    assert {task.status for task in state.tasks.values()} <= {Status.COMPLETED}


def job(task: str, **status: Any) -> dict[str, Any]:
    labels = {"osmo.group_name": f"{task}-group", "osmo.task_name": task}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta(f"flow-1-{task}", **labels), "status": status}


def test_jobs_without_a_driver_say_it_themselves() -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("flow-1-tasks-0")}
    complete = {"type": "Complete", "status": "True", "lastTransitionTime": MADE}
    failed = {"type": "Failed", "status": "True", "lastTransitionTime": MADE, "message": "it broke"}
    state = read_state(Found(owner, jobs=[job("a", conditions=[complete]), job("b", ready=1)]))
    assert state.status is Status.RUNNING
    assert {name: task.status for name, task in state.tasks.items()} == {"a": Status.COMPLETED, "b": Status.RUNNING}
    state = read_state(Found(owner, jobs=[job("a", conditions=[complete]), job("b", conditions=[failed])]))
    assert (state.status, state.reason) == (Status.FAILED, "b-group: b: it broke")


# --- Telling


def test_what_is_told_of_a_run() -> None:
    before = read_state(Found(driver(), kept(STATE)))
    tasks = {"a": {"status": "FAILED", "exit": 7, "reason": "exit code 7\x1b[2J", "started": MADE, "attempts": 2}}
    ended = STATE | {"status": "FAILED", "reason": "a: exit code 7", "ended": "2026-11-26T10:01:05Z"}
    after = read_state(Found(driver(), kept(ended | {"groups": {"a": {"status": "FAILED", "tasks": tasks}}})))
    assert after.ended is not None
    assert list(changes(None, before)) == ["a: running, attempt 2"]
    assert list(changes(before, after)) == ["a: failed: exit code 7\\x1b[2J"]
    assert summary(after, after.ended) == "run flow-1: FAILED in 1m05s: a: exit code 7"
    assert table(task_rows(after, after.ended)).splitlines()[1].split()[:5] == ["a", "FAILED", "7", "2", "1m05s"]


@pytest.mark.parametrize(
    ("target", "has_driver", "expected"),
    [("argo", True, "Workflow `x`"), ("jobs", True, "Job `x-driver`"), ("jobs", False, "ConfigMap `x-tasks-0`")],
)
def test_who_owns_a_run(target: str, has_driver: bool, expected: str) -> None:
    assert str(owner_of("x", target, has_driver)) == expected
