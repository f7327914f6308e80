"""The table of scenarios by real pods: Jobs with their driver, and Argo where its controller runs."""

from typing import Any

import pytest
from cluster.drivers import Flow, compiled
from cluster.kubernetes import BUSYBOX, Namespace, terminated
from scenarios.scenarios import SCENARIOS, Scenario

pytestmark = pytest.mark.cluster

PROFILE: dict[str, Any] = {
    "target": "jobs",
    "images": {"pull_policy": "Never"},
    "storage": {"secret": "osmo-storage"},
}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.title)
def test_jobs_end_as_they_should(namespace: Namespace, scenario: Scenario) -> None:
    run = Flow(namespace, "flow-1")
    run.apply(compiled(scenario.text(BUSYBOX), PROFILE, run.id))
    namespace.wait_for_job(run.driver, 180)
    assert run.statuses() == scenario.tasks, f"{run.log()}\n{namespace.describe()}"
    assert run.state().status.value == scenario.status, run.log()
    pods = {task: namespace.pods(task) for task in scenario.tasks}
    exits = {task: terminated(pods[task][-1], task)["exitCode"] for task in scenario.exits}
    assert exits == scenario.exits, namespace.describe()
    assert {task: len(pods[task]) for task in scenario.attempts} == scenario.attempts
