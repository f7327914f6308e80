"""How a container takes what is copied: the script that runs there, run here; and a connection that breaks."""

import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from osmoc.cluster import copying
from osmoc.cluster.client import ApiError
from osmoc.cluster.streams import read_status


def archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name))
    return buffer.getvalue()


def received(target: str, sent: bytes, *, delete: bool) -> int:
    words = ["sh", "-c", copying._RECEIVE, "sh", target, "", "yes" if delete else ""]
    return subprocess.run(words, input=sent, capture_output=True, timeout=30, check=False).returncode


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("end", ["", "/", "/."])
def test_delete_replaces_the_content_and_not_the_directory(tmp_path: Path, end: str) -> None:
    target = tmp_path / "a target"
    (target / "old/er").mkdir(parents=True)
    for name in (".hidden", "..odd", "-f", "old/er/file"):
        (target / name).touch()
    before = target.stat().st_ino
    assert received(f"{target}{end}", archive("new", ".new", "..new", "-n"), delete=True) == 0
    assert names(target) == ["-n", "..new", ".new", "new"]
    assert target.stat().st_ino == before, "it may be a mount"
    assert received(f"{target}{end}", archive(), delete=True) == 0
    assert names(target) == []


@pytest.mark.parametrize("delete", [False, True])
def test_what_does_not_come_whole_leaves_what_was_there(tmp_path: Path, delete: bool) -> None:
    (tmp_path / "old").touch()
    assert received(str(tmp_path), b"no archive" * 100, delete=delete) != 0
    assert names(tmp_path) == ["old"]


class Broken:
    """A command whose connection breaks at once."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def output(self) -> Iterator[tuple[int, bytes]]:
        yield from ()
        raise ApiError(0, "the connection to the container broke")

    def write(self, data: bytes) -> None:
        raise ApiError(0, "the connection to the container broke")

    def exit_status(self) -> int:
        return read_status(b"")


def test_a_connection_that_breaks_is_told_and_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "Exec", Broken)
    (tmp_path / "file").write_text("text")
    nothing: Any = None
    with pytest.raises(copying.CopyError, match="the connection ended before the command did"):
        copying.upload(nothing, nothing, tmp_path / "file", "/tmp/file", delete=False)
