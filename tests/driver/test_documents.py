"""Both sides of the driver's plan are the one schema, and so is the state that it keeps."""

import json
from pathlib import Path

import pytest
import yaml
from runtime.test_documents import GOLDEN, shape

from osmo_driver.document import DriverPlan
from osmo_driver.plan import plan_of
from osmo_driver.records import State
from osmoc.document import DriverPlan as Written

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
            plan = plan_of(document)
            names = [group.name for group in plan.groups]
            assert sorted(names) == sorted(group.name for group in document.groups)
            for group in plan.groups:
                assert all(names.index(upstream) < names.index(group.name) for upstream in group.upstream)
                assert not group.jobs or next(iter(group.jobs)) == group.lead
