"""The folder of a run: taken by making it, held by a lock, its record replaced as a whole.

.osmoc/storage/                    what tasks hand to each other, and datasets
.osmoc/runs/<name>-<n>/run.json    the record
                       lock        locked for as long as `osmoc run` lives
                       results/    what each task left in `{{output}}`
                       tasks/<task>/<attempt>/
"""

import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from osmoc.local.schedule import State

FOLDER: Final = ".osmoc"
VERSION: Final = 1

_SECRETS: Final = ("*/*/credentials", "*/*/osmo/secrets", "*/osmo/secrets")
_TAIL: Final = 2048
_TIME: Final = re.compile(r"^\d{4}-\S+Z ")
_ID: Final = re.compile(r"(.+)-(\d+)")


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Attempt(Record):
    """`exit` is that of the agent, `code` that of the command; times are seconds since 1970.

    `note` is the last line of osmo-ctrl: how far a transfer is, or what it waits for.
    """

    attempt: int
    pod: str
    started_at: float
    running_at: float | None = None
    ended_at: float | None = None
    exit: int | None = None
    code: int | None = None
    cause: str = ""
    reason: str = ""
    note: str = ""


class Task(Record):
    state: State = State.WAITING
    group: str
    attempts: tuple[Attempt, ...] = ()


class Run(Record):
    """`file` is what was run. A run that is not finished and that nobody holds was killed.

    `key` is its name in the storage, which other machines may share: the number alone they may have too.
    """

    version: int = VERSION
    id: str
    name: str
    key: str
    file: str
    engine: str
    state: State = State.RUNNING
    started_at: float
    ended_at: float | None = None
    upstream: dict[str, tuple[str, ...]] = {}
    tasks: dict[str, Task] = {}


class BusyError(Exception):
    """Another `osmoc run` holds the folder."""


class UnknownRunError(Exception):
    """There is no run of this id."""


class Folder:
    """One run's folder, where everything of it lies."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def number(self) -> int:
        match = _ID.fullmatch(self.id)
        assert match, self.id
        return int(match[2])

    @property
    def tasks(self) -> Path:
        return self.path / "tasks"

    def attempt(self, task: str, attempt: int) -> Path:
        return self.tasks / task / str(attempt)

    def log(self, task: str, attempt: int) -> Path:
        return self.attempt(task, attempt) / "log"

    def results(self, task: str) -> Path:
        return self.path / "results" / task

    def write(self, run: Run) -> None:
        write_atomically(self.path / "run.json", run.model_dump_json(indent=2) + "\n")

    def read(self) -> Run:
        """Raises: UnknownRunError."""
        try:
            return Run.model_validate_json((self.path / "run.json").read_bytes())
        except (OSError, ValidationError) as error:
            raise UnknownRunError(f"the record of `{self.id}` cannot be read: {error}") from None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Raises: BusyError."""
        with self._locked():
            self._mark.touch()
            yield
            self._mark.unlink(missing_ok=True)

    def is_held(self) -> bool:
        try:
            with self._locked():
                return False
        except BusyError:
            return True

    def sweep(self) -> None:
        """Removes the secrets of a run that was killed before it could do so."""
        if not self.is_held():
            for pattern in _SECRETS:
                for path in self.tasks.glob(pattern):
                    shutil.rmtree(path, ignore_errors=True)
            self._mark.unlink(missing_ok=True)

    @property
    def _mark(self) -> Path:
        """It is there while the run lives, and stays if it is killed."""
        return self.path / "alive"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise BusyError(f"`{self.id}` is running") from None
        try:
            yield
        finally:
            os.close(descriptor)


class Records:
    """All runs of a directory."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FOLDER

    @property
    def storage(self) -> Path:
        return self.path / "storage"

    @property
    def _runs(self) -> Path:
        return self.path / "runs"

    def prepare(self) -> None:
        """Makes what all runs share. Git is told to look away: it would see secrets and large files."""
        for path in (self._runs, self.storage):
            path.mkdir(parents=True, exist_ok=True)
        ignore = self.path / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        for mark in self._runs.glob("*/alive"):
            Folder(mark.parent).sweep()

    def take(self, name: str) -> Folder:
        """A new folder `<name>-<n>` with the next number."""
        self.prepare()
        number = 1 + max((folder.number for folder in self if folder.id.rpartition("-")[0] == name), default=0)
        while True:
            path = self._runs / f"{name}-{number}"
            try:
                path.mkdir(mode=0o700)
                return Folder(path)
            except FileExistsError:
                number += 1

    def find(self, run_id: str) -> Folder:
        """Raises: UnknownRunError."""
        folder = next((folder for folder in self if folder.id == run_id), None)
        if folder is None:
            raise UnknownRunError(f"there is no run `{run_id}` in {self._runs}")
        return folder

    def __iter__(self) -> Iterator[Folder]:
        """In the order of their start."""
        try:
            paths = [path for path in self._runs.iterdir() if _ID.fullmatch(path.name) and path.is_dir()]
        except FileNotFoundError:
            return
        yield from (Folder(path) for path in sorted(paths, key=lambda path: (path.stat().st_ctime_ns, path.name)))


def write_atomically(path: Path, text: str) -> None:
    """Beside and renamed: a reader sees the old file or the new one."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def last_line(path: Path) -> str:
    """What osmo-ctrl said last, without its time."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return _TIME.sub("", lines[-1]) if lines else ""


def last_word(path: Path) -> dict[str, Any]:
    """The termination message of an agent; nothing if it had no time to write one."""
    try:
        word = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return word if isinstance(word, dict) else {}
