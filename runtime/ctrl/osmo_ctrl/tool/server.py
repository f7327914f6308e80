"""The socket of `osmo`, the tool in the task: who connects, and how many at once.

It is there from the start of osmo-ctrl. What answers is imported when somebody asks, since most tasks never do.
"""

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from osmo_ctrl.tool.desk import Desk

_MOST: Final = 96  # connections; the desk bounds what they ask for
_PAUSE: Final = 0.2
_BUSY: Final = b'{"kind":"result","status":1,"error":"osmo-ctrl has too many requests of this task; ask again later"}\n'


class ToolSocket:
    """`open_desk` is called with the first connection. It may raise, and is then called again with the next one."""

    def __init__(self, path: Path, open_desk: Callable[[], "Desk"]) -> None:
        self._path = path
        self._open_desk = open_desk
        self._desk: Desk | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._accepting = asyncio.get_running_loop().create_task(self._accept(_listen(path)))

    async def close(self) -> None:
        tasks = [self._accepting, *self._serving]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._path.unlink(missing_ok=True)

    async def _accept(self, server: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with server:
            while True:
                try:
                    connection, _ = await loop.sock_accept(server)
                except OSError:
                    await asyncio.sleep(_PAUSE)  # no descriptor is free, or whoever came is gone again
                    continue
                self._begin(connection)

    def _begin(self, connection: socket.socket) -> None:
        if len(self._serving) >= _MOST:
            _turn_away(connection)
            return
        task = asyncio.get_running_loop().create_task(self._serve(connection))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, connection: socket.socket) -> None:
        from osmo_ctrl.tool.peer import Peer

        try:
            async with Peer(connection) as peer:
                if self._desk is None:
                    self._desk = self._open_desk()
                await peer.serve(self._desk.answer(peer))
        except Exception:
            import traceback

            traceback.print_exc(file=sys.stdout)


def _turn_away(connection: socket.socket) -> None:
    with connection:
        connection.setblocking(False)
        try:
            connection.send(_BUSY)
        except OSError:
            return


def _listen(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(os.fspath(path))
    path.chmod(0o660)
    server.listen(_MOST)
    server.setblocking(False)
    return server
