"""The table of scenarios by real pods: Jobs with their driver, and Argo where its controller runs."""

import asyncio
import json
from pathlib import Path

import pytest
import yaml
from cluster import command
from cluster.command import Desk
from cluster.kubernetes import BUSYBOX, PYTHON, Namespace, terminated, until
from runtime.s3 import S3
from scenarios.corpus import SAID, WORKFLOWS, text_of
from scenarios.scenarios import SCENARIOS, Scenario

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.title)
def test_jobs_end_as_they_should(namespace: Namespace, scenario: Scenario, tmp_path: Path) -> None:
    _assert_ends_so(Desk(tmp_path, namespace), scenario, "jobs")


@pytest.mark.usefixtures("argo_controller")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.title)
def test_argo_ends_as_it_should(namespace: Namespace, scenario: Scenario, tmp_path: Path) -> None:
    _assert_ends_so(Desk(tmp_path, namespace), scenario, "argo")


def _assert_ends_so(desk: Desk, scenario: Scenario, target: str) -> None:
    """By the commands that a user has, from `apply` to `delete`."""
    namespace = desk.namespace
    desk.write(json.dumps({**yaml.safe_load(command.PROFILE), "target": target, **scenario.profile}), "osmoc.yaml")
    desk.write(scenario.text(BUSYBOX))
    if scenario.quota:
        hard = ",".join(f"{name}={limit}" for name, limit in scenario.quota.items())
        namespace.kubectl("create", "quota", "limit", f"--hard={hard}")
    run_id = desk.osmoc("apply", "flow.yaml").id
    if scenario.deleted:
        _delete_pod(desk, run_id, scenario)
    ended = desk.osmoc("wait", run_id)
    assert ended.status == (0 if scenario.status == "COMPLETED" else 1), f"{ended.err}\n{namespace.describe()}"
    assert desk.statuses(run_id) == scenario.tasks, f"{ended.err}\n{namespace.describe()}"
    assert desk.state(run_id)["status"] == scenario.status, ended.err
    pods = {task: namespace.pods(task) for task in scenario.tasks}
    containers = {task: "main" if target == "argo" else task for task in scenario.tasks}
    exits = {task: terminated(pods[task][-1], containers[task])["exitCode"] for task in scenario.exits}
    assert exits == scenario.exits, namespace.describe()
    assert {task: len(pods[task]) for task in scenario.attempts} == scenario.attempts
    assert desk.osmoc("logs", run_id).status == 0
    assert desk.osmoc("delete", run_id, "--wait").status == 0
    assert desk.left(run_id) == []


def _delete_pod(desk: Desk, run_id: str, scenario: Scenario) -> None:
    """Of a task, once all say that they are up, and Argo has seen it: a pod that it has not seen it makes again."""

    def are_up() -> bool:
        logs = desk.osmoc("logs", run_id).out.splitlines()
        is_running = set(desk.statuses(run_id).values()) == {"RUNNING"}
        return is_running and len([line for line in logs if line.endswith("up")]) == len(scenario.tasks)

    until(are_up, 90, desk.namespace.describe)
    desk.namespace.kubectl("delete", "pod", "-l", f"osmo.task_name={scenario.deleted}", "--wait=false")


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_a_published_workflow_completes_by_jobs(namespace: Namespace, s3: S3, name: str, tmp_path: Path) -> None:
    _assert_completes(Desk(tmp_path, namespace), s3, name, "jobs")


@pytest.mark.usefixtures("argo_controller")
@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_a_published_workflow_completes_by_argo(namespace: Namespace, s3: S3, name: str, tmp_path: Path) -> None:
    _assert_completes(Desk(tmp_path, namespace), s3, name, "argo")


def _assert_completes(desk: Desk, s3: S3, name: str, target: str) -> None:
    namespace = desk.namespace
    asyncio.run(s3.store(namespace.name).create("trained/models/old.pth", b"weights"))
    profile = yaml.safe_load(command.PROFILE) | {"target": target}
    desk.write(json.dumps(profile | {"data_access": {f"s3://{s3.bucket}": {"secret": "osmo-storage"}}}), "osmoc.yaml")
    here = f"s3://{s3.bucket}/{namespace.name}/trained"
    desk.write(text_of(name, PYTHON, BUSYBOX).replace("s3://my_bucket/path", here))
    done = desk.osmoc("apply", "flow.yaml", "--wait")
    assert done.status == 0, f"{done.err}\n{namespace.describe()}"
    assert set(desk.statuses(done.id).values()) == {"COMPLETED"}
    logs = desk.osmoc("logs", done.id).out
    for said in SAID.get(name, ()):
        assert said in logs
    if name == "torchrun_reschedule":
        assert [len(namespace.pods(task)) for task in ("master", "worker-1")] == [3, 1]
