"""Datasets as inputs and outputs of a task."""

import asyncio
import os
from pathlib import Path

import pytest
from runtime.dataset_buckets import contents, keys, now, put, version
from runtime.loop import asynchronous

from osmo_ctrl.dataset.bucket import DatasetBucket
from osmo_ctrl.dataset.catalog import read_labels, resolve
from osmo_ctrl.dataset.collect import delete_versions
from osmo_ctrl.dataset.faults import DatasetError, Fault
from osmo_ctrl.dataset.records import Collection, Pin
from osmo_ctrl.datasets import Writer, Written, fetch_dataset, publish_dataset, resolve_for_run, written_by
from osmo_ctrl.document import DatasetInput, DatasetOutput, UpdateOutput
from osmo_ctrl.storage.store import Patience, Place, Store, open_store
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.transfers import Limits, TransferError

WRITER = Writer(id="flow-1/run/prepare/0001-abc", by="flow-1", origin={"workflow": "flow-1", "task": "prepare"})


@pytest.fixture
def store(place: Place) -> Store:
    return open_store(place, Patience(5))


@pytest.fixture
def bucket(store: Store) -> DatasetBucket:
    return DatasetBucket(store)


@pytest.fixture
def storage(tmp_path: Path) -> Store:
    return open_store(Place(f"file://{tmp_path}/storage"), Patience(1))


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """What a task left."""
    folder = tmp_path / "output"
    (folder / "out" / "cats" / "deep").mkdir(parents=True)
    (folder / "out" / "cats" / "tom.txt").write_text("tom")
    (folder / "out" / "cats" / "deep" / "run.sh").write_text("#!/bin/sh")
    (folder / "out" / "cats" / "deep" / "run.sh").chmod(0o755)
    (folder / "out" / "dogs.txt").write_text("rex")
    (folder / "about.yaml").write_text("source: {camera: left, rate: 30}\n")
    (folder / "more.json").write_text('{"source": {"rate": 60}, "tags": ["a", "b"]}')
    return folder


async def publish(bucket: DatasetBucket, given: DatasetOutput | UpdateOutput, folder: Path, writer: Writer = WRITER):  # type: ignore[no-untyped-def]
    return await publish_dataset(bucket, given, folder, writer, now(), Limits())


async def fetch(store: Store, pins: tuple[Pin, ...], target: Path, regex: str = "") -> dict[str, bytes]:
    input = DatasetInput(bucket="", name="cats", regex=regex)
    await fetch_dataset(store, pins, input, target, Progress(), Limits())
    return {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}


@asynchronous
async def test_an_output_becomes_a_version_and_an_input(bucket: DatasetBucket, output: Path, tmp_path: Path) -> None:
    given = DatasetOutput(
        bucket="", name="cats", tag="good", metadata=("about.yaml", "more.json"), labels=("more.json",)
    )
    done = await publish(bucket, given, output)
    assert done is not None and done.pin == Pin(name="cats", version=1)
    made = await version(bucket, 1)
    assert made.metadata == {"source": {"camera": "left", "rate": 60}, "tags": ["a", "b"]}
    assert made.origin == WRITER.origin
    assert (await read_labels(bucket.store, "cats"))[1] == {"source": {"rate": 60}, "tags": ["a", "b"]}
    there = await fetch(bucket.store, await resolve(bucket.store, "cats", "good"), tmp_path / "input")
    assert there == {f"cats/{path.relative_to(output)}": path.read_bytes() for path in output.rglob("*.*")}
    modes = {
        name: (tmp_path / f"input/cats/out/cats/{name}").stat().st_mode & 0o111 for name in ("deep/run.sh", "tom.txt")
    }
    assert modes == {"deep/run.sh": 0o111, "tom.txt": 0}


@pytest.mark.parametrize(
    ("path", "regex", "files"),
    [
        ("", "", {"out/cats/tom.txt", "out/cats/deep/run.sh", "out/dogs.txt", "about.yaml", "more.json"}),
        ("out/cats", "", {"cats/tom.txt", "cats/deep/run.sh"}),
        ("out\\cats", "", {"cats/tom.txt", "cats/deep/run.sh"}),
        ("./out/cats/", "", {"cats/tom.txt", "cats/deep/run.sh"}),
        ("out/cats/*", "", {"tom.txt", "deep/run.sh"}),
        ("out/dogs.txt", "", {"dogs.txt"}),
        ("out/cats", "cats/t", {"cats/tom.txt"}),
        ("", r".*\.txt$", {"out/cats/tom.txt", "out/dogs.txt"}),
    ],
)
@asynchronous
async def test_parts_of_an_output(storage: Store, output: Path, path: str, regex: str, files: set[str]) -> None:
    bucket = DatasetBucket(storage)
    await publish(bucket, DatasetOutput(bucket="", name="cats", path=path, regex=regex), output)
    assert set(await contents(bucket, 1)) == files


@pytest.mark.parametrize(
    ("paths", "files"),
    [
        ((), {"out/cats/tom.txt", "out/cats/deep/run.sh", "out/dogs.txt", "about.yaml", "more.json"}),
        (("out/dogs.txt",), {"dogs.txt"}),
        (("out/dogs.txt:animals/big",), {"animals/big/dogs.txt"}),
        (("out/cats:animals", "about.yaml"), {"animals/cats/tom.txt", "animals/cats/deep/run.sh", "about.yaml"}),
        (("out/cats/*:animals",), {"animals/tom.txt", "animals/deep/run.sh"}),
    ],
)
@asynchronous
async def test_parts_of_an_update(
    storage: Store, output: Path, tmp_path: Path, paths: tuple[str, ...], files: set[str]
) -> None:
    bucket = DatasetBucket(storage)
    await put(bucket, tmp_path, {"old": b"old", "about.yaml": b"old", "dogs.txt/as-a-folder": b"old"})
    await publish(bucket, UpdateOutput(bucket="", name="cats", paths=paths), output)
    found = await contents(bucket, 2)
    kept = {"old", "about.yaml"} if "dogs.txt" in files else {"old", "about.yaml", "dogs.txt/as-a-folder"}
    assert set(found) == files | kept
    assert found["old"] == b"old"


@asynchronous
async def test_an_output_without_files_is_no_version(storage: Store, output: Path, tmp_path: Path) -> None:
    bucket = DatasetBucket(storage)
    empty = tmp_path / "empty"
    empty.mkdir()
    given = DatasetOutput(bucket="", name="cats", path="out", metadata=("about.yaml",))
    assert await publish(bucket, given, empty) is None
    assert await publish(bucket, DatasetOutput(bucket="", name="cats", regex="nothing"), output) is None
    assert await keys(bucket) == []
    await put(bucket, tmp_path, {"a": b"1"})
    done = await publish(bucket, UpdateOutput(bucket="", name="cats"), empty)
    assert done is not None and done.pin.version == 1


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (DatasetOutput(bucket="", name="cats", path="gone"), "there is no `gone` in the output directory"),
        (DatasetOutput(bucket="", name="cats", path="../etc"), "`../etc`: a path with an empty part"),
        (DatasetOutput(bucket="", name="cats", path="/etc"), "`/etc`: not a relative path"),
        (DatasetOutput(bucket="", name="cats", regex="("), "`(` is not a regular expression"),
        (DatasetOutput(bucket="", name="cats", tag="7"), "`7` cannot be a tag"),
        (DatasetOutput(bucket="", name="c:ats"), "`c:ats` is not the name of a dataset"),
        (DatasetOutput(bucket="", name="cats", metadata=("gone.yaml",)), "there is no file `gone.yaml`"),
        (DatasetOutput(bucket="", name="cats", metadata=("out/dogs.txt",)), "out/dogs.txt: not a mapping"),
        (DatasetOutput(bucket="", name="cats", labels=("../x",)), "there is no file `../x`"),
        (UpdateOutput(bucket="", name="cats", paths=("out:../x",)), "`../x`: a path with an empty part"),
    ],
)
@asynchronous
async def test_what_cannot_be_published(
    storage: Store, output: Path, given: DatasetOutput | UpdateOutput, reason: str
) -> None:
    bucket = DatasetBucket(storage)
    with pytest.raises(DatasetError) as caught:
        await publish(bucket, given, output)
    assert reason in str(caught.value)
    assert [key for key in await keys(bucket) if "/versions/" in key] == []


@asynchronous
async def test_links_do_not_lead_out_of_the_output(storage: Store, output: Path) -> None:
    bucket = DatasetBucket(storage)
    (output / "out" / "link.txt").symlink_to("dogs.txt")
    (output / "out" / "folder").symlink_to("cats")
    done = await publish(bucket, DatasetOutput(bucket="", name="cats", path="out"), output)
    assert done is not None and done.warnings == ("out/folder: a link to a directory is left out",)
    assert (await contents(bucket, 1))["out/link.txt"] == b"rex"
    (output / "out" / "secret").symlink_to("/etc/passwd")
    os.mkfifo(output / "out" / "fifo")
    with pytest.raises(TransferError, match="out/fifo: a FIFO cannot be uploaded; out/secret: a link out of") as caught:
        await publish(bucket, DatasetOutput(bucket="", name="cats"), output)
    assert len(caught.value.faults) == 2
    await publish(bucket, DatasetOutput(bucket="", name="cats", path="out/cats"), output)
    await publish(bucket, DatasetOutput(bucket="", name="cats", regex="out/dogs"), output)


@asynchronous
async def test_what_is_there_already_is_not_fetched_again(bucket: DatasetBucket, tmp_path: Path) -> None:
    await put(bucket, tmp_path, {"a": b"1", "b/c": b"2", "empty": b""})
    pins = await resolve(bucket.store, "cats", "")
    files = {"cats/a": b"1", "cats/b/c": b"2", "cats/empty": b""}
    assert await fetch(bucket.store, pins, tmp_path / "input") == files
    (tmp_path / "input/cats/a").write_bytes(b"x")
    await bucket.store.remove(
        [key for key in await keys(bucket, "cats/objects") if await bucket.store.read(key) == b"2"]
    )
    assert await fetch(bucket.store, pins, tmp_path / "input") == files
    with pytest.raises(TransferError, match="cats/b/c: "):
        await fetch(bucket.store, pins, tmp_path / "other")


@asynchronous
async def test_a_part_of_a_version_is_fetched(storage: Store, tmp_path: Path) -> None:
    bucket = DatasetBucket(storage)
    await put(bucket, tmp_path, {"a/1": b"1", "b/a/2": b"2"})
    pins = await resolve(bucket.store, "cats", "1")
    assert set(await fetch(bucket.store, pins, tmp_path / "input", "a/")) == {"cats/a/1"}
    assert await fetch(bucket.store, pins, tmp_path / "none", "c") == {}
    assert (tmp_path / "none" / "cats").is_dir()


@asynchronous
async def test_a_collection_is_a_folder_for_each_dataset(bucket: DatasetBucket, tmp_path: Path) -> None:
    await put(bucket, tmp_path, {"a": b"1"})
    await put(bucket, tmp_path, {"a": b"2"}, name="dogs")
    pins = (Pin(name="cats", version=1), Pin(name="dogs", version=1))
    await bucket.store.write("pets/collection.json", Collection(pins=pins, set_at=now()).to_bytes())
    found = await resolve(bucket.store, "pets", "")
    assert await fetch(bucket.store, found, tmp_path / "input") == {"cats/a": b"1", "dogs/a": b"2"}
    for given in (DatasetOutput(bucket="", name="pets"), UpdateOutput(bucket="", name="pets")):
        with pytest.raises(DatasetError, match="`pets` is a collection, which has no versions"):
            await publish(bucket, given, tmp_path / "input")


@asynchronous
async def test_what_references_mean(bucket: DatasetBucket, tmp_path: Path) -> None:
    for tag in ("first", "good", ""):
        await put(bucket, tmp_path, {"a": tag.encode()}, tag=tag)
    store = bucket.store
    meant = {
        reference: (await resolve(store, "cats", reference))[0].version for reference in ("", "latest", "2", "good")
    }
    assert meant == {"": 3, "latest": 3, "2": 2, "good": 2}
    await delete_versions(bucket, "cats", [3, 1], "", now())
    assert (await resolve(store, "cats", ""))[0].version == 2
    for reference, fault in {
        "1": Fault.DELETED,
        "first": Fault.DELETED,
        "4": Fault.MISSING,
        "x": Fault.MISSING,
    }.items():
        with pytest.raises(DatasetError) as caught:
            await resolve(store, "cats", reference)
        assert caught.value.fault is fault
    for name, fault in {"dogs": Fault.MISSING, "../cats": Fault.INVALID, "": Fault.INVALID}.items():
        with pytest.raises(DatasetError) as caught:
            await resolve(store, name, "")
        assert caught.value.fault is fault


@asynchronous
async def test_all_tasks_of_a_run_see_the_same_version(bucket: DatasetBucket, storage: Store, tmp_path: Path) -> None:
    await put(bucket, tmp_path, {"a": b"1"}, tag="good")
    inputs = [DatasetInput(bucket="team", name="cats", version=version) for version in ("", "latest", "good", "1")]
    for given in inputs:
        assert (await resolve_for_run(bucket.store, storage, "flow/run", given, now()))[0].version == 1
    await put(bucket, tmp_path, {"a": b"2"}, tag="good")
    for given in inputs:
        assert (await resolve_for_run(bucket.store, storage, "flow/run", given, now()))[0].version == 1
    newer = [await resolve_for_run(bucket.store, storage, "flow/again", given, now()) for given in inputs]
    assert [pins[0].version for pins in newer] == [2, 2, 2, 1]
    found = sorted([one.path async for one in storage.list("flow/run")])
    assert found == [f"flow/run/datasets/team/cats/{name}.json" for name in ("1", "good", "latest")]


@asynchronous
async def test_who_asks_first_decides(bucket: DatasetBucket, storage: Store, tmp_path: Path) -> None:
    await put(bucket, tmp_path, {"a": b"1"})
    given = DatasetInput(bucket="", name="cats")

    async def ask() -> int:
        return (await resolve_for_run(bucket.store, storage, "flow/run", given, now()))[0].version

    answers = await asyncio.gather(ask(), put(bucket, tmp_path, {"a": b"2"}), *(ask() for _ in range(6)))
    assert len({answer for answer in answers if isinstance(answer, int)}) == 1


@asynchronous
async def test_a_version_that_is_deleted_during_a_run_is_read_to_the_end(
    bucket: DatasetBucket, storage: Store, tmp_path: Path
) -> None:
    await put(bucket, tmp_path, {"a": b"1"})
    inputs = [DatasetInput(bucket="", name="cats", version=version) for version in ("", "1")]
    for given in inputs:
        pins = await resolve_for_run(bucket.store, storage, "flow/run", given, now())
    await delete_versions(bucket, "cats", [1], "", now())
    for given in inputs:
        assert await resolve_for_run(bucket.store, storage, "flow/run", given, now()) == pins
        with pytest.raises(DatasetError):
            await resolve_for_run(bucket.store, storage, "flow/next", given, now())
    assert await fetch(bucket.store, pins, tmp_path / "input") == {"cats/a": b"1"}


def test_a_reader_gets_what_its_writers_made() -> None:
    given = DatasetInput(bucket="team", name="cats", writers=("a", "b"))
    made = [
        Written("team", Pin(name="cats", version=3)),
        Written("team", Pin(name="cats", version=4)),
        Written("", Pin(name="cats", version=9)),
        Written("team", Pin(name="dogs", version=8)),
    ]
    assert written_by(given, made) == (Pin(name="cats", version=4),)
    with pytest.raises(DatasetError, match="`a`, `b` left no files for dataset `cats`"):
        written_by(given, made[2:])
