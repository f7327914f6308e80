"""Metadata and labels: YAML or JSON files with maps, merged in their order."""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

import yaml

from osmo_ctrl.dataset.faults import DatasetError, Fault
from osmo_ctrl.dataset.merge import merge_maps

LARGEST: Final = 1024 * 1024  # bytes of a file
_DEEPEST: Final = 32
_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_maps(files: Iterable[tuple[str, bytes]]) -> dict[str, Any]:
    """The maps of all files in one; of equal keys the last counts."""
    merged: dict[str, Any] = {}
    for name, content in files:
        merged = merge_maps(merged, read_map(name, content))
    return merged


def read_map(name: str, content: bytes) -> dict[str, Any]:
    if len(content) > LARGEST:
        raise _invalid(name, f"larger than {LARGEST // 1024} KiB")
    try:
        # An alias may stand for a million copies of itself, which JSON would write out.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(content, Loader=_Loader)):
            raise _invalid(name, "an alias")
        value = yaml.load(content, Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise _invalid(name, " ".join(str(error).split())) from None
    except RecursionError:
        raise _invalid(name, "nested too deeply") from None
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _invalid(name, "not a mapping")
    return check_map(value, name)


def check_map(value: Mapping[Any, Any], name: str) -> dict[str, Any]:
    """OSMO's rules: keys of letters, digits, `-` and `_`; the items of a list are of one kind."""
    return {key: _checked(item, f"{name}: {key}", 1) for key, item in _items(value, name)}


def _checked(value: Any, where: str, depth: int) -> Any:
    if depth > _DEEPEST:
        raise _invalid(where, "nested too deeply")
    match value:
        case Mapping():
            return {key: _checked(item, f"{where}.{key}", depth + 1) for key, item in _items(value, where)}
        case list() | tuple():
            items = [_checked(item, where, depth + 1) for item in value]
            if len({_kind(item) for item in items}) > 1:
                raise _invalid(where, "a list of items of several kinds")
            return items
        case float() if not math.isfinite(value):
            raise _invalid(where, "not a finite number")
        case int() if not isinstance(value, bool) and abs(value) >= 1 << 63:
            raise _invalid(where, "a number of more than 64 bits")
        case str() if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise _invalid(where, "text that is not Unicode")
        case None | bool() | int() | float() | str():
            return value
        case date():
            return value.isoformat()
        case _:
            raise _invalid(where, "neither text nor number, list nor mapping")


def _items(value: Mapping[Any, Any], where: str) -> Iterable[tuple[str, Any]]:
    for key, item in value.items():
        if not _KEY.fullmatch(str(key)):
            raise _invalid(where, f"the key `{str(key)[:60]}` has other characters than letters, digits, `-` and `_`")
        yield str(key), item


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case _:
            return type(value).__name__


def _invalid(where: str, reason: str) -> DatasetError:
    return DatasetError(Fault.INVALID, f"{where}: {reason}")
