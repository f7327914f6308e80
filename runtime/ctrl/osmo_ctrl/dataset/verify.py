"""Whether the objects of versions are there, and are what they were."""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from osmo_ctrl.dataset import layout
from osmo_ctrl.dataset.catalog import read_files
from osmo_ctrl.dataset.each import each
from osmo_ctrl.dataset.progress import Steps, silent
from osmo_ctrl.dataset.records import Pin
from osmo_ctrl.storage.store import Problem, StorageError, Store
from osmo_ctrl.transfer.progress import Progress

_CHUNK: Final = 4 * 1024 * 1024
_AT_ONCE: Final = 4

Reason = Literal["missing", "size", "digest"]


@dataclass(frozen=True, slots=True)
class Damaged:
    """A file of a version whose object is not what it was."""

    version: int
    path: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Verified:
    objects: int
    size: int
    damages: tuple[Damaged, ...]


async def verify(
    store: Store, name: str, numbers: Iterable[int], *, quick: bool = False, steps: Steps = silent
) -> Verified:
    files = {number: await read_files(store, Pin(name=name, version=number)) for number in numbers}
    users: dict[tuple[str, int], list[tuple[int, str]]] = defaultdict(list)
    for number, listed in files.items():
        for file in listed:
            users[file.sha256, file.size].append((number, file.path))
    sizes = {found.path.rpartition("/")[2]: found.size async for found in store.list(layout.objects(name))}
    wrong: dict[tuple[str, int], Reason] = dict(_wrong_sizes(users, sizes))
    if not quick:
        whole = [key for key in users if key not in wrong]
        wrong |= await _wrong_digests(store, name, whole, steps("verify"))
    damages = [Damaged(number, path, reason) for key, reason in wrong.items() for number, path in users[key]]
    damages.sort(key=lambda damage: (damage.version, damage.path))
    return Verified(len(users), sum(size for _, size in users), tuple(damages))


def _wrong_sizes(
    wanted: Iterable[tuple[str, int]], sizes: Mapping[str, int]
) -> Iterable[tuple[tuple[str, int], Reason]]:
    for sha256, size in wanted:
        if sha256 not in sizes:
            yield (sha256, size), "missing"
        elif sizes[sha256] != size:
            yield (sha256, size), "size"


async def _wrong_digests(
    store: Store, name: str, wanted: list[tuple[str, int]], progress: Progress
) -> dict[tuple[str, int], Reason]:
    progress.expect(len(wanted), sum(size for _, size in wanted))
    wrong: dict[tuple[str, int], Reason] = {}

    async def check(key: tuple[str, int]) -> None:
        sha256, size = key
        try:
            if await _digest(store, layout.content(name, sha256), size, progress) != sha256:
                wrong[key] = "digest"
        except StorageError as error:
            if error.problem is not Problem.MISSING:
                raise
            wrong[key] = "missing"
        progress.advance(0, 1)

    await each(wanted, check, _AT_ONCE)
    return wrong


async def _digest(store: Store, path: str, size: int, progress: Progress) -> str:
    digest = hashlib.sha256()
    for start in range(0, size, _CHUNK):
        chunk = await store.read_range(path, start, min(start + _CHUNK, size))
        await asyncio.to_thread(digest.update, chunk)
        progress.advance(len(chunk))
    return digest.hexdigest()
