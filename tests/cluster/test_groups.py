"""Groups of several tasks in real pods, when what they run on fails them."""

import json
from typing import Any

import pytest
from cluster.drivers import Flow, compiled
from cluster.kubernetes import BUSYBOX, Namespace, terminated, until

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
        '"groups"', '"resources": {"default": {"memory": "64Mi"}, "small": {"cpu": 1, "memory": "48Mi"}}, "groups"'
    )
    start(run, text, PROFILE)
    assert ended(run).startswith("FAILED"), run.log()
    [pod] = run.namespace.pods("lead")
    assert terminated(pod, "lead")["exitCode"] == 137
    until(lambda: terminated(run.namespace.pods("one")[0], "one"), 60, run.namespace.describe)


def _says(run: Flow, task: str, text: str) -> bool:
    pods = run.namespace.pods(task)
    return bool(pods) and text in run.namespace.kubectl("logs", pods[0]["metadata"]["name"], "-c", task, check=False)
