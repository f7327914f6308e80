"""What is kept of logs as lines: `osmoc.cli.archived_logs`."""

import heapq
import resource
from pathlib import Path
from typing import cast

import pytest

from osmoc.cli import archived_logs
from osmoc.cli.archived_logs import Archive
from osmoc.cluster.archive import NoArchiveError
from osmoc.cluster.client import Client
from osmoc.logs_client import KeptLog, StoragePlace
from osmoc.profile import Storage
from osmoc.runtime_process import RuntimeFailed, RuntimeMissing

LOG = (
    ("00", "stdout F hello"),
    ("01", "stdout P long"),
    ("02", "stderr F between"),
    ("03", "stdout F er"),
    ("04", "stdout F "),
    ("05", "damaged"),
    ("06", "stderr P no end"),
)


class Unasked:
    """A cluster that only knows that it has nothing."""

    namespace = "robots"

    def find(self, reference: object) -> None:
        return None


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    pytest.importorskip("obstore")
    place = StoragePlace(f"file://{tmp_path}/storage")
    (tmp_path / "fetched").mkdir()
    return Archive(cast(Client, Unasked()), "flow-1", Storage.default(), place, tmp_path / "fetched")


def test_parts_of_a_line_become_one_again(archive: Archive, tmp_path: Path) -> None:
    folder = tmp_path / "storage/flow-1/run-1/My_Task/attempts/0001-12345678/log"
    folder.mkdir(parents=True)
    text = "".join(f"2026-11-26T10:00:{second}.000000000Z {rest}\n" for second, rest in LOG)
    (folder / "000000.log").write_text(text)
    found = archive.find("run-1")
    assert found.logs == (KeptLog("My_Task", 1, "12345678"),)
    [lines] = archive.read(found.run, found.logs)
    told = [(line.task, line.attempt, line.time[17:19], line.text) for line in lines]
    texts = {"00": b"hello", "02": b"between", "01": b"longer", "04": b"", "06": b"no end"}
    assert told == [("my-task", 1, second, text) for second, text in texts.items()]


def test_a_run_may_have_more_logs_than_a_process_may_have_files(archive: Archive, tmp_path: Path) -> None:
    line = "2026-11-26T10:00:00.000000000Z stdout F " + "x" * 100_000
    names = [f"task-{number}" for number in range(40)]
    for name in names:
        folder = tmp_path / f"storage/flow-1/run-1/{name}/attempts/0000-12345678/log"
        folder.mkdir(parents=True)
        (folder / "000000.log").write_text(f"{line}{name}\n{line}")
    found = archive.find("run-1")
    logs = archive.read(found.run, found.logs)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 10, limits[1]))
    try:
        lines = list(heapq.merge(*logs, key=lambda line: line.time))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    ends = sorted(line.text[100_000:].decode() for line in lines)
    assert ends == [""] * len(names) + sorted(names)


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (RuntimeMissing(), "pip install 'osmoc[local]'"),
        (RuntimeFailed("away", "s3://x: no answer"), "out of reach: s3://x: no answer; --endpoint URL"),
        (RuntimeFailed("denied", "s3://x: status code: 403"), "its storage cannot be read: s3://x: status code: 403"),
    ],
)
def test_what_the_runtime_cannot_do_is_a_reason(
    trouble: Exception, expected: str, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise trouble

    monkeypatch.setattr(archived_logs, "list_logs", fail)
    monkeypatch.setattr(archived_logs, "fetch_logs", fail)
    for ask in (lambda: archive.find(""), lambda: archive.read("", [KeptLog("a", 0, "x")])):
        with pytest.raises(NoArchiveError) as raised:
            ask()
        assert expected in str(raised.value)
    assert archive.read("", []) == []
