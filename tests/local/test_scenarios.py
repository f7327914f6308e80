"""The table of scenarios by `osmoc run`: every one of them ends as in a cluster."""

import pytest
from local.desk import Desk
from scenarios.scenarios import SCENARIOS, Scenario


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.title)
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
