from collections.abc import Callable, Iterable
from typing import Any

import pytest
from acceptance import kubernetes_schema
from acceptance.argo_schema import workflow_schema
from acceptance.openapi import CHECKED, IGNORED, Schema, violations

TYPES = {"io.k8s.Quantity": {}, "Named": {"type": "object", "properties": {"name": {"type": "string"}}}}
OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
BY_NAME = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}


@pytest.mark.parametrize(
    ("schema", "good", "bad", "finding"),
    [
        ({"type": "string"}, "a", 1, ".: not string: 1"),
        ({"type": "integer"}, 1, True, ".: not integer: True"),
        ({"type": ["string", "null"]}, None, 1, ".: not string or null: 1"),
        ({"type": "integer", "format": "int32"}, 2**31 - 1, 2**31, ".: 2147483648 is not between"),
        ({"type": "integer", "minimum": 1}, 1, 0, ".: 0 is not between 1 and"),
        ({"type": "string", "enum": ["a"]}, "a", "b", ".: 'b' is not one of ['a']"),
        ({"type": "string", "pattern": "^a$"}, "a", "b", ".: 'b' does not match ^a$"),
        ({"type": "string", "maxLength": 1}, "a", "ab", ".: 2 characters"),
        ({"type": "string", "minLength": 1}, "a", "", ".: 0 characters"),
        ({"type": "string", "format": "byte"}, "YQ==", "a", ".: not base64"),
        ({"x-kubernetes-int-or-string": True, "pattern": "^a"}, 1, "b", ".: 'b' does not match ^a"),
        ({"x-kubernetes-int-or-string": True}, "5%", [], ".: neither integer nor string"),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, "5%", 1.5, ".: neither integer nor string"),
        ({"$ref": "#/$defs/io.k8s.Quantity"}, "1.5Gi", "4GB", ".: '4GB' is not a quantity"),
        ({"$ref": "#/$defs/io.k8s.Quantity"}, 2, [], ".: neither number nor quantity"),
        ({"$ref": "#/$defs/Named"}, {"name": "a"}, {"nam": "a"}, ".: unknown field `nam`"),
        ({"type": "object"}, {}, {"a": 1}, ".: unknown field `a`"),
        (OPEN, {"1": 1}, {1: 1}, ".: key is not a string: 1"),
        ({"type": "object", "required": ["a"], **OPEN}, {"a": 1}, {"b": 1}, "required field `a` is missing"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {"a": "b"}, {"a": 1}, ".a: not string"),
        ({"type": "array", "maxItems": 1}, [1], [1, 2], ": 2 items, at most 1 are allowed"),
        ({"type": "array", "minItems": 1}, [1], [], ": 0 items, at least 1 are needed"),
        ({"type": "array", "items": {"type": "string"}}, ["a"], ["a", 1], "[1]: not string: 1"),
        ({**BY_NAME, "items": OPEN}, [{"name": "a"}], [{"name": "a"}, {"name": "a"}], "duplicate entry 'a'"),
        ({"type": "array", "x-kubernetes-list-type": "set"}, [1, 2], [1, 1], "duplicate entry 1"),
    ],
)
def test_violations_finds_what_the_schema_forbids(schema: Schema, good: Any, bad: Any, finding: str) -> None:
    assert list(violations(good, schema, TYPES)) == []
    assert [one for one in violations(bad, schema, TYPES) if finding in one]


def test_violations_takes_anything_where_unknown_fields_are_preserved() -> None:
    assert list(violations({"a": [1, {"b": None}]}, {"x-kubernetes-preserve-unknown-fields": True}, {})) == []


def test_violations_names_the_place() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object"}}}}

    assert list(violations({"a": [{}, {"b": 1}]}, schema, {})) == [".a[1]: unknown field `b`"]


@pytest.mark.parametrize("schemas", [lambda: [workflow_schema()], lambda: kubernetes_schema.definitions().values()])
def test_every_keyword_of_the_real_schemas_is_known(
    schemas: Callable[[], Iterable[Schema]],
) -> None:
    assert set().union(*map(_keywords, schemas())) <= CHECKED | IGNORED


def _keywords(schema: Schema) -> set[str]:
    found = set(schema)
    for below in schema.get("properties", {}).values():
        found |= _keywords(below)
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            found |= _keywords(schema[name])
    return found
