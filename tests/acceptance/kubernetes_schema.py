"""Kubernetes' own schemas, from the data of `kubernetes-validate` (strict: objects are closed), read once.

Its `validate()` parses 1.4 MB for each object; `test_kubernetes_schema.py` shows that this reading agrees with it.
"""

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

from acceptance.openapi import Schema

VERSION = "1.33"  # the oldest that is supported: what it accepts, later ones accept


@cache
def definitions() -> dict[str, Schema]:
    """All types by full name, with the patch metadata that a strategic merge needs."""
    found: dict[str, Schema] = _read("_definitions.json")["$defs"]
    return found


@cache
def object_schema(api_version: str, kind: str) -> Schema | None:
    """The schema of a whole object; None for a kind that is not Kubernetes' own."""
    group_version = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)
    try:
        return _read(f"{kind.lower()}-{group_version}.json")
    except FileNotFoundError:
        return None


def _read(name: str) -> dict[str, Any]:
    folder = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{VERSION}.0-local-strict"
    content: dict[str, Any] = json.loads((folder / name).read_bytes())
    return content
