"""Descriptors that the tool has opened with its user's rights, and passed. They may be of anything at all."""

import errno
import fcntl
import os
import stat
import threading
from typing import Final

from osmo_ctrl.files import beneath

_PATH_ONLY: Final = 0o10000000  # O_PATH of Linux


class Passed:
    """One descriptor. Threads read from copies, so that none of them meets another file at a number used again."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._lock = threading.Lock()

    def open_to_read(self) -> int:
        """A copy, of a regular file. Raises OSError for what is none; may block, as its file system likes."""
        return self._copy(os.O_RDONLY)

    def open_to_write(self) -> int:
        """Likewise. One that only appends is refused: parts would not come to lie where they belong."""
        return self._copy(os.O_WRONLY)

    def close(self) -> None:
        with self._lock:
            number, self._number = self._number, -1
        if number >= 0:
            os.close(number)

    def _copy(self, access: int) -> int:
        with self._lock:
            if self._number < 0:
                raise OSError(errno.EBADF, "the connection has ended")
            copy = os.dup(self._number)
        try:
            _check(copy, access)
        except OSError:
            os.close(copy)
            raise
        return copy


def _check(descriptor: int, access: int) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise beneath.NotAFile(errno.EINVAL, "it is not a regular file")
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    if flags & _PATH_ONLY or flags & os.O_ACCMODE not in (access, os.O_RDWR):
        raise OSError(errno.EBADF, "it is not open for this")
    if access == os.O_WRONLY and flags & os.O_APPEND:
        raise OSError(errno.EBADF, "it is open for appending")
