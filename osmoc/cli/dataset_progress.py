"""How far a transfer is: a bar on a terminal, a line now and then otherwise. Always on standard error."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, Final

from osmoc.report.printable import printable

OnEvent = Callable[[Mapping[str, Any]], None]

_VERBS: Final = {"read": "reading", "upload": "uploading", "download": "downloading", "verify": "verifying"}
_SECONDS: Final = 5.0


@contextmanager
def watched(stream: IO[str]) -> Iterator[OnEvent]:
    if stream.isatty():
        with _bar(stream) as on_event:
            yield on_event
    else:
        yield _Lines(stream)


class _Lines:
    """One line every few seconds, none for what is quick; and one each time the storage is away."""

    def __init__(self, stream: IO[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._last = clock()

    def __call__(self, event: Mapping[str, Any]) -> None:
        now = self._clock()
        if now - self._last < _SECONDS:
            return
        self._last = now
        self._stream.write(f"{_told(event)}\n")
        self._stream.flush()


def _told(event: Mapping[str, Any]) -> str:
    if event["event"] == "waiting":
        return f"waiting for storage: {printable(event['reason'])}"
    return (
        f"{_VERBS[event['step']]}: {event['files']} of {event['all_files']} files, "
        f"{as_size(event['size'])} of {as_size(event['all_size'])}"
    )


@contextmanager
def _bar(stream: IO[str]) -> Iterator[OnEvent]:
    # Imported here: commands that are quick do not wait for it.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=stream), transient=True) as progress:
        tasks: dict[str, Any] = {}

        def on_event(event: Mapping[str, Any]) -> None:
            if event["event"] == "waiting":
                progress.console.print(_told(event), markup=False, highlight=False)
                return
            step = event["step"]
            if step not in tasks:
                tasks[step] = progress.add_task(_VERBS[step], total=event["all_size"])
            progress.update(tasks[step], completed=event["size"], total=event["all_size"])

        yield on_event


def as_size(count: int) -> str:
    """

    >>> as_size(1536)
    '1.5 KiB'
    """
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
