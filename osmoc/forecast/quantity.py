"""Quantities as Kubernetes writes them: `500m`, `2`, `64Gi`, `1e3`."""

import math
import re
from fractions import Fraction
from typing import Final

_QUANTITY: Final = re.compile(
    r"([+-]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18}))(?:([eE][+-]?[0-9]{1,2})|([A-Za-z]*))"
)
_UNITS: Final = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "": Fraction(1),
    **{unit: Fraction(1000**n) for n, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": Fraction(1024**n) for n, unit in enumerate("KMGTPE", start=1)},
}
_BYTES: Final = tuple((f"{unit}i", 1024**n) for n, unit in reversed(list(enumerate("KMGTPE", start=1))))


def parse_quantity(text: str) -> Fraction:
    """Raises: ValueError."""
    match = _QUANTITY.fullmatch(text.strip())
    if not match or (match[3] or "") not in _UNITS:
        raise ValueError(f"`{text[:40]}` is not a quantity such as `500m`, `2` or `64Gi`")
    return Fraction(match[1] + (match[2] or "")) * _UNITS[match[3] or ""]


def thousandths(text: str) -> int:
    """In the smallest unit that counts, a thousandth; what is finer is rounded up, as Kubernetes does."""
    return math.ceil(parse_quantity(text) * 1000)


def in_bytes(thousandths: int) -> str:
    """A size in its largest binary unit, with at most two digits after the point."""
    amount = Fraction(thousandths, 1000)
    unit, factor = next(((unit, factor) for unit, factor in _BYTES if amount >= factor), ("", 1))
    return f"{_decimal(amount / factor, 2)}{unit}"


def plain(thousandths: int) -> str:
    """A number without a unit, in full."""
    return _decimal(Fraction(thousandths, 1000), 3)


def _decimal(number: Fraction, digits: int) -> str:
    text = f"{float(number):.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
