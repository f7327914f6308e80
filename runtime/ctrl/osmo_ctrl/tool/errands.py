"""The six operations of the tool. Each looks first whether the task may do it."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from osmo_ctrl import attempts
from osmo_ctrl.attempts import Attempt
from osmo_ctrl.dataset.catalog import read_files, resolve
from osmo_ctrl.dataset.fetch import wanted_files
from osmo_ctrl.dataset.progress import silent
from osmo_ctrl.listings import list_url
from osmo_ctrl.plans import is_ours
from osmo_ctrl.storage.store import Problem, StorageError, Store
from osmo_ctrl.stores import Stores
from osmo_ctrl.tool import lines as tool_lines
from osmo_ctrl.tool.download import download
from osmo_ctrl.tool.messages import Operation, ProgressLine, Text
from osmo_ctrl.tool.peer import Peer
from osmo_ctrl.tool.rights import RefusedError, Rights
from osmo_ctrl.tool.upload import FileList, Lists, Making, upload_data, upload_dataset
from osmo_ctrl.transfer.download import Wanted
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.transfers import Limits


@dataclass(frozen=True, slots=True)
class Means:
    """What all requests share."""

    attempt: Attempt
    limits: Limits
    lists: Lists
    listing: asyncio.Semaphore


class Errands:
    """Of one request. Each raises RefusedError, WrongWordError, StorageError, TransferError or DatasetError."""

    def __init__(self, peer: Peer, rights: Rights, stores: Stores, means: Means) -> None:
        self._peer = peer
        self._rights = rights
        self._stores = stores
        self._means = means
        self._progress = tool_lines.telling(peer.mention)

    async def run(self, operation: Operation, target: str) -> None:
        match operation:
            case "data_upload":
                await self._upload_data(target)
            case "data_download":
                await self._download_data(target)
            case "data_list":
                await self._list_data(target)
            case "dataset_upload":
                await self._upload_dataset(target)
            case "dataset_download":
                await self._download_dataset(target)
            case "dataset_info":
                await self._show_dataset(target)

    async def _upload_data(self, url: str) -> None:
        self._rights.check_write(url)
        await self._check_current()
        await upload_data(self._peer, self._stores.to_write(url), self._progress, self._means.limits)
        await self._tell(f"{url}: {_done(self._progress)}")

    async def _list_data(self, url: str) -> None:
        self._rights.check_read(url)
        store = self._stores.to_read(url)
        count = 0
        if found := await store.find(""):
            count = 1
            await self._peer.say(Text(text=tool_lines.of_object(found, url.rstrip("/").rpartition("/")[2])))
        else:
            async for found in store.list():
                if not is_ours(found.path):
                    count += 1
                    await self._peer.say(Text(text=tool_lines.of_object(found, found.path)))
        if not count:
            raise StorageError(Problem.MISSING, url, "there is nothing below it")

    async def _download_data(self, url: str) -> None:
        self._rights.check_read(url)
        with self._means.lists.new() as files:
            async with self._means.listing:
                store, plan = await list_url(self._stores.to_read(url), "")
                _count(plan.files, files)
            await self._download(store, plan.files)
        await self._tell(f"{url}: {_done(self._progress)}")

    async def _upload_dataset(self, target: str) -> None:
        dataset = self._rights.dataset_to_write(target)
        await self._check_current()
        attempt = self._means.attempt
        by = f"{attempt.folder}/{attempt.name}"
        making = Making(
            bucket=self._stores.bucket(dataset.bucket),
            dataset=dataset,
            writer=f"{by}/tool/{uuid4().hex}",
            by=by,
            origin={"workflow_id": attempt.workflow_id, "run": attempt.run, "task": attempt.task},
            now=datetime.now(UTC),
        )
        with self._means.lists.new() as files:
            version = await upload_dataset(self._peer, making, files, self._progress, self._means.limits)
        listed = version.files or ()
        size = sum(file.size for file in listed)
        await self._tell(f"{len(listed)} files, {tool_lines.as_size(size)}; new: {_done(self._progress)}")
        await self._peer.say(Text(text=f"{version.name}:{version.number}"))

    async def _download_dataset(self, target: str) -> None:
        dataset = self._rights.dataset_to_read(target)
        store = self._stores.bucket_to_read(dataset.bucket)
        with self._means.lists.new() as files:
            async with self._means.listing:
                pins = await resolve(store, dataset.name, dataset.reference)
                wanted = [item for pin in pins for item in wanted_files(pin, await read_files(store, pin), None)]
                _count(wanted, files)
            await self._download(store, wanted)
        names = ", ".join(f"{pin.name}:{pin.version}" for pin in pins)
        await self._tell(f"{names}: {_done(self._progress)}")

    async def _show_dataset(self, target: str) -> None:
        from osmo_ctrl.dataset import contract, operations

        dataset = self._rights.dataset_to_show(target)
        request = contract.InfoRequest(
            bucket=contract.BucketPlace(url=""), name=dataset.name, version=dataset.reference
        )
        bucket = self._stores.bucket(dataset.bucket)
        desk = operations.Desk(bucket, datetime.now(UTC), silent, self._means.limits)
        info = await operations.perform(request, desk)
        assert isinstance(info, contract.InfoResult)
        for line in tool_lines.of_dataset(info):
            await self._peer.say(Text(text=line))

    async def _download(self, store: Store, wanted: Iterable[Wanted]) -> None:
        await download(self._peer, store, tuple(wanted), self._progress, self._means.limits)

    async def _check_current(self) -> None:
        """What an older attempt publishes would lie over what a newer one has."""
        storage = self._stores.storage()
        if storage is not None and await attempts.is_superseded(storage, self._means.attempt):
            raise RefusedError("a later attempt of this task has begun, and this one publishes nothing any more")

    async def _tell(self, text: str) -> None:
        await self._peer.say(ProgressLine(text=text))


def _count(wanted: Iterable[Wanted], files: FileList) -> None:
    for item in wanted:
        files.add(item.path)


def _done(progress: Progress) -> str:
    return tool_lines.of_files(progress.files, progress.bytes)
