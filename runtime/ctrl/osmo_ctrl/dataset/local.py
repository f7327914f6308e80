"""Files of this machine that are to become a version: of a task's output directory, or what a user names."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from osmo_ctrl.dataset.contents import Local
from osmo_ctrl.dataset.faults import DatasetError, Fault
from osmo_ctrl.dataset.metadata import LARGEST
from osmo_ctrl.dataset.paths import Source, fault_of_path, parse_destination, path_in_dataset
from osmo_ctrl.files import beneath
from osmo_ctrl.files.tree import Entry, Kind, Links, Stamp, Walked, walk
from osmo_ctrl.files.tree import Fault as FileFault
from osmo_ctrl.transfer.transfers import TransferError


@dataclass(frozen=True, slots=True)
class Gathered:
    files: tuple[Local, ...] = ()
    warnings: tuple[str, ...] = ()


class Directory:
    """A directory that somebody else filled: links are followed within it only. Empty directories are left out."""

    def __init__(self, base: int, root: str) -> None:
        self._base = base
        self._walked: Walked = walk(base, root=root, links=Links.FOLLOW)

    @property
    def is_empty(self) -> bool:
        return not self._walked.entries and not self._walked.faults

    def gather(self, sources: Iterable[Source], regex: re.Pattern[str] | None) -> Gathered:
        """Raises TransferError with all that cannot be uploaded."""
        files: list[Local] = []
        faults: list[FileFault] = []
        warnings: list[str] = []
        for source in sources:
            self._check(source)
            files += _files(self._base, self._walked, source, regex)
            faults += _wanted(self._walked.faults, source, regex)
            warnings += map(str, _wanted(self._walked.warnings, source, regex))
        if faults:
            raise TransferError(faults)
        return Gathered(tuple(files), tuple(warnings))

    def _check(self, source: Source) -> None:
        if not source.path or any(_is_within(entry.path, source) for entry in self._walked.entries):
            return
        if beneath.status(self._base, source.path) is None:
            raise DatasetError(Fault.MISSING, f"there is no `{source.path}` in the output directory")

    def read(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Small files, such as metadata."""
        by_path = {entry.path: entry for entry in self._walked.files}
        for path in paths:
            entry = by_path.get(os.path.normpath(path.replace("\\", "/")))
            if entry is None:
                raise DatasetError(Fault.MISSING, f"there is no file `{path}` in the output directory")
            try:
                with open(beneath.open_file(self._base, entry.source), "rb") as stream:  # noqa: PTH123
                    yield path, stream.read(LARGEST + 1)
            except OSError as error:
                raise TransferError([FileFault(path, beneath.reason_of(error))]) from None


def user_files(names: Iterable[str], regex: re.Pattern[str] | None) -> Gathered:
    """What a user names, each `path[:folder in the dataset]`, with the user's own rights."""
    files: list[Local] = []
    warnings: list[str] = []
    for name in names:
        found = _user_files(name, regex)
        files += found.files
        warnings += found.warnings
    return Gathered(tuple(files), tuple(warnings))


def _user_files(name: str, regex: re.Pattern[str] | None) -> Gathered:
    path, folder = _split(name)
    target = parse_destination(folder)
    if not os.path.isdir(path):  # noqa: PTH112
        return Gathered(tuple(_user_file(path, target, regex)))
    whole = os.path.abspath(path)  # noqa: PTH100
    keeps_name = not re.search(r"(^|/)\.$", path) and whole != "/"
    prefix = "/".join(filter(None, (target, os.path.basename(whole) if keeps_name else "")))  # noqa: PTH119
    walked, source = walk(whole, root=os.path.realpath(whole), links=Links.FOLLOW), Source("", prefix)
    if faults := list(_wanted(walked.faults, source, regex)):
        raise TransferError(faults)
    warnings = tuple(map(str, _wanted(walked.warnings, source, regex)))
    return Gathered(tuple(_files(whole, walked, source, regex)), warnings)


def _split(name: str) -> tuple[str, str]:
    """A file may have a colon in its name."""
    path, colon, folder = name.rpartition(":")
    return (path, folder) if colon and not os.path.lexists(name) else (name, "")


def _user_file(path: str, folder: str, regex: re.Pattern[str] | None) -> Iterator[Local]:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError as error:
        raise DatasetError(Fault.MISSING, f"{path} cannot be read: {beneath.reason_of(error)}") from None
    parent, name = os.path.split(os.path.realpath(path))
    wanted = "/".join(filter(None, (folder, os.path.basename(path))))  # noqa: PTH119
    entry = Entry(name, Kind.FILE, name, Stamp(status.st_size, status.st_mtime_ns, status.st_ino), status.st_mode)
    yield from _local(parent, entry, wanted, regex)


def _files(base: int | str, walked: Walked, source: Source, regex: re.Pattern[str] | None) -> Iterator[Local]:
    for entry in walked.files:
        if _is_within(entry.path, source):
            yield from _local(base, entry, _placed(entry.path, source), regex)


def _wanted(faults: Iterable[FileFault], source: Source, regex: re.Pattern[str] | None) -> Iterator[FileFault]:
    for fault in faults:
        if _is_within(fault.path, source) and (regex is None or regex.match(_placed(fault.path, source))):
            yield fault


def _placed(path: str, source: Source) -> str:
    return path_in_dataset(source, path[len(source.path) :].lstrip("/"))


def _local(base: int | str, entry: Entry, path: str, regex: re.Pattern[str] | None) -> Iterator[Local]:
    if regex and not regex.match(path):
        return
    if fault := fault_of_path(path):
        raise TransferError([FileFault(path, fault)])
    yield Local(path, entry.stamp, lambda: beneath.open_file(base, entry.source), bool(entry.mode & 0o111))


def _is_within(path: str, source: Source) -> bool:
    return not source.path or path == source.path or path.startswith(f"{source.path}/")
