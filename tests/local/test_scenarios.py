"""The table of scenarios by `osmoc run`: what a machine alone can do ends as in a cluster."""

import json
import shutil

import pytest
from local.desk import Desk
from scenarios.corpus import SAID, WORKFLOWS, text_of
from scenarios.scenarios import SCENARIOS, Scenario


@pytest.mark.parametrize("scenario", [one for one in SCENARIOS if not one.needs], ids=lambda scenario: scenario.title)
def test_a_workflow_ends_as_it_should(desk: Desk, scenario: Scenario) -> None:
    done = desk.run(scenario.text("busybox"), "--jobs", "8")
    name = scenario.workflow.split("name: ")[1].split()[0]
    record = desk.record(f"{name}-1")
    tasks = record["tasks"]
    assert {task: tasks[task]["state"] for task in tasks} == scenario.tasks, done.out + done.err
    assert record["state"] == scenario.status
    assert {task: tasks[task]["attempts"][-1]["exit"] for task in scenario.exits} == scenario.exits, done.err
    assert {task: len(tasks[task]["attempts"]) for task in scenario.attempts} == scenario.attempts
    assert done.status == (0 if scenario.status == "COMPLETED" else 1)


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_a_published_workflow_completes(desk: Desk, name: str) -> None:
    if not shutil.which("busybox") and name == "group_tasks_communication":
        pytest.skip("busybox is not here: the workflow uses its nc")
    done = desk.run(text_of(name, "image", "busybox", with_data=False), "--jobs", "8")
    assert done.status == 0, done.out + done.err
    [record] = [json.loads(path.read_text()) for path in (desk.folder / ".osmoc/runs").glob("*/run.json")]
    assert {task["state"] for task in record["tasks"].values()} == {"COMPLETED"}
    for said in SAID.get(name, ()):
        assert said in done.out
    if name == "torchrun_reschedule":
        assert {name: len(task["attempts"]) for name, task in record["tasks"].items()} == {"master": 3, "worker_1": 1}
