"""What lies below a directory: files, empty directories and links, and what of them cannot be uploaded."""

import os
import re
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from osmo_ctrl.files import beneath
from osmo_ctrl.files.links import BadLink, resolve


class Kind(Enum):
    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"


class Links(Enum):
    """KEEP: links within the tree are entries themselves. FOLLOW: those to files are files, those to directories are
    left out with a warning. One that leads nowhere or out of the tree is a fault either way."""

    KEEP = "keep"
    FOLLOW = "follow"


@dataclass(frozen=True, slots=True)
class Stamp:
    """By which a file is seen to change. An inode of 0 is not known."""

    size: int
    modified: int  # nanoseconds since 1970
    inode: int = 0

    def is_of(self, status: os.stat_result) -> bool:
        same = self.size == status.st_size and self.modified == status.st_mtime_ns
        return same and self.inode in (0, status.st_ino)


@dataclass(frozen=True, slots=True)
class Entry:
    """`path` is its name in the tree; `source`, where the file itself lies, is another one if a link was followed.

    A directory is an entry only if it is empty. `target` is where a link leads, from the root of the tree.
    """

    path: str
    kind: Kind
    source: str = ""
    stamp: Stamp = Stamp(0, 0)
    mode: int = 0
    target: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a file cannot be transferred; `moving` if that may be otherwise when nobody writes to it."""

    path: str
    reason: str
    moving: bool = False

    def __str__(self) -> str:
        return f"{printable(self.path)}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Walked:
    """Entries in the order of their names."""

    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]

    @property
    def files(self) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.kind is Kind.FILE)


def printable(path: str) -> str:
    """A name that can stand in a line of a log."""
    return path if path.isprintable() else path.encode("unicode_escape", "surrogateescape").decode()


def walk(base: int | str, *, root: str = "", regex: str = "", links: Links = Links.KEEP) -> Walked:
    """All below a directory whose path matches `regex` from its start.

    `root` is the directory's absolute path, by which links of the user may name it.
    """
    walker = _Walker(root.rstrip("/"), re.compile(regex) if regex else None, links)
    with beneath.directory(base) as descriptor:
        walker.run(descriptor)
    by_path = sorted(walker.entries, key=lambda entry: entry.path)
    return Walked(tuple(by_path), tuple(walker.faults), tuple(walker.warnings))


class _Walker:
    def __init__(self, root: str, pattern: re.Pattern[str] | None, links: Links) -> None:
        self._root = root
        self._pattern = pattern
        self._links = links
        self._base = -1
        self.entries: list[Entry] = []
        self.faults: list[Fault] = []
        self.warnings: list[Fault] = []

    def run(self, base: int) -> None:
        self._base = base
        waiting = deque([""])
        while waiting:
            path = waiting.popleft()
            try:
                with beneath.directory(base, path) as descriptor:
                    waiting.extend(self._directory(descriptor, path))
            except OSError as error:
                self.faults.append(Fault(path or ".", beneath.reason_of(error)))

    def _directory(self, descriptor: int, path: str) -> Iterator[str]:
        """Takes in what lies in one directory; gives the directories in it."""
        empty = True
        for name in sorted(os.listdir(descriptor)):
            empty = False
            below = f"{path}/{name}" if path else name
            try:
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    yield below
                elif self._is_wanted(below):
                    self._entry(below, status)
            except OSError as error:
                if self._is_wanted(below):
                    self.faults.append(Fault(below, beneath.reason_of(error)))
        if empty and path and self._is_wanted(path):
            self._add(Entry(path, Kind.DIRECTORY, mode=stat.S_IMODE(os.fstat(descriptor).st_mode)))

    def _is_wanted(self, path: str) -> bool:
        return self._pattern is None or self._pattern.match(path) is not None

    def _entry(self, path: str, status: os.stat_result) -> None:
        if stat.S_ISREG(status.st_mode):
            self._add(_file(path, path, status))
        elif stat.S_ISLNK(status.st_mode):
            self._link(path)
        else:
            self.faults.append(Fault(path, f"{_kind_of(status.st_mode)} cannot be uploaded"))

    def _link(self, path: str) -> None:
        try:
            source, status = resolve(self._base, path, self._root)
        except BadLink as error:
            self.faults.append(Fault(path, str(error)))
            return
        if self._links is Links.KEEP:
            self._add(Entry(path, Kind.LINK, target=source))
        elif stat.S_ISREG(status.st_mode):
            self._add(_file(path, source, status))
        elif stat.S_ISDIR(status.st_mode):
            self.warnings.append(Fault(path, "a link to a directory is left out"))
        else:
            self.faults.append(Fault(path, f"{_kind_of(status.st_mode)} cannot be uploaded"))

    def _add(self, entry: Entry) -> None:
        try:
            entry.path.encode()
            entry.target.encode()
        except UnicodeEncodeError:
            self.faults.append(Fault(entry.path, "its name is not UTF-8"))
        else:
            self.entries.append(entry)


def _file(path: str, source: str, status: os.stat_result) -> Entry:
    stamp = Stamp(status.st_size, status.st_mtime_ns, status.st_ino)
    return Entry(path, Kind.FILE, source, stamp, stat.S_IMODE(status.st_mode))


def _kind_of(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a FIFO"
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a device" if stat.S_ISBLK(mode) or stat.S_ISCHR(mode) else "something that is no file"
