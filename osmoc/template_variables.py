"""The variables of pod templates and validations: OSMO's names, filled from a pool's defaults and a task's resource.

What a task asks for goes before the defaults of its platform, and these before those of the pool; 0 processors or
GPUs ask for nothing. Memory and storage are written as Kubernetes writes them, from wherever they come.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from osmoc.plan import Mark
from osmoc.spec import Resource
from osmoc.values import Size, SizeValue

_UNITS: Final = {
    "Ti": Decimal(1 << 40),
    "Gi": Decimal(1 << 30),
    "Mi": Decimal(1 << 20),
    "Ki": Decimal(1 << 10),
    "B": Decimal(1),
    "m": Decimal("0.001"),
}
_SIZES: Final = ("USER_MEMORY", "USER_STORAGE")
_FORMS: Final = ("VAL", "UNIT", *_UNITS)

# Names that a template may test with `if` although they have no value; any other unknown name is a mistake.
NAMES: Final = frozenset(
    {"USER_CPU", "USER_GPU", "USER_CACHE", "USER_CONTAINER_NAME", "USER_EXCLUDED_NODES", *_SIZES}
    | {f"{size}_{form}" for size in _SIZES for form in _FORMS}
    | {"WF_ID", "WF_UUID", "WF_GROUP_NAME", "WF_GROUP_UUID", "WF_TASK_NAME", "WF_TASK_UUID", "WF_RETRY_ID"}
    | {"WF_LEAD_CONTAINER", "WF_POOL", "WF_PLATFORM", "WF_PRIORITY", "WF_SUBMITTED_BY"}
    | {"K8_CPU", "K8_GPU", "K8_MEMORY", "K8_STORAGE"}
)

_MARKS: Final = {
    "USER_CONTAINER_NAME": Mark.CONTAINER,
    "WF_ID": Mark.WORKFLOW,
    "WF_UUID": Mark.WORKFLOW,
    "WF_GROUP_NAME": Mark.GROUP,
    "WF_GROUP_UUID": Mark.GROUP,
    "WF_TASK_NAME": Mark.TASK,
    "WF_TASK_UUID": Mark.TASK,
}

# In OSMO the user who submits; here nobody is logged in, so only a default of the pool gives it a value.
NEVER_SET: Final = frozenset({"WF_SUBMITTED_BY"})


class Name(str):
    """A name that differs from task to task: it is put in when a pod is built, so a template can only insert it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """The hardware of a task, with the defaults; None and nothing asked for are the same."""

    cpu: int | None
    gpu: int | None
    memory: Size | None
    storage: Size | None


def fault_of(name: str, value: Any) -> str:
    """What is wrong with the default value of a variable, in words; empty if nothing is."""
    try:
        if name == "USER_CPU":
            _processors(value)
        elif name == "USER_GPU":
            _gpus(value)
        elif name in _SIZES:
            _size(value)
    except ValueError as error:
        return str(error)
    return ""


def amounts_of(resource: Resource, defaults: Mapping[str, Any]) -> Amounts:
    """Raises: ValueError, for defaults that `fault_of` finds fault with."""
    return Amounts(
        cpu=resource.cpu or math.ceil(_processors(defaults.get("USER_CPU"))) or None,
        gpu=resource.gpu or _gpus(defaults.get("USER_GPU")) or None,
        memory=resource.memory or _size(defaults.get("USER_MEMORY")),
        storage=resource.storage or _size(defaults.get("USER_STORAGE")),
    )


def variables_of(resource: Resource, amounts: Amounts, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that have a value, but those of pool, platform and priority."""
    variables: dict[str, Any] = dict(defaults)
    if resource.cpu:
        variables["USER_CPU"] = float(resource.cpu)  # OSMO writes 4.0
    if resource.gpu:
        variables["USER_GPU"] = resource.gpu
    for name, size in zip(_SIZES, (amounts.memory, amounts.storage), strict=True):
        if size:
            variables |= {name: size.quantity, **_forms_of(name, size)}
    if amounts.storage:
        # What OSMO takes for a cache if nothing is said: 90 %, here in whole MiB.
        variables.setdefault("USER_CACHE", f"{amounts.storage.bytes * 9 // 10 >> 20}Mi")
    variables["USER_EXCLUDED_NODES"] = f"ARRAY:[{','.join(resource.nodes_excluded)}]"
    return variables | {name: Name(mark.value) for name, mark in _MARKS.items()} | {"WF_RETRY_ID": "0"}


def _forms_of(name: str, size: Size) -> dict[str, str]:
    number, unit = re.fullmatch(r"([0-9]+)([A-Za-z]*)", size.quantity).groups()  # type: ignore[union-attr]
    forms = {unit: f"{(Decimal(size.bytes) / factor).normalize():f}" for unit, factor in _UNITS.items()}
    return {f"{name}_{form}": text for form, text in {"VAL": number, "UNIT": unit or "B", **forms}.items()}


def _processors(value: Any) -> float:
    """A number of processors as Kubernetes takes it: `2`, `0.5`, `500m`."""
    match = None if isinstance(value, bool) else re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)(m?)", str(value or 0))
    if not match:
        raise ValueError(f"`{value}` is not a number of processors")
    return float(match[1]) / (1000 if match[2] else 1)


def _gpus(value: Any) -> int:
    if isinstance(value, bool) or not re.fullmatch("[0-9]{1,6}", str(value or 0)):
        raise ValueError(f"`{value}` is not a number of GPUs")
    return int(value or 0)


def _size(value: Any) -> Size | None:
    if value is None or str(value) in ("", "0"):
        return None
    try:
        return _sizes().validate_python(value)
    except ValidationError as error:
        raise ValueError(error.errors()[0]["ctx"]["message"]) from None


@cache
def _sizes() -> TypeAdapter[Size]:
    return TypeAdapter(SizeValue)
