"""Threads for what blocks: reading, writing, digesting."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


async def to_the_end(
    action: Callable[Parameters, Result], *arguments: Parameters.args, **named: Parameters.kwargs
) -> Result:
    """In a thread, and not left before the thread is: it uses a descriptor whose number may be another file's next."""
    return await undoing(lambda result: None, action, *arguments, **named)


async def undoing(
    undo: Callable[[Result], None],
    action: Callable[Parameters, Result],
    *arguments: Parameters.args,
    **named: Parameters.kwargs,
) -> Result:
    """The same; what an action gives that nobody waits for any more is undone."""
    running = asyncio.ensure_future(asyncio.to_thread(action, *arguments, **named))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait((running,))
        if not running.cancelled() and running.exception() is None:
            undo(running.result())
        raise
