"""Kubernetes' strategic merge patch, for what `podSpecPatch` and `templateDefaults` do in the Argo controller.

Maps merge by key, lists by the key that the schema names (`x-kubernetes-patch-merge-key`), other lists are
replaced. Worth knowing, because it surprises: entries of the patch that the original lacks come *before* its
own, entries that both have follow the order of the patch, and an empty list changes nothing.
"""

from typing import Any

from acceptance.openapi import Schema


class MergeError(Exception):
    """The patch cannot be applied; Argo would put the node in phase Error."""


def strategic_merge(
    original: dict[str, Any], patch: dict[str, Any], schema: Schema, definitions: dict[str, Schema]
) -> dict[str, Any]:
    """`original` with `patch` applied; neither is changed."""
    if directives := [name for name in patch if name.startswith("$")]:
        raise MergeError(f"directives such as {directives[0]} are not modelled here")
    merged = dict(original)
    fields = _resolve(schema, definitions).get("properties", {})
    for name, value in patch.items():
        before = original.get(name)
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            below = before if isinstance(before, dict) else {}
            merged[name] = strategic_merge(below, value, fields.get(name, {}), definitions)
        elif isinstance(value, list) and isinstance(before, list) and _merges(fields.get(name, {})):
            merged[name] = _merge_lists(before, value, fields[name], definitions)
        else:
            merged[name] = value
    return merged


def _resolve(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    return definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _merges(schema: Schema) -> bool:
    return "merge" in schema.get("x-kubernetes-patch-strategy", "").split(",")


def _merge_lists(original: list[Any], patch: list[Any], schema: Schema, definitions: dict[str, Schema]) -> list[Any]:
    key = schema.get("x-kubernetes-patch-merge-key")
    if key is None:
        return list(dict.fromkeys([*original, *patch]))
    if nameless := [item for item in [*original, *patch] if key not in item]:
        raise MergeError(f"an entry of the list has no `{key}`, by which it is merged: {nameless[0]}")
    merged = list(original)
    places = {item[key]: place for place, item in reversed(list(enumerate(original)))}
    indexes = dict(places)
    for item in patch:
        if item[key] in indexes:
            index = indexes[item[key]]
            merged[index] = strategic_merge(merged[index], item, schema["items"], definitions)
        else:
            indexes[item[key]] = len(merged)
            merged.append(item)
    return _ordered(merged, [item[key] for item in patch], places, key)


def _ordered(merged: list[Any], patch_keys: list[Any], places: dict[Any, int], key: str) -> list[Any]:
    """The entries of the patch in its order; each other one before the first of them that stood behind it."""
    patched = sorted((item for item in merged if item[key] in patch_keys), key=lambda item: patch_keys.index(item[key]))
    others = [item for item in merged if item[key] not in patch_keys]
    result = []
    while others and patched:
        place = places.get(patched[0][key])
        result.append((others if place is not None and places[others[0][key]] < place else patched).pop(0))
    return result + others + patched
