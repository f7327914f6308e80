"""Contents of files as objects named by their digest: each is uploaded once, and never under a name that lies.

A file is read twice: for its name, and to be uploaded. If it is not the same the second time, no object comes to be.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from osmo_ctrl.dataset import layout
from osmo_ctrl.dataset.bucket import DatasetBucket
from osmo_ctrl.dataset.collect import is_trusted
from osmo_ctrl.dataset.each import each
from osmo_ctrl.dataset.records import File
from osmo_ctrl.files import beneath
from osmo_ctrl.files.tree import Stamp
from osmo_ctrl.storage.store import MIB, SMALL, Buffer, Found, Store, part_size, parts_at_once
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.transfers import FileFault, Limits
from osmo_ctrl.transfer.transfers import each as each_file

_ASK_AT_ONCE: Final = 16
_MANY: Final = 500  # from here on one listing is cheaper than asking for each


@dataclass(frozen=True, slots=True)
class Local:
    """A file of this machine: its path in the dataset, and a way to get a descriptor of it."""

    path: str
    stamp: Stamp
    open: Callable[[], int]
    executable: bool = False

    @property
    def size(self) -> int:
        return self.stamp.size


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What was not there before."""

    files: int = 0
    size: int = 0


_Pair = tuple[File, Local]


async def digest_all(given: Sequence[Local], progress: Progress, limits: Limits) -> list[File]:
    """The files as a version lists them, in the same order. Raises TransferError with all that cannot be read."""
    files: dict[int, File] = {}

    async def digest(item: tuple[int, Local]) -> None:
        place, local = item
        sha256 = await asyncio.to_thread(_digest, local)
        files[place] = File(local.path, local.size, sha256, local.executable)
        progress.advance(local.size, 1)

    progress.expect(len(given), sum(local.size for local in given))
    await each_file(list(enumerate(given)), lambda item: item[1].size, lambda item: item[1].path, digest, limits)
    return [files[place] for place in range(len(given))]


async def upload_contents(
    bucket: DatasetBucket, name: str, pairs: Iterable[_Pair], now: datetime, progress: Progress, limits: Limits
) -> Uploaded:
    """Makes sure that the object of each file is there, and young enough to stay until a version has it."""
    wanted = {file.sha256: (file, local) for file, local in pairs}
    there = await _objects(bucket.store, name, wanted)
    missing = [pair for sha256, pair in wanted.items() if not is_trusted(there.get(sha256), pair[0].size, now)]

    async def upload(pair: _Pair) -> None:
        await _upload(bucket.store, name, *pair, progress, limits)
        progress.advance(0, 1)

    size = sum(file.size for file, _ in missing)
    progress.expect(len(missing), size)
    await each_file(missing, lambda pair: pair[0].size, lambda pair: pair[1].path, upload, limits)
    return Uploaded(len(missing), size)


async def _objects(store: Store, name: str, wanted: Mapping[str, Any]) -> dict[str, Found]:
    """Those of the wanted objects that are there, by their digest."""
    if len(wanted) >= _MANY:
        listed = {found.path.rpartition("/")[2]: found async for found in store.list(layout.objects(name))}
        return {sha256: found for sha256, found in listed.items() if sha256 in wanted}
    there: dict[str, Found] = {}

    async def find(sha256: str) -> None:
        if found := await store.find(layout.content(name, sha256)):
            there[sha256] = found

    await each(wanted, find, _ASK_AT_ONCE)
    return there


async def _upload(store: Store, name: str, file: File, local: Local, progress: Progress, limits: Limits) -> None:
    path = layout.content(name, file.sha256)
    if file.size <= SMALL:
        async with limits.memory.of(file.size):
            await store.write(path, await asyncio.to_thread(_whole, file, local))
        progress.advance(file.size)
        return
    sending = _Sending(file, local, progress)
    async with limits.memory.of(part_size(file.size) * (parts_at_once(file.size) + 1)):
        await store.upload(path, file.size, sending.chunks)


class _Sending:
    """A large file in parts. Their end is an error unless they had that digest: then the storage drops them."""

    def __init__(self, file: File, local: Local, progress: Progress) -> None:
        self._file = file
        self._local = local
        self._progress = progress
        self._sent = 0

    async def chunks(self) -> AsyncIterator[Buffer]:
        self._progress.advance(-self._sent)
        self._sent = 0
        digest = hashlib.sha256()
        with _opened(self._local) as descriptor:
            parts = _read(descriptor, self._local, part_size(self._file.size))
            while part := await asyncio.to_thread(next, parts, b""):
                await asyncio.to_thread(digest.update, part)
                yield part
                self._sent += len(part)
                self._progress.advance(len(part))
        if digest.hexdigest() != self._file.sha256:
            raise _changed()


def _digest(local: Local) -> str:
    digest = hashlib.sha256()
    with _opened(local) as descriptor:
        for chunk in _read(descriptor, local, MIB):
            digest.update(chunk)
    return digest.hexdigest()


def _whole(file: File, local: Local) -> bytes:
    with _opened(local) as descriptor:
        content = b"".join(_read(descriptor, local, SMALL))
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise _changed()
    return content


@contextmanager
def _opened(local: Local) -> Iterator[int]:
    try:
        descriptor = local.open()
    except OSError as error:
        raise FileFault(beneath.reason_of(error)) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read(descriptor: int, local: Local, size: int) -> Iterator[bytes]:
    """All of it, unless it is seen to change."""
    offset = 0
    try:
        while offset < local.size and (chunk := os.pread(descriptor, min(size, local.size - offset), offset)):
            offset += len(chunk)
            yield chunk
        status = os.fstat(descriptor)
    except OSError as error:
        raise FileFault(beneath.reason_of(error)) from None
    if offset < local.size or not local.stamp.is_of(status):
        raise _changed()


def _changed() -> FileFault:
    return FileFault("it changed while it was read")
