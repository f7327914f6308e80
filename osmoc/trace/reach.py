"""Walking through plain values: those of the workflow file, whose keys may be scalars, and those of manifests."""

from collections.abc import Mapping
from typing import Any

from osmoc.yamlnodes import Path, Scalar


def child(value: Any, step: str | int) -> Any:
    """None if there is none."""
    match value:
        case dict() if step in value:
            return value[step]
        case dict():
            return next((item for key, item in value.items() if text_of(key) == str(step)), None)
        case list() if isinstance(step, int) and step < len(value):
            return value[step]
        case _:
            return None


def has(value: Any, step: str | int) -> bool:
    match value:
        case dict():
            return step in value or any(text_of(key) == str(step) for key in value)
        case list():
            return isinstance(step, int) and step < len(value)
        case _:
            return False


def reached(value: Any, path: Path) -> Any:
    for step in path:
        value = child(value, step)
    return value


def text_at(value: Any, path: Path) -> str:
    """Empty if there is no text."""
    found = reached(value, path)
    return found if isinstance(found, str) else ""


def mapping_at(value: Any, path: Path) -> Mapping[str, Any]:
    found = reached(value, path)
    return found if isinstance(found, dict) else {}


def named(value: Any, path: Path) -> tuple[str, ...]:
    """The path with the names of list items for their numbers."""
    words = []
    for step in path:
        value = child(value, step)
        words.append((text_at(value, ("name",)) if isinstance(step, int) else "") or str(step))
    return tuple(words)


def text_of(value: Any) -> str:
    return value.text if isinstance(value, Scalar) else str(value)
