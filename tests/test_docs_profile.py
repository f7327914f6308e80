"""docs/profile.md has every key of a profile with its default and an example, and every example of it is a profile."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml
from compiled import ROOT
from documents import Block, blocks, section, table
from profiles import read, told
from pydantic import BaseModel, TypeAdapter

from osmoc import profile
from osmoc.template_variables import NAMES
from osmoc.values import Duration

TEXT: Final = (ROOT / "docs" / "profile.md").read_text(encoding="utf-8")
EXAMPLES: Final = [block for block in blocks(TEXT) if block.kind == "yaml" and not block.text.startswith("workflow:")]
# Models by the heading below which their keys are listed.
KEYS: Final[dict[str, type[BaseModel]]] = {
    "Keys": profile.Profile,
    "Storage": profile.Storage,
    "Waiting for the storage": profile.RetryFor,
    "Datasets": profile.Datasets,
    "Buckets": profile.Bucket,
    "Data access": profile.DataAccess,
    "Credentials": profile.Credential,
    "Pools": profile.Pool,
    "Shares of GPUs": profile.GpuShare,
    "Topology keys": profile.TopologyKey,
    "Platforms": profile.Platform,
    "Nodes": profile.NodeOffer,
    "Validations": profile.Validation,
    "Images": profile.Images,
    "Label policies": profile.LabelPolicy,
    "Retries": profile.Retries,
    "Timeouts": profile.Timeouts,
    "Security": profile.Security,
    "Retention": profile.Retention,
}
# Where the meaning of an absent value is told in words.
IN_WORDS: Final = re.compile(r"that of .*|not known")


@pytest.mark.parametrize("block", EXAMPLES, ids=lambda block: f"line {block.line}")
def test_every_example_is_a_profile(block: Block) -> None:
    """Without a finding, so that it can be copied as it stands."""
    found = read(block.text)
    assert found[0] is not None and found[1] == [], told(found[1])


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for inner in re.findall(r"profile\.(\w+)", str(field.annotation)):
            if inner != model.__name__:
                yield from _models(getattr(profile, inner))


def test_every_model_has_a_table() -> None:
    """But the one that only holds the share of GPUs."""
    assert {model for model in _models(profile.Profile)} - set(KEYS.values()) == {profile.PoolResources}


@pytest.mark.parametrize("title", KEYS)
def test_table_lists_every_key_in_order_with_its_default(title: str) -> None:
    """As the model has them: what is written down twice must not drift apart."""
    rows = table(section(TEXT, title))
    fields = KEYS[title].model_fields
    assert [row[0] for row in rows] == [f"`{name}`" for name in fields]
    for row, field in zip(rows, fields.values(), strict=True):
        assert (row[2] == "required") == field.is_required(), row
        if not field.is_required() and not IN_WORDS.fullmatch(row[2]):
            assert _default(row[2]) == _plain(field.default), row


def _default(cell: str) -> Any:
    if cell == "none":
        return None
    value = yaml.safe_load(cell.strip("`"))
    if isinstance(value, str) and re.fullmatch("[0-9]+[dhms]", value):
        return TypeAdapter(Duration).validate_python(value)
    return str(value) if isinstance(value, float) else value


def _plain(value: Any) -> Any:
    """A default as a table writes it: nothing is `none`, an empty part `{}`."""
    if isinstance(value, BaseModel):
        return {}
    if value == () and isinstance(value, tuple):
        return []
    return None if value == "" else value


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def test_every_key_stands_in_an_example() -> None:
    """A key is understood by its use."""
    used = {key for block in EXAMPLES for key in _keys(yaml.safe_load(block.text))}
    assert {name for model in KEYS.values() for name in model.model_fields} - used == set()


def test_table_of_variables_has_every_one() -> None:
    """Those that a template may use, and no other."""
    listed = [name for row in table(section(TEXT, "Variables")) for name in re.findall("`([A-Za-z_0-9]+)`", row[0])]
    assert sorted(listed) == sorted(NAMES)
