"""Durations as people write them: `1h30m`."""

import re
from typing import Final

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
_DURATION: Final = re.compile("".join(rf"(?:([0-9]{{1,9}}){unit})?" for unit, _ in _UNITS))


def parse_duration(text: str) -> int:
    """Seconds. Raises: ValueError."""
    match = _DURATION.fullmatch(text)
    if not match or not any(match.groups()):
        raise ValueError(f"`{text[:40]}` is not a duration such as `90m`, `1h30m` or `2d`")
    return sum(int(number or 0) * length for number, (_, length) in zip(match.groups(), _UNITS, strict=True))


def duration(seconds: float) -> str:
    """`1h30m`; tenths of a second only below a minute."""
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    rest, parts = round(seconds), []
    for unit, length in _UNITS:
        number, rest = divmod(rest, length)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts)
