"""How far a transfer is, told at most ten times a second."""

import time
from collections.abc import Callable
from typing import Final

_BETWEEN: Final = 0.1


class Progress:
    """Files and bytes that are done, of all. `on_change` is called now and then, and at the end."""

    def __init__(self, on_change: Callable[["Progress"], None] = lambda progress: None) -> None:
        self.files = 0
        self.bytes = 0
        self.all_files = 0
        self.all_bytes = 0
        self._on_change = on_change
        self._told = 0.0

    def expect(self, files: int, size: int) -> None:
        self.all_files += files
        self.all_bytes += size
        self._tell()

    def advance(self, size: int, files: int = 0) -> None:
        """A negative size takes back what has to be done again."""
        self.bytes += size
        self.files += files
        self._tell(at_once=self.files == self.all_files and files > 0)

    def _tell(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if at_once or now - self._told >= _BETWEEN:
            self._told = now
            self._on_change(self)
