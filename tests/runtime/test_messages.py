"""Messages between osmo-ctrl and the agent: both sides read the same fixtures, and the schema knows them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from osmo_ctrl import schemas
from osmo_ctrl.messages import FROM_AGENT, FROM_CTRL

ROOT = Path(__file__).parents[2]
FIXTURES = sorted((ROOT / "runtime" / "fixtures" / "messages").glob("*.json"))
AGENT = Draft202012Validator(json.loads((ROOT / "schemas" / "agent.schema.json").read_text()))


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_a_fixture_is_read_and_written_the_same(path: Path) -> None:
    side = FROM_AGENT if path.name.startswith("from-agent") else FROM_CTRL
    message = side.validate_json(path.read_bytes())
    assert json.loads(message.model_dump_json()) == json.loads(path.read_text())
    AGENT.validate(json.loads(path.read_text()))


def test_every_kind_has_a_fixture() -> None:
    kinds = {json.loads(path.read_text())["kind"] for path in FIXTURES}
    described = {
        part["properties"]["kind"]["const"] for part in AGENT.schema["$defs"].values() if "kind" in part["properties"]
    }
    assert kinds == described


@pytest.mark.parametrize("name", schemas.SCHEMAS)
def test_schemas_are_those_of_the_models(name: str) -> None:
    written = json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text())
    assert written == schemas.schema(name), "`make schemas` writes them"
    Draft202012Validator.check_schema(written)


@given(st.binary(max_size=200) | st.sampled_from(FIXTURES).flatmap(lambda path: _broken(path.read_bytes())))
def test_other_bytes_are_refused_and_nothing_else_happens(line: bytes) -> None:
    for side in (FROM_AGENT, FROM_CTRL):
        try:
            side.validate_json(line)
        except ValidationError:
            continue


def _broken(content: bytes) -> Any:
    """A message with a piece replaced."""
    return st.tuples(st.integers(0, len(content)), st.integers(0, 20), st.binary(max_size=10)).map(
        lambda cut: content[: cut[0]] + cut[2] + content[cut[0] + cut[1] :]
    )
