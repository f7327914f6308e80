"""The JSON Schemas of this project, made from the models; `schemas/` in the repository holds what they print."""

from collections.abc import Callable
from typing import Any, Final

from pydantic import BaseModel


def _workflow() -> type[BaseModel]:
    from osmoc.spec import WorkflowFile

    return WorkflowFile


def _profile() -> type[BaseModel]:
    from osmoc.profile import Profile

    return Profile


def _task() -> type[BaseModel]:
    from osmoc.document import TaskDocument

    return TaskDocument


def _driver() -> type[BaseModel]:
    from osmoc.document import DriverPlan

    return DriverPlan


SCHEMAS: Final[dict[str, Callable[[], type[BaseModel]]]] = {
    "workflow": _workflow,
    "profile": _profile,
    "task": _task,
    "driver": _driver,
}


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) by its name in `SCHEMAS`."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | SCHEMAS[name]().model_json_schema()
