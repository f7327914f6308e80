"""A task's output as lines: kept in a file with times, and shown as they come."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

# A line that goes on for longer is shown in parts.
_LONGEST: Final = 16 * 1024

Show = Callable[[str, bytes], None]


@dataclass(frozen=True, slots=True)
class Line:
    time: str
    stream: str
    is_whole: bool
    text: bytes


class LineLog:
    """`<time> stdout|stderr F|P <text>` a line, as container runtimes write them; P is a part of a longer one."""

    def __init__(self, path: Path, show: Show, now: Callable[[], float] = time.time) -> None:
        self._file: IO[bytes] = path.open("ab")
        self._show = show
        self._now = now
        self._rest = {"stdout": b"", "stderr": b""}

    def add(self, stream: str, data: bytes) -> None:
        """The next bytes of a stream; none at its end."""
        stamp = _stamp(self._now())
        whole, newline, rest = (self._rest[stream] + data).rpartition(b"\n")
        if newline:
            for text in whole.split(b"\n"):
                self._write(stamp, stream, b"F", text)
        while len(rest) > _LONGEST:
            self._write(stamp, stream, b"P", rest[:_LONGEST])
            rest = rest[_LONGEST:]
        if not data and rest:
            self._write(stamp, stream, b"F", rest)
            rest = b""
        self._rest[stream] = rest
        self._file.flush()

    def _write(self, stamp: bytes, stream: str, kind: bytes, text: bytes) -> None:
        self._file.write(b"%s %s %s %s\n" % (stamp, stream.encode(), kind, text))
        self._show(stream, text)

    def close(self) -> None:
        for stream in self._rest:
            self.add(stream, b"")
        self._file.close()


def read_lines(path: Path) -> Iterator[Line]:
    """What a `LineLog` wrote; nothing if there is no such file."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        yield from filter(None, map(parse_line, file))


def parse_line(raw: bytes) -> Line | None:
    """None if it is damaged."""
    parts = raw.rstrip(b"\n").split(b" ", 3)
    if len(parts) != 4:
        return None
    stamp, stream, kind, text = parts
    return Line(stamp.decode(errors="replace"), stream.decode(errors="replace"), kind == b"F", text)


def _stamp(now: float) -> bytes:
    whole = int(now)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    return f"{text}.{int((now - whole) * 1e6):06d}Z".encode()
