"""Many files to and from a storage at once: small ones side by side, large ones in parts, in bounded memory.

A file that fails does not keep others from being tried: all that failed are named at the end. A storage that refuses
or is away for too long ends a transfer at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

from osmo_ctrl.files.tree import Fault
from osmo_ctrl.storage.store import MIB, SMALL, Problem, StorageError
from osmo_ctrl.transfer.budget import Budget

Item = TypeVar("Item")

_SMALL_AT_ONCE: Final = 32
_LARGE_AT_ONCE: Final = 4
_SHOWN: Final = 20

MEMORY: Final = 56 * MIB


class TransferError(Exception):
    """Files that could not be transferred, all of them."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: fault.path))
        more = len(self.faults) - _SHOWN
        shown = [str(fault) for fault in self.faults[:_SHOWN]] + ([f"and {more} more"] if more > 0 else [])
        super().__init__("; ".join(shown))


class Limits:
    """What all transfers of a process share."""

    def __init__(self, memory: int = MEMORY) -> None:
        self.memory = Budget(memory)
        self.small = asyncio.Semaphore(_SMALL_AT_ONCE)
        self.large = asyncio.Semaphore(_LARGE_AT_ONCE)


class FileFault(Exception):
    """One file cannot be transferred, and others may. A file that is `moving` may be at rest later."""

    def __init__(self, reason: str, *, moving: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.moving = moving


async def each(
    items: Sequence[Item],
    size_of: Callable[[Item], int],
    path_of: Callable[[Item], str],
    do: Callable[[Item], Awaitable[None]],
    limits: Limits,
) -> None:
    """Does it for each item; raises TransferError with all that failed, or StorageError if the storage did."""
    if faults := await try_each(items, size_of, path_of, do, limits):
        raise TransferError(faults)


async def try_each(
    items: Sequence[Item],
    size_of: Callable[[Item], int],
    path_of: Callable[[Item], str],
    do: Callable[[Item], Awaitable[None]],
    limits: Limits,
) -> list[Fault]:
    """Does it for each item, and gives all that failed. Raises StorageError if the storage did."""
    faults: list[Fault] = []

    async def work(queue: Iterator[Item], turns: asyncio.Semaphore) -> None:
        for item in queue:
            async with turns:
                try:
                    await do(item)
                except FileFault as fault:
                    faults.append(Fault(path_of(item), fault.reason, fault.moving))
                except StorageError as error:
                    if not is_of_one_object(error):
                        raise
                    faults.append(Fault(path_of(item), error.reason))

    small = [item for item in items if size_of(item) <= SMALL]
    large = [item for item in items if size_of(item) > SMALL]
    workers = [(iter(small), limits.small)] * min(_SMALL_AT_ONCE, len(small))
    workers += [(iter(large), limits.large)] * min(_LARGE_AT_ONCE, len(large))
    await together(work(queue, turns) for queue, turns in workers)
    return sorted(faults, key=lambda fault: fault.path)


def is_of_one_object(error: StorageError) -> bool:
    """Whether other objects of this storage may do better."""
    return error.problem is Problem.REFUSED or (error.problem is Problem.MISSING and "NoSuchBucket" not in error.reason)


async def together(tasks: Iterable[Awaitable[object]]) -> None:
    """Waits for all; the first error ends the others, and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(_run(task))
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def _run(task: Awaitable[object]) -> None:
    await task
