"""Transfers: many files at once, each whole or named, however the storage, the disk and the user behave."""

import asyncio
import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from runtime.loop import asynchronous
from runtime.s3 import S3, Proxy
from runtime.s3 import Fault as Wrong

from osmo_ctrl.files import beneath
from osmo_ctrl.files.tree import Fault, Stamp, walk
from osmo_ctrl.storage.store import Patience, Place, Problem, StorageError, Store, open_store
from osmo_ctrl.transfer import download as downloads
from osmo_ctrl.transfer import upload as uploads
from osmo_ctrl.transfer.budget import Budget
from osmo_ctrl.transfer.download import Wanted, download
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.transfers import Limits, TransferError, together
from osmo_ctrl.transfer.upload import Source, upload, upload_some

MIB = 1024 * 1024


def sources(folder: Path) -> list[Source]:
    return [
        Source(entry.path, entry.path, entry.stamp, partial(beneath.open_file, str(folder), entry.source), entry.mode)
        for entry in walk(str(folder)).files
    ]


async def wanted(store: Store) -> list[Wanted]:
    return [Wanted(found.path, found.path, found.size, "", found.e_tag, found.modified) async for found in store.list()]


async def send(store: Store, folder: Path, limits: Limits | None = None):
    return await upload(store, sources(folder), Progress(), limits or Limits())


async def get(store: Store, items: list[Wanted], target: Path, progress: Progress | None = None) -> None:
    target.mkdir(exist_ok=True)
    with beneath.directory(str(target)) as descriptor:
        await download(store, items, descriptor, progress or Progress(), Limits())


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".osmo-partial-"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "source"
    (made / "deep/er").mkdir(parents=True)
    for number in range(100):
        (made / f"deep/{number}").write_bytes(os.urandom(number * 100))
    (made / "deep/er/large").write_bytes(os.urandom(18 * MIB + 5))
    (made / "medium").write_bytes(os.urandom(9 * MIB))
    (made / "empty").write_bytes(b"")
    return made


@pytest.fixture
def store(place: Place) -> Store:
    return open_store(place, Patience(5))


@asynchronous
async def test_there_and_back(store: Store, folder: Path, tmp_path: Path) -> None:
    uploaded = await send(store, folder)
    assert {file.path: file.sha256 for file in uploaded} == {
        path: hashlib.sha256(content).hexdigest() for path, content in contents(folder).items()
    }
    assert [file.path for file in uploaded] == sorted(file.path for file in uploaded)
    for number, items in enumerate([await wanted(store), [_known(file) for file in uploaded]]):
        await get(store, items, tmp_path / str(number))
        assert contents(tmp_path / str(number)) == contents(folder)


def _known(file: uploads.Uploaded) -> Wanted:
    return Wanted(file.path, file.key, file.size, file.sha256, executable=bool(file.mode & 0o100))


@asynchronous
async def test_modes(s3: S3, tmp_path: Path) -> None:
    folder = tmp_path / "source"
    (folder / "d").mkdir(parents=True)
    (folder / "d/script").write_text("")
    (folder / "d/script").chmod(0o755)
    (folder / "file").write_text("")
    await get(s3.store(), [_known(file) for file in await send(s3.store(), folder)], tmp_path / "target")
    modes = {path.name: path.stat().st_mode & 0o7777 for path in (tmp_path / "target").rglob("*")}
    assert modes == {"d": 0o2775, "script": 0o775, "file": 0o664}


@asynchronous
async def test_progress_counts_all(s3: S3, folder: Path, tmp_path: Path) -> None:
    size = sum(map(len, contents(folder).values()))
    said: list[tuple[int, int]] = []
    progress = Progress(lambda progress: said.append((progress.files, progress.bytes)))
    await upload(s3.store(), sources(folder), progress, Limits())
    assert said[-1] == (progress.files, progress.bytes) == (103, size) == (progress.all_files, progress.all_bytes)
    progress = Progress()
    await get(s3.store(), await wanted(s3.store()), tmp_path / "target", progress)
    assert (progress.files, progress.bytes) == (103, size)


@asynchronous
async def test_all_files_that_fail_are_named_and_the_others_are_there(s3: S3, folder: Path) -> None:
    given = sources(folder)
    (folder / "medium").unlink()
    (folder / "deep/5").write_text("changed")
    (folder / "deep/6").unlink()
    (folder / "deep/6").symlink_to("/etc/passwd")
    (folder / "deep/7").unlink()
    (folder / "deep/7").mkdir()
    with pytest.raises(TransferError) as caught:
        await upload(s3.store(), given, Progress(), Limits())
    assert caught.value.faults == (
        Fault("deep/5", "it changed while it was read", moving=True),
        Fault("deep/6", "a symbolic link took its place"),
        Fault("deep/7", "it is not a regular file"),
        Fault("medium", "no such file or directory", moving=True),
    )
    assert "deep/6: a symbolic link took its place" in str(caught.value)
    assert len([found async for found in s3.store().list()]) == 99


def test_many_names_make_a_short_text() -> None:
    error = TransferError([Fault(f"{number:03}", "bad") for number in range(100)])
    assert str(error).endswith("and 80 more")
    assert len(error.faults) == 100


def moving(path: Path, at: int, do: Callable[[Path], None]) -> Callable[[], int]:
    """Opens a file that changes when the upload has read so much of it."""
    descriptor = os.open(path, os.O_RDONLY)
    real = beneath.read

    def read(of: int, size: int, offset: int) -> bytes:
        if offset >= at and path.exists():
            do(path)
        return real(of, size, offset)

    beneath.read = read
    return lambda: descriptor


@pytest.mark.parametrize("size", [100, 30 * MIB])
@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(b"short"),
        lambda path: os.truncate(path, path.stat().st_size + 1),
        lambda path: os.utime(path),
    ],
    ids=["shorter", "longer", "touched"],
)
@asynchronous
async def test_a_file_that_changes_while_it_is_read_fails(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, change: Callable[[Path], None]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(size))
    os.utime(path, (1, 1))
    status = path.stat()
    monkeypatch.setattr(beneath, "read", beneath.read)
    opening = moving(path, size // 2 if size > 100 else 0, change)
    source = Source("file", "file", Stamp(status.st_size, status.st_mtime_ns, status.st_ino), opening)
    with pytest.raises(TransferError) as caught:
        await upload(s3.store(), [source], Progress(), Limits())
    (found,) = caught.value.faults
    assert found.path == "file"
    assert found.moving
    assert await s3.store().find("file") is None


@asynchronous
async def test_some_may_fail(s3: S3, folder: Path) -> None:
    given = sources(folder)
    (folder / "medium").unlink()
    uploaded, faults = await upload_some(s3.store(), given, Progress(), Limits())
    assert len(uploaded) == 102
    assert [fault.path for fault in faults] == ["medium"]


@asynchronous
async def test_an_upload_goes_on_after_a_restart(s3: S3, folder: Path, proxy: Proxy) -> None:
    for path in folder.rglob("*"):
        os.utime(path, (1e9, 1e9))
    first = await send(s3.store(), folder)
    await s3.store().remove(["deep/9"])
    there = {found.path: found async for found in s3.store().list()}
    second, faults = await upload_some(s3.store(port=proxy.port), sources(folder), Progress(), Limits(), there)
    assert second == first
    assert not faults
    assert [request.path for request in proxy.requests] == [f"/{s3.bucket}/base/deep/9"]


@asynchronous
async def test_denied_ends_a_transfer_at_once(s3: S3, folder: Path, proxy: Proxy, tmp_path: Path) -> None:
    await send(s3.store(), folder)
    items = await wanted(s3.store())
    proxy.rule = lambda request: Wrong(403, "AccessDenied")
    for transfer in (send(s3.store(port=proxy.port), folder), get(s3.store(port=proxy.port), items, tmp_path / "t")):
        proxy.requests.clear()
        with pytest.raises(StorageError) as caught:
            await transfer
        assert caught.value.problem is Problem.DENIED
        assert len(proxy.requests) < 80


@asynchronous
async def test_a_storage_that_comes_back_loses_nothing(s3: S3, folder: Path, proxy: Proxy, tmp_path: Path) -> None:
    def flaky(request):
        faults = {1: Wrong(503), 5: Wrong(lose="request"), 9: Wrong(lose="answer"), 13: Wrong(cut=50)}
        return faults.get(request.number % 19)

    proxy.rule = flaky
    store = s3.store(port=proxy.port, seconds=120)
    await send(store, folder)
    await get(store, await wanted(s3.store()), tmp_path / "target")
    assert contents(tmp_path / "target") == contents(folder)


@asynchronous
async def test_a_storage_that_dies_ends_a_transfer(s3: S3, folder: Path, proxy: Proxy, tmp_path: Path) -> None:
    await send(s3.store(), folder)
    proxy.rule = lambda request: Wrong(lose="request") if request.number > 20 else None
    with pytest.raises(StorageError) as caught:
        await get(s3.store(port=proxy.port, seconds=0.5), await wanted(s3.store()), tmp_path / "target")
    assert caught.value.problem is Problem.AWAY
    assert contents(tmp_path / "target").items() <= contents(folder).items()


@pytest.mark.parametrize("size", [100, 17 * MIB])
@asynchronous
async def test_a_download_goes_on_after_a_restart(s3: S3, proxy: Proxy, tmp_path: Path, size: int) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "one").write_bytes(os.urandom(size))
    (folder / "two").write_bytes(os.urandom(17 * MIB))
    known = {file.path: _known(file) for file in await send(s3.store(), folder)}
    for name, items in (("known", known), ("listed", {item.path: item for item in await wanted(s3.store())})):
        target = tmp_path / name
        await get(s3.store(), [items["one"]], target)
        # Of the other one a range and a bit were written when the earlier life ended.
        (target / items["two"].partial).write_bytes((folder / "two").read_bytes()[: 9 * MIB])
        (target / ".osmo-partial-of-another-object").write_text("")
        proxy.requests.clear()
        await get(s3.store(port=proxy.port), list(items.values()), target)
        assert contents(target) == contents(folder)
        assert len(list(target.iterdir())) == 2
        assert [request.path for request in proxy.requests] == [f"/{s3.bucket}/base/two"] * 2


@asynchronous
async def test_a_damaged_beginning_is_not_gone_on_with(s3: S3, tmp_path: Path) -> None:
    folder, target = tmp_path / "source", tmp_path / "target"
    folder.mkdir()
    target.mkdir()
    (folder / "file").write_bytes(os.urandom(17 * MIB))
    (item,) = [_known(file) for file in await send(s3.store(), folder)]
    (target / item.partial).write_bytes(bytes(9 * MIB))
    progress = Progress()
    await get(s3.store(), [item], target, progress)
    assert contents(target) == contents(folder)
    assert progress.bytes == 17 * MIB


@asynchronous
async def test_a_damaged_file_is_fetched_again(s3: S3, tmp_path: Path) -> None:
    folder, target = tmp_path / "source", tmp_path / "target"
    folder.mkdir()
    (folder / "file").write_bytes(b"content")
    (item,) = [_known(file) for file in await send(s3.store(), folder)]
    target.mkdir()
    (target / "file").write_bytes(b"CONTENT")
    await get(s3.store(), [item], target)
    assert contents(target) == {"file": b"content"}


@pytest.mark.parametrize("size", [10, 20 * MIB])
@asynchronous
async def test_what_is_not_what_was_stored_fails(s3: S3, tmp_path: Path, size: int) -> None:
    store = s3.store()
    content = os.urandom(size)
    await store.write("good", content)
    await store.write("bad", content)
    digest = hashlib.sha256(content).hexdigest()
    items = [
        Wanted("good", "good", size, digest),
        Wanted("bad", "bad", size, "0" * 64),
        Wanted("longer", "bad", size - 1, digest) if size < MIB else Wanted("longer", "bad", size - 1, "1" * 64),
        Wanted("gone", "gone", size, digest),
    ]
    with pytest.raises(TransferError) as caught:
        await get(store, items, tmp_path / "target")
    assert [fault.path for fault in caught.value.faults] == ["bad", "gone", "longer"]
    assert "digest differs" in caught.value.faults[0].reason
    assert contents(tmp_path / "target") == {"good": content}


@pytest.mark.parametrize("size", [10, 20 * MIB])
@asynchronous
async def test_an_object_that_changes_under_the_read_fails(s3: S3, tmp_path: Path, proxy: Proxy, size: int) -> None:
    await s3.store().write("changing", os.urandom(size))
    items = await wanted(s3.store())

    def rule(request):
        if request.number == (0 if size < MIB else 2):
            s3.put("base/changing", os.urandom(size))

    proxy.rule = rule
    with pytest.raises(TransferError, match="changing: the object was changed meanwhile"):
        await get(s3.store(port=proxy.port), items, tmp_path / "target")
    assert "changing" not in contents(tmp_path / "target")


@asynchronous
async def test_a_file_where_a_directory_is_wanted(s3: S3, tmp_path: Path) -> None:
    s3.put("base/a", b"1")
    s3.put("base/a/b", b"2")
    with pytest.raises(TransferError) as caught:
        await get(s3.store(), await wanted(s3.store()), tmp_path / "target")
    assert len(caught.value.faults) == 1


@asynchronous
async def test_folders_of_other_tools_are_directories(s3: S3, tmp_path: Path) -> None:
    s3.put("base/folder/", b"")
    s3.put("base/file", b"")
    items = [
        Wanted(found.path, found.path, 0, "", found.e_tag, found.modified, may_be_folder=True)
        async for found in s3.store().list()
    ]
    await get(s3.store(), items, tmp_path / "target")
    assert (tmp_path / "target/folder").is_dir()
    assert (tmp_path / "target/file").is_file()


@asynchronous
async def test_no_key_leaves_the_target(s3: S3, tmp_path: Path) -> None:
    await s3.store().write("file", b"1")
    (tmp_path / "target").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "target/link").symlink_to(tmp_path / "elsewhere")
    items = [Wanted(path, "file", 1) for path in ("../out", "/out", "a/../../out", "link/out", "", "a\0")]
    with pytest.raises(TransferError) as caught:
        await get(s3.store(), items, tmp_path / "target")
    assert len(caught.value.faults) == len(items)
    assert not list((tmp_path / "elsewhere").iterdir())
    assert {path.name for path in tmp_path.iterdir()} == {"target", "elsewhere"}


@given(path=some.text(some.sampled_from("ab./\\\0~ä"), max_size=12))
def test_no_path_leaves_the_target(tmp_path_factory: pytest.TempPathFactory, path: str) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "target").mkdir()
    with beneath.directory(str(outside / "target")) as target, suppress(OSError):
        downloads._put(Wanted(path, "", 1), target, b"1")
    assert [entry.name for entry in outside.iterdir()] == ["target"]


@asynchronous
async def test_a_transfer_can_be_cancelled(s3: S3, folder: Path, proxy: Proxy, tmp_path: Path) -> None:
    await send(s3.store(), folder)
    items = await wanted(s3.store())
    proxy.rule = lambda request: Wrong(seconds=0.5)
    store = s3.store(port=proxy.port)
    for transfer in (send(store, folder), get(store, items, tmp_path / "target")):
        task = asyncio.create_task(transfer)
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@asynchronous
async def test_many_large_files_share_the_memory(s3: S3, tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    for number in range(5):
        (folder / str(number)).write_bytes(os.urandom(17 * MIB))
    limits = Limits(9 * MIB)
    await upload(s3.store(), sources(folder), Progress(), limits)
    target = tmp_path / "target"
    target.mkdir()
    with beneath.directory(str(target)) as descriptor:
        await asyncio.wait_for(download(s3.store(), await wanted(s3.store()), descriptor, Progress(), limits), 60)
    assert contents(target) == contents(folder)
    assert limits.memory.take_at_once(9 * MIB)


@asynchronous
async def test_a_budget_is_lent_in_turn() -> None:
    budget = Budget(10)
    order: list[str] = []

    async def use(name: str, size: int) -> None:
        async with budget.of(size):
            order.append(name)
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(use(name, size)) for name, size in (("a", 6), ("large", 100), ("b", 1), ("c", 1))]
    await asyncio.sleep(0)
    assert order == ["a"]
    tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == ["a", "large", "c"]
    assert budget.take_at_once(10)


@asynchronous
async def test_a_budget_gets_back_what_a_cancelled_one_was_lent() -> None:
    budget = Budget(1)
    await budget.take(1)
    waiting = asyncio.create_task(budget.take(1))
    await asyncio.sleep(0)
    budget.give(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert budget.take_at_once(1)


@asynchronous
async def test_the_first_error_of_tasks_is_raised_as_it_is() -> None:
    async def fail() -> None:
        raise TransferError([Fault("a", "bad")])

    with pytest.raises(TransferError):
        await together([fail(), asyncio.sleep(10)])
