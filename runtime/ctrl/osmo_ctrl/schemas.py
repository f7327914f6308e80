"""The JSON Schemas of what the runtime speaks and keeps: `python -m osmo_ctrl.schemas NAME`; `schemas/` holds them."""

import json
import sys
from collections.abc import Callable
from typing import Any, Final

_DRAFT: Final = {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def _agent() -> dict[str, Any]:
    from pydantic import TypeAdapter

    from osmo_ctrl.messages import FromAgent, FromCtrl

    adapter: TypeAdapter[Any] = TypeAdapter(FromAgent | FromCtrl)
    return adapter.json_schema()


def _group() -> dict[str, Any]:
    from pydantic import TypeAdapter

    from osmo_ctrl.group.messages import Greeting, Order, Report

    adapter: TypeAdapter[Any] = TypeAdapter(Greeting | Report | Order)
    return adapter.json_schema()


def _manifest() -> dict[str, Any]:
    from osmo_ctrl.records import Manifest

    return Manifest.model_json_schema()


def _dataset() -> dict[str, Any]:
    from osmo_ctrl.dataset.contract import schema

    return schema()


def _logs() -> dict[str, Any]:
    from osmo_ctrl.kept_logs import schema

    return schema()


SCHEMAS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "agent": _agent,
    "group": _group,
    "manifest": _manifest,
    "dataset": _dataset,
    "logs": _logs,
}


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) by its name in `SCHEMAS`."""
    return _DRAFT | SCHEMAS[name]()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(sys.argv[1]), indent=2) + "\n")
