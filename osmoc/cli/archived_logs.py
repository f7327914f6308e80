"""The logs of a run in its storage, fetched into a folder of this machine."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from osmoc.cli.dataset_options import credential_of_environment
from osmoc.cli.workflow import load_profile
from osmoc.cluster.archive import NoArchiveError, find_storage
from osmoc.cluster.client import Client
from osmoc.cluster.logs import Line
from osmoc.local.lines import parse_line
from osmoc.logs_client import KeptLog, KeptRun, StoragePlace, fetch_logs, list_logs
from osmoc.names import kubernetes_name
from osmoc.profile import Storage
from osmoc.runtime_process import RuntimeFailed, RuntimeMissing

_BLOCK: Final = 64 * 1024


class Archive:
    """Asks nobody before something is wanted of it; `folder` is somebody else's to remove."""

    def __init__(self, client: Client, workflow_id: str, usual: Storage, given: StoragePlace, folder: Path) -> None:
        self.workflow_id = workflow_id
        self._client = client
        self._usual = usual
        self._given = given
        self._folder = folder
        self._place: StoragePlace | None = None

    def find(self, run: str) -> KeptRun:
        """Of the newest run if none is named. Raises: NoArchiveError, ApiError."""
        try:
            return list_logs(self._storage(), self.workflow_id, run)
        except (RuntimeMissing, RuntimeFailed) as error:
            raise _no_archive(error) from None

    def read(self, run: str, logs: Sequence[KeptLog]) -> list[Iterator[Line]]:
        """The lines of each. Raises: NoArchiveError, ApiError."""
        if not logs:
            return []
        try:
            folder = Path(mkdtemp(dir=self._folder))
            paths = fetch_logs(self._storage(), self.workflow_id, run, logs, folder)
        except (RuntimeMissing, RuntimeFailed) as error:
            raise _no_archive(error) from None
        return [_lines(log, path) for log, path in zip(logs, paths, strict=True)]

    def _storage(self) -> StoragePlace:
        if self._place is None:
            self._place = find_storage(self._client, self.workflow_id, self._usual, self._given)
        return self._place


def open_archive(client: Client, workflow_id: str, folder: Path, storage: str = "", endpoint: str = "") -> Archive:
    """Where the run was told to keep its logs, unless a storage or another way there is named."""
    profile, _ = load_profile(None)
    usual = profile.storage if profile and profile.storage else Storage.default()
    given = StoragePlace(storage, endpoint, credential=credential_of_environment())
    return Archive(client, workflow_id, usual, given, folder)


def _no_archive(error: RuntimeMissing | RuntimeFailed) -> NoArchiveError:
    if isinstance(error, RuntimeFailed) and error.fault == "away":
        return NoArchiveError(f"its storage is out of reach: {error}; --endpoint URL names another way there")
    return NoArchiveError(f"its storage cannot be read: {error}")


def _lines(log: KeptLog, path: Path) -> Iterator[Line]:
    """Parts of a long line become one again, as the kubelet has it."""
    begun: dict[str, Line] = {}
    for part in filter(None, map(parse_line, _raw_lines(path))):
        first = begun.pop(part.stream, None)
        text = (first.text if first else b"") + part.text
        line = Line(kubernetes_name(log.task), log.number, first.time if first else part.time, text)
        if part.is_whole:
            yield line
        else:
            begun[part.stream] = line
    yield from begun.values()


def _raw_lines(path: Path) -> Iterator[bytes]:
    """The file is open only while a block of it is read: a run may have more logs than a process may have files."""
    rest, offset = b"", 0
    while block := _block(path, offset):
        offset += len(block)
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
    if rest:
        yield rest


def _block(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(_BLOCK)
