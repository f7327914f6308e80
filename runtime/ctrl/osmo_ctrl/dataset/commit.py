"""The one moment in which a version comes to be: the creation of its record. Then its labels and its tag."""

import asyncio
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from osmo_ctrl.dataset import layout
from osmo_ctrl.dataset.bucket import DatasetBucket
from osmo_ctrl.dataset.catalog import Numbers, read_collection, read_labels, read_numbers, read_version, resolve_one
from osmo_ctrl.dataset.faults import DatasetError, Fault
from osmo_ctrl.dataset.merge import merge_maps, overlay
from osmo_ctrl.dataset.records import File, Labels, Pin, Tag, Version
from osmo_ctrl.storage.store import Store

_CLOCKS: Final = timedelta(minutes=10)  # by which those of pods and stores may differ
_LONGEST_PAUSE: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What becomes a version. Its objects are there, its number is not known yet."""

    name: str
    layers: tuple[tuple[File, ...], ...]
    base: str | None = None  # of an update: number or tag, or empty for the newest at the time
    remove: re.Pattern[str] | None = None  # files of the base that it leaves out
    metadata: Mapping[str, Any] = field(default_factory=dict)
    writer: str
    origin: Mapping[str, Any] = field(default_factory=dict)
    now: datetime


def version_of(draft: Draft, number: int, base: Version | None) -> Version:
    kept = [file for file in (base.files or () if base else ()) if not (draft.remove and draft.remove.match(file.path))]
    return Version(
        name=draft.name,
        number=number,
        base=base.number if base else None,
        created_at=draft.now,
        writer=draft.writer,
        origin=draft.origin,
        metadata=merge_maps(base.metadata if base else {}, draft.metadata),
        files=overlay([*draft.layers, kept]),
    )


async def commit(bucket: DatasetBucket, draft: Draft) -> Version:
    """Creates the next version. If another writer takes its number, it is made again after that one.

    An update of the newest version thus has the version before it as its base, unless that one is deleted.
    """
    check_new_name(draft.name)
    if await read_collection(bucket.store, draft.name):
        raise DatasetError(Fault.INVALID, f"`{draft.name}` is a collection, which has no versions")
    pinned = await _base_of(bucket.store, draft, draft.base) if draft.base else None
    pause = 0.05
    while True:
        numbers = await read_numbers(bucket.store, draft.name)
        base = pinned if draft.base != "" else await _newest(bucket.store, draft, numbers)
        version = version_of(draft, numbers.highest + 1, base)
        if await bucket.create(layout.version(draft.name, version.number), version.to_bytes()):
            return version
        await asyncio.sleep(random.uniform(0, pause))
        pause = min(pause * 2, _LONGEST_PAUSE)


def check_new_name(name: str) -> None:
    if not layout.is_name(name):
        raise DatasetError(Fault.INVALID, f"`{name}` is not the name of a dataset: letters, digits, `-` and `_`")


async def _base_of(store: Store, draft: Draft, reference: str) -> Version:
    return _with_files(await read_version(store, await resolve_one(store, draft.name, reference)))


async def _newest(store: Store, draft: Draft, numbers: Numbers) -> Version:
    if not numbers.latest:
        raise DatasetError(Fault.MISSING, f"dataset `{draft.name}` has no version that could be updated")
    return _with_files(await read_version(store, Pin(name=draft.name, version=numbers.latest)))


def _with_files(version: Version) -> Version:
    if version.files is None:
        raise DatasetError(Fault.DELETED, f"version {version.number} of dataset `{version.name}` is deleted")
    return version


async def find_written(store: Store, name: str, writer: str, since: datetime) -> Version | None:
    """The version that a writer made who was then interrupted and has begun again. He started at `since`."""
    numbers = await read_numbers(store, name)
    recent = [number for number, written in numbers.written.items() if written >= since - _CLOCKS]
    for number in sorted(recent, reverse=True):
        version = await read_version(store, Pin(name=name, version=number))
        if version.writer == writer:
            return version
    return None


async def add_labels(bucket: DatasetBucket, name: str, labels: Mapping[str, Any], now: datetime) -> None:
    """Merged into those of the dataset. Nothing is lost if two do it at once."""
    while labels:
        number, before = await read_labels(bucket.store, name)
        record = Labels(labels=merge_maps(before, labels), set_at=now)
        if record.labels == before or await bucket.create(layout.label(name, number + 1), record.to_bytes()):
            return


async def set_tag(bucket: DatasetBucket, pin: Pin, tag: str, by: str, now: datetime) -> None:
    """The last writer wins."""
    check_tags([tag])
    record = Tag(version=pin.version, set_at=now, by=by)
    await bucket.store.write(layout.tag(pin.name, tag), record.to_bytes())


def check_tags(tags: Iterable[str]) -> None:
    for tag in tags:
        if not layout.is_tag(tag):
            reason = "letters, digits, `-` and `_`; no number, and not `latest`"
            raise DatasetError(Fault.INVALID, f"`{tag}` cannot be a tag: {reason}")
