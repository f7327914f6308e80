"""Walks of a directory that a user arranged, and descriptors of what lies in it, whatever he does meanwhile."""

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from osmo_ctrl.files import beneath
from osmo_ctrl.files.tree import Fault, Kind, Links, Stamp, Walked, printable, walk


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "outside").write_text("secret")
    root = tmp_path / "tree"
    (root / "a/b").mkdir(parents=True)
    (root / "a/b/file").write_text("content")
    (root / "top").write_text("1")
    (root / "empty/inner").mkdir(parents=True)
    return root


def names(walked: Walked, kind: Kind) -> list[str]:
    return [entry.path for entry in walked.entries if entry.kind is kind]


def fault(tree: Path, **options: object) -> Fault:
    (found,) = walk(str(tree), **options).faults
    return found


def test_files_and_empty_directories(tree: Path) -> None:
    walked = walk(str(tree))
    assert names(walked, Kind.FILE) == ["a/b/file", "top"]
    assert names(walked, Kind.DIRECTORY) == ["empty/inner"]
    assert not walked.faults
    entry = next(walked.files)
    assert (entry.source, entry.stamp.size, entry.mode) == ("a/b/file", 7, 0o644)
    assert entry.stamp.is_of((tree / "a/b/file").stat())


def test_a_regex_matches_paths_from_their_start(tree: Path) -> None:
    assert names(walk(str(tree), regex="a/"), Kind.FILE) == ["a/b/file"]
    assert names(walk(str(tree), regex=r".*file$"), Kind.FILE) == ["a/b/file"]
    assert walk(str(tree), regex="file").entries == ()


@pytest.mark.parametrize(
    ("target", "leads"),
    [
        ("b/file", "a/b/file"),
        ("../top", "top"),
        ("./b/../../top", "top"),
        ("b", "a/b"),
        ("..", ""),
        ("/osmo/top", "top"),
    ],
)
def test_links_within_the_tree_are_kept(tree: Path, target: str, leads: str) -> None:
    (tree / "a/link").symlink_to(target)
    walked = walk(str(tree), root="/osmo")
    assert [(entry.path, entry.target) for entry in walked.entries if entry.kind is Kind.LINK] == [("a/link", leads)]


def test_links_over_links_are_kept_as_where_they_end(tree: Path) -> None:
    (tree / "one").symlink_to("two")
    (tree / "two").symlink_to("a")
    (tree / "three").symlink_to("one/b/file")
    targets = {entry.path: entry.target for entry in walk(str(tree)).entries if entry.kind is Kind.LINK}
    assert targets == {"one": "a", "two": "a", "three": "a/b/file"}


def test_links_to_files_are_followed(tree: Path) -> None:
    (tree / "link").symlink_to("a/b/file")
    (tree / "folder").symlink_to("a")
    walked = walk(str(tree), links=Links.FOLLOW)
    assert [(entry.path, entry.source) for entry in walked.files][1:2] == [("link", "a/b/file")]
    assert names(walked, Kind.LINK) == []
    assert walked.warnings == (Fault("folder", "a link to a directory is left out"),)


@pytest.mark.parametrize("links", Links)
@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("nowhere", "a link that leads nowhere"),
        ("top/x", "a link that leads nowhere"),
        ("../outside", "a link out of the directory"),
        ("/etc/passwd", "a link out of the directory"),
        ("/osmo-other/top", "a link out of the directory"),
        ("/osmo/../top", "a link out of the directory"),
        ("link", "a link that leads in a circle"),
    ],
)
def test_other_links_are_faults(tree: Path, links: Links, target: str, reason: str) -> None:
    (tree / "link").symlink_to(target)
    assert fault(tree, root="/osmo", links=links) == Fault("link", reason)
    assert walk(str(tree), root="/osmo", links=links, regex="top").faults == ()


def test_what_is_no_file_is_a_fault(tree: Path) -> None:
    os.mkfifo(tree / "fifo")
    assert fault(tree) == Fault("fifo", "a FIFO cannot be uploaded")
    (tree / "link").symlink_to("fifo")
    assert [found.path for found in walk(str(tree), links=Links.FOLLOW).faults] == ["fifo", "link"]
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tree / "socket"))
        assert Fault("socket", "a socket cannot be uploaded") in walk(str(tree)).faults


def test_a_name_that_is_not_utf8_is_a_fault(tree: Path) -> None:
    Path(os.fsdecode(os.fsencode(tree) + b"/\xff")).write_text("x")
    found = fault(tree)
    assert found.reason == "its name is not UTF-8"
    str(found).encode()


def test_names_are_printed_in_one_line() -> None:
    assert printable("a\nb") == "a\\nb"
    assert printable("ä b") == "ä b"


@contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """Root reads everything, so a test that is root becomes somebody else."""
    if os.geteuid():
        yield
        return
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == 0 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_cannot_be_read_is_a_fault(tree: Path) -> None:
    (tree / "a").chmod(0)
    (tree / "top").chmod(0)
    with as_nobody(tree):
        assert fault(tree) == Fault("a", "permission denied")
        with pytest.raises(PermissionError):
            beneath.open_file(str(tree), "top")
    (tree / "a").chmod(0o755)


def test_the_tree_itself_may_be_no_link(tree: Path) -> None:
    (tree.parent / "link").symlink_to(tree)
    with pytest.raises(OSError):
        walk(str(tree.parent / "link"))


def test_a_deep_tree(tmp_path: Path) -> None:
    depth = 300
    with beneath.directory(str(tmp_path), "/".join(["directory"] * depth), make=0o700) as deepest:
        os.close(beneath.create(deepest, "file", 0o600))
    (entry,) = walk(str(tmp_path)).entries
    assert entry.path.count("/") == depth
    os.close(beneath.open_file(str(tmp_path), entry.source))
    shutil.rmtree(tmp_path / "directory")


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a/../top", "a//b", "", ".", "a/./b", "a\0b"])
def test_paths_that_lead_elsewhere_are_refused(tree: Path, path: str) -> None:
    with pytest.raises(OSError, match="not a plain relative path"):
        beneath.open_file(str(tree), path)


def test_no_link_on_the_way_is_followed(tree: Path) -> None:
    (tree / "link").symlink_to("a")
    (tree / "file").symlink_to("top")
    for path in ("link/b/file", "file"):
        with pytest.raises(OSError):
            beneath.open_file(str(tree), path)


def test_what_is_no_file_is_not_opened(tree: Path) -> None:
    os.mkfifo(tree / "fifo")
    for path in ("fifo", "a"):
        with pytest.raises(beneath.NotAFile):
            beneath.open_file(str(tree), path)


def test_races_of_links_lead_nowhere(tree: Path) -> None:
    """Somebody exchanges a directory for a link to outside and back, as fast as he can."""
    stop = threading.Event()

    def exchange() -> None:
        while not stop.is_set():
            (tree / "a").rename(tree / "kept")
            (tree / "a").symlink_to("..")
            (tree / "a").unlink()
            (tree / "kept").rename(tree / "a")

    (tree.parent / "b").mkdir()
    (tree.parent / "b/file").write_text("secret")
    thread = threading.Thread(target=exchange)
    thread.start()
    read = set()
    try:
        for _ in range(3000):
            try:
                with beneath.opened(str(tree), "a/b/file") as descriptor:
                    read.add(beneath.read(descriptor, 100, 0))
            except OSError:
                continue
    finally:
        stop.set()
        thread.join()
    assert read == {b"content"}


@given(some.text())
def test_no_path_leaves_the_directory(path: str) -> None:
    try:
        parts = beneath.split(path)
    except OSError:
        return
    assert ".." not in parts
    assert Path("/root", *parts).is_relative_to("/root")
    assert Path("/root", *parts) != Path("/root")


def test_links_are_made_relative_and_only_within(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/file").write_text("content")
    with beneath.directory(str(tmp_path)) as base:
        beneath.link(base, "x/y/link", "a/file", 0o755)
        beneath.link(base, "x/top", "", 0o755)
        beneath.link(base, "x/top", "", 0o755)
        beneath.link(base, "other", "a", 0o755)
        beneath.link(base, "other", "a/file", 0o755)
        with pytest.raises(OSError, match="not a plain relative path"):
            beneath.link(base, "bad", "../outside", 0o755)
    assert (tmp_path / "x/y/link").read_text() == "content"
    assert (tmp_path / "x/top").resolve() == tmp_path.resolve()
    assert (tmp_path / "other").read_text() == "content"


def test_stamps() -> None:
    status = Path(__file__).stat()
    assert Stamp(status.st_size, status.st_mtime_ns).is_of(status)
    assert not Stamp(status.st_size, status.st_mtime_ns, 1).is_of(status)
    assert not Stamp(status.st_size + 1, status.st_mtime_ns).is_of(status)
