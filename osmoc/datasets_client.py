"""Work on datasets in `python -m osmo_ctrl.dataset`: the pods' runtime knows object storage, osmoc does not.

`schemas/dataset.schema.json` is the contract: a request on its standard input, events on its standard output.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any


@dataclass(frozen=True, slots=True)
class BucketPlace:
    """Where datasets lie and how that is reached; `credential` has the keys of a Secret, or is left to the cloud."""

    url: str
    endpoint: str = ""
    region: str = ""
    credential: Mapping[str, str] = field(default_factory=dict, repr=False)
    single_writer: bool = False


class DatasetFailed(Exception):
    """What the runtime says went wrong; `fault` is a word such as `missing` or `denied`."""

    def __init__(self, fault: str, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class RuntimeMissing(Exception):
    """The runtime is not installed beside osmoc."""

    def __init__(self) -> None:
        super().__init__("this needs the runtime of the pods: pip install 'osmoc[local]'")


def call(
    operation: str,
    bucket: BucketPlace,
    arguments: Mapping[str, Any],
    on_event: Callable[[Mapping[str, Any]], None] = lambda event: None,
) -> Mapping[str, Any]:
    """The result of one operation. Credentials go through a pipe: arguments and environment can be seen by others."""
    place = {
        "url": bucket.url,
        "endpoint": bucket.endpoint,
        "region": bucket.region,
        "credential": dict(bucket.credential),
        "single_writer": bucket.single_writer,
    }
    request = {"operation": operation, "bucket": place} | dict(arguments)
    with tempfile.TemporaryFile() as complaints:
        # -P: what lies in the working directory is not ours.
        command = [sys.executable, "-P", "-m", "osmo_ctrl.dataset"]
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
        raise DatasetFailed(last["fault"], last["message"])
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
    return DatasetFailed("crashed", f"the runtime ended with {status}: {final or 'it said nothing'}")
