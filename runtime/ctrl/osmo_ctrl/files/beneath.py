"""Files below a directory that somebody else may rearrange meanwhile: by descriptors, and no symbolic link is followed.

What a path means is fixed component by component, so no race of renames and links leads out of the directory.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK a FIFO that took the file's place would hang us.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NotAFile(OSError):
    """What has this name is no regular file (any more)."""


def split(path: str) -> list[str]:
    """Components of a relative path; nothing that could lead elsewhere is one."""
    parts = path.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise OSError(errno.EINVAL, "not a plain relative path", path)
    return parts


def _place(path: str) -> tuple[str, str]:
    """The directory that a file lies in, and its name there."""
    *parents, name = split(path)
    return "/".join(parents), name


@contextmanager
def directory(base: int | str, path: str = "", *, make: int | None = None) -> Iterator[int]:
    """A descriptor of the directory `path` below `base`: a descriptor, or a path whose parents are trusted as they are.

    With `make`, a mode, directories that are not there are made.
    """
    current = os.open(base, _DIRECTORY) if isinstance(base, str) else os.dup(base)
    try:
        for part in split(path) if path else ():
            following = _enter(current, part, make)
            os.close(current)
            current = following
        yield current
    finally:
        os.close(current)


def _enter(parent: int, name: str, make: int | None) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        if make is None:
            raise
    is_new = _make(parent, name)
    descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
    if is_new:
        os.fchmod(descriptor, make)  # whatever the umask is
    return descriptor


def _make(parent: int, name: str) -> bool:
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        return False
    return True


def open_file(base: int | str, path: str) -> int:
    """A descriptor for reading a regular file below `base`."""
    parent, name = _place(path)
    with directory(base, parent) as above:
        descriptor = os.open(name, _FILE, dir_fd=above)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise NotAFile(errno.EINVAL, "it is not a regular file", path)


@contextmanager
def opened(base: int | str, path: str) -> Iterator[int]:
    descriptor = open_file(base, path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read(descriptor: int, size: int, offset: int) -> bytes:
    """So many bytes, fewer only at the end: one call of the system gives at most 2 GiB, and less if it likes."""
    content = os.pread(descriptor, size, offset)
    while len(content) < size and (more := os.pread(descriptor, size - len(content), offset + len(content))):
        content += more
    return content


def create(base: int, name: str, mode: int) -> int:
    """A descriptor of a file right in `base`, for reading and writing; what it holds already stays."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(name, flags, mode, dir_fd=base)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise NotAFile(errno.EINVAL, "it is not a regular file", name)


def move(base: int, name: str, path: str, mode: int) -> None:
    """Gives a file right in `base` its place below it, in directories of that mode."""
    parent, last = _place(path)
    with directory(base, parent, make=mode) as above:
        os.rename(name, last, src_dir_fd=base, dst_dir_fd=above)


def link(base: int, path: str, target: str, mode: int) -> None:
    """Makes a relative link to what is or will be at `target` below `base`, in place of one that is there."""
    parent, last = _place(path)
    up = "../" * path.count("/")
    text = up + "/".join(split(target)) if target else up or "."
    with directory(base, parent, make=mode) as above:
        with suppress(FileNotFoundError):
            if os.readlink(last, dir_fd=above) != text:
                os.unlink(last, dir_fd=above)
        with suppress(FileExistsError):
            os.symlink(text, last, dir_fd=above)


def status(base: int, path: str) -> os.stat_result | None:
    """Of what has this path, if anything; links are not followed."""
    parent, last = _place(path)
    try:
        with directory(base, parent) as above:
            return os.stat(last, dir_fd=above, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None


def reason_of(error: OSError) -> str:
    """Of a fault of one file, without its name."""
    if error.errno == errno.ELOOP:
        return "a symbolic link took its place"
    if error.errno == errno.ENOTDIR:
        return "a part of its path is no directory"
    return (error.strerror or str(error)).lower()
