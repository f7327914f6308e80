"""A command in a container that runs: its streams, its terminal and its exit status."""

import json
from collections.abc import Iterator, Sequence
from typing import Final

from osmoc.cluster.channels import Channels
from osmoc.cluster.client import ApiError, Client
from osmoc.cluster.logs import Source

STDOUT: Final = 1
STDERR: Final = 2

# The older one cannot say that the input has ended.
_PROTOCOLS: Final = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_STDIN: Final = 0
_STATUS: Final = 3
_RESIZE: Final = 4
_CLOSE: Final = 255


class ExecError(Exception):
    """The command could not be started, or its end is not known: `str()` says why."""


class Exec:
    """A command that has been started. One thread may read, any may write."""

    def __init__(self, client: Client, source: Source, command: Sequence[str], *, has_input: bool, tty: bool) -> None:
        """Raises: ApiError."""
        streams = {"stdin": has_input, "stdout": True, "stderr": not tty, "tty": tty}
        query = [("command", word) for word in command] + [("container", source.container)]
        query += [(name, "true") for name, is_wanted in streams.items() if is_wanted]
        self._channels = Channels(client, source.pod, "exec", query, _PROTOCOLS)
        self._status = b""

    def output(self) -> Iterator[tuple[int, bytes]]:
        """What the command writes, with the channel. Raises: ApiError, if the connection breaks before the end."""
        try:
            for channel, data in self._channels.frames():
                if channel == _STATUS:
                    self._status += data
                elif channel in (STDOUT, STDERR) and data:
                    yield channel, data
        except ApiError:
            if not self._status:
                raise

    def write(self, data: bytes) -> None:
        """Raises: ApiError, if the connection breaks."""
        self._channels.send(_STDIN, data)

    def end_input(self) -> None:
        """An API server before Kubernetes 1.30 cannot pass it on. Raises: ApiError."""
        if self._channels.protocol == _PROTOCOLS[0]:
            self._channels.send(_CLOSE, bytes([_STDIN]))

    def resize(self, columns: int, lines: int) -> None:
        self._channels.send(_RESIZE, json.dumps({"Width": columns, "Height": lines}).encode())

    def exit_status(self) -> int:
        """Raises: ExecError."""
        return read_status(self._status)


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
