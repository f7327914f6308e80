"""Both sides of the contract between compiler and runtime are the one schema."""

import json
from pathlib import Path
from typing import Any

import pytest

from osmo_ctrl.document import TaskDocument
from osmoc.document import TaskDocument as Written

SCHEMA = Path(__file__).parents[2] / "schemas" / "task.schema.json"
GOLDEN = sorted((Path(__file__).parents[2] / "golden").glob("*/*.yaml"))


def shape(schema: Any) -> Any:
    """A schema without its words, and without what a reader tolerates and a writer does not."""
    if isinstance(schema, dict):
        left_out = {"description", "title", "additionalProperties", "$schema", "$id"}
        return {
            key: {name: shape(value) for name, value in item.items()} if key in ("properties", "$defs") else shape(item)
            for key, item in schema.items()
            if key not in left_out
        }
    return [shape(item) for item in schema] if isinstance(schema, list) else schema


def test_the_runtime_reads_what_the_compiler_writes() -> None:
    assert shape(TaskDocument.model_json_schema()) == shape(Written.model_json_schema())
    assert shape(json.loads(SCHEMA.read_text())) == shape(Written.model_json_schema())


@pytest.mark.parametrize("path", [path for path in GOLDEN if path.name in ("argo.yaml", "jobs.yaml")], ids=str)
def test_documents_of_golden_cases_are_read(path: Path) -> None:
    import yaml

    for manifest in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader):
        for key, text in (manifest.get("data") or {}).items() if manifest["kind"] == "ConfigMap" else ():
            if key.endswith(".json") and key != "plan.json":
                assert TaskDocument.model_validate_json(text).task == json.loads(text)["task"]
