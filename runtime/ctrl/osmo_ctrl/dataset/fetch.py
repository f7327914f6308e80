"""Versions to files: each dataset becomes a folder of its name."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from osmo_ctrl.dataset import layout
from osmo_ctrl.dataset.catalog import read_files
from osmo_ctrl.dataset.faults import DatasetError, Fault
from osmo_ctrl.dataset.merge import overlay
from osmo_ctrl.dataset.records import File, Pin
from osmo_ctrl.files import beneath
from osmo_ctrl.storage.store import Store
from osmo_ctrl.transfer.download import DIRECTORY_MODE, Wanted, download
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.transfers import Limits


@dataclass(frozen=True, slots=True)
class Fetched:
    files: int
    size: int


def wanted_files(pin: Pin, files: Sequence[File], regex: re.Pattern[str] | None) -> Iterator[Wanted]:
    """What a version becomes below the directory of an input. `regex` is for paths within the dataset."""
    if len(overlay([files])) != len(files):
        raise DatasetError(Fault.DAMAGED, f"version {pin.version} of `{pin.name}` has two files for one path")
    for file in files:
        if regex is None or regex.match(file.path):
            yield Wanted(
                path=f"{pin.name}/{file.path}",
                key=layout.content(pin.name, file.sha256),
                size=file.size,
                sha256=file.sha256,
                executable=file.executable,
            )


async def fetch(
    store: Store,
    pins: Iterable[Pin],
    directory: Path,
    regex: re.Pattern[str] | None,
    progress: Progress,
    limits: Limits,
) -> Fetched:
    """The folders are there even if they are empty. Raises DatasetError, StorageError or TransferError."""
    pins = tuple(pins)
    wanted = [one for pin in pins for one in wanted_files(pin, await read_files(store, pin), regex)]
    directory.mkdir(parents=True, exist_ok=True)
    with beneath.directory(str(directory)) as target:
        for pin in pins:
            with beneath.directory(target, pin.name, make=DIRECTORY_MODE):
                pass
        await download(store, wanted, target, progress, limits)
    return Fetched(len(wanted), sum(one.size for one in wanted))
