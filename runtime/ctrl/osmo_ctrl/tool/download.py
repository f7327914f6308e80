"""What the tool downloads: it opens the files, one after the other, and osmo-ctrl writes them, some at once."""

import asyncio
import hashlib
import os
from collections import deque
from collections.abc import Sequence
from typing import Final, TypeVar

from osmo_ctrl.dataset.each import each
from osmo_ctrl.files import beneath
from osmo_ctrl.files.tree import Fault
from osmo_ctrl.messages import Opened
from osmo_ctrl.storage.store import MIB, SMALL, Buffer, Problem, StorageError, Store
from osmo_ctrl.tool.descriptors import Passed
from osmo_ctrl.tool.messages import MOST_FILES, Done, File
from osmo_ctrl.tool.peer import Peer, WrongWordError
from osmo_ctrl.transfer.download import Wanted
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.threads import to_the_end, undoing
from osmo_ctrl.transfer.transfers import FileFault, Limits, TransferError, is_of_one_object

Result = TypeVar("Result")

_RANGE: Final = 4 * MIB
_AHEAD: Final = 4  # ranges of one object that are on their way
_MOST_FAULTS: Final = 100
_ASK_AT_ONCE: Final = 16
_PLAIN: Final = 0o644
_PROGRAM: Final = 0o755


async def download(peer: Peer, store: Store, wanted: Sequence[Wanted], progress: Progress, limits: Limits) -> int:
    """How many files there were. Raises TransferError with files that failed, or StorageError.

    When one fails no more are begun: the tool will remove all that are not done.
    """
    files = await _without_folders(store, wanted)
    progress.expect(len(files), sum(item.size for item in files))
    await _Sending(peer, store, progress, limits).run(files)
    return len(files)


async def _without_folders(store: Store, wanted: Sequence[Wanted]) -> list[Wanted]:
    """Leaves out what some tools make in place of folders: only files can be opened."""
    folders: set[str] = set()

    async def look(item: Wanted) -> None:
        try:
            await store.read(item.key)
        except StorageError as error:
            if error.problem is not Problem.MISSING:
                raise
            folders.add(item.path)

    await each([item for item in wanted if item.may_be_folder], look, _ASK_AT_ONCE)
    return [item for item in wanted if item.path not in folders]


class _Sending:
    def __init__(self, peer: Peer, store: Store, progress: Progress, limits: Limits) -> None:
        self._peer = peer
        self._store = store
        self._progress = progress
        self._limits = limits
        self._room = asyncio.Semaphore(MOST_FILES)
        self._under_way: dict[int, Passed] = {}
        self._unopened: list[Fault] = []
        self._lost: list[Fault] = []

    async def run(self, files: Sequence[Wanted]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for number, item in enumerate(files):
                    await self._room.acquire()
                    if self._lost or len(self._unopened) > _MOST_FAULTS:
                        break
                    if await self._open(number, item):
                        group.create_task(self._one(number, item))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        finally:
            for passed in self._under_way.values():
                passed.close()
        if faults := self._lost + self._unopened:
            raise TransferError(faults)

    async def _open(self, number: int, item: Wanted) -> bool:
        modified = int(item.modified.timestamp()) * 1_000_000_000 if item.modified else 0
        mode = _PROGRAM if item.executable else _PLAIN
        await self._peer.say(File(id=number, path=item.path, size=item.size, modified=modified, mode=mode))
        message, passed = await self._peer.hear()
        if not isinstance(message, Opened) or message.id != number:
            if passed is not None:
                passed.close()
            raise WrongWordError(f"the tool said `{message.kind}` out of turn")
        if passed is None:
            self._unopened.append(Fault(item.path, message.error))
            self._room.release()
            return False
        self._under_way[number] = passed
        return True

    async def _one(self, number: int, item: Wanted) -> None:
        try:
            await self._fetch(item, self._under_way[number])
        except OSError as error:
            self._lost.append(Fault(item.path, beneath.reason_of(error)))
        except FileFault as fault:
            self._lost.append(Fault(item.path, fault.reason))
        except StorageError as error:
            if not is_of_one_object(error):
                raise
            self._lost.append(Fault(item.path, error.reason))
        else:
            self._progress.advance(0, 1)
            await self._peer.say(Done(id=number))
        finally:
            self._under_way.pop(number).close()
            self._room.release()

    async def _fetch(self, item: Wanted, passed: Passed) -> None:
        descriptor = await undoing(os.close, passed.open_to_write)
        try:
            if item.size <= SMALL:
                async with self._limits.small, self._limits.memory.of(item.size):
                    await self._small(item, descriptor)
            else:
                async with self._limits.large, self._limits.memory.of(_AHEAD * _RANGE):
                    await self._large(item, descriptor)
            await to_the_end(os.ftruncate, descriptor, item.size)
        finally:
            # In a thread: some file systems send all that was written when a descriptor is closed.
            await to_the_end(os.close, descriptor)

    async def _small(self, item: Wanted, descriptor: int) -> None:
        content = await self._store.read(item.key, item.e_tag)
        if len(content) != item.size:
            raise FileFault(f"{len(content)} bytes came instead of {item.size}")
        _compare(item, hashlib.sha256(content) if item.sha256 else None)
        await to_the_end(_write, descriptor, content, 0)
        self._progress.advance(item.size)

    async def _large(self, item: Wanted, descriptor: int) -> None:
        digest = hashlib.sha256() if item.sha256 else None
        coming: deque[asyncio.Task[Buffer]] = deque()
        starts = deque(range(0, item.size, _RANGE))
        written = 0
        try:
            while starts or coming:
                while starts and len(coming) < _AHEAD:
                    coming.append(asyncio.create_task(self._range(item, starts.popleft())))
                content = await coming[0]
                await to_the_end(_keep, descriptor, content, written, digest)
                del coming[0]
                written += len(content)
                self._progress.advance(len(content))
        finally:
            for task in coming:
                task.cancel()
            await asyncio.gather(*coming, return_exceptions=True)
        _compare(item, digest)

    async def _range(self, item: Wanted, start: int) -> Buffer:
        return await self._store.read_range(item.key, start, min(start + _RANGE, item.size), item.e_tag)


def _compare(item: Wanted, digest: "hashlib._Hash | None") -> None:
    if digest is not None and digest.hexdigest() != item.sha256:
        raise FileFault("its content is not what was stored: the digest differs")


def _keep(descriptor: int, content: Buffer, offset: int, digest: "hashlib._Hash | None") -> None:
    _write(descriptor, content, offset)
    if digest is not None:
        digest.update(content)


def _write(descriptor: int, content: Buffer, offset: int) -> None:
    left = memoryview(content)
    while left:
        written = os.pwrite(descriptor, left, offset)
        left, offset = left[written:], offset + written
