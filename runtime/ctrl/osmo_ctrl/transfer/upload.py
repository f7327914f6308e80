"""Files to objects: read once, digested while they are read, and never taken for whole when they changed meanwhile."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from osmo_ctrl.files import beneath
from osmo_ctrl.files.tree import Fault, Stamp
from osmo_ctrl.storage.store import MIB, SMALL, Buffer, Found, Store, part_size, parts_at_once
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.threads import to_the_end
from osmo_ctrl.transfer.transfers import FileFault, Limits, TransferError, try_each

_CLOCKS: Final = 60.0  # seconds by which those of pods and stores may differ


@dataclass(frozen=True, slots=True)
class Source:
    """A file, the object it becomes, and a way to get a descriptor of it, which may block."""

    path: str
    key: str
    stamp: Stamp
    open: Callable[[], int]
    mode: int = 0o644

    @property
    def size(self) -> int:
        return self.stamp.size


@dataclass(frozen=True, slots=True)
class Uploaded:
    path: str
    key: str
    size: int
    sha256: str
    mode: int


async def upload(
    store: Store,
    sources: Sequence[Source],
    progress: Progress,
    limits: Limits,
    there: Mapping[str, Found] = MappingProxyType({}),
) -> list[Uploaded]:
    """All the files, in the order of their paths. Raises TransferError with every file that failed, or StorageError."""
    uploaded, faults = await upload_some(store, sources, progress, limits, there)
    if faults:
        raise TransferError(faults)
    return uploaded


async def upload_some(
    store: Store,
    sources: Sequence[Source],
    progress: Progress,
    limits: Limits,
    there: Mapping[str, Found] = MappingProxyType({}),
) -> tuple[list[Uploaded], list[Fault]]:
    """The files that could be uploaded, and those that could not. `there` is what an earlier life did, by keys."""
    done: list[Uploaded] = []

    async def one(source: Source) -> None:
        if _is_there(source, there.get(source.key)):
            digest = await asyncio.to_thread(_digest, source)
            progress.advance(source.size)
        else:
            digest = await _upload(store, source, progress, limits)
        done.append(Uploaded(source.path, source.key, source.size, digest, source.mode))
        progress.advance(0, 1)

    progress.expect(len(sources), sum(source.size for source in sources))
    faults = await try_each(sources, lambda source: source.size, lambda source: source.path, one, limits)
    return sorted(done, key=lambda uploaded: uploaded.path), faults


def _is_there(source: Source, found: Found | None) -> bool:
    """Whether the object is this file: not only as large, but younger than the file's last change."""
    if found is None or found.size != source.size:
        return False
    return found.modified.timestamp() > source.stamp.modified / 1e9 + _CLOCKS


async def _upload(store: Store, source: Source, progress: Progress, limits: Limits) -> str:
    if source.size > SMALL:
        async with limits.memory.of(upload_memory(source.size)):
            return await _upload_large(store, source, progress)
    async with limits.memory.of(source.size):
        content, digest = await asyncio.to_thread(_read_whole, source)
        await store.write(source.key, content)
        progress.advance(source.size)
        return digest


def upload_memory(size: int) -> int:
    """What the upload of a large object holds: parts on their way, and the next one."""
    return part_size(size) * (parts_at_once(size) + 1)


async def _upload_large(store: Store, source: Source, progress: Progress) -> str:
    descriptor = await _opened(source)
    try:
        reading = _Reading(source, descriptor, progress)
        await store.upload(source.key, source.size, reading.chunks)
        found = await store.find(source.key)
        if found is None or found.size != source.size:
            raise FileFault("the storage does not have all of it")
        return reading.digest.hexdigest()
    finally:
        os.close(descriptor)


async def _opened(source: Source) -> int:
    """A descriptor, by a thread; it is closed if nobody waits for it any more."""
    opening = asyncio.ensure_future(asyncio.to_thread(_open, source))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_opened)
        raise


def _close_opened(opening: "asyncio.Future[int]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        os.close(opening.result())


class _Reading:
    """A large file as parts; each time they are asked for it is read from its beginning."""

    def __init__(self, source: Source, descriptor: int, progress: Progress) -> None:
        self._source = source
        self._descriptor = descriptor
        self._progress = progress
        self._offset = 0
        self.digest = hashlib.sha256()

    async def chunks(self) -> AsyncIterator[Buffer]:
        self._progress.advance(-self._offset)
        self._offset = 0
        self.digest = hashlib.sha256()
        while self._offset < self._source.size:
            chunk = await to_the_end(self._next)
            self._offset += len(chunk)
            yield chunk
            self._progress.advance(len(chunk))
        _check(self._source, self._descriptor)

    def _next(self) -> bytes:
        chunk = _read(self._descriptor, part_size(self._source.size), self._offset)
        if not chunk:
            raise FileFault("it became shorter while it was read", moving=True)
        self.digest.update(chunk)
        return chunk


def _digest(source: Source) -> str:
    descriptor = _open(source)
    try:
        digest = hashlib.sha256()
        for offset in range(0, source.size, MIB):
            digest.update(_read(descriptor, MIB, offset))
        _check(source, descriptor)
        return digest.hexdigest()
    finally:
        os.close(descriptor)


def _read_whole(source: Source) -> tuple[bytes, str]:
    descriptor = _open(source)
    try:
        # One byte more than there should be shows that it grew.
        content = _read(descriptor, source.size + 1, 0)
        _check(source, descriptor)
    finally:
        os.close(descriptor)
    if len(content) != source.size:
        raise FileFault("it changed while it was read", moving=True)
    return content, hashlib.sha256(content).hexdigest()


def _open(source: Source) -> int:
    try:
        descriptor = source.open()
    except OSError as error:
        raise FileFault(beneath.reason_of(error), moving=isinstance(error, FileNotFoundError)) from None
    try:
        _check(source, descriptor)
    except FileFault:
        os.close(descriptor)
        raise
    return descriptor


def _read(descriptor: int, size: int, offset: int) -> bytes:
    try:
        return beneath.read(descriptor, size, offset)
    except OSError as error:
        raise FileFault(beneath.reason_of(error)) from None


def _check(source: Source, descriptor: int) -> None:
    if not source.stamp.is_of(os.fstat(descriptor)):
        raise FileFault("it changed while it was read", moving=True)
