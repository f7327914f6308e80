"""The exit codes of OSMO beyond those of the user's command, as far as exit actions can name them."""

from typing import Final

from osmoc.values import ExitRange

USER_LAST: Final = 255

# Failures that the pod can tell, or the cluster: osmo-init, image pull, start, preflight, osmo-ctrl, platform.
SYSTEM_RANGES: Final[tuple[ExitRange, ...]] = (
    (256, 510),
    (301, 302),
    (304, 304),
    (999, 999),
    (1001, 1255),
    (2001, 2255),
    (3000, 3006),
    (4000, 4000),
)

EVICTED: Final = 3004
OUT_OF_MEMORY: Final = 137
INFRASTRUCTURE: Final = frozenset({3001, EVICTED, 3006})


def is_system_only(pair: ExitRange) -> bool:
    return pair[0] > USER_LAST


def covers(ranges: tuple[ExitRange, ...], code: int) -> bool:
    return any(first <= code <= last for first, last in ranges)
