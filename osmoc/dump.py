"""A stable text form of everything between the passes, for `--dump-after` and for fixtures."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from pydantic import BaseModel

from osmoc.emit.write import document
from osmoc.values import Size


def dump(value: Any) -> str:
    """YAML; what is empty or only says where something stood is left out."""
    return document(_plain(value))


def _plain(value: Any) -> Any:
    match value:
        case Size():
            return value.quantity
        case Enum():
            return value.value
        case BaseModel():
            names = ((name, info.alias or name) for name, info in type(value).model_fields.items())
            return _filled({alias: _plain(getattr(value, name)) for name, alias in names})
        case bytes():
            return f"{len(value)} bytes"
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case tuple() if hasattr(value, "_fields"):
            return _filled({name: _plain(getattr(value, name)) for name in value._fields})
        case tuple() | list():
            return [_plain(item) for item in value]
        case _ if is_dataclass(value):
            return _filled(
                {field.name: _plain(getattr(value, field.name)) for field in fields(value) if field.name != "where"}
            )
        case _:
            return value


def _filled(mapping: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if value not in (None, "", [], {})}
