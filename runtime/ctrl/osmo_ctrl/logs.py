"""The archive of the log: segments that the agent wrote go to the storage, and are removed when they are there."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from osmo_ctrl.storage.store import Store

_PAUSE: Final = 2.0


class LogArchive:
    """`store` is that of the attempt, None where nothing is kept; `sent` is how many segments are there already."""

    def __init__(self, folder: Path, store: Store | None, prefix: str, sent: int, keep: Callable[[int], None]) -> None:
        self._folder = folder
        self._store = store
        self._prefix = prefix
        self._keep = keep
        self._sending = asyncio.Lock()
        self.sent = sent

    async def follow(self) -> None:
        """While the command runs: a segment is complete when the next one has been begun."""
        while True:
            while (self._path(self.sent + 1)).exists():
                await self._send_next()
            await asyncio.sleep(_PAUSE)

    async def finish(self, segments: int) -> None:
        """When it has ended: all that there are. Raises: StorageError, OSError."""
        while self.sent < segments:
            await self._send_next()

    async def finish_all(self) -> None:
        """When nobody says how many there are."""
        while self._path(self.sent).exists():
            await self._send_next()

    async def add(self, text: str) -> None:
        """A line of osmo-ctrl's own, behind all segments."""
        if self._store is not None:
            line = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z stderr F [osmo] {text}\n"
            await self._store.write(f"{self._prefix}/{self.sent:06}.log", line.encode())

    async def _send_next(self) -> None:
        async with self._sending:
            path = self._path(self.sent)
            if self._store is not None and path.exists():
                content = await asyncio.to_thread(path.read_bytes)
                await self._store.write(f"{self._prefix}/{path.name}", content)
            self.sent += 1
            self._keep(self.sent)
            path.unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06}.log"
