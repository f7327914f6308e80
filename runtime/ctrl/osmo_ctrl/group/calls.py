"""Which calls of `osmo barrier` may go on: a pure function, for a group as for a task that has its group for itself."""

from collections.abc import Iterable
from typing import Final

from osmo_ctrl.group.messages import Call

MOST_CALLS: Final = 64  # of a task, so that its report fits a line


def opening(calls: Iterable[Call]) -> list[Call]:
    """Of those that wait: all of a name, once there are as many as the largest count says.

    >>> one, two = Call(id="1", name="x", count=2), Call(id="2", name="x", count=2)
    >>> opening([one]), opening([one, two]) == [one, two]
    ([], True)
    """
    by_name: dict[str, list[Call]] = {}
    for call in calls:
        by_name.setdefault(call.name, []).append(call)
    return [call for some in by_name.values() if len(some) >= max(item.count for item in some) for call in some]
