"""Groups of several tasks in real pods, when what they run on fails them."""

import asyncio
import json
from typing import Any

import pytest
from cluster.drivers import Flow, compiled
from cluster.gate import Gate
from cluster.kubernetes import BUSYBOX, Namespace, terminated, until
from runtime.s3 import S3

pytestmark = pytest.mark.cluster

PROFILE: dict[str, Any] = {
    "target": "jobs",
    "images": {"pull_policy": "Never"},
    "storage": {"secret": "osmo-storage"},
    "timeouts": {"grace": "2s", "barrier": "40s", "absence": "10s"},
}
WAITS = "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done"


@pytest.fixture
def run(namespace: Namespace) -> Flow:
    return Flow(namespace, "flow-1")


def pair(lead: str, one: str, head: str = "", **profile: Any) -> tuple[str, dict[str, Any]]:
    tasks = [
        {"name": "lead", "lead": True, "image": BUSYBOX, "command": ["sh", "-c", lead]},
        {"name": "one", "image": BUSYBOX, "command": ["sh", "-c", one]},
    ]
    group = {"name": "pair", "tasks": tasks} | json.loads(head or "{}")
    return f"workflow:\n  {json.dumps({'name': 'flow', 'groups': [group]})}\n", PROFILE | profile


def start(run: Flow, text: str, profile: dict[str, Any], *tasks: str) -> None:
    run.apply(compiled(text, profile, run.id))
    for task in tasks:
        until(lambda task=task: _says(run, task, "up"), 90, run.namespace.describe)


def delete(run: Flow, task: str, *more: str) -> None:
    run.namespace.kubectl("delete", "pod", "-l", f"osmo.task_name={task}", "--wait=false", *more)


def ended(run: Flow) -> str:
    run.namespace.wait_for_job(run.driver, 150)
    return run.state().status.value


def test_a_task_that_never_comes_is_named(run: Flow) -> None:
    """It asks for more than any node has. Without a queue timeout the barrier's ends the wait."""
    text = pair("echo", "echo")[0].replace('"name": "one"', '"name": "one", "resource": "large"')
    resources = {"default": {"memory": "64Mi"}, "large": {"cpu": 900, "memory": "1Gi"}}
    text = text.replace('"groups"', f'"resources": {json.dumps(resources)}, "groups"')
    start(run, text, PROFILE | {"timeouts": {"barrier": "5s"}})
    assert ended(run) == "FAILED"
    [pod] = run.namespace.pods("lead")
    said = terminated(pod, "lead")
    assert said["exitCode"] == 242, run.namespace.describe()
    assert json.loads(said["message"])["reason"] == "not at the barrier after 5 s: one"


def test_a_lead_whose_pod_is_deleted_ends_its_group(run: Flow) -> None:
    text, profile = pair(WAITS, WAITS)
    start(run, text, profile, "lead", "one")
    delete(run, "lead")
    assert ended(run).startswith("FAILED"), run.log()
    assert set(run.statuses()) == {"lead", "one"}
    assert all(status != "RUNNING" for status in run.statuses().values())


def test_a_task_whose_pod_is_deleted_does_not_end_the_lead_that_ignores_it(run: Flow) -> None:
    text, profile = pair("echo up; sleep 12", WAITS)
    start(run, text, profile, "lead", "one")
    delete(run, "one")
    assert ended(run) == "COMPLETED", run.log()


def test_but_else_it_ends_the_group(run: Flow) -> None:
    text, profile = pair(WAITS, WAITS, '{"ignoreNonleadStatus": false}')
    start(run, text, profile, "lead", "one")
    delete(run, "one")
    assert ended(run).startswith("FAILED"), run.log()
    [pod] = run.namespace.pods("lead")
    assert terminated(pod, "lead")["exitCode"] == 248


def test_a_task_whose_pod_is_lost_comes_back_and_all_start_again(run: Flow) -> None:
    lead = "echo run >> /tmp/runs; echo up; test $(wc -l < /tmp/runs) = 2 || { sleep 300 & wait; }; sleep 1"
    text, profile = pair(lead, WAITS, '{"ignoreNonleadStatus": false}', retries={"infrastructure": 1})
    start(run, text, profile, "lead", "one")
    delete(run, "one", "--force", "--grace-period=0")
    assert ended(run) == "COMPLETED", run.log() + run.namespace.describe()
    assert len(run.namespace.pods("lead")) == 1


def test_a_lead_that_is_out_of_memory_ends_its_group(run: Flow) -> None:
    text = pair("echo up; sleep 1; tail /dev/zero", WAITS)[0]
    text = text.replace('"name": "lead"', '"name": "lead", "resource": "small"')
    text = text.replace(
        '"groups"', '"resources": {"default": {"memory": "64Mi"}, "small": {"memory": "48Mi"}}, "groups"'
    )
    start(run, text, PROFILE)
    assert ended(run).startswith("FAILED"), run.log()
    [pod] = run.namespace.pods("lead")
    assert terminated(pod, "lead")["exitCode"] == 137
    until(lambda: terminated(run.namespace.pods("one")[0], "one"), 60, run.namespace.describe)


# --- Before the command: in the download, and at the barrier, where the download of the other keeps it


@pytest.mark.parametrize(
    ("who", "is_strict", "retries", "lead", "one"),
    [
        ("lead", False, 0, "FAILED_BACKEND_ERROR", "COMPLETED"),
        ("lead", False, 1, "COMPLETED", "COMPLETED"),
        ("one", False, 0, "COMPLETED", "FAILED_BACKEND_ERROR"),
        ("one", False, 1, "COMPLETED", "COMPLETED"),
        ("one", True, 0, "FAILED_BACKEND_ERROR", "FAILED_BACKEND_ERROR"),
        ("one", True, 1, "COMPLETED", "COMPLETED"),
    ],
    ids=["lead", "lead comes back", "other", "other comes back", "other, strict", "other comes back, strict"],
)
@pytest.mark.parametrize("phase", ["download", "barrier"])
def test_a_pod_that_is_deleted_before_its_command(
    run: Flow, s3: S3, gate: Gate, phase: str, who: str, is_strict: bool, retries: int, lead: str, one: str
) -> None:
    slow = who if phase == "download" else {"lead": "one", "one": "lead"}[who]
    text, profile = _with_inputs(run, s3, '{"ignoreNonleadStatus": false}' if is_strict else "", retries)
    with gate.holding("GET", run.namespace.name, f"/{slow}/data") as held:
        start(run, text, profile)
        until(lambda: held.came.is_set() and _has_joined(run), 90, run.namespace.describe)
        assert "up" not in _logs(run, "lead") + _logs(run, "one")
        [pod] = run.namespace.pods(who)
        delete(run, who)
        until(lambda: pod["metadata"]["uid"] not in _uids(run, who), 60, run.namespace.describe)
    assert ended(run) == lead, run.log() + run.namespace.describe()
    assert run.statuses() == {"lead": lead, "one": one}, run.log()
    if lead == "COMPLETED":
        assert _logs(run, "lead").count("up") == 1


# --- After the command


@pytest.mark.parametrize("who", ["lead", "one"])
def test_a_pod_that_is_deleted_while_it_uploads_is_given_the_time(run: Flow, gate: Gate, who: str) -> None:
    text, profile = _publishing()
    with gate.holding("PUT", run.namespace.name, f"/{who}/attempts/") as held:
        start(run, text, profile)
        until(held.came.is_set, 90, run.namespace.describe)
        [pod] = run.namespace.pods(who)
        delete(run, who)
        until(lambda: run.namespace.is_being_killed(pod), 30, run.namespace.describe)
    assert ended(run) == "COMPLETED", run.log() + run.namespace.describe()
    assert run.statuses() == {"lead": "COMPLETED", "one": "COMPLETED", "after": "COMPLETED"}


@pytest.mark.parametrize(
    ("who", "retries", "status", "reason"),
    [
        ("lead", 0, "FAILED_BACKEND_ERROR", "lead: EvictionByEvictionAPI"),
        ("lead", 1, "FAILED", "lead: the group has ended, and the outputs of its lead were not uploaded"),
        ("one", 0, "FAILED", "lead: one has not published its outputs"),
        ("one", 1, "FAILED", "lead: one has not published its outputs"),
    ],
)
def test_without_that_time_the_group_is_not_complete(
    run: Flow, gate: Gate, who: str, retries: int, status: str, reason: str
) -> None:
    """The command is not run again, as the group has ended: the next pod has nothing to upload."""
    text, profile = _publishing()
    with gate.holding("PUT", run.namespace.name, f"/{who}/attempts/") as held:
        start(run, text, profile | {"retries": {"infrastructure": retries}})
        until(held.came.is_set, 90, run.namespace.describe)
        [pod] = run.namespace.pods(who)
        run.namespace.evict(pod["metadata"]["name"], grace=1)
        assert ended(run) == status, run.log() + run.namespace.describe()
    assert reason in run.state().reason
    assert run.statuses()["after"] == "FAILED_UPSTREAM"
    assert "up" not in _logs(run, who)


def _with_inputs(run: Flow, s3: S3, head: str, retries: int) -> tuple[str, dict[str, Any]]:
    """Each task reads an object of its own; the lead is short, and the other waits for its end."""
    asyncio.run(_put(s3, run.namespace.name))
    text, profile = pair("echo up; sleep 1", WAITS, head, retries={"infrastructure": retries})
    for task in ("lead", "one"):
        inputs = json.dumps([{"url": f"s3://{s3.bucket}/{run.namespace.name}/{task}"}])
        text = text.replace(f'"name": "{task}"', f'"name": "{task}", "inputs": {inputs}')
    return text, profile | {"data_access": {f"s3://{s3.bucket}": {"secret": "osmo-storage"}}}


async def _put(s3: S3, folder: str) -> None:
    for task in ("lead", "one"):
        assert await s3.store(folder).create(f"{task}/data", b"x")


def _publishing() -> tuple[str, dict[str, Any]]:
    """Both tasks of the pair write what a third one reads."""
    script = "echo up; echo x > {{output}}/x; sleep 1"
    text, profile = pair(script, script)
    after = {"name": "after", "image": BUSYBOX, "command": ["true"], "inputs": [{"task": "lead"}, {"task": "one"}]}
    return text.replace('"groups": [', f'"groups": [{json.dumps({"name": "then", "tasks": [after]})}, '), profile


def _has_joined(run: Flow) -> bool:
    return "one is here" in _logs(run, "lead", "osmo-ctrl")


def _uids(run: Flow, task: str) -> set[str]:
    return {pod["metadata"]["uid"] for pod in run.namespace.pods(task)}


def _logs(run: Flow, task: str, container: str = "") -> str:
    names = [pod["metadata"]["name"] for pod in run.namespace.pods(task)]
    return "".join(run.namespace.kubectl("logs", name, "-c", container or task, check=False) for name in names)


def _says(run: Flow, task: str, text: str) -> bool:
    pods = run.namespace.pods(task)
    return bool(pods) and text in run.namespace.kubectl("logs", pods[0]["metadata"]["name"], "-c", task, check=False)
