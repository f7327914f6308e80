"""Programs of the pods' runtime as processes: it knows object storage, osmoc does not.

One request on standard input, events on standard output, the last of which is a result or an error.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import IO, Any


class RuntimeFailed(Exception):
    """What the runtime says went wrong; `fault` is a word such as `missing` or `denied`."""

    def __init__(self, fault: str, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class RuntimeMissing(Exception):
    """The runtime is not installed beside osmoc."""

    def __init__(self) -> None:
        super().__init__("this needs the runtime of the pods: pip install 'osmoc[local]'")


def ask(
    program: str,
    request: Mapping[str, Any],
    on_event: Callable[[Mapping[str, Any]], None] = lambda event: None,
) -> Mapping[str, Any]:
    """The result. Credentials go through a pipe: arguments and environment can be seen by others.

    Raises: RuntimeFailed, RuntimeMissing.
    """
    with tempfile.TemporaryFile() as complaints:
        # -P: what lies in the working directory is not ours.
        command = [sys.executable, "-P", "-m", program]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, encoding="utf-8"
        ) as process:
            assert process.stdin is not None and process.stdout is not None
            _send(process.stdin, request)
            last = _last_event(process.stdout, on_event)
        if last is None:
            complaints.seek(0)
            raise _crashed(complaints.read().decode(errors="replace"), process.returncode)
    if last["event"] == "error":
        raise RuntimeFailed(last["fault"], last["message"])
    result: Mapping[str, Any] = last["result"]
    return result


def _send(stream: IO[str], request: Mapping[str, Any]) -> None:
    try:
        stream.write(json.dumps(request))
        stream.close()
    except BrokenPipeError:
        pass  # it ended before it read; what it says about that tells more


def _last_event(stream: IO[str], on_event: Callable[[Mapping[str, Any]], None]) -> Mapping[str, Any] | None:
    """The result or the error."""
    last = None
    for line in stream:
        event = json.loads(line)
        if event["event"] in ("result", "error"):
            last = event
        else:
            on_event(event)
    return last


def _crashed(complaints: str, status: int) -> Exception:
    final = complaints.strip().rpartition("\n")[2]
    if "No module named" in final:
        return RuntimeMissing()
    return RuntimeFailed("crashed", f"the runtime ended with {status}: {final or 'it said nothing'}")
