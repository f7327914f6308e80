"""What `python -m osmo_ctrl.dataset` does: one function for each kind of request."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import assert_never
from uuid import uuid4

from osmo_ctrl.dataset import contract, layout
from osmo_ctrl.dataset.bucket import DatasetBucket
from osmo_ctrl.dataset.catalog import (
    Numbers,
    read_collection,
    read_files,
    read_labels,
    read_names,
    read_numbers,
    read_tags,
    read_version,
    resolve,
    resolve_one,
)
from osmo_ctrl.dataset.collect import collect, delete_versions
from osmo_ctrl.dataset.commit import check_new_name, check_tags, set_tag
from osmo_ctrl.dataset.faults import DatasetError, Fault
from osmo_ctrl.dataset.fetch import fetch
from osmo_ctrl.dataset.local import user_files
from osmo_ctrl.dataset.merge import difference
from osmo_ctrl.dataset.metadata import read_maps
from osmo_ctrl.dataset.paths import compile_regex
from osmo_ctrl.dataset.progress import Steps
from osmo_ctrl.dataset.publish import Publication, publish
from osmo_ctrl.dataset.records import Collection, Pin
from osmo_ctrl.dataset.verify import verify
from osmo_ctrl.transfer.transfers import Limits


@dataclass(frozen=True, slots=True)
class Desk:
    """What every operation has at hand."""

    bucket: DatasetBucket
    now: datetime
    steps: Steps
    limits: Limits


async def perform(request: contract.AnyRequest, desk: Desk) -> contract.AnyResult:
    match request:
        case contract.ListRequest():
            return await _list(desk)
        case contract.InfoRequest():
            return await _info(request, desk)
        case contract.UploadRequest():
            return await _upload(request, desk)
        case contract.DownloadRequest():
            return await _download(request, desk)
        case contract.TagRequest():
            return await _tag(request, desk)
        case contract.DeleteRequest():
            return await _delete(request, desk)
        case contract.GcRequest():
            return await _gc(request, desk)
        case contract.VerifyRequest():
            return await _verify(request, desk)
        case contract.DiffRequest():
            return await _diff(request, desk)
        case contract.CollectRequest():
            return await _collect(request, desk)
        case _:
            assert_never(request)


async def _list(desk: Desk) -> contract.ListResult:
    store = desk.bucket.store
    listed: list[contract.Listed] = []
    for name in await read_names(store):
        numbers = await read_numbers(store, name)
        if live := numbers.live:
            latest, modified = numbers.latest, max(numbers.written[number] for number in live)
            listed.append(
                contract.Listed(name=name, kind="dataset", latest=latest, versions=len(live), modified=modified)
            )
        elif not numbers.written and (collection := await read_collection(store, name)):
            listed.append(contract.Listed(name=name, kind="collection", modified=collection.set_at))
    return contract.ListResult(datasets=tuple(listed))


async def _info(request: contract.InfoRequest, desk: Desk) -> contract.InfoResult:
    store, name = desk.bucket.store, request.name
    pins = await resolve(store, name, request.version)
    numbers = await read_numbers(store, name)
    if not numbers.written:
        return contract.InfoResult(name=name, kind="collection", pins=pins)
    version = await read_version(store, pins[0])
    files = version.files or ()
    _, labels = await read_labels(store, name)
    tags = await read_tags(store, name)
    return contract.InfoResult(
        name=name,
        kind="dataset",
        labels=labels,
        versions=_versions(numbers, tags),
        deleted=tuple(sorted(numbers.deleted)),
        version=version.number,
        base=version.base,
        created_at=version.created_at,
        origin=version.origin,
        metadata=version.metadata,
        file_count=len(files),
        size=sum(file.size for file in files),
        files=files if request.files else None,
    )


def _versions(numbers: Numbers, tags: dict[str, int]) -> tuple[contract.ListedVersion, ...]:
    return tuple(
        contract.ListedVersion(
            number=number,
            created_at=numbers.written[number],
            tags=tuple(tag for tag, tagged in tags.items() if tagged == number),
        )
        for number in numbers.live
    )


async def _upload(request: contract.UploadRequest, desk: Desk) -> contract.UploadResult:
    check_tags([request.tag] if request.tag else [])
    regex, remove = compile_regex(request.regex), compile_regex(request.remove)
    found = await asyncio.to_thread(user_files, request.sources, regex)
    if not found.files and not request.remove:
        raise DatasetError(Fault.MISSING, "there are no files to be uploaded")
    published = await publish(
        desk.bucket,
        Publication(
            name=request.name,
            files=found.files,
            tag=request.tag,
            base=request.base,
            remove=remove,
            reuse=request.reuse,
            metadata=read_maps(_contents(request.metadata)),
            labels=read_maps(_contents(request.labels)),
            writer=uuid4().hex,
            origin={"user": request.by} if request.by else {},
            by=request.by,
            now=desk.now,
            warnings=found.warnings,
        ),
        desk.limits,
        desk.steps,
    )
    return contract.UploadResult(
        name=request.name,
        version=published.pin.version,
        tag=request.tag,
        files=published.files,
        size=published.size,
        uploaded_files=published.uploaded.files,
        uploaded_size=published.uploaded.size,
        warnings=published.warnings,
    )


def _contents(names: Iterable[str]) -> Iterable[tuple[str, bytes]]:
    for name in names:
        try:
            yield name, Path(name).read_bytes()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise DatasetError(Fault.MISSING, f"{name} cannot be read: {reason}") from None


async def _download(request: contract.DownloadRequest, desk: Desk) -> contract.DownloadResult:
    regex = compile_regex(request.regex)
    pins = await resolve(desk.bucket.store, request.name, request.version)
    directory = Path(request.directory).absolute()
    fetched = await fetch(desk.bucket.store, pins, directory, regex, desk.steps("download"), desk.limits)
    return contract.DownloadResult(pins=pins, files=fetched.files, size=fetched.size)


async def _tag(request: contract.TagRequest, desk: Desk) -> contract.TagResult:
    check_tags([*request.set, *request.delete])
    store = desk.bucket.store
    pin = await resolve_one(store, request.name, request.version)
    for tag in request.set:
        await set_tag(desk.bucket, pin, tag, request.by, desk.now)
    await store.remove([layout.tag(request.name, tag) for tag in request.delete])
    return contract.TagResult(name=request.name, tags=await read_tags(store, request.name))


async def _delete(request: contract.DeleteRequest, desk: Desk) -> contract.DeleteResult:
    store, name = desk.bucket.store, request.name
    numbers = await read_numbers(store, name)
    if not numbers.written and await read_collection(store, name):
        if not request.dry_run:
            await store.remove([layout.collection(name)])
        return contract.DeleteResult(name=name, kind="collection")
    if not request.all and not request.version:
        raise DatasetError(Fault.INVALID, f"which version of `{name}`? Name one, or all of them")
    chosen = numbers.live
    if not request.all:
        chosen = tuple(pin.version for pin in await resolve(store, name, request.version))
    if not chosen:
        raise DatasetError(Fault.MISSING, f"dataset `{name}` has no version")
    if not request.dry_run:
        await delete_versions(desk.bucket, name, chosen, request.by, desk.now)
    return contract.DeleteResult(name=name, kind="dataset", versions=chosen)


async def _gc(request: contract.GcRequest, desk: Desk) -> contract.GcResult:
    found: list[contract.Garbage] = []
    for name in request.names or await read_names(desk.bucket.store):
        check_new_name(name)
        done = await collect(desk.bucket, name, desk.now, dry_run=request.dry_run)
        found.append(contract.Garbage(name=name, objects=done.objects, size=done.size, versions=done.versions))
    return contract.GcResult(datasets=tuple(found))


async def _verify(request: contract.VerifyRequest, desk: Desk) -> contract.VerifyResult:
    store, name = desk.bucket.store, request.name
    pin = await resolve_one(store, name, request.version)
    numbers = (pin.version,) if request.version else (await read_numbers(store, name)).live
    done = await verify(store, name, numbers, quick=request.quick, steps=desk.steps)
    return contract.VerifyResult(
        name=name,
        versions=numbers,
        objects=done.objects,
        size=done.size,
        damages=tuple(
            contract.Damage(version=damage.version, path=damage.path, reason=damage.reason) for damage in done.damages
        ),
    )


async def _diff(request: contract.DiffRequest, desk: Desk) -> contract.DiffResult:
    store = desk.bucket.store
    old, new = await resolve_one(store, request.name, request.old), await resolve_one(store, request.name, request.new)
    found = difference(await read_files(store, old), await read_files(store, new))
    return contract.DiffResult(
        name=request.name,
        old=old.version,
        new=new.version,
        added=found.added,
        removed=found.removed,
        changed=tuple(
            contract.Changed(path=before.path, old_size=before.size, new_size=after.size)
            for before, after in found.changed
        ),
    )


async def _collect(request: contract.CollectRequest, desk: Desk) -> contract.CollectResult:
    store, name = desk.bucket.store, request.name
    check_new_name(name)
    if (await read_numbers(store, name)).written:
        raise DatasetError(Fault.INVALID, f"`{name}` is a dataset already")
    pins: dict[str, Pin] = {}
    for member in request.members:
        member_name, _, reference = member.partition(":")
        pin = await resolve_one(store, member_name, reference)
        if pins.setdefault(pin.name, pin) != pin:
            raise DatasetError(Fault.INVALID, f"two versions of `{pin.name}`: a collection has one of each dataset")
    content = Collection(pins=tuple(pins.values()), set_at=desk.now).to_bytes()
    if request.replace:
        await store.write(layout.collection(name), content)
    elif not await desk.bucket.create(layout.collection(name), content):
        raise DatasetError(Fault.INVALID, f"there is a collection `{name}` already")
    return contract.CollectResult(name=name, pins=tuple(pins.values()))
