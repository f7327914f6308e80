"""Outputs of a task: its own files first, then what others see, in the order that makes nothing half-visible."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from osmo_ctrl import datasets, outputs
from osmo_ctrl.attempts import Attempt
from osmo_ctrl.datasets import Writer
from osmo_ctrl.document import DatasetOutput, TaskDocument, UpdateOutput, UrlOutput
from osmo_ctrl.outputs import Output
from osmo_ctrl.records import StoredKpi, WrittenDataset
from osmo_ctrl.storage.store import Store
from osmo_ctrl.stores import Stores
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.transfers import Limits


@dataclass(frozen=True, slots=True)
class Publishing:
    """Each method raises StorageError, TransferError or DatasetError, and may be called again."""

    document: TaskDocument
    attempt: Attempt
    stores: Stores
    limits: Limits
    say: Callable[[str], None]
    began: datetime

    async def keep(self, storage: Store, directory: Path, *, again: bool) -> Output:
        progress = Progress()
        output = await outputs.upload_output(storage, self.attempt, directory, progress, self.limits, again=again)
        self.say(f"output: {progress.files} files, {progress.bytes} bytes")
        return output

    async def kpis(self, storage: Store, directory: Path) -> tuple[StoredKpi, ...]:
        found, faults = outputs.read_kpis(directory, self.document.kpis)
        for fault in faults:
            self.say(f"KPI {fault}")
        if found:
            await outputs.upload_kpis(storage, self.attempt, found)
        return found

    async def urls(self, directory: Path) -> None:
        for output in self.document.outputs:
            if isinstance(output, UrlOutput):
                store = self.stores.to_write(output.url)
                progress = Progress()
                walked = await outputs.upload_url(store, output, directory, self._writer, progress, self.limits)
                for warning in walked.warnings:
                    self.say(f"{output.url}: {warning}")
                self.say(f"{output.url}: {progress.files} files, {progress.bytes} bytes")

    async def datasets(self, directory: Path) -> tuple[WrittenDataset, ...]:
        """One after the other, so that two outputs of one dataset are two versions in the order of the file."""
        written = []
        for output in self.document.outputs:
            if isinstance(output, DatasetOutput | UpdateOutput):
                written += await self._dataset(output, directory)
        return tuple(written)

    async def _dataset(self, output: DatasetOutput | UpdateOutput, directory: Path) -> list[WrittenDataset]:
        number = self.document.outputs.index(output)
        origin = {"workflow_id": self.attempt.workflow_id, "run": self.attempt.run, "task": self.attempt.task}
        writer = Writer(id=f"{self._writer}/{number}", by=self._writer, origin=origin, begun=self.began)
        bucket = self.stores.bucket(output.bucket)
        published = await datasets.publish_dataset(bucket, output, directory, writer, datetime.now(UTC), self.limits)
        if published is None:
            self.say(f"dataset {output.name}: there are no files for it, so no version")
            return []
        for warning in published.warnings:
            self.say(f"dataset {output.name}: {warning}")
        pin = published.pin
        self.say(f"dataset {pin.name}: version {pin.version}, {published.files} files, {published.size} bytes")
        return [WrittenDataset(bucket=output.bucket, name=pin.name, version=pin.version)]

    @property
    def _writer(self) -> str:
        return f"{self.attempt.folder}/{self.attempt.name}"
