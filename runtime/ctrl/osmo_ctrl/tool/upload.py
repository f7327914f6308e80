"""What the tool uploads: objects below a URL, or a new version of a dataset."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from osmo_ctrl.dataset.bucket import DatasetBucket, check_create_only
from osmo_ctrl.dataset.commit import Draft, check_new_name, check_tags, commit, set_tag
from osmo_ctrl.dataset.contents import Local, digest_all, upload_contents
from osmo_ctrl.dataset.faults import DatasetError
from osmo_ctrl.dataset.faults import Fault as DatasetFault
from osmo_ctrl.dataset.paths import fault_of_path
from osmo_ctrl.dataset.records import File as DatasetFile
from osmo_ctrl.dataset.records import Pin, Version
from osmo_ctrl.document import UpdateOutput
from osmo_ctrl.files.tree import Fault, Stamp
from osmo_ctrl.storage.store import Store
from osmo_ctrl.tool.descriptors import Passed
from osmo_ctrl.tool.messages import File
from osmo_ctrl.tool.peer import Peer
from osmo_ctrl.tool.receive import receive
from osmo_ctrl.tool.rights import Dataset, RefusedError, fault_of_written
from osmo_ctrl.transfer.budget import Budget
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.transfers import Limits, TransferError
from osmo_ctrl.transfer.upload import Source, upload_some

_OF_A_FILE: Final = 512  # bytes that a file of a list takes, besides its path
_EXECUTABLE: Final = 0o111


async def upload_data(peer: Peer, store: Store, progress: Progress, limits: Limits) -> None:
    """Each file to the object of its path. Raises TransferError with those that failed, StorageError."""

    async def take(file: File, passed: Passed) -> Iterable[Fault]:
        if fault := fault_of_written(file.path):
            return [Fault(file.path, fault)]
        stamp = Stamp(file.size, file.modified)
        source = Source(file.path, file.path, stamp, passed.open_to_read, file.mode)
        _, faults = await upload_some(store, [source], progress, limits)
        return faults

    await receive(peer, take)


class Lists:
    """How much memory lists of files may take, of all requests together."""

    def __init__(self, size: int) -> None:
        self._budget = Budget(size)

    @contextmanager
    def new(self) -> Iterator["FileList"]:
        made = FileList(self._budget)
        try:
            yield made
        finally:
            self._budget.give(made.size)


class FileList:
    """Counts what one request holds."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.size = 0

    def add(self, path: str) -> None:
        """Raises: RefusedError."""
        size = len(path.encode()) + _OF_A_FILE
        if not self._budget.take_at_once(size):
            raise RefusedError("these are more files than osmo-ctrl can keep a list of")
        self.size += size


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """Of a version: where, and who makes it. `writer` is of this request alone."""

    bucket: DatasetBucket
    dataset: Dataset
    writer: str
    by: str
    origin: Mapping[str, Any]
    now: datetime


async def upload_dataset(peer: Peer, making: Making, files: FileList, progress: Progress, limits: Limits) -> Version:
    """Contents first, as they come, then the version. Raises as for `upload_data`, and DatasetError."""
    name, tag = making.dataset.name, making.dataset.reference
    check_new_name(name)
    check_tags([tag] if tag else [])
    await check_create_only(making.bucket)
    stored: list[DatasetFile] = []

    async def take(file: File, passed: Passed) -> Iterable[Fault]:
        if fault := fault_of_path(file.path):
            return [Fault(file.path, fault)]
        files.add(file.path)
        is_executable = bool(file.mode & _EXECUTABLE)
        local = Local(file.path, Stamp(file.size, file.modified), passed.open_to_read, is_executable)
        try:
            digested = await digest_all([local], Progress(), limits)
            pairs = [(digested[0], local)]
            await upload_contents(making.bucket, name, pairs, making.now, progress, limits)
        except TransferError as error:
            return error.faults
        stored.append(digested[0])
        return []

    await receive(peer, take)
    version = await commit(making.bucket, _draft(making, stored))
    if tag:
        await set_tag(making.bucket, Pin(name=name, version=version.number), tag, making.by, making.now)
    return version


def _draft(making: Making, stored: list[DatasetFile]) -> Draft:
    if not stored:
        raise DatasetError(DatasetFault.MISSING, "there are no files to be uploaded")
    output = making.dataset.output
    return Draft(
        name=making.dataset.name,
        layers=(tuple(stored),),
        base=output.base if isinstance(output, UpdateOutput) else None,
        writer=making.writer,
        origin=making.origin,
        now=making.now,
    )
