"""Deleting versions, and later what only they had.

A deleted version leaves a tombstone. For two weeks its objects stay, for runs that read it, and its list of files;
its record stays forever, so that its number is not used again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from osmo_ctrl.dataset import layout
from osmo_ctrl.dataset.bucket import DatasetBucket
from osmo_ctrl.dataset.catalog import Numbers, read_numbers, read_version
from osmo_ctrl.dataset.each import each
from osmo_ctrl.dataset.records import Pin, Tombstone
from osmo_ctrl.storage.store import Found

KEPT: Final = timedelta(days=14)
# Who finds an object younger than this need not upload it: he has a week to commit before it can be garbage.
TRUSTED: Final = timedelta(days=7)
_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Collected:
    objects: int
    size: int
    versions: tuple[int, ...]  # deleted ones whose list of files is gone now


def is_trusted(found: Found | None, size: int, now: datetime) -> bool:
    """Whether a writer may count on an object that is there."""
    return found is not None and found.size == size and now - found.modified < TRUSTED


def expired(numbers: Numbers, now: datetime) -> tuple[int, ...]:
    """Versions that have been deleted for so long that they do not count as references any more."""
    return tuple(number for number, since in sorted(numbers.deleted.items()) if now - since > KEPT)


def garbage(objects: Iterable[Found], referenced: frozenset[str], now: datetime) -> list[Found]:
    """Old objects that no version has. Young ones may belong to a version that is about to be created."""
    return [
        found for found in objects if found.path.rpartition("/")[2] not in referenced and now - found.modified > KEPT
    ]


async def delete_versions(bucket: DatasetBucket, name: str, numbers: Iterable[int], by: str, now: datetime) -> None:
    content = Tombstone(deleted_at=now, by=by).to_bytes()
    for number in numbers:
        await bucket.create(layout.tombstone(name, number), content)


async def collect(bucket: DatasetBucket, name: str, now: datetime, *, dry_run: bool = False) -> Collected:
    """Removes garbage of one dataset. A version that cannot be read ends it: nobody knows what that one needs."""
    store = bucket.store
    # Objects first: a version that is created meanwhile is then among those that are read.
    objects = [found async for found in store.list(layout.objects(name))]
    numbers = await read_numbers(store, name)
    gone = expired(numbers, now)
    referenced: set[str] = set()
    emptied: list[int] = []
    for number in numbers.written:
        version = await read_version(store, Pin(name=name, version=number))
        if number not in gone:
            referenced.update(file.sha256 for file in version.files or ())
        elif version.files is not None:
            emptied.append(number)
            if not dry_run:
                empty = version.model_copy(update={"files": None, "metadata": {}})
                await store.write(layout.version(name, number), empty.to_bytes())
    found = garbage(objects, frozenset(referenced), now)
    if not dry_run:
        await _remove(bucket, found, now)
    return Collected(len(found), sum(one.size for one in found), tuple(sorted(emptied)))


async def _remove(bucket: DatasetBucket, objects: list[Found], now: datetime) -> None:
    async def remove(found: Found) -> None:
        # A writer may have uploaded it again since it was listed.
        newest = await bucket.store.find(found.path)
        if newest is not None and now - newest.modified > KEPT:
            await bucket.store.remove([found.path])

    await each(objects, remove, _AT_ONCE)
