"""Checkpoints: what changed goes up, a generation is complete or is not, and readers get the newest complete one."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from runtime.loop import asynchronous
from runtime.s3 import S3, Proxy
from runtime.s3 import Fault as Wrong

from osmo_ctrl import checkpoints as module
from osmo_ctrl.checkpoints import Checkpoints, Listed, Open, Taken, choose
from osmo_ctrl.document import UrlInput
from osmo_ctrl.files.tree import Fault, Stamp, walk
from osmo_ctrl.inputs import Origin, fetch
from osmo_ctrl.listings import newest_generation
from osmo_ctrl.records import CheckpointFile, Generation
from osmo_ctrl.storage.store import Patience, Place, StorageError, Store, open_store
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.transfers import Limits, TransferError

POD = "11111111-aaaa"


def listing(folder: Path) -> list[Listed]:
    return [Listed(entry.path, entry.stamp, entry.mode) for entry in walk(str(folder)).files]


def opening(folder: Path) -> Open:
    async def open(path: str) -> int:
        await asyncio.sleep(0)
        return os.open(folder / path, os.O_RDONLY)

    return open


@pytest.fixture
def store(place: Place) -> Store:
    return open_store(place, Patience(5))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "models"
    (made / "deep").mkdir(parents=True)
    (made / "deep/a").write_text("a1")
    (made / "b").write_text("b1")
    return made


def checkpoints(store: Store, pod: str = POD) -> Checkpoints:
    return Checkpoints(store, "models", pod, "flow-1/run-1/train/0", Limits())


async def take(taker: Checkpoints, folder: Path) -> Taken | None:
    return await taker.take(listing(folder), opening(folder), 1.0, Progress())


async def plain(store: Store) -> dict[str, bytes]:
    paths = [found.path async for found in store.list() if not found.path.startswith(".osmo")]
    return {path: await store.read(path) for path in paths}


async def restored(store: Store, target: Path, path: str = "") -> dict[str, str]:
    def store_of(url: str) -> Store:
        return open_store(replace(store._place, url=url), Patience(3))

    origin = Origin(storage=None, workflow_id="f", run="r", store_of=store_of)
    await fetch(UrlInput(url=store.url + path), target, origin, Progress(), Limits())
    return {str(file.relative_to(target)): file.read_text() for file in target.rglob("*") if file.is_file()}


@asynchronous
async def test_only_what_changed_goes_up(store: Store, folder: Path) -> None:
    taker = checkpoints(store)
    assert (await take(taker, folder)).uploaded == 2
    assert await plain(store) == {"models/deep/a": b"a1", "models/b": b"b1"}
    assert await take(taker, folder) is None
    (folder / "b").write_text("b2")
    (folder / "c").write_text("c1")
    second = await take(taker, folder)
    assert (second.generation.number, second.uploaded) == (2, 2)
    assert [file.path for file in second.generation.files] == ["b", "c", "deep/a"]
    assert await plain(store) == {"models/deep/a": b"a1", "models/b": b"b2", "models/c": b"c1"}


@asynchronous
async def test_another_pod_goes_on(store: Store, folder: Path) -> None:
    await take(checkpoints(store), folder)
    (folder / "b").write_text("b2")
    taken = await take(checkpoints(store, "22222222"), folder)
    assert (taken.generation.number, taken.uploaded) == (2, 1)


@asynchronous
async def test_readers_get_the_newest_complete_generation(store: Store, folder: Path, tmp_path: Path) -> None:
    taker = checkpoints(store)
    await take(taker, folder)
    (folder / "b").unlink()
    (folder / "deep/a").write_text("a2")
    await take(taker, folder)
    # Half of a third one: files, and a plain name, but no index.
    await store.write(".osmo-checkpoint/models/files/00000003-11111111/deep/a", b"a3")
    await store.write("models/deep/a", b"a3")
    await store.write("notes.txt", b"by hand")
    assert await restored(store, tmp_path / "0") == {"models/deep/a": "a2", "notes.txt": "by hand"}
    assert await restored(store, tmp_path / "1", "/models") == {"deep/a": "a2"}
    assert await restored(store, tmp_path / "2", "/models/deep/") == {"a": "a2"}


@asynchronous
async def test_an_index_that_is_not_written_makes_no_generation(s3: S3, folder: Path, proxy: Proxy) -> None:
    proxy.rule = lambda request: Wrong(503) if request.is_of("PUT", "/generations/") else None
    with pytest.raises(StorageError):
        await take(checkpoints(s3.store("saved", 0.3, proxy.port)), folder)
    assert await newest_generation(s3.store("saved"), "models") is None
    proxy.rule = lambda request: None
    assert (await take(checkpoints(s3.store("saved")), folder)).generation.number == 1


@asynchronous
async def test_copies_that_were_not_made_are_made_later(s3: S3, folder: Path, proxy: Proxy) -> None:
    proxy.rule = lambda request: (
        Wrong(503) if request.method == "PUT" and b"x-amz-copy-source" in request.head else None
    )
    with pytest.raises(StorageError):
        await take(checkpoints(s3.store("saved", 0.3, proxy.port)), folder)
    assert await plain(s3.store("saved")) == {}
    assert await take(checkpoints(s3.store("saved")), folder) is None
    assert await plain(s3.store("saved")) == {"models/deep/a": b"a1", "models/b": b"b1"}


@asynchronous
async def test_a_file_that_moves_waits_for_the_next_round(store: Store, folder: Path, tmp_path: Path) -> None:
    taker = checkpoints(store)
    await take(taker, folder)
    (folder / "b").write_text("b2")
    (folder / "new").write_text("n1")
    listed = listing(folder)
    (folder / "b").write_text("b3, longer")
    (folder / "new").write_text("n2, longer")
    taken = await taker.take(listed, opening(folder), 1.0, Progress())
    assert [fault.path for fault in taken.waiting] == ["b", "new"]
    assert await restored(store, tmp_path / "0") == {"models/deep/a": "a1", "models/b": "b1"}
    assert (await take(taker, folder)).uploaded == 2
    assert await restored(store, tmp_path / "1") == {
        "models/deep/a": "a1", "models/b": "b3, longer", "models/new": "n2, longer",
    }  # fmt: skip


@asynchronous
async def test_a_file_that_cannot_be_read_fails_the_checkpoint(store: Store, folder: Path) -> None:
    async def open(path: str) -> int:
        if path == "b":
            raise PermissionError(13, "Permission denied")
        return await opening(folder)(path)

    with pytest.raises(TransferError) as caught:
        await checkpoints(store).take(listing(folder), open, 1.0, Progress())
    assert caught.value.faults == (Fault("b", "permission denied"),)
    assert await newest_generation(store, "models") is None


@asynchronous
async def test_a_file_that_went_meanwhile_is_left_out(store: Store, folder: Path, tmp_path: Path) -> None:
    listed = listing(folder)
    (folder / "b").unlink()
    taken = await checkpoints(store).take(listed, opening(folder), 1.0, Progress())
    assert [fault.path for fault in taken.waiting] == ["b"]
    assert await restored(store, tmp_path / "0") == {"models/deep/a": "a1"}


@asynchronous
async def test_an_agent_that_does_not_answer_fails_the_checkpoint(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def open(path: str) -> int:
        await asyncio.sleep(10)
        return -1

    monkeypatch.setattr(module, "_LONGEST_OPEN", 0.1)
    with pytest.raises(TransferError, match="b: nobody opened it in time"):
        await checkpoints(store).take(listing(folder), open, 1.0, Progress())


@asynchronous
async def test_old_generations_go(store: Store, folder: Path, tmp_path: Path) -> None:
    taker = checkpoints(store)
    for number in range(6):
        (folder / "b").write_text(f"b{number}" * (number + 1))
        await take(taker, folder)
    paths = sorted([found.path async for found in store.list(".osmo-checkpoint/models")])
    assert [path.removeprefix(".osmo-checkpoint/models/") for path in paths] == [
        "files/00000001-11111111/deep/a",
        *(f"files/0000000{number}-11111111/b" for number in (4, 5, 6)),
        *(f"generations/0000000{number}.json" for number in (4, 5, 6)),
    ]
    assert (await restored(store, tmp_path / "0"))["models/deep/a"] == "a1"


@asynchronous
async def test_two_writers_make_two_generations(tmp_path: Path) -> None:
    store = open_store(Place(f"{tmp_path}/saved"), Patience(1))
    folders = []
    for number in range(2):
        folder = tmp_path / f"of-{number}"
        folder.mkdir()
        (folder / "file").write_text(str(number))
        folders.append(folder)
    taken = await asyncio.gather(
        *(take(checkpoints(store, f"{number}" * 8), folder) for number, folder in enumerate(folders))
    )
    assert {one.generation.number for one in taken} == {1, 2}
    newest = max(taken, key=lambda one: one.generation.number)
    key = newest.generation.files[0].key
    assert await store.read(f".osmo-checkpoint/models/files/{key}") in (b"0", b"1")


@asynchronous
async def test_what_is_too_large_to_be_copied_is_sent_again(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LARGEST_COPY", 1024 * 1024)
    content = os.urandom(18 * 1024 * 1024)
    (folder / "large").write_bytes(content)
    await take(checkpoints(store), folder)
    assert (await plain(store))["models/large"] == content


stamps = some.builds(Stamp, some.integers(0, 2), some.integers(0, 2))


@given(some.dictionaries(some.sampled_from("abc"), stamps), some.dictionaries(some.sampled_from("abc"), stamps))
def test_what_changed(before: dict[str, Stamp], now: dict[str, Stamp]) -> None:
    files = tuple(
        CheckpointFile(path=path, key="k", size=stamp.size, modified=stamp.modified, sha256="0" * 64)
        for path, stamp in before.items()
    )
    generation = Generation(number=1, writer="me", taken_at=0, files=files)
    same, changed = choose([Listed(path, stamp) for path, stamp in now.items()], generation)
    assert {file.path for file in same} == {path for path, stamp in now.items() if before.get(path) == stamp}
    assert {file.path for file in changed} == now.keys() - {file.path for file in same}
