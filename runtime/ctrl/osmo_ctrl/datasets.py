"""Datasets as inputs and outputs of a task: what a reference means in a run, getting versions, making one."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from osmo_ctrl.dataset import layout
from osmo_ctrl.dataset.bucket import DatasetBucket
from osmo_ctrl.dataset.catalog import read_record, resolve, resolve_one
from osmo_ctrl.dataset.commit import check_new_name
from osmo_ctrl.dataset.faults import DatasetError, Fault
from osmo_ctrl.dataset.fetch import Fetched, fetch
from osmo_ctrl.dataset.local import Directory, Gathered
from osmo_ctrl.dataset.metadata import read_maps
from osmo_ctrl.dataset.paths import compile_regex, parse_source
from osmo_ctrl.dataset.progress import Steps, silent
from osmo_ctrl.dataset.publish import Publication, Published, publish
from osmo_ctrl.dataset.records import Pin, Resolution
from osmo_ctrl.document import DatasetInput, DatasetOutput, UpdateOutput
from osmo_ctrl.files import beneath
from osmo_ctrl.storage.store import Store
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.transfers import Limits

__all__ = [
    "DatasetBucket",
    "DatasetError",
    "Fault",
    "Fetched",
    "Pin",
    "Published",
    "Writer",
    "Written",
    "fetch_dataset",
    "publish_dataset",
    "resolve_for_run",
    "written_by",
]

_DEFAULT_BUCKET: Final = ".default"  # no bucket has a name like that


@dataclass(frozen=True, slots=True)
class Written:
    """A version that a task made, as its manifest says."""

    bucket: str
    pin: Pin


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Who makes a version. `id` is the same for every try of one attempt's output, and of no other."""

    id: str
    by: str = ""
    origin: Mapping[str, Any] = field(default_factory=dict)
    begun: datetime | None = None  # of the attempt, if osmo-ctrl was restarted: there may be a version already


def written_by(input: DatasetInput, manifests: Iterable[Written]) -> tuple[Pin, ...]:
    """What a reader gets whose dataset is written in this run: the newest version that its writers made."""
    found = [one.pin for one in manifests if one.bucket == input.bucket and one.pin.name == input.name]
    if not found:
        writers = ", ".join(f"`{writer}`" for writer in input.writers)
        raise DatasetError(Fault.MISSING, f"{writers} left no files for dataset `{input.name}`")
    return (max(found, key=lambda pin: pin.version),)


async def resolve_for_run(
    bucket: Store, storage: Store, run: str, input: DatasetInput, now: datetime
) -> tuple[Pin, ...]:
    """What a reference means in a run: for whoever asks first, and then for all. `run` is `<workflow id>/<run>`.

    Numbers too: a version that is deleted during the run is read to its end. What nobody could resolve is not kept.
    """
    check_new_name(input.name)
    path = _resolution(run, input)
    if known := await read_record(storage, Resolution, path):
        return known.pins
    pins = await resolve(bucket, input.name, input.version)
    record = Resolution(reference=_reference(input), pins=pins, resolved_at=now)
    if await storage.create(path, record.to_bytes()):
        return pins
    first = await read_record(storage, Resolution, path)
    return first.pins if first else pins


def _resolution(run: str, input: DatasetInput) -> str:
    return f"{run}/datasets/{input.bucket or _DEFAULT_BUCKET}/{input.name}/{input.version or layout.LATEST}.json"


def _reference(input: DatasetInput) -> str:
    bucket = f"{input.bucket}/" if input.bucket else ""
    return f"{bucket}{input.name}:{input.version or layout.LATEST}"


async def fetch_dataset(
    bucket: Store, pins: Iterable[Pin], input: DatasetInput, directory: Path, progress: Progress, limits: Limits
) -> Fetched:
    """Into `directory/<name>/…`, for each dataset of a collection. A deleted version is still there for two weeks."""
    return await fetch(bucket, pins, directory, compile_regex(input.regex), progress, limits)


async def publish_dataset(
    bucket: DatasetBucket,
    output: DatasetOutput | UpdateOutput,
    directory: Path,
    writer: Writer,
    now: datetime,
    limits: Limits,
    steps: Steps = silent,
) -> Published | None:
    """A new version of what a task left in its output directory.

    None if there are no files for it, as in OSMO. An update that adds none is the version that it would be made of.
    """
    with beneath.directory(str(directory)) as base:
        opened = await asyncio.to_thread(Directory, base, str(directory))
        gathered = Gathered() if opened.is_empty else _gather(output, opened)
        if gathered.files:
            publication = _publication(output, opened, gathered, writer, now)
            return await publish(bucket, publication, limits, steps)
    if isinstance(output, DatasetOutput):
        return None
    return Published(await resolve_one(bucket.store, output.name, output.base))


def _gather(output: DatasetOutput | UpdateOutput, directory: Directory) -> Gathered:
    if isinstance(output, UpdateOutput):
        return directory.gather([parse_source(path) for path in output.paths or (".",)], None)
    return directory.gather([parse_source(output.path, destination=False)], compile_regex(output.regex))


def _publication(
    output: DatasetOutput | UpdateOutput, directory: Directory, gathered: Gathered, writer: Writer, now: datetime
) -> Publication:
    return Publication(
        name=output.name,
        files=gathered.files,
        warnings=gathered.warnings,
        tag=output.tag if isinstance(output, DatasetOutput) else "",
        base=output.base if isinstance(output, UpdateOutput) else None,
        metadata=read_maps(directory.read(output.metadata)),
        labels=read_maps(directory.read(output.labels)),
        writer=writer.id,
        origin=writer.origin,
        by=writer.by,
        now=now,
        begun=writer.begun,
    )
