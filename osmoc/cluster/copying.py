"""Files and directories to and from a container that runs, as a stream of tar: what nearly every image can read."""

import shutil
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from io import RawIOBase
from pathlib import Path, PurePosixPath
from threading import Thread
from typing import Any, Final

from osmoc.cluster.client import ApiError, Client
from osmoc.cluster.logs import Source
from osmoc.cluster.streams import STDOUT, Exec, ExecError

_CHUNK: Final = 256 * 1024

# `$1` is the path; a file is sent under the name that it has, a directory without its own.
_SEND: Final = """
if [ -d "$1" ]; then exec tar -C "$1" -cf - .; fi
if [ ! -e "$1" ]; then echo "there is no $1" >&2; exit 1; fi
exec tar -C "$(dirname -- "$1")" -cf - "$(basename -- "$1")"
"""
# `$2` is the name of a file, or empty for a directory, in place of whose content comes what is sent if `$3` says so:
# the directory itself stays, since it may be a mount, and keeps what it had until all has come.
_RECEIVE: Final = """
target=$1
if [ -n "$2" ]; then
  if [ -d "$target" ]; then target=$target/$2; fi
  mkdir -p -- "$(dirname -- "$target")" && exec cat > "$target"
fi
mkdir -p -- "$target" || exit
if [ -z "$3" ]; then exec tar -C "$target" -xf -; fi
new=$target/.osmoc-new
rm -rf -- "$new" && mkdir -- "$new" || exit
tar -C "$new" -xf - || { rm -rf -- "$new"; exit 1; }
for old in "$target"/* "$target"/.[!.]* "$target"/..?*; do
  [ "$old" = "$new" ] || rm -rf -- "$old" || exit
done
for found in "$new"/* "$new"/.[!.]* "$new"/..?*; do
  if [ -e "$found" ] || [ -L "$found" ]; then mv -- "$found" "$target/" || exit; fi
done
exec rmdir -- "$new"
"""


class CopyError(Exception):
    """Nothing more is copied: `str()` says why."""


def is_directory(client: Client, source: Source, path: str) -> bool:
    """Raises: ApiError, CopyError."""
    session = Exec(client, source, ["test", "-d", path], has_input=False, tty=False)
    for _ in session.output():
        pass
    return _status(session) == 0


def download(client: Client, source: Source, path: str, target: Path, *, delete: bool) -> int:
    """How many files have come. A file becomes `target`, or comes into it; the content of a directory comes into it.

    Raises: ApiError, CopyError - also for an archive that would write outside of the target.
    """
    is_whole = is_directory(client, source, path)
    folder = target if is_whole or target.is_dir() else target.parent
    name = "" if is_whole else PurePosixPath(path).name if target.is_dir() else target.name
    session = Exec(client, source, ["sh", "-c", _SEND, "sh", path], has_input=False, tty=False)
    stream = _Output(session)
    kept: set[Path] = set()
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_CHUNK) as archive:
            for member in archive:
                member.name = name or member.name
                folder.mkdir(parents=True, exist_ok=True)
                archive.extract(member, folder, filter="data")
                if not member.isdir():
                    kept.add(folder.resolve() / member.name)
    except (tarfile.TarError, OSError) as error:
        for _ in session.output():
            pass
        raise CopyError(stream.said() or str(error)) from None
    for _ in iter(lambda: stream.read(_CHUNK), b""):
        pass
    if _status(session) != 0:
        raise CopyError(stream.said() or f"tar ended with {_status(session)} in the container")
    if delete and is_whole:
        _remove_others(target, kept)
    return len(kept)


def upload(client: Client, source: Source, origin: Path, path: str, *, delete: bool) -> int:
    """How many files have gone. Raises: ApiError, CopyError."""
    if delete and not path.strip("/."):
        raise CopyError(f"what else is in {path} of a container cannot be removed")
    name = "" if origin.is_dir() else origin.name
    words = ["sh", "-c", _RECEIVE, "sh", path, name, "yes" if delete else ""]
    session = Exec(client, source, words, has_input=True, tty=False)
    said: list[bytes] = []

    def listen() -> None:
        with suppress(ApiError):  # the missing exit status tells it
            said.extend(data for _, data in session.output())

    reading = Thread(target=listen, daemon=True)
    reading.start()
    count = 0
    try:
        if name:
            with origin.open("rb") as file:
                while data := file.read(_CHUNK):
                    session.write(data)
            count = 1
        else:
            with tarfile.open(fileobj=_Input(session), mode="w|", bufsize=_CHUNK, dereference=False) as archive:
                for found in sorted(origin.rglob("*")):
                    archive.add(found, found.relative_to(origin).as_posix(), recursive=False)
                    count += found.is_symlink() or not found.is_dir()
        session.end_input()
    except ApiError:
        pass  # the command has ended before it had all: it says why
    except OSError as error:
        raise CopyError(f"{error.filename or origin}: {(error.strerror or str(error)).lower()}") from None
    reading.join()
    if _status(session) != 0:
        text = b"".join(said).decode(errors="replace").strip()
        raise CopyError(text or f"tar ended with {_status(session)} in the container")
    return count


def _status(session: Exec) -> int:
    try:
        return session.exit_status()
    except ExecError as error:
        raise CopyError(str(error)) from None


def _remove_others(target: Path, kept: set[Path]) -> None:
    """What the source does not have; directories that are empty then go, too."""
    for found in sorted(target.resolve().rglob("*"), reverse=True):
        if found.is_symlink() or not found.is_dir():
            if found not in kept:
                found.unlink()
        elif not any(found.iterdir()):
            shutil.rmtree(found)


class _Output(RawIOBase):
    """What a command writes, as a file; what it complains of is kept."""

    def __init__(self, session: Exec) -> None:
        self._data: Iterator[tuple[int, bytes]] = session.output()
        self._rest = b""
        self._complaints = b""

    def said(self) -> str:
        return self._complaints.decode(errors="replace").strip()

    def read(self, size: int = -1) -> bytes:
        while not self._rest:
            found = next(self._data, None)
            if found is None:
                return b""
            channel, data = found
            if channel == STDOUT:
                self._rest = data
            else:
                self._complaints += data
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


class _Input(RawIOBase):
    """The input of a command, as a file."""

    def __init__(self, session: Exec) -> None:
        self._session = session

    def write(self, data: Any) -> int:
        self._session.write(bytes(data))
        return len(data)
