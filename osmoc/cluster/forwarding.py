"""A connection to a port of a pod, by way of the API server; each has a WebSocket of its own."""

import socket
import threading
from contextlib import suppress
from typing import Final

from osmoc.cluster.channels import Channels
from osmoc.cluster.client import ApiError, Client

_PROTOCOL: Final = "v4.channel.k8s.io"
_DATA: Final = 0
_ERROR: Final = 1
_PORT: Final = 2  # bytes, with which each channel begins
_CHUNK: Final = 32 * 1024
# When this side has nothing more to say, the pod may answer for so long without a word.
_PATIENCE: Final = 30.0


class ForwardError(Exception):
    """The pod does not take the connection: `str()` says why."""


class Forwarding:
    """One connection. That a direction has ended cannot be said to the pod: only that all has."""

    def __init__(self, client: Client, pod: str, port: int, connection: socket.socket) -> None:
        """Raises: ApiError."""
        self._channels = Channels(client, pod, "portforward", [("ports", str(port))], [_PROTOCOL])
        self._connection = connection
        self._heard = threading.Event()
        self._is_over = False

    def carry(self) -> None:
        """Until the pod ends it, or nobody is here any more. Raises: ApiError, ForwardError."""
        sending = threading.Thread(target=self._send, daemon=True)
        sending.start()
        try:
            said = self._receive()
        finally:
            self._is_over = True
            self._heard.set()
            self._channels.close()
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)  # wakes the one who sends
            sending.join()
        if said:
            raise ForwardError(said)

    def _receive(self) -> str:
        """What the pod has against it."""
        begun: set[int] = set()
        said = b""
        with suppress(OSError):  # whoever connected is gone
            for channel, data in self._channels.frames():
                content = data if channel in begun else data[_PORT:]
                begun.add(channel)
                if channel == _ERROR:
                    said += content
                elif channel == _DATA and content:
                    self._heard.set()
                    self._connection.sendall(content)
        return said.decode(errors="replace").strip()

    def _send(self) -> None:
        with suppress(OSError, ApiError):  # whoever receives hears of it
            while data := self._connection.recv(_CHUNK):
                self._channels.send(_DATA, data)
            while self._heard.wait(_PATIENCE) and not self._is_over:
                self._heard.clear()
            self._channels.close()
