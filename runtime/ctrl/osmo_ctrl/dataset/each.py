"""An action for each of many items, a few at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

_Item = TypeVar("_Item")


async def each(items: Iterable[_Item], action: Callable[[_Item], Awaitable[None]], at_once: int) -> None:
    """The first failure ends all. There are no more tasks than `at_once`, however many items."""
    left = iter(items)

    async def work() -> None:
        for item in left:
            await action(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work())
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
