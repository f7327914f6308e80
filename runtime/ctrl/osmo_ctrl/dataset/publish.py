"""A new version of local files: read, upload what is not there, then commit. A crash before that leaves no trace."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from osmo_ctrl.dataset.bucket import DatasetBucket, check_create_only
from osmo_ctrl.dataset.catalog import read_numbers, read_version
from osmo_ctrl.dataset.commit import Draft, add_labels, check_tags, commit, find_written, set_tag
from osmo_ctrl.dataset.contents import Local, Uploaded, digest_all, upload_contents
from osmo_ctrl.dataset.merge import overlay
from osmo_ctrl.dataset.progress import Steps, silent
from osmo_ctrl.dataset.records import File, Pin, Version
from osmo_ctrl.transfer.transfers import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What is to become a version. Of equal paths the first file counts."""

    name: str
    files: Sequence[Local] = ()
    tag: str = ""
    base: str | None = None  # of an update: number or tag, or empty for the newest
    remove: re.Pattern[str] | None = None
    reuse: bool = False  # whether the newest version will do, if it has these very files
    metadata: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)
    writer: str  # the same when it is tried again, else a new one
    origin: Mapping[str, Any] = field(default_factory=dict)
    by: str = ""
    now: datetime
    begun: datetime | None = None  # when an earlier try of this writer began, if there may have been one
    warnings: tuple[str, ...] = ()  # about files that were left out


@dataclass(frozen=True, slots=True)
class Published:
    pin: Pin
    files: int = 0
    size: int = 0
    uploaded: Uploaded = field(default_factory=Uploaded)
    warnings: tuple[str, ...] = ()


async def publish(bucket: DatasetBucket, publication: Publication, limits: Limits, steps: Steps = silent) -> Published:
    """Raises DatasetError, StorageError, or TransferError for local files."""
    check_tags([publication.tag] if publication.tag else [])
    await check_create_only(bucket)
    version, uploaded = await _earlier(bucket, publication), Uploaded()
    if version is None:
        version, uploaded = await _new(bucket, publication, limits, steps)
    await add_labels(bucket, publication.name, publication.labels, publication.now)
    pin = Pin(name=version.name, version=version.number)
    if publication.tag:
        await set_tag(bucket, pin, publication.tag, publication.by, publication.now)
    files = version.files or ()
    return Published(pin, len(files), sum(file.size for file in files), uploaded, publication.warnings)


async def _earlier(bucket: DatasetBucket, publication: Publication) -> Version | None:
    if publication.begun is None:
        return None
    return await find_written(bucket.store, publication.name, publication.writer, publication.begun)


async def _new(
    bucket: DatasetBucket, publication: Publication, limits: Limits, steps: Steps
) -> tuple[Version, Uploaded]:
    name, now = publication.name, publication.now
    files = await digest_all(publication.files, steps("read"), limits)
    counted = set(overlay([files]))
    if publication.reuse and (there := await _same(bucket, name, files)):
        return there, Uploaded()
    pairs = [(file, local) for file, local in zip(files, publication.files, strict=True) if file in counted]
    uploaded = await upload_contents(bucket, name, pairs, now, steps("upload"), limits)
    draft = Draft(
        name=name,
        layers=(tuple(files),),
        base=publication.base,
        remove=publication.remove,
        metadata=publication.metadata,
        writer=publication.writer,
        origin=publication.origin,
        now=now,
    )
    return await commit(bucket, draft), uploaded


async def _same(bucket: DatasetBucket, name: str, files: Sequence[File]) -> Version | None:
    """The newest version, if it has these files and no others."""
    numbers = await read_numbers(bucket.store, name)
    if not numbers.latest:
        return None
    newest = await read_version(bucket.store, Pin(name=name, version=numbers.latest))
    return newest if newest.files == overlay([files]) else None
