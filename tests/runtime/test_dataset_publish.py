"""Versions come to be whole or not at all, once for each writer, and store nothing twice."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from runtime.dataset_buckets import contents, keys, local, local_file, now, put, serve_without_conditions, version
from runtime.loop import asynchronous
from runtime.s3 import S3, Proxy, new_bucket
from runtime.s3 import Fault as HttpFault

from osmo_ctrl.dataset.bucket import DatasetBucket, check_create_only
from osmo_ctrl.dataset.catalog import read_labels, read_numbers, read_tags, resolve
from osmo_ctrl.dataset.commit import Draft, commit
from osmo_ctrl.dataset.contents import Local
from osmo_ctrl.dataset.faults import DatasetError, Fault
from osmo_ctrl.dataset.publish import Publication, publish
from osmo_ctrl.dataset.records import Pin
from osmo_ctrl.storage.store import Patience, Place, open_store
from osmo_ctrl.transfer.transfers import Limits, TransferError

MIB = 1024 * 1024


@pytest.fixture
def bucket(place: Place) -> DatasetBucket:
    return DatasetBucket(open_store(place, Patience(5)))


@asynchronous
async def test_a_version_has_its_files(bucket: DatasetBucket, tmp_path: Path) -> None:
    files = {"a/tom.txt": b"tom", "empty": b"", "ümlaut \n?": b"\0", "large": os.urandom(17 * MIB)}
    done = await put(bucket, tmp_path, files, metadata={"made": "here"})
    assert done.pin == Pin(name="cats", version=1)
    assert (done.files, done.size, done.uploaded.files) == (4, 17 * MIB + 4, 4)
    assert await contents(bucket, 1) == files
    assert (await version(bucket, 1)).metadata == {"made": "here"}


@asynchronous
async def test_unchanged_files_are_stored_once(bucket: DatasetBucket, tmp_path: Path) -> None:
    await put(bucket, tmp_path, {"a": b"same", "b": b"same", "c": b"old"})
    done = await put(bucket, tmp_path, {"d": b"same", "c": b"new"})
    assert (done.uploaded.files, done.uploaded.size) == (1, 3)
    assert len(await keys(bucket, "cats/objects")) == 3
    assert await contents(bucket, 2) == {"d": b"same", "c": b"new"}


@asynchronous
async def test_the_newest_version_will_do_if_it_has_these_files(bucket: DatasetBucket, tmp_path: Path) -> None:
    files = {"a": b"one", "b/c": b"two"}
    await put(bucket, tmp_path, files)
    assert (await put(bucket, tmp_path, files, reuse=True)).pin.version == 1
    assert (await put(bucket, tmp_path, files)).pin.version == 2, "it was not asked for"
    assert (await put(bucket, tmp_path, {"a": b"one"}, reuse=True)).pin.version == 3, "a file less"
    assert (await put(bucket, tmp_path, files, reuse=True)).pin.version == 4, "an older version is not the newest"


@asynchronous
async def test_objects_that_are_old_or_of_another_size_are_uploaded_again(
    bucket: DatasetBucket, tmp_path: Path
) -> None:
    await put(bucket, tmp_path, {"a": b"one", "b": b"other"})
    assert (await put(bucket, tmp_path, {"a": b"one"}, now=now(days=6.9))).uploaded.files == 0
    assert (await put(bucket, tmp_path, {"a": b"one"}, now=now(days=7.1))).uploaded.files == 1
    (broken,) = [key for key in await keys(bucket, "cats/objects") if (await bucket.store.read(key)) == b"other"]
    await bucket.store.write(broken, b"half")
    assert (await put(bucket, tmp_path, {"b": b"other"})).uploaded.files == 1
    assert await contents(bucket, 4) == {"b": b"other"}


@asynchronous
async def test_many_objects_are_found_by_a_listing(bucket: DatasetBucket, tmp_path: Path) -> None:
    files = {f"{n}": str(n).encode() for n in range(501)}
    assert (await put(bucket, tmp_path, files)).uploaded.files == 501
    assert (await put(bucket, tmp_path, files | {"new": b"new"})).uploaded.files == 1


@asynchronous
async def test_writers_at_once_get_versions_of_their_own(bucket: DatasetBucket, tmp_path: Path) -> None:
    done = await asyncio.gather(*(put(bucket, tmp_path, {"a": str(n).encode()}) for n in range(8)))
    assert sorted(one.pin.version for one in done) == [1, 2, 3, 4, 5, 6, 7, 8]
    for n, one in enumerate(done):
        assert await contents(bucket, one.pin.version) == {"a": str(n).encode()}


@asynchronous
async def test_updates_at_once_lose_nothing(bucket: DatasetBucket, tmp_path: Path) -> None:
    await put(bucket, tmp_path, {"base": b"base", "0": b"old"})
    updates = [put(bucket, tmp_path, {str(n): b"new"}, base="", metadata={f"m{n}": n}) for n in range(6)]
    done = await asyncio.gather(*updates)
    assert sorted(one.pin.version for one in done) == [2, 3, 4, 5, 6, 7]
    for number in range(2, 8):
        assert (await version(bucket, number)).base == number - 1
    assert await contents(bucket, 7) == {"base": b"base"} | {str(n): b"new" for n in range(6)}
    assert set((await version(bucket, 7)).metadata) == {f"m{n}" for n in range(6)}


def test_two_processes_get_versions_of_their_own(s3: S3, tmp_path: Path) -> None:
    """Through the door that osmoc uses."""
    processes = []
    place = {"url": f"s3://{s3.bucket}/datasets", "endpoint": s3.endpoint, "region": "us-east-1"}
    place["credential"] = dict(s3.place().credential)  # type: ignore[assignment]
    for n in range(2):
        folder = tmp_path / f"process-{n}"
        folder.mkdir()
        (folder / "file").write_text(str(n))
        request = {"operation": "upload", "bucket": place, "name": "cats", "sources": [f"{folder}/."]}
        process = subprocess.Popen(
            [sys.executable, "-m", "osmo_ctrl.dataset"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        processes.append((process, json.dumps(request)))
    for process, text in processes:
        assert process.stdin is not None
        process.stdin.write(text)
        process.stdin.close()
        process.stdin = None
    results = [json.loads(process.communicate()[0].splitlines()[-1]) for process, _ in processes]
    assert sorted(one["result"]["version"] for one in results) == [1, 2]


@asynchronous
async def test_an_update_of_a_pinned_version_keeps_that_base(bucket: DatasetBucket, tmp_path: Path) -> None:
    await put(bucket, tmp_path, {"a": b"1", "b": b"1"}, tag="good")
    await put(bucket, tmp_path, {"a": b"2"})
    for base in ("1", "good"):
        done = await put(bucket, tmp_path, {"b": b"3"}, base=base)
        assert await contents(bucket, done.pin.version) == {"a": b"1", "b": b"3"}
        assert (await version(bucket, done.pin.version)).base == 1


@asynchronous
async def test_an_update_can_leave_files_out(bucket: DatasetBucket, tmp_path: Path) -> None:
    await put(bucket, tmp_path, {"a.tmp": b"1", "b": b"1"})
    await put(bucket, tmp_path, {"c.tmp": b"1"}, base="", remove=re.compile(r".*\.tmp$"))
    assert set(await contents(bucket, 2)) == {"b", "c.tmp"}


@asynchronous
async def test_an_update_needs_a_base(bucket: DatasetBucket, tmp_path: Path) -> None:
    for base in ("", "3", "good"):
        with pytest.raises(DatasetError) as caught:
            await put(bucket, tmp_path, {"a": b"1"}, base=base)
        assert caught.value.fault is Fault.MISSING


@asynchronous
async def test_a_writer_that_begins_again_gets_the_version_that_he_made(bucket: DatasetBucket, tmp_path: Path) -> None:
    begun = now()
    first = await put(bucket, tmp_path, {"a": b"1"}, writer="pod-1", begun=begun)
    await put(bucket, tmp_path, {"a": b"2"}, writer="pod-2", begun=begun)
    again = await put(bucket, tmp_path, {"a": b"1"}, writer="pod-1", begun=begun, tag="good", labels={"k": "v"})
    assert first.pin == again.pin
    assert (await read_numbers(bucket.store, "cats")).highest == 2
    assert await read_tags(bucket.store, "cats") == {"good": 1}
    assert await read_labels(bucket.store, "cats") == (1, {"k": "v"})


@asynchronous
async def test_labels_of_two_writers_at_once_are_merged(bucket: DatasetBucket, tmp_path: Path) -> None:
    writers = [put(bucket, tmp_path, {}, labels={"of": {f"w{n}": n}, "all": True}) for n in range(5)]
    await asyncio.gather(*writers)
    number, labels = await read_labels(bucket.store, "cats")
    assert labels == {"of": {f"w{n}": n for n in range(5)}, "all": True}
    assert number == 5


@asynchronous
async def test_a_tag_moves(bucket: DatasetBucket, tmp_path: Path) -> None:
    await put(bucket, tmp_path, {"a": b"1"}, tag="good")
    assert await resolve(bucket.store, "cats", "good") == (Pin(name="cats", version=1),)
    await put(bucket, tmp_path, {"a": b"2"}, tag="good")
    assert await resolve(bucket.store, "cats", "good") == (Pin(name="cats", version=2),)
    for tag in ("3", "latest", "a/b", "a b", ""):
        with pytest.raises(DatasetError):
            await put(bucket, tmp_path, {"a": b"2"}, tag=tag or ".")
    assert (await read_numbers(bucket.store, "cats")).highest == 2


@asynchronous
async def test_nothing_is_visible_before_the_commit(s3: S3, proxy: Proxy, tmp_path: Path) -> None:
    """A writer dies at each of its requests in turn; what it leaves is no version, and the next one is whole."""
    plain = DatasetBucket(s3.store("datasets"))
    await put(plain, tmp_path, {"a": b"first"})
    for stop in range(20):
        proxy.requests.clear()
        proxy.rule = lambda request, stop=stop: HttpFault(status=403) if request.number >= stop else None
        dying = DatasetBucket(s3.store("datasets", port=proxy.port))
        try:
            await put(dying, tmp_path, {"b": os.urandom(8), "c": os.urandom(17 * MIB)})
            break
        except Exception:
            numbers = (await read_numbers(plain.store, "cats")).live
            assert numbers == (1,)
            for number in numbers:
                await contents(plain, number)
    else:
        raise AssertionError("it never came through")
    assert set(await contents(plain, max((await read_numbers(plain.store, "cats")).live))) == {"b", "c"}


@asynchronous
@pytest.mark.parametrize("size", [10, 17 * MIB])
async def test_a_file_that_changes_after_it_was_read_makes_no_object(
    bucket: DatasetBucket, tmp_path: Path, size: int
) -> None:
    """Its name would lie about its content, and other versions would have it. Not even if its times are put back."""
    file = tmp_path / "file"
    file.write_bytes(b"a" * size)
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    opened = []

    def open_() -> int:
        if opened:
            file.write_bytes(b"b" * size)
            os.utime(file, ns=times)
        opened.append(1)
        return os.open(file, os.O_RDONLY)

    changing = Local("x/file", local_file(file, "").stamp, open_)
    with pytest.raises(TransferError, match="x/file: it changed while it was read"):
        await publish(bucket, Publication(name="cats", files=[changing], writer="w", now=now()), Limits())
    assert await keys(bucket, "cats") == []


@asynchronous
async def test_files_that_cannot_be_read_are_all_named(bucket: DatasetBucket, tmp_path: Path) -> None:
    changed = local(tmp_path, "changed", b"12345")
    for file in tmp_path.iterdir():
        if file.is_file():
            file.write_bytes(b"1234")
    gone = Local("gone", changed.stamp, lambda: os.open(tmp_path / "gone", os.O_RDONLY))
    with pytest.raises(TransferError, match="changed: it changed while it was read; gone: no such file") as caught:
        await publish(bucket, Publication(name="cats", files=[gone, changed], writer="w", now=now()), Limits())
    assert len(caught.value.faults) == 2


@asynchronous
async def test_a_store_that_refuses_to_create_twice_is_asked_once(bucket: DatasetBucket) -> None:
    for _ in range(3):
        await check_create_only(bucket)
    assert await keys(bucket) == [".osmo-create-only.json"]


def test_a_store_that_ignores_conditions_is_refused_unless_there_is_a_single_writer(tmp_path: Path) -> None:
    with serve_without_conditions() as port:
        s3 = new_bucket(port)

        @asynchronous
        async def body() -> None:
            bucket = DatasetBucket(s3.store())
            for _ in range(2):
                with pytest.raises(DatasetError, match="single_writer: true") as caught:
                    await put(bucket, tmp_path, {"a": b"1"})
                assert caught.value.fault is Fault.UNSAFE
                assert await keys(bucket) == []
            alone = DatasetBucket(s3.store(), single_writer=True)
            await put(alone, tmp_path, {"a": b"1"})
            await put(alone, tmp_path, {"a": b"2"}, labels={"a": 1})
            assert await contents(alone, 1) == {"a": b"1"}
            assert await contents(alone, 2) == {"a": b"2"}
            # Whose version has appeared meanwhile is seen even so.
            assert not await alone.create("cats/versions/2.json", b"")

        body()


@asynchronous
async def test_a_store_that_does_not_know_conditions(s3: S3, proxy: Proxy, tmp_path: Path) -> None:
    proxy.rule = lambda request: HttpFault(status=501) if b"if-none-match" in request.head.lower() else None
    with pytest.raises(DatasetError, match="cannot create objects on the condition"):
        await put(DatasetBucket(s3.store(port=proxy.port)), tmp_path, {"a": b"1"})
    alone = DatasetBucket(s3.store(port=proxy.port), single_writer=True)
    assert (await put(alone, tmp_path, {"a": b"1"})).pin.version == 1


@asynchronous
async def test_numbers_of_a_folder_that_others_write_into(bucket: DatasetBucket, tmp_path: Path) -> None:
    for name in ("README.md", "03.json", "-1.json", "x.json", "7.json.bak"):
        await bucket.store.write(f"cats/versions/{name}", b"what")
    assert (await put(bucket, tmp_path, {"a": b"1"})).pin.version == 1
    await bucket.store.write("cats/versions/2.json", b"{")
    draft = Draft(name="cats", layers=(), base="", writer="w", now=now())
    with pytest.raises(DatasetError, match=r"cats/versions/2\.json is damaged") as caught:
        await commit(bucket, draft)
    assert caught.value.fault is Fault.DAMAGED
