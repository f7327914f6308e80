"""Files that the tool passes one by one: taken as they come, some at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from osmo_ctrl.files.tree import Fault
from osmo_ctrl.storage.store import MIB
from osmo_ctrl.tool.descriptors import Passed
from osmo_ctrl.tool.messages import MOST_FILES, Done, End, File, FromTool
from osmo_ctrl.tool.peer import Peer, SilentError, WrongWordError
from osmo_ctrl.transfer.transfers import TransferError

# Gives what is wrong with the file, if anything.
Take = Callable[[File, Passed], Awaitable[Iterable[Fault]]]

_LARGEST: Final = 256 * 1024 * MIB  # objects have at most 10,000 parts, and some parts are in memory
_MOST_FAULTS: Final = 100


async def receive(peer: Peer, take: Take) -> None:
    """Until the tool has named all. Raises TransferError with all that failed, or what `take` raises."""
    await _Receiving(peer, take).run()


class _Receiving:
    def __init__(self, peer: Peer, take: Take) -> None:
        self._peer = peer
        self._take = take
        self._under_way: dict[int, Passed] = {}
        self._faults: list[Fault] = []

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                while file := await self._next():
                    group.create_task(self._one(file))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        finally:
            for passed in self._under_way.values():
                passed.close()
        if self._faults:
            raise TransferError(self._faults)

    async def _next(self) -> File | None:
        """The next file, which then is under way; None at the end."""
        message, passed = await self._hear()
        if isinstance(message, File) and passed is not None and self._has_room(message.id):
            self._under_way[message.id] = passed
            return message
        if passed is not None:
            passed.close()
        if not isinstance(message, End):
            raise WrongWordError(f"the tool said `{message.kind}` out of turn")
        return None

    async def _hear(self) -> tuple[FromTool, Passed | None]:
        """While files are under way it may be silent: it waits for us."""
        while True:
            try:
                return await self._peer.hear()
            except SilentError:
                if not self._under_way:
                    raise

    def _has_room(self, number: int) -> bool:
        return len(self._under_way) < MOST_FILES and number not in self._under_way

    async def _one(self, file: File) -> None:
        passed = self._under_way[file.id]
        try:
            self._faults += await self._take(file, passed) if file.size <= _LARGEST else [_too_large(file)]
        finally:
            self._under_way.pop(file.id).close()
        if len(self._faults) > _MOST_FAULTS:
            raise TransferError(self._faults)
        await self._peer.say(Done(id=file.id))


def _too_large(file: File) -> Fault:
    return Fault(file.path, f"it has more than {_LARGEST // (1024 * MIB)} GiB")
