"""Inputs of a task, of all kinds, each into the directory of its number, all at once."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from osmo_ctrl import attempts, datasets, inputs
from osmo_ctrl.attempts import Attempt
from osmo_ctrl.datasets import Pin, Written
from osmo_ctrl.document import DatasetInput, TaskDocument, TaskInput, UrlInput
from osmo_ctrl.report import Reporter
from osmo_ctrl.storage.store import Store
from osmo_ctrl.stores import Stores
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.transfers import Limits, together


class Fetching:
    def __init__(
        self, document: TaskDocument, attempt: Attempt, stores: Stores, storage: Store | None, limits: Limits
    ) -> None:
        self._document = document
        self._attempt = attempt
        self._stores = stores
        self._storage = storage
        self._limits = limits

    async def fetch_all(self, directory: Path, reporter: Reporter) -> None:
        """Raises StorageError, TransferError, DatasetError, MissingDataError."""

        async def one(number: int, input: TaskInput | UrlInput | DatasetInput) -> None:
            progress = Progress()
            await self._fetch(input, directory / str(number), progress)
            reporter.say(f"input {number}: {progress.files} files, {progress.bytes} bytes")

        await together(one(number, input) for number, input in enumerate(self._document.inputs))

    async def _fetch(self, input: TaskInput | UrlInput | DatasetInput, directory: Path, progress: Progress) -> None:
        if isinstance(input, DatasetInput):
            pins = await self._pins(input)
            await asyncio.to_thread(directory.mkdir, exist_ok=True)
            bucket = self._stores.bucket_to_read(input.bucket)
            await datasets.fetch_dataset(bucket, pins, input, directory, progress, self._limits)
            return
        origin = inputs.Origin(
            storage=self._storage,
            workflow_id=self._attempt.workflow_id,
            run=self._attempt.run,
            store_of=self._stores.to_read,
            checkpoints=self._document.checkpoints,
        )
        await inputs.fetch(input, directory, origin, progress, self._limits)

    async def _pins(self, input: DatasetInput) -> tuple[Pin, ...]:
        """The version that a task of this run has written, or what the reference means in this run."""
        assert self._storage is not None, "a task that reads a dataset has a storage"
        if input.writers:
            return datasets.written_by(input, await self._written_by(input.writers, self._storage))
        run = f"{self._attempt.workflow_id}/{self._attempt.run}"
        bucket = self._stores.bucket_to_read(input.bucket)
        return await datasets.resolve_for_run(bucket, self._storage, run, input, datetime.now(UTC))

    async def _written_by(self, writers: tuple[str, ...], storage: Store) -> list[Written]:
        found = []
        for writer in writers:
            manifest = await attempts.newest_completed(storage, self._attempt.workflow_id, self._attempt.run, writer)
            for item in manifest.datasets if manifest else ():
                found.append(Written(item.bucket, Pin(name=item.name, version=item.version)))
        return found
