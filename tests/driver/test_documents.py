"""Both sides of the driver's plan are the one schema, and so is the state that it keeps."""

import json
from pathlib import Path

import pytest
import yaml
from driver.world import BEGAN
from runtime.test_documents import GOLDEN, shape

from osmo_driver.document import DriverPlan
from osmo_driver.plan import plan_of
from osmo_driver.records import GroupState, State, Status, TaskState, from_config_map, to_config_map
from osmoc.document import DriverPlan as Written
from osmoc.pipeline import compile_workflow
from osmoc.profile import Profile

SCHEMAS = Path(__file__).parents[2] / "schemas"


def test_the_driver_reads_what_the_compiler_writes() -> None:
    assert shape(DriverPlan.model_json_schema()) == shape(Written.model_json_schema())
    assert shape(json.loads((SCHEMAS / "driver.schema.json").read_text())) == shape(Written.model_json_schema())


def test_the_schema_of_the_state() -> None:
    """`python -m osmo_driver.schemas > schemas/state.schema.json` writes it."""
    from osmo_driver.schemas import schema

    assert json.loads((SCHEMAS / "state.schema.json").read_text()) == schema()
    assert set(State.model_json_schema()["properties"]) == set(schema()["properties"])


@pytest.mark.parametrize("path", [path for path in GOLDEN if path.name in ("argo.yaml", "jobs.yaml")], ids=str)
def test_plans_of_golden_cases_are_read(path: Path) -> None:
    for manifest in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader):
        text = (manifest.get("data") or {}).get("plan.json")
        if manifest["kind"] == "ConfigMap" and text:
            document = DriverPlan.model_validate_json(text)
            read = plan_of(document)
            names = [group.name for group in read.groups]
            assert sorted(names) == sorted(group.name for group in document.groups)
            for group in read.groups:
                assert all(names.index(upstream) < names.index(group.name) for upstream in group.upstream)
                assert not group.jobs or next(iter(group.jobs)) == group.lead


@pytest.mark.parametrize("waits", [False, True])
def test_what_the_profile_says_of_lost_nodes_reaches_the_driver(waits: bool) -> None:
    profile = Profile(target="jobs", node_loss="wait") if waits else Profile(target="jobs")
    flow = "workflow:\n  name: flow\n  tasks:\n  - {name: a, image: i, command: [a]}\n"
    objects = compile_workflow(flow, profile).manifests
    [text] = [found["data"]["plan.json"] for found in objects if "plan.json" in found.get("data", {})]
    assert plan_of(DriverPlan.model_validate_json(text)).waits_for_lost_nodes is waits


@pytest.mark.parametrize("tasks", [1, 7000])
def test_the_state_of_thousands_of_tasks_fits_into_a_configmap(tasks: int) -> None:
    ended = TaskState(status=Status.FAILED, reason="x" * 500, exit=7, attempts=3, node="node" * 10, ended=BEGAN)
    group = GroupState(status=Status.FAILED, reason="x" * 500, ended=BEGAN, tasks={"a-task": ended})
    state = State(
        version=1, workflow_id="flow-1", run="r", status=Status.FAILED, started=BEGAN,
        groups={f"{n}-a-group-with-a-name": group for n in range(tasks)},
    )  # fmt: skip
    content, size = to_config_map(state)
    assert size < 1_000_000
    assert len(json.dumps(content)) < 1_040_000
    assert from_config_map(json.loads(json.dumps(content))) == state
    assert ("state.json" in json.dumps(content["data"])) and (content["data"]["state.json"] is None) is (tasks > 1)


def test_a_state_that_cannot_be_read_is_a_value_error() -> None:
    assert from_config_map({"metadata": {}}) is None
    for found in ({"data": {"state.json": "{"}}, {"binaryData": {"state.json.gz": "e30="}}):
        with pytest.raises(ValueError):
            from_config_map(found)
