"""`--fail-over`: limits on a forecast, such as `gpu_hours>100`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from osmoc.diagnostics import did_you_mean, listed
from osmoc.forecast.durations import duration, parse_duration
from osmoc.forecast.forecast import GPU, Forecast
from osmoc.forecast.needs import CPU, MEMORY
from osmoc.forecast.quantity import in_bytes, parse_quantity, plain

_EXPRESSION: Final = re.compile(r"\s*([a-z_]+)\s*(>=?)\s*(\S+)\s*")


@dataclass(frozen=True, slots=True)
class _Measure:
    """`value` is None where nothing bounds it."""

    read: Callable[[str], Fraction]
    value: Callable[[Forecast], Fraction | None]
    shown: Callable[[Fraction], str]


@dataclass(frozen=True, slots=True)
class Limit:
    text: str
    name: str
    is_inclusive: bool
    amount: Fraction


def parse_limit(text: str) -> Limit:
    """Raises: ValueError, with what is right."""
    match = _EXPRESSION.fullmatch(text)
    if not match:
        raise ValueError(f"`{text[:60]}` is not of the form `NAME>NUMBER` or `NAME>=NUMBER`; names: {listed(MEASURES)}")
    name, operator, number = match.groups()
    if name not in MEASURES:
        hint = did_you_mean(name, MEASURES)
        raise ValueError(f"there is no `{name}` to limit; {hint}{' ' if hint else ''}names: {listed(MEASURES)}")
    return Limit(text.strip(), name, operator == ">=", MEASURES[name].read(number))


def excess(limit: Limit, forecast: Forecast) -> str:
    """What is over the limit, in words; empty if nothing is. What is unbounded is over every limit."""
    measure = MEASURES[limit.name]
    value = measure.value(forecast)
    if value is None:
        return f"{limit.name} is unbounded: --fail-over `{limit.text}`"
    if value > limit.amount or (limit.is_inclusive and value == limit.amount):
        return f"{limit.name} comes to {measure.shown(value)}: --fail-over `{limit.text}`"
    return ""


def _number(text: str) -> Fraction:
    if not re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,9})?", text):
        raise ValueError(f"`{text[:40]}` is not a number")
    return Fraction(text)


def _hours(value: float | None) -> Fraction | None:
    return None if value is None else Fraction(value)


def _rounded(value: Fraction) -> str:
    return f"{float(value):,.2f}".rstrip("0").rstrip(".")


def _of_peak(name: str) -> Callable[[Forecast], Fraction]:
    return lambda forecast: Fraction(forecast.peaks[name].amount, 1000)


def _critical(forecast: Forecast) -> Fraction | None:
    return None if forecast.critical.seconds is None else Fraction(forecast.critical.seconds)


def _thousandths(value: Fraction) -> int:
    return round(value * 1000)


MEASURES: Final[dict[str, _Measure]] = {
    "gpu_hours": _Measure(_number, lambda forecast: _hours(forecast.gpu_hours.whole), _rounded),
    "cpu_hours": _Measure(_number, lambda forecast: _hours(forecast.cpu_hours.whole), _rounded),
    "gpus": _Measure(_number, _of_peak(GPU), _rounded),
    "cpu": _Measure(parse_quantity, _of_peak(CPU), lambda value: plain(_thousandths(value))),
    "memory": _Measure(parse_quantity, _of_peak(MEMORY), lambda value: in_bytes(_thousandths(value))),
    "tasks": _Measure(_number, lambda forecast: Fraction(forecast.tasks), _rounded),
    "groups": _Measure(_number, lambda forecast: Fraction(len(forecast.by_group)), _rounded),
    "bytes": _Measure(
        parse_quantity, lambda forecast: Fraction(forecast.bytes), lambda value: in_bytes(_thousandths(value))
    ),
    "templates": _Measure(
        _number, lambda forecast: Fraction(forecast.templates.count if forecast.templates else 0), _rounded
    ),
    "critical_path": _Measure(
        lambda text: Fraction(parse_duration(text)), _critical, lambda value: duration(float(value))
    ),
}
