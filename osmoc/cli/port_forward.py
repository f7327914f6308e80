"""`osmoc port-forward`: ports of a task that runs, on this machine."""

import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

import click

from osmoc.cli.cluster_options import cluster_options, connected
from osmoc.report.printable import printable

if TYPE_CHECKING:
    from osmoc.cluster.client import Client

T = TypeVar("T")

_HOST: Final = "127.0.0.1"
# A task that is run again, or an API server that is restarted, is waited for so long.
_PATIENCE: Final = 60.0
_PAUSE: Final = 1.0


@click.command("port-forward")
@click.argument("run_id", metavar="ID")
@click.argument("task")
@click.argument("ports", metavar="[LOCAL:]REMOTE...", nargs=-1, required=True)
@cluster_options
def port_forward_command(
    run_id: str, task: str, ports: tuple[str, ...], context: str | None, namespace: str | None
) -> int:
    """Have ports of a task that runs on this machine, for it alone, until Ctrl-C.

    Each connection goes to the pod that the task has by then: one that is run again is waited for. LOCAL 0 is any port
    that is free.

    \b
    Examples:
      osmoc port-forward train-1f3a09bc train 6006
      osmoc port-forward train-1f3a09bc train 8080:80 6006
    """
    from osmoc.cluster.running import NotRunningError, find_running

    pairs = [_pair(text) for text in ports]
    with connected(context, namespace) as client:
        try:
            _retried(lambda: find_running(client, run_id, task))
        except NotRunningError as error:
            raise click.ClickException(str(error)) from None
        for local, remote in pairs:
            listener = _listener(local)
            sys.stderr.write(f"{_HOST}:{listener.getsockname()[1]} → {task}:{remote}\n")
            carrier = _Carrier(client, run_id, task, remote)
            threading.Thread(target=carrier.serve, args=(listener,), daemon=True).start()
        sys.stderr.flush()
        threading.Event().wait()
        return 0


def _pair(text: str) -> tuple[int, int]:
    local, _, remote = text.rpartition(":")
    numbers = [int(part) if part.isdecimal() else -1 for part in (local or remote, remote)]
    if not (0 <= numbers[0] < 1 << 16 and 0 < numbers[1] < 1 << 16):
        raise click.UsageError(f"`{text}` is no port, and no `LOCAL:REMOTE`")
    return numbers[0], numbers[1]


def _listener(port: int) -> socket.socket:
    try:
        return socket.create_server((_HOST, port), backlog=128)
    except OSError as error:
        raise click.ClickException(f"port {port} of this machine: {(error.strerror or str(error)).lower()}") from None


class _Carrier:
    def __init__(self, client: "Client", run_id: str, task: str, port: int) -> None:
        self._client = client
        self._run_id = run_id
        self._task = task
        self._port = port

    def serve(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self._carry, args=(connection,), daemon=True).start()

    def _carry(self, connection: socket.socket) -> None:
        from osmoc.cluster.client import ApiError
        from osmoc.cluster.forwarding import ForwardError
        from osmoc.cluster.running import NotRunningError
        from osmoc.cluster.runs import UnknownRunError

        with closing(connection):
            try:
                self._connected(connection)
            except (ApiError, ForwardError, NotRunningError, UnknownRunError) as error:
                sys.stderr.write(f"{self._task}:{self._port}: {printable(str(error))}\n")
                sys.stderr.flush()

    def _connected(self, connection: socket.socket) -> None:
        from osmoc.cluster.forwarding import Forwarding
        from osmoc.cluster.running import find_running

        def begun() -> Forwarding:
            pod = find_running(self._client, self._run_id, self._task).pod
            return Forwarding(self._client, pod, self._port, connection)

        _retried(begun).carry()


def _retried(act: Callable[[], T]) -> T:
    """As long as the task may come, and the API server answer. Raises: NotRunningError, ApiError, UnknownRunError."""
    from osmoc.cluster.client import ApiError
    from osmoc.cluster.running import NotRunningError

    end = time.monotonic() + _PATIENCE
    is_told = False
    while True:
        try:
            return act()
        except NotRunningError as error:
            if not error.may_run or time.monotonic() > end:
                raise
            reason = str(error)
        except ApiError as error:
            if error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) or time.monotonic() > end:
                raise
            reason = str(error)
        if not is_told:
            sys.stderr.write(f"waiting: {printable(reason)}\n")
            sys.stderr.flush()
            is_told = True
        time.sleep(_PAUSE)
