"""The table of scenarios by real pods: Jobs with their driver, and Argo where its controller runs."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cluster import argo, command
from cluster.argo import ArgoFlow
from cluster.command import Desk
from cluster.drivers import Flow, compiled
from cluster.kubernetes import BUSYBOX, PYTHON, Namespace, terminated
from runtime.s3 import S3
from scenarios.corpus import SAID, WORKFLOWS, text_of
from scenarios.scenarios import SCENARIOS, Scenario

pytestmark = pytest.mark.cluster

PROFILE: dict[str, Any] = {
    "target": "jobs",
    "images": {"pull_policy": "Never"},
    "storage": {"secret": "osmo-storage"},
}


@pytest.fixture(scope="session")
def argo_controller(node_address: str) -> None:
    if why_not := argo.why_not():
        pytest.skip(why_not)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.title)
def test_jobs_end_as_they_should(namespace: Namespace, scenario: Scenario, tmp_path: Path) -> None:
    """By the commands that a user has, from `apply` to `delete`."""
    desk = Desk(tmp_path, namespace)
    desk.write(command.PROFILE, "osmoc.yaml")
    desk.write(scenario.text(BUSYBOX))
    done = desk.osmoc("apply", "flow.yaml", "--wait")
    assert done.status == (0 if scenario.status == "COMPLETED" else 1), done.err
    assert desk.statuses(done.id) == scenario.tasks, f"{done.err}\n{namespace.describe()}"
    assert desk.state(done.id)["status"] == scenario.status, done.err
    assert_pods_ended_so(namespace, scenario, {task: task for task in scenario.tasks})
    assert desk.osmoc("logs", done.id).status == 0
    assert desk.osmoc("delete", done.id, "--wait").status == 0
    assert desk.left(done.id) == []


@pytest.mark.usefixtures("argo_controller")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.title)
def test_argo_ends_as_it_should(namespace: Namespace, scenario: Scenario) -> None:
    run = ArgoFlow(namespace, "flow-1")
    namespace.apply(scenario.text(BUSYBOX), PROFILE | {"target": "argo"}, run.id)
    status = run.wait(240)
    assert run.statuses(scenario.tasks) == scenario.tasks, run.describe()
    assert status == ("COMPLETED" if scenario.status == "COMPLETED" else "FAILED"), run.describe()
    assert_pods_ended_so(namespace, scenario, dict.fromkeys(scenario.tasks, "main"))


def assert_pods_ended_so(namespace: Namespace, scenario: Scenario, containers: Mapping[str, str]) -> None:
    pods = {task: namespace.pods(task) for task in scenario.tasks}
    exits = {task: terminated(pods[task][-1], containers[task])["exitCode"] for task in scenario.exits}
    assert exits == scenario.exits, namespace.describe()
    assert {task: len(pods[task]) for task in scenario.attempts} == scenario.attempts


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_a_published_workflow_completes(namespace: Namespace, s3: S3, name: str) -> None:
    here = f"s3://{s3.bucket}/{namespace.name}/trained"
    asyncio.run(s3.store(namespace.name).create("trained/models/old.pth", b"weights"))
    text = text_of(name, PYTHON, BUSYBOX).replace("s3://my_bucket/path", here)
    run = Flow(namespace, "flow-1")
    run.apply(compiled(text, PROFILE | {"data_access": {f"s3://{s3.bucket}": {"secret": "osmo-storage"}}}, run.id))
    assert namespace.wait_for_job(run.driver, 240) == "Complete", f"{run.log()}\n{namespace.describe()}"
    assert set(run.statuses().values()) == {"COMPLETED"}
    logs = "".join(_log(namespace, task) for task in run.statuses())
    for said in SAID.get(name, ()):
        assert said in logs
    if name == "torchrun_reschedule":
        assert {task: len(namespace.pods(task.replace("_", "-"))) for task in run.statuses()} == {
            "master": 3,
            "worker_1": 1,
        }


def _log(namespace: Namespace, task: str) -> str:
    label = task.replace("_", "-")
    return "".join(
        namespace.kubectl("logs", pod["metadata"]["name"], "-c", label, check=False) for pod in namespace.pods(label)
    )
