"""Reading what a bucket has: datasets, versions, tags, labels, collections. And what a reference means."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from osmo_ctrl.dataset import layout
from osmo_ctrl.dataset.faults import DatasetError, Fault
from osmo_ctrl.dataset.records import Collection, File, Labels, Pin, Record, Tag, Version, parse
from osmo_ctrl.storage.store import Problem, StorageError, Store

_Record = TypeVar("_Record", bound=Record)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a dataset's versions, deleted ones included, and since when they are there."""

    written: Mapping[int, datetime]
    deleted: Mapping[int, datetime]

    @property
    def highest(self) -> int:
        """0 if there was never a version. Deleted ones count: no number is used twice."""
        return max(self.written, default=0)

    @property
    def live(self) -> tuple[int, ...]:
        return tuple(number for number in sorted(self.written) if number not in self.deleted)

    @property
    def latest(self) -> int:
        """0 if there is none."""
        return max(self.live, default=0)


async def read_record(store: Store, model: type[_Record], path: str) -> _Record | None:
    try:
        content = await store.read(path)
    except StorageError as error:
        if error.problem is Problem.MISSING:
            return None
        raise
    return parse(model, content, path)


async def read_numbers(store: Store, name: str) -> Numbers:
    written = await _numbered(store, layout.versions(name))
    # Read second: a version that is deleted meanwhile is seen as deleted.
    return Numbers(written, await _numbered(store, layout.tombstones(name)) if written else {})


async def _numbered(store: Store, folder: str) -> dict[int, datetime]:
    return {
        number: found.modified
        async for found in store.list(folder)
        if (number := layout.number_of(layout.below(folder, found.path))) is not None
    }


async def read_version(store: Store, pin: Pin) -> Version:
    path = layout.version(pin.name, pin.version)
    found = await read_record(store, Version, path)
    if found is None:
        raise DatasetError(Fault.MISSING, f"dataset `{pin.name}` has no version {pin.version}")
    if (found.name, found.number) != (pin.name, pin.version):
        raise DatasetError(Fault.DAMAGED, f"{path} is damaged: it is version {found.number} of `{found.name}`")
    return found


async def read_files(store: Store, pin: Pin) -> tuple[File, ...]:
    """Of a deleted version too, as long as they are there: who has resolved a reference goes on reading."""
    files = (await read_version(store, pin)).files
    if files is None:
        raise _deleted(pin)
    return files


async def read_tags(store: Store, name: str) -> dict[str, int]:
    tags: dict[str, int] = {}
    async for found in store.list(layout.tags(name)):
        tag = layout.below(layout.tags(name), found.path)
        if layout.is_tag(tag) and (record := await read_record(store, Tag, found.path)):
            tags[tag] = record.version
    return dict(sorted(tags.items()))


async def read_labels(store: Store, name: str) -> tuple[int, Mapping[str, object]]:
    """The labels of a dataset, and the number of the record that has them; 0 if there is none."""
    number = max(await _numbered(store, layout.labels(name)), default=0)
    record = await read_record(store, Labels, layout.label(name, number)) if number else None
    return number, record.labels if record else {}


async def read_collection(store: Store, name: str) -> Collection | None:
    return await read_record(store, Collection, layout.collection(name))


async def read_names(store: Store) -> list[str]:
    """Of datasets and collections."""
    return [name for name in await store.folders() if layout.is_name(name)]


async def resolve(store: Store, name: str, reference: str) -> tuple[Pin, ...]:
    """The version that a number, a tag or nothing means; the pins of a collection, which has neither."""
    _check_name(name)
    if reference in ("", layout.LATEST):
        return await _resolve_latest(store, name)
    number = layout.number_of(reference)
    if number is None:
        number = await _tagged(store, name, reference)
    pin = Pin(name=name, version=number)
    if await store.find(layout.version(name, number)) is None:
        raise DatasetError(Fault.MISSING, f"dataset `{name}` has no version {number}")
    if await store.find(layout.tombstone(name, number)) is not None:
        raise _deleted(pin, reference)
    return (pin,)


async def resolve_one(store: Store, name: str, reference: str) -> Pin:
    """The version of a dataset. A collection is none, even if it has but one member."""
    pins = await resolve(store, name, reference)
    if len(pins) != 1 or pins[0].name != name:
        raise DatasetError(Fault.INVALID, f"`{name}` is a collection, which has neither tags nor versions")
    return pins[0]


def _check_name(name: str) -> None:
    if not layout.is_name(name):
        raise DatasetError(Fault.INVALID, f"`{name}` is not the name of a dataset: letters, digits, `-` and `_`")


async def _resolve_latest(store: Store, name: str) -> tuple[Pin, ...]:
    numbers = await read_numbers(store, name)
    if numbers.latest:
        return (Pin(name=name, version=numbers.latest),)
    if not numbers.written and (collection := await read_collection(store, name)):
        return collection.pins
    gone = ": all of its versions are deleted" if numbers.written else ""
    raise DatasetError(Fault.MISSING, f"dataset `{name}` has no version{gone}")


async def _tagged(store: Store, name: str, tag: str) -> int:
    record = await read_record(store, Tag, layout.tag(name, tag)) if layout.is_tag(tag) else None
    if record is None:
        raise DatasetError(Fault.MISSING, f"dataset `{name}` has no tag `{tag}`")
    return record.version


def _deleted(pin: Pin, reference: str = "") -> DatasetError:
    tagged = f", which has the tag `{reference}`," if reference and not reference.isdigit() else ""
    return DatasetError(Fault.DELETED, f"version {pin.version} of dataset `{pin.name}`{tagged} is deleted")
