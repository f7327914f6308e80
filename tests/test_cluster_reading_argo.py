"""What a Workflow says of a run: `osmoc.cluster.reading_argo`. Argo's nodes and messages are those of a real one."""

import base64
import gzip
import json
from collections.abc import Sequence
from typing import Any

import pytest

from osmoc import compile_workflow
from osmoc.cluster.reading import Found, read_state
from osmoc.cluster.state import State, Status
from osmoc.pipeline import Options
from osmoc.profile import Profile

FLOW = """
workflow:
  name: flow
  groups:
  - name: a-group
    tasks: [{name: a, image: i, command: [x]}]
  - name: pair
    tasks:
    - {name: b, lead: true, image: i, command: [x], inputs: [{task: a}]}
    - {name: c, image: i, command: [x]}
  - name: then
    tasks: [{name: d, image: i, command: [x], inputs: [{task: b}]}]
"""


def node(type: str, phase: str, message: str = "", *, group: str = "", task: str = "", **more: Any) -> dict[str, Any]:
    given = {"task": task} | ({"group": group} if group else {})
    parameters = [{"name": name, "value": value} for name, value in given.items() if value]
    return {"type": type, "phase": phase, "message": message, "inputs": {"parameters": parameters}, **more}


FAILED = 'main: Error (exit code 7): {"code":7,"exit":7,"phase":"run","cause":"exited","outcome":"failed"}'
AGAIN = 'main: Error (exit code 250): {"code":3,"exit":250,"phase":"run","cause":"exited","outcome":"rescheduled"}'
NODES = {
    "0": {"type": "DAG", "phase": "Failed", "children": ["1", "2", "6", "7"]},
    "1": node("Pod", "Succeeded", task="a", outputs={"exitCode": "0"}, hostNodeName="n1"),
    "2": node("Retry", "Failed", "No more retries left", task="b", group="pair", children=["3", "4"]),
    "3": node("Pod", "Failed", AGAIN, task="b", group="pair", outputs={"exitCode": "250"}),
    "4": node("Pod", "Failed", FAILED, task="b", group="pair", outputs={"exitCode": "7"}),
    "6": node("Pod", "Succeeded", task="c", group="pair", outputs={"exitCode": "0"}),
    "7": node("Skipped", "Omitted", "omitted: depends condition not met"),
}


def read(status: dict[str, Any], managed: Sequence[dict[str, Any]] = (), **annotations: str) -> State:
    """Of a workflow as it is emitted, with a status as Argo writes it."""
    options = Options(workflow_id="flow-1")
    manifests = compile_workflow(FLOW, Profile.model_validate({"target": "argo"}), options=options).manifests
    [workflow] = [dict(one) for one in manifests if one["kind"] == "Workflow"]
    made = {"uid": "uid-1", "creationTimestamp": "2026-11-26T10:00:00Z", "annotations": annotations}
    metadata = {**workflow["metadata"], **made, "managedFields": managed}
    return read_state(Found({**workflow, "metadata": metadata, "status": status}))


def statuses(state: State) -> dict[str, str]:
    return {name: task.status.value for name, task in state.tasks.items()}


@pytest.mark.parametrize("packed", [False, True])
def test_nodes_of_a_workflow_are_tasks_and_their_attempts(packed: bool) -> None:
    nodes: dict[str, Any] = {"nodes": NODES}
    if packed:
        nodes = {"compressedNodes": base64.b64encode(gzip.compress(json.dumps(NODES).encode())).decode()}
    state = read({"phase": "Failed", "finishedAt": "2026-11-26T10:01:00Z", **nodes})
    assert {name: (task.status.value, task.exit, task.attempts) for name, task in state.tasks.items()} == {
        "a": ("COMPLETED", 0, 1),
        "b": ("FAILED", 7, 2),
        "c": ("COMPLETED", 0, 1),
        "d": ("FAILED_UPSTREAM", None, 0),
    }
    assert (state.status, state.reason) == (Status.FAILED, "pair: b: exit code 7")
    assert list(state.groups) == ["a-group", "pair", "then"]


def test_tasks_whose_turn_has_not_come_wait() -> None:
    state = read({"phase": "Running", "nodes": {"1": NODES["1"] | {"phase": "Running"}}})
    assert (state.status, statuses(state)) == (
        Status.RUNNING,
        {"a": "RUNNING", "b": "WAITING", "c": "WAITING", "d": "WAITING"},
    )


def test_a_workflow_that_nobody_has_seen_says_so() -> None:
    state = read({})
    assert (state.status, state.reason) == (Status.PENDING, "waiting for Argo's controller to see it")
    assert set(statuses(state).values()) == {"WAITING"}


def test_a_workflow_that_was_canceled() -> None:
    ended = node("Pod", "Failed", 'main: Error (exit code 248): {"code":143,"exit":248}', task="a")
    state = read({"phase": "Failed", "nodes": {"1": ended}}, **{"osmo.canceled": "by somebody"})
    assert (state.status, state.reason) == (Status.FAILED_CANCELED, "by somebody")
    assert set(statuses(state).values()) == {"FAILED_CANCELED"}


@pytest.mark.parametrize(
    ("canceled_at", "expected"), [("2026-11-26T10:00:31Z", "COMPLETED"), ("2026-11-26T10:00:30Z", "FAILED_CANCELED")]
)
def test_who_ends_after_it_was_canceled_was_ended(canceled_at: str, expected: str) -> None:
    """A lead may hear of it first, and end the others of its group as after a success."""
    ended = NODES["1"] | {"finishedAt": "2026-11-26T10:00:30Z"}
    fields = {"f:metadata": {"f:annotations": {"f:osmo.canceled": {}}}}
    managed = [{"manager": "other"}, {"manager": "osmoc", "time": canceled_at, "fieldsV1": fields}]
    status = {"phase": "Failed", "nodes": {"1": ended}}
    assert statuses(read(status, managed, **{"osmo.canceled": "by somebody"}))["a"] == expected


def test_a_group_of_which_one_never_started_ends_as_one() -> None:
    lead = node("Pod", "Error", "pod deleted", task="b", group="pair")
    other = node("Pod", "Failed", "FAILED_IMAGE_PULL: c: ErrImagePull", task="c", group="pair")
    state = read({"phase": "Failed", "nodes": {"1": NODES["1"], "2": lead, "3": other}})
    assert statuses(state) == {
        "a": "COMPLETED",
        "b": "FAILED_IMAGE_PULL",
        "c": "FAILED_IMAGE_PULL",
        "d": "FAILED_UPSTREAM",
    }
    assert (state.status, state.reason) == (Status.FAILED_IMAGE_PULL, "pair: c: c: ErrImagePull")


@pytest.mark.parametrize(
    ("message", "status", "exit", "reason"),
    [
        (FAILED, "FAILED", 7, "exit code 7"),
        ('main: Error (exit code 244): {"code":2012,"exit":244,"reason":"no"}', "FAILED", 2012, "no"),
        ('main: Error (exit code 243): {"code":143,"exit":243}', "FAILED_EXEC_TIMEOUT", 243, "exec_timeout"),
        ('main: Error (exit code 248): {"code":143}', "FAILED_BACKEND_ERROR", 3001, "the pod was ended from outside"),
        ('main: Error (exit code 239): {"code":3004,"exit":239,"reason":"oom"}', "FAILED_EVICTED", 3004, "oom"),
        ("main: OOMKilled (exit code 137)", "FAILED_EVICTED", 3004, "out of memory"),
        ("main: StartError (exit code 128): no such file", "FAILED_START_ERROR", 3003, "no such file"),
        ("main: Error (exit code 1): [not JSON", "FAILED", 1, "exit code 1"),
        ("osmo-init: Error (exit code 2): no agent", "FAILED", 257, "osmo-init: no agent"),
        ("wait: Error (exit code 64): no API", "FAILED", 64, "wait: no API"),
        ("FAILED_IMAGE_PULL: main: ErrImagePull: none", "FAILED_IMAGE_PULL", None, "main: ErrImagePull: none"),
        ("FAILED: its group has ended", "FAILED", None, "its group has ended"),
        ("timeout", "FAILED_QUEUE_TIMEOUT", None, "not started within its queue_timeout"),
        ("pod deleted", "FAILED_BACKEND_ERROR", 3001, "pod deleted"),
        ("workflow shutdown with strategy: Stop", "FAILED_CANCELED", None, "workflow shutdown with strategy: Stop"),
        ("The node was low on resource: memory", "FAILED_EVICTED", 3004, "The node was low on resource: memory"),
        ("something new", "FAILED", None, "something new"),
    ],
)
def test_how_a_task_has_failed(message: str, status: str, exit: int | None, reason: str) -> None:
    task = read({"phase": "Failed", "nodes": {"1": node("Pod", "Failed", message, task="a")}}).tasks["a"]
    assert (task.status.value, task.exit, task.reason) == (status, exit, reason)
