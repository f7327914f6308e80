"""Values against the schemas of an API server: a closed world in which an unknown field is an error.

Own walk instead of `jsonschema`: these schemas need a tenth of JSON Schema, mean more by it (`x-kubernetes-*`),
and hundreds of pods must be checked in seconds. Every keyword is either checked or stands in `IGNORED`; a test
holds the two real schemas to that.
"""

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any

Schema = dict[str, Any]

CHECKED = {
    *("$ref", "type", "anyOf", "oneOf", "enum", "pattern", "format", "minLength", "maxLength", "minimum", "maximum"),
    *("items", "minItems", "maxItems", "properties", "required", "additionalProperties"),
    *("x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"),
    *("x-kubernetes-list-type", "x-kubernetes-list-map-keys"),
}
IGNORED = {
    *("description", "default", "x-kubernetes-map-type", "x-kubernetes-group-version-kind", "x-kubernetes-unions"),
    *("x-kubernetes-patch-strategy", "x-kubernetes-patch-merge-key"),
    # CEL: what it forbids is either in `argo_lint` or left to the server-side dry run.
    "x-kubernetes-validations",
}

QUANTITY = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?")

_IS_TYPE: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
}


def violations(value: Any, schema: Schema, definitions: dict[str, Schema], path: str = "") -> Iterator[str]:
    """Everything in `value` that the server would refuse by `schema`, each with its path."""
    place = path or "."
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name.endswith(".Quantity"):
            yield from _quantity(value, place)
            return
        schema = definitions[name]
    if schema.get("x-kubernetes-preserve-unknown-fields") and "type" not in schema:
        return
    if schema.get("x-kubernetes-int-or-string") or "oneOf" in schema:
        if not (_IS_TYPE["integer"](value) or isinstance(value, str)):
            yield f"{place}: neither integer nor string: {value!r}"
        elif isinstance(value, str):
            yield from _scalar(value, schema, place)
        return
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(_IS_TYPE[name](value) for name in types):
        yield f"{place}: not {' or '.join(types)}: {value!r}"
    elif isinstance(value, dict):
        yield from _object(value, schema, definitions, path)
    elif isinstance(value, list):
        yield from _array(value, schema, definitions, path)
    else:
        yield from _scalar(value, schema, place)


def _object(value: Schema, schema: Schema, definitions: dict[str, Schema], path: str) -> Iterator[str]:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", False)
    is_open = schema.get("x-kubernetes-preserve-unknown-fields", False) or others is True
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path or '.'}: required field `{name}` is missing"
    for name, field in value.items():
        if not isinstance(name, str):
            yield f"{path or '.'}: key is not a string: {name!r}"
        elif name in properties:
            yield from violations(field, properties[name], definitions, f"{path}.{name}")
        elif isinstance(others, dict):
            yield from violations(field, others, definitions, f"{path}.{name}")
        elif not is_open:
            yield f"{path or '.'}: unknown field `{name}`"


def _array(value: list[Any], schema: Schema, definitions: dict[str, Schema], path: str) -> Iterator[str]:
    if len(value) > schema.get("maxItems", len(value)):
        yield f"{path}: {len(value)} items, at most {schema['maxItems']} are allowed"
    if len(value) < schema.get("minItems", 0):
        yield f"{path}: {len(value)} items, at least {schema['minItems']} are needed"
    items = schema.get("items", {})
    for index, item in enumerate(value):
        yield from violations(item, items, definitions, f"{path}[{index}]")
    match schema.get("x-kubernetes-list-type"):
        case "map":
            yield from _duplicates(value, schema["x-kubernetes-list-map-keys"], path)
        case "set":
            yield from _duplicates([{"": item} for item in value], [""], path)


def _duplicates(value: list[Any], keys: list[str], path: str) -> Iterator[str]:
    seen = set()
    for item in value:
        if not isinstance(item, dict):
            continue
        identity = tuple(repr(item.get(key, "TCP" if key == "protocol" else None)) for key in keys)
        if identity in seen:
            yield f"{path}: duplicate entry {', '.join(identity)}"
        seen.add(identity)


def _scalar(value: Any, schema: Schema, place: str) -> Iterator[str]:
    if "enum" in schema and value not in schema["enum"] and value is not None:
        yield f"{place}: {value!r} is not one of {schema['enum']}"
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield f"{place}: {value!r} does not match {schema['pattern']}"
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            yield f"{place}: {len(value)} characters, outside of what is allowed"
        if schema.get("format") == "byte" and not _is_base64(value):
            yield f"{place}: not base64"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        bits = {"int32": 31, "int64": 63}.get(schema.get("format", ""), 63)
        low, high = schema.get("minimum", -(2**bits)), schema.get("maximum", 2**bits - 1)
        if not low <= value <= high:
            yield f"{place}: {value} is not between {low} and {high}"


def _quantity(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, str):
        if not QUANTITY.fullmatch(value):
            yield f"{place}: {value!r} is not a quantity"
    elif not _IS_TYPE["number"](value):
        yield f"{place}: neither number nor quantity: {value!r}"


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value, validate=True)
    except ValueError:
        return False
    return True
