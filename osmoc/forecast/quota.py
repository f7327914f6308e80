"""A forecast against the ResourceQuotas of a namespace."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from osmoc.forecast.forecast import Forecast
from osmoc.forecast.quantity import thousandths

_ALIASES: Final = {
    "cpu": "requests.cpu",
    "memory": "requests.memory",
    "ephemeral-storage": "requests.ephemeral-storage",
    "count/pods": "pods",
    "configmaps": "count/configmaps",
    "services": "count/services",
}


class Verdict(Enum):
    """What a quota does to a run."""

    FITS = "fits"
    WAITS = "waits"  # at its peak some of it waits for the rest, or for what others use
    NEVER = "never"  # something of it can never be there

    @property
    def is_refused(self) -> bool:
        return self is Verdict.NEVER


@dataclass(frozen=True, slots=True)
class Quota:
    """Amounts are thousandths. With scopes it holds for some pods only."""

    name: str
    hard: Mapping[str, int]
    used: Mapping[str, int]
    has_scopes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One resource of a quota. `needed` is the peak, `largest` what starts together at least, of `group` if of one."""

    quota: str
    resource: str
    hard: int
    used: int
    needed: int
    largest: int
    group: str
    verdict: Verdict


def read_quotas(objects: Iterable[Any]) -> tuple[Quota, ...]:
    """The ResourceQuotas among objects, Lists of them included. Raises: ValueError."""
    return tuple(_quota(item) for item in _items(objects) if item.get("kind") == "ResourceQuota")


def _items(objects: Iterable[Any]) -> Iterable[dict[str, Any]]:
    for item in objects:
        if not isinstance(item, dict):
            continue
        if str(item.get("kind", "")).endswith("List") and isinstance(item.get("items"), list):
            yield from _items({"kind": "ResourceQuota"} | each for each in item["items"] if isinstance(each, dict))
        else:
            yield item


def _quota(item: dict[str, Any]) -> Quota:
    name = str(_mapping(item.get("metadata")).get("name", ""))
    spec, status = _mapping(item.get("spec")), _mapping(item.get("status"))
    return Quota(
        name=name,
        hard=_amounts(spec.get("hard") or status.get("hard"), name),
        used=_amounts(status.get("used"), name),
        has_scopes=bool(spec.get("scopes") or spec.get("scopeSelector")),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _amounts(value: Any, quota: str) -> dict[str, int]:
    try:
        return {_ALIASES.get(name, name): thousandths(str(amount)) for name, amount in _mapping(value).items()}
    except ValueError as error:
        raise ValueError(f"the quota `{quota}`: {error}") from None


def compare(forecast: Forecast, quotas: Iterable[Quota]) -> tuple[Row, ...]:
    """What the run takes some of, in the order of the quotas."""
    rows = (_row(forecast, quota, resource) for quota in quotas for resource in quota.hard)
    return tuple(row for row in rows if row.needed)


def _row(forecast: Forecast, quota: Quota, resource: str) -> Row:
    hard, used = quota.hard[resource], quota.used.get(resource, 0)
    if resource.startswith("count/"):
        # Objects are there from the start to the end, and one that is refused is missing for good.
        needed = largest = 1000 * forecast.objects.get(resource, 0)
        group, is_refused = "", needed > hard - used
    else:
        driver = forecast.driver.get(resource, 0)
        sizes = {name: amounts.get(resource, 0) for name, amounts in forecast.by_group.items()}
        group = max(sizes, key=sizes.__getitem__)
        needed, largest = forecast.peak(resource).amount, sizes[group] + driver
        is_refused = largest > hard
    waits = Verdict.WAITS if needed > hard - used else Verdict.FITS
    return Row(
        quota=quota.name,
        resource=resource,
        hard=hard,
        used=used,
        needed=needed,
        largest=largest,
        group=group,
        verdict=Verdict.NEVER if is_refused else waits,
    )


def silent(forecast: Forecast, quota: Quota) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Amounts that a quota counts, and tasks whose pods do not say them: without a LimitRange they are refused."""
    return tuple((name, forecast.unsaid[name]) for name in quota.hard if name in forecast.unsaid)
