"""Lines over a Unix socket, with descriptors: what asyncio's own streams cannot carry."""

import array
import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

_READ = 64 * 1024
_MOST_DESCRIPTORS = 16


class LongLineError(Exception):
    """The peer sent more than a line may have."""


class LineSocket:
    """One connection. Received descriptors wait in `descriptors`, in their order, for the line that speaks of them."""

    def __init__(self, connection: socket.socket, longest: int) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._longest = longest
        self._buffer = bytearray()
        self._sending = asyncio.Lock()
        self.descriptors: deque[int] = deque()

    async def read(self) -> bytes | None:
        """The next line without its end; None when there is no more. Raises: LongLineError, OSError."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > self._longest:
                raise LongLineError(f"a line of more than {self._longest} bytes")
            if not await self._receive():
                return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    async def _receive(self) -> bool:
        loop = asyncio.get_running_loop()
        while True:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(_READ, socket.CMSG_SPACE(_MOST_DESCRIPTORS * 4))
                break
            except BlockingIOError:
                await _ready(self._socket, loop.add_reader, loop.remove_reader)
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                received = array.array("i")
                received.frombytes(content[: len(content) - len(content) % received.itemsize])
                self.descriptors.extend(received)
        self._buffer += data
        return bool(data)

    async def send(self, line: bytes, descriptors: Sequence[int] = ()) -> None:
        """Raises: OSError."""
        loop = asyncio.get_running_loop()
        async with self._sending:  # a line is never cut by another
            rest = memoryview(line + b"\n")
            while rest:
                try:
                    sent = socket.send_fds(self._socket, [rest], descriptors)
                    rest, descriptors = rest[sent:], ()
                except BlockingIOError:
                    await _ready(self._socket, loop.add_writer, loop.remove_writer)

    def close(self) -> None:
        while self.descriptors:
            os.close(self.descriptors.popleft())
        self._socket.close()


async def _ready(connection: socket.socket, add: Callable[..., Any], remove: Callable[[int], Any]) -> None:
    descriptor = connection.fileno()
    if descriptor < 0:
        raise ConnectionResetError("closed on this side")
    ready = asyncio.Event()
    add(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        remove(descriptor)
