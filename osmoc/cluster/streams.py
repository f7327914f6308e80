"""A command in a container that runs: its streams, as channels of one WebSocket to the API server.

Source: https://kubernetes.io/docs/reference/using-api/websockets - `v5.channel.k8s.io`; its predecessor cannot say that
the input has ended.
"""

import json
import select
import ssl
import threading
from collections.abc import Iterator, Sequence
from typing import Final

from osmoc.cluster.client import ApiError, Client
from osmoc.cluster.logs import Source

STDOUT: Final = 1
STDERR: Final = 2

_PROTOCOLS: Final = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_STDIN: Final = 0
_STATUS: Final = 3
_RESIZE: Final = 4
_CLOSE: Final = 255
# So long one side may keep the other from its turn.
_TICK: Final = 0.05
_REST: Final = 1.0


class ExecError(Exception):
    """The command could not be started, or its end is not known: `str()` says why."""


class Exec:
    """A command that has been started. One thread may read and one may write."""

    def __init__(self, client: Client, source: Source, command: Sequence[str], *, has_input: bool, tty: bool) -> None:
        """Raises: ApiError."""
        streams = {"stdin": has_input, "stdout": True, "stderr": not tty, "tty": tty}
        query = [("command", word) for word in command] + [("container", source.container)]
        query += [(name, "true") for name, is_wanted in streams.items() if is_wanted]
        self._socket = client.websocket(source.pod, "exec", query, _PROTOCOLS)
        self._socket.settimeout(_TICK)
        assert self._socket.sock is not None
        self._wire = self._socket.sock
        chosen = {name.lower(): value for name, value in (self._socket.getheaders() or {}).items()}
        self._can_end_input = chosen.get("sec-websocket-protocol") == _PROTOCOLS[0]
        # OpenSSL wants its connections to be used by one thread at a time.
        self._turn = threading.Lock()
        self._status = b""

    def output(self) -> Iterator[tuple[int, bytes]]:
        """What the command writes, with the channel. Raises: ApiError, if the connection breaks."""
        from websocket import ABNF

        while frame := self._next_frame():
            kind, data = frame
            if kind == ABNF.OPCODE_CLOSE:
                return
            if kind not in (ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT) or not data:
                continue
            if data[0] == _STATUS:
                self._status += data[1:]
            elif data[0] in (STDOUT, STDERR) and data[1:]:
                yield data[0], data[1:]

    def _next_frame(self) -> tuple[int, bytes] | None:
        """None if the other side has hung up after its last word."""
        from websocket import WebSocketException, WebSocketTimeoutException

        try:
            while True:
                if (
                    not getattr(self._wire, "pending", lambda: 0)()
                    and not select.select([self._wire], [], [], _REST)[0]
                ):
                    continue
                try:
                    with self._turn:
                        kind, frame = self._socket.recv_data_frame(True)
                except WebSocketTimeoutException:
                    continue  # the rest of the frame is on its way
                return kind, bytes(frame.data)
        except (WebSocketException, OSError, ValueError) as error:
            if self._status:
                return None
            raise ApiError(0, f"the connection to the container broke: {error}") from None

    def _has_more(self) -> bool:
        """Whether TLS has what was sent already, so that nothing more is to be seen at the socket."""
        return isinstance(self._wire, ssl.SSLSocket) and self._wire.pending() > 0

    def write(self, data: bytes) -> None:
        """Raises: ApiError, if the connection breaks."""
        self._send(_STDIN, data)

    def end_input(self) -> bool:
        """Whether the command hears of it. Raises: ApiError."""
        if self._can_end_input:
            self._send(_CLOSE, bytes([_STDIN]))
        return self._can_end_input

    def resize(self, columns: int, lines: int) -> None:
        self._send(_RESIZE, json.dumps({"Width": columns, "Height": lines}).encode())

    def exit_status(self) -> int:
        """Raises: ExecError."""
        return read_status(self._status)

    def _send(self, channel: int, data: bytes) -> None:
        from websocket import ABNF

        rest = memoryview(ABNF.create_frame(bytes([channel]) + data, ABNF.OPCODE_BINARY).format())
        try:
            while rest:
                try:
                    with self._turn:
                        rest = rest[self._wire.send(rest) :]
                except TimeoutError:
                    continue  # the command does not read as fast as it is written to
        except OSError as error:
            raise ApiError(0, f"the connection to the container broke: {error}") from None


def read_status(text: bytes) -> int:
    """The exit status in the last words of the API server. Raises: ExecError."""
    try:
        status = json.loads(text)
        if status["status"] == "Success":
            return 0
        causes = {cause.get("reason"): cause.get("message") for cause in status.get("details", {}).get("causes", ())}
        if "ExitCode" in causes:
            return int(causes["ExitCode"])
        raise ExecError(status.get("message") or "the command failed")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ExecError("the connection ended before the command did") from None
