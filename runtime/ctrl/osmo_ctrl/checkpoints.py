"""Checkpoints of a folder, in generations: files that changed, then the index that makes a generation complete, then
copies to the plain names, where people look for them.

`<url>/.osmo-checkpoint/<name>/generations/<number>.json` is an index, `…/files/` has what the indexes name.
"""

import asyncio
import errno
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from osmo_ctrl.files.tree import Fault, Stamp
from osmo_ctrl.listings import generations, newest_generation
from osmo_ctrl.plans import CHECKPOINTS
from osmo_ctrl.records import CheckpointFile, Generation, read_record, to_bytes
from osmo_ctrl.storage.names import object_name
from osmo_ctrl.storage.store import MIB, Buffer, Store, fault_of_name, part_size
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.transfers import Limits, TransferError, together
from osmo_ctrl.transfer.upload import Source, Uploaded, upload_memory, upload_some

_KEPT: Final = 3  # generations, so that who reads one can finish while two more are made
_LONGEST_OPEN: Final = 60.0
_LARGEST_COPY: Final = 5 * 1024 * MIB  # of S3 in one request
_COPIES_AT_ONCE: Final = 16

# Raises OSError for a file that cannot be opened.
Open = Callable[[str], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of the folder, as who may read it lists it."""

    path: str
    stamp: Stamp
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Taken:
    """A generation, and files that changed or went while they were read: they are in it as they were, or not at all."""

    generation: Generation
    uploaded: int
    waiting: tuple[Fault, ...] = ()


def choose(listed: Iterable[Listed], before: Generation | None) -> tuple[list[CheckpointFile], list[Listed]]:
    """What is as it was in the generation before, and what is not."""
    known = {file.path: file for file in before.files} if before else {}
    same: list[CheckpointFile] = []
    changed: list[Listed] = []
    for file in listed:
        old = known.get(file.path)
        if old and (old.size, old.modified) == (file.stamp.size, file.stamp.modified):
            same.append(old)
        else:
            changed.append(file)
    return same, changed


class Checkpoints:
    """Of one folder, called `name`. `writer` says who makes them.

    `life` is of this process alone, and each try has a place of its own: a request of an earlier one may come late.
    """

    def __init__(self, store: Store, name: str, life: str, writer: str, limits: Limits) -> None:
        self._store = store
        self._name = name
        self._life = life[:8]
        self._writer = writer
        self._limits = limits
        self._copied: int | None = None
        self._tries: Counter[int] = Counter()

    async def take(self, listed: Sequence[Listed], open: Open, now: float, progress: Progress) -> Taken | None:
        """A new generation; None if the newest has just these files.

        Raises TransferError with files that cannot be read, and then there is no new one; or StorageError.
        """
        before = await newest_generation(self._store, self._name)
        same, changed = choose(listed, before)
        if before and not changed and len(same) == len(before.files):
            await self._copy_all(before)
            return None
        uploaded, faults = await self._upload(changed, open, before, progress)
        if lasting := [fault for fault in faults if not fault.moving]:
            raise TransferError(lasting)
        prefix = len(f"{self._folder}/files/")
        files = [*same, *_files(uploaded, changed, prefix), *_kept(faults, before)]
        generation = await self._commit(files, before.number + 1 if before else 1, now)
        await self._copy_all(generation)
        await self._clean()
        return Taken(generation, len(uploaded), tuple(faults))

    @property
    def _folder(self) -> str:
        return f"{CHECKPOINTS}/{self._name}"

    async def _upload(
        self, changed: Sequence[Listed], open: Open, before: Generation | None, progress: Progress
    ) -> tuple[list[Uploaded], list[Fault]]:
        number = before.number + 1 if before else 1
        loop = asyncio.get_running_loop()
        again = f"-{self._tries[number]}" if self._tries[number] else ""
        self._tries[number] += 1
        prefix = f"{self._folder}/files/{number:08}-{self._life}{again}"

        def source(file: Listed) -> Source:
            def opened() -> int:
                return asyncio.run_coroutine_threadsafe(_opened(open, file.path), loop).result()

            return Source(file.path, f"{prefix}/{object_name(file.path)}", file.stamp, opened, file.mode)

        return await upload_some(self._store, [source(file) for file in changed], progress, self._limits)

    async def _commit(self, files: Iterable[CheckpointFile], number: int, now: float) -> Generation:
        """Under the next number that nobody has."""
        ordered = tuple(sorted(files, key=lambda file: file.path))
        while True:
            generation = Generation(number=number, writer=self._writer, taken_at=now, files=ordered)
            if await self._store.create(_index(self._name, number), to_bytes(generation)):
                return generation
            number += 1

    async def _copy_all(self, generation: Generation) -> None:
        """To the plain names what is not there yet; all of it if an earlier life may have been ended in the middle."""
        if self._copied == generation.number:
            return
        wanted = [file for file in generation.files if self._is_uncopied(file) and not fault_of_name(file.path)]
        turns = asyncio.Semaphore(_COPIES_AT_ONCE)

        async def copy(file: CheckpointFile) -> None:
            async with turns:
                await self._copy(file)

        await together(copy(file) for file in wanted)
        self._copied = generation.number

    def _is_uncopied(self, file: CheckpointFile) -> bool:
        return self._copied is None or int(file.key.partition("-")[0]) > self._copied

    async def _copy(self, file: CheckpointFile) -> None:
        source, target = f"{self._folder}/files/{file.key}", f"{self._name}/{file.path}"
        if file.size <= _LARGEST_COPY:
            await self._store.copy(source, target)
        else:
            async with self._limits.memory.of(upload_memory(file.size)):
                await self._store.upload(target, file.size, lambda: _ranges(self._store, source, file.size))

    async def _clean(self) -> None:
        """Removes generations that nobody should read any more, and then files that only they had."""
        indexes = sorted([found.path async for found in self._store.list(generations(self._name))])
        if len(indexes) <= _KEPT:
            return
        kept = [await read_record(self._store, path, Generation) for path in indexes[-_KEPT:]]
        await self._store.remove(indexes[:-_KEPT])
        used = {f"{self._folder}/files/{file.key}" for generation in kept for file in generation.files}
        oldest = kept[0].number
        there = [found.path async for found in self._store.list(f"{self._folder}/files")]
        await self._store.remove([path for path in there if path not in used and _number_of(path) < oldest])


async def _opened(open: Open, path: str) -> int:
    try:
        return await asyncio.wait_for(open(path), _LONGEST_OPEN)
    except TimeoutError:
        raise OSError(errno.ETIMEDOUT, "nobody opened it in time", path) from None


async def _ranges(store: Store, path: str, size: int) -> AsyncIterator[Buffer]:
    step = part_size(size)
    for start in range(0, size, step):
        yield await store.read_range(path, start, min(start + step, size))


def _files(uploaded: Iterable[Uploaded], changed: Iterable[Listed], prefix: int) -> Iterator[CheckpointFile]:
    stamps = {file.path: file.stamp for file in changed}
    for file in uploaded:
        modified = stamps[file.path].modified
        yield CheckpointFile(
            path=file.path, key=file.key[prefix:], size=file.size, sha256=file.sha256, modified=modified, mode=file.mode
        )


def _kept(waiting: Iterable[Fault], before: Generation | None) -> list[CheckpointFile]:
    known = {file.path: file for file in before.files} if before else {}
    return [known[fault.path] for fault in waiting if fault.path in known]


def _index(name: str, number: int) -> str:
    return f"{generations(name)}/{number:08}.json"


def _number_of(path: str) -> int:
    """Of the generation for which a file was uploaded."""
    return int(path.split("/")[3].partition("-")[0])
