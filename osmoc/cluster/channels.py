"""A WebSocket to a container, by way of the API server: frames of bytes, each of a numbered channel.

Source: https://kubernetes.io/docs/reference/using-api/websockets
"""

import select
import ssl
import threading
from collections.abc import Iterator, Sequence
from typing import Final

from osmoc.cluster.client import ApiError, Client

# So long one side may keep the other from its turn.
_TICK: Final = 0.05
_REST: Final = 1.0


class Channels:
    """One thread may read, any may write. `protocol` is the one of those offered that the other side has chosen."""

    def __init__(
        self, client: Client, pod: str, action: str, query: Sequence[tuple[str, str]], protocols: Sequence[str]
    ) -> None:
        """Raises: ApiError."""
        self._socket = client.websocket(pod, action, query, protocols)
        self._socket.settimeout(_TICK)
        assert self._socket.sock is not None
        self._wire = self._socket.sock
        headers = {name.lower(): value for name, value in (self._socket.getheaders() or {}).items()}
        self.protocol: str = headers.get("sec-websocket-protocol", "")
        # OpenSSL wants its connections to be used by one thread at a time.
        self._turn = threading.Lock()
        # A frame may take more than one turn, and nothing comes between its parts.
        self._writing = threading.Lock()
        self._is_closed = False

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """Channel and content, until the other side hangs up, or this one. Raises: ApiError, if it breaks."""
        from websocket import ABNF, WebSocketException, WebSocketTimeoutException

        while not self._is_closed:
            try:
                if not self._has_more() and not select.select([self._wire], [], [], _REST)[0]:
                    continue
                with self._turn:
                    kind, frame = self._socket.recv_data_frame(True)
            except WebSocketTimeoutException:
                continue  # the rest of the frame is on its way
            except (WebSocketException, OSError, ValueError) as error:
                if self._is_closed:
                    return
                raise ApiError(0, f"the connection to the container broke: {error}") from None
            if kind == ABNF.OPCODE_CLOSE:
                return
            if kind in (ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT) and frame.data:
                yield frame.data[0], bytes(frame.data[1:])

    def _has_more(self) -> bool:
        """Whether TLS has what was sent already, so that nothing more is to be seen at the socket."""
        return isinstance(self._wire, ssl.SSLSocket) and self._wire.pending() > 0

    def send(self, channel: int, data: bytes) -> None:
        """Raises: ApiError, if the connection breaks."""
        from websocket import ABNF

        rest = memoryview(ABNF.create_frame(bytes([channel]) + data, ABNF.OPCODE_BINARY).format())
        try:
            with self._writing:
                while rest:
                    try:
                        with self._turn:
                            rest = rest[self._wire.send(rest) :]
                    except TimeoutError:
                        continue  # the other side does not read as fast as it is written to
        except OSError as error:
            raise ApiError(0, f"the connection to the container broke: {error}") from None

    def close(self) -> None:
        """Whoever reads hears of it within a second."""
        self._is_closed = True
        with self._turn:
            self._wire.close()
