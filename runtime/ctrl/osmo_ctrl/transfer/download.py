"""Objects to files: written beside, checked, and only then given their names, so that each file there is a whole one.

A download that is begun again, after a restart, goes on with what it finds.
"""

import asyncio
import hashlib
import os
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from osmo_ctrl.files import beneath
from osmo_ctrl.storage.store import MIB, SMALL, Buffer, Problem, StorageError, Store
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.threads import to_the_end, undoing
from osmo_ctrl.transfer.transfers import FileFault, Limits, each

_RANGE: Final = 8 * MIB
_HELD: Final = 12 * MIB  # by a range on its way: it comes in pieces, which are then put together
_AT_ONCE: Final = MIB // 4  # is written sooner than a thread is found for it
_AHEAD: Final = 8  # ranges of one object that are on their way
_PARTIAL: Final = ".osmo-partial-"
DIRECTORY_MODE: Final = 0o2775
FILE_MODE: Final = 0o664
_EXECUTABLE: Final = 0o111


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object and the file it becomes. It is checked by what is known: its digest, else its ETag while it is read.

    Some tools make an empty object `name/` for a folder, which a listing shows as `name`, and which cannot be read.
    """

    path: str
    key: str
    size: int
    sha256: str = ""
    e_tag: str | None = None
    modified: datetime | None = None
    executable: bool = False
    may_be_folder: bool = False

    @property
    def partial(self) -> str:
        """The name of its file until it is whole; another one if the object is another one."""
        told = "\0".join([self.path, str(self.size), self.sha256 or self.e_tag or str(self.modified)])
        return _PARTIAL + hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:32]


async def download(store: Store, wanted: Sequence[Wanted], target: int, progress: Progress, limits: Limits) -> None:
    """All the objects, to files below the directory `target`, a descriptor.

    Raises TransferError with every file that failed, or StorageError.
    """
    begun = await to_the_end(os.listdir, target)

    async def one(item: Wanted) -> None:
        try:
            await _download(store, item, target, progress, limits, bool(begun))
        except OSError as error:
            raise FileFault(beneath.reason_of(error)) from None
        progress.advance(0, 1)

    progress.expect(len(wanted), sum(item.size for item in wanted))
    await each(wanted, lambda item: item.size, lambda item: item.path, one, limits)
    await to_the_end(_clean, target)


async def _download(store: Store, item: Wanted, target: int, progress: Progress, limits: Limits, begun: bool) -> None:
    if begun and await to_the_end(_is_there, item, target):
        progress.advance(item.size)
    elif item.size <= SMALL:
        async with limits.memory.of(item.size):
            await _download_small(store, item, target)
            progress.advance(item.size)
    elif not await _download_large(store, item, target, progress, limits):
        # What was there from an earlier life was damaged; there is nothing of it now.
        await _download_large(store, item, target, progress, limits)


async def _download_small(store: Store, item: Wanted, target: int) -> None:
    try:
        content = await store.read(item.key, item.e_tag)
    except StorageError as error:
        if not item.may_be_folder or error.problem is not Problem.MISSING:
            raise
        await to_the_end(make_directory, target, item.path)
    else:
        if item.size <= _AT_ONCE:
            _put(item, target, content)
        else:
            await to_the_end(_put, item, target, content)


def make_directory(target: int, path: str) -> None:
    with beneath.directory(target, path, make=DIRECTORY_MODE):
        pass


def _is_there(item: Wanted, target: int) -> bool:
    """Whether an earlier life brought the file to its end."""
    status = beneath.status(target, item.path)
    if status is None or status.st_size != item.size:
        return False
    if not item.sha256:
        return item.modified is not None and status.st_mtime_ns == _nanoseconds(item.modified)
    descriptor = beneath.open_file(target, item.path)
    try:
        digest = hashlib.sha256()
        _digest(descriptor, item.size, digest)
        return digest.hexdigest() == item.sha256
    finally:
        os.close(descriptor)


def _put(item: Wanted, target: int, content: Buffer) -> None:
    if len(content) != item.size:
        raise FileFault(f"{len(content)} bytes came instead of {item.size}")
    if item.sha256 and hashlib.sha256(content).hexdigest() != item.sha256:
        raise FileFault("its content is not what was stored: the digest differs")
    partial = item.partial
    descriptor = beneath.create(target, partial, FILE_MODE)
    try:
        _write(descriptor, content, 0)
        os.ftruncate(descriptor, item.size)
        _finish(item, partial, target, descriptor)
    finally:
        os.close(descriptor)


async def _download_large(store: Store, item: Wanted, target: int, progress: Progress, limits: Limits) -> bool:
    """False if it was begun by an earlier life, and what that had written turns out to be damaged."""
    descriptor = await undoing(os.close, beneath.create, target, item.partial, FILE_MODE)
    try:
        digest = hashlib.sha256()
        begun = await to_the_end(_resume, item, descriptor, digest)
        progress.advance(begun)
        await _Ranges(store, item, descriptor, digest, progress, limits).fetch(begun)
        if not item.sha256 or digest.hexdigest() == item.sha256:
            await to_the_end(_finish, item, item.partial, target, descriptor)
            return True
        os.unlink(item.partial, dir_fd=target)
        if not begun:
            raise FileFault("its content is not what was stored: the digest differs")
        progress.advance(-item.size)
        return False
    finally:
        os.close(descriptor)


def _resume(item: Wanted, descriptor: int, digest: "hashlib._Hash") -> int:
    """How much is there already. It is written in order, so all before the end is there."""
    begun = min(os.fstat(descriptor).st_size, item.size) // _RANGE * _RANGE
    os.ftruncate(descriptor, begun)
    if item.sha256:
        _digest(descriptor, begun, digest)
    return begun


class _Ranges:
    """The ranges of one object: some ahead on their way, each written and digested in its turn."""

    def __init__(
        self, store: Store, item: Wanted, descriptor: int, digest: "hashlib._Hash", progress: Progress, limits: Limits
    ) -> None:
        self._store = store
        self._item = item
        self._descriptor = descriptor
        self._digest = digest
        self._progress = progress
        self._memory = limits.memory

    async def fetch(self, begun: int) -> None:
        coming: deque[tuple[int, asyncio.Task[Buffer]]] = deque()
        try:
            for start in range(begun, self._item.size, _RANGE):
                await self._make_room(coming)
                coming.append((start, asyncio.create_task(self._read(start))))
            while coming:
                await self._take(coming)
        finally:
            await self._drop(coming)

    async def _make_room(self, coming: deque[tuple[int, asyncio.Task[Buffer]]]) -> None:
        while coming:
            if len(coming) < _AHEAD and self._memory.take_at_once(_HELD):
                return
            await self._take(coming)
        await self._memory.take(_HELD)

    async def _read(self, start: int) -> Buffer:
        end = min(start + _RANGE, self._item.size)
        return await self._store.read_range(self._item.key, start, end, self._item.e_tag)

    async def _take(self, coming: deque[tuple[int, asyncio.Task[Buffer]]]) -> None:
        start, task = coming[0]
        content = await task
        await to_the_end(self._keep, content, start)
        coming.popleft()
        self._memory.give(_HELD)
        self._progress.advance(len(content))

    def _keep(self, content: Buffer, start: int) -> None:
        _write(self._descriptor, content, start)
        if self._item.sha256:
            self._digest.update(content)

    async def _drop(self, coming: deque[tuple[int, asyncio.Task[Buffer]]]) -> None:
        for _, task in coming:
            task.cancel()
        await asyncio.gather(*(task for _, task in coming), return_exceptions=True)
        for _ in coming:
            self._memory.give(_HELD)


def _finish(item: Wanted, partial: str, target: int, descriptor: int) -> None:
    os.fchmod(descriptor, FILE_MODE | (_EXECUTABLE if item.executable else 0))
    if item.modified is not None:
        os.utime(descriptor, ns=(_nanoseconds(item.modified),) * 2)
    beneath.move(target, partial, item.path, DIRECTORY_MODE)


def _clean(target: int) -> None:
    """What an earlier life began of objects that are others now."""
    for name in os.listdir(target):
        if name.startswith(_PARTIAL):
            with suppress(OSError):
                os.unlink(name, dir_fd=target)


def _write(descriptor: int, content: Buffer, offset: int) -> None:
    left = memoryview(content)
    while left:
        written = os.pwrite(descriptor, left, offset)
        left, offset = left[written:], offset + written


def _digest(descriptor: int, size: int, digest: "hashlib._Hash") -> None:
    for offset in range(0, size, MIB):
        digest.update(os.pread(descriptor, min(MIB, size - offset), offset))


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000_000
