"""Deleted versions, garbage, and objects that are not what they were."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from runtime.dataset_buckets import contents, keys, now, put
from runtime.loop import asynchronous

from osmo_ctrl.dataset.bucket import DatasetBucket
from osmo_ctrl.dataset.catalog import Numbers, read_files, read_numbers, resolve
from osmo_ctrl.dataset.collect import Collected, collect, delete_versions, expired, garbage, is_trusted
from osmo_ctrl.dataset.faults import DatasetError, Fault
from osmo_ctrl.dataset.records import Pin
from osmo_ctrl.dataset.verify import Damaged, verify
from osmo_ctrl.storage.store import Found, Patience, Place, open_store

NOW = datetime(2026, 6, 30, tzinfo=UTC)


@pytest.fixture
def bucket(place: Place) -> DatasetBucket:
    return DatasetBucket(open_store(place, Patience(5)))


def found(name: str, days: float, size: int = 1) -> Found:
    return Found(f"cats/objects/{name}", size, NOW - timedelta(days=days))


def test_garbage_is_old_and_in_no_version() -> None:
    objects = [found("used", 100), found("young", 13.9), found("old", 14.1)]
    assert [one.path for one in garbage(objects, frozenset({"used"}), NOW)] == ["cats/objects/old"]


@given(some.lists(some.tuples(some.integers(0, 9), some.floats(0, 30), some.booleans())))
def test_whatever_a_writer_trusts_outlives_a_week(objects: list[tuple[int, float, bool]]) -> None:
    """Trusted now, and committed within a week: garbage at no time before that."""
    for size, days, _ in objects:
        if is_trusted(found("a", days, size), size, NOW):
            assert garbage([found("a", days, size)], frozenset(), NOW + timedelta(days=7)) == []


def test_what_a_writer_trusts() -> None:
    assert is_trusted(found("a", 6.9), 1, NOW)
    assert not is_trusted(found("a", 7), 1, NOW)
    assert not is_trusted(found("a", 1), 2, NOW)
    assert not is_trusted(None, 0, NOW)


def test_a_deleted_version_counts_for_two_weeks() -> None:
    numbers = Numbers(dict.fromkeys([1, 2, 3], NOW), {1: NOW - timedelta(days=15), 3: NOW - timedelta(days=13)})
    assert expired(numbers, NOW) == (1,)
    assert (numbers.live, numbers.latest, numbers.highest) == ((2,), 2, 3)


@asynchronous
async def test_gc_leaves_what_is_used_or_young(bucket: DatasetBucket, tmp_path: Path) -> None:
    await put(bucket, tmp_path, {"a": b"1", "b": b"shared"})
    await put(bucket, tmp_path, {"c": b"shared"})
    await bucket.store.write("cats/objects/" + "0" * 64, b"of a writer that died")
    assert await collect(bucket, "cats", now(days=13)) == Collected(0, 0, ())
    assert await collect(bucket, "cats", now(days=15), dry_run=True) == Collected(1, 21, ())
    assert await collect(bucket, "cats", now(days=15)) == Collected(1, 21, ())
    assert await collect(bucket, "cats", now(days=15)) == Collected(0, 0, ())
    assert await contents(bucket, 1) == {"a": b"1", "b": b"shared"}


@asynchronous
async def test_a_deleted_version_goes_after_two_weeks_and_its_number_never(
    bucket: DatasetBucket, tmp_path: Path
) -> None:
    await put(bucket, tmp_path, {"a": b"1", "b": b"shared"})
    await put(bucket, tmp_path, {"c": b"shared"})
    await put(bucket, tmp_path, {"d": b"3"})
    await delete_versions(bucket, "cats", [1, 3], "me", now())
    await delete_versions(bucket, "cats", [1], "me", now())
    assert await collect(bucket, "cats", now(days=13.9)) == Collected(0, 0, ())
    assert await contents(bucket, 1) == {"a": b"1", "b": b"shared"}
    done = await collect(bucket, "cats", now(days=14.1))
    assert done == Collected(2, 2, (1, 3))
    assert await collect(bucket, "cats", now(days=14.1)) == Collected(0, 0, ())
    with pytest.raises(DatasetError, match="version 1 of dataset `cats` is deleted") as caught:
        await read_files(bucket.store, Pin(name="cats", version=1))
    assert caught.value.fault is Fault.DELETED
    assert await contents(bucket, 2) == {"c": b"shared"}
    assert (await put(bucket, tmp_path, {"e": b"4"})).pin.version == 4


@asynchronous
async def test_an_update_after_a_deletion_has_the_newest_that_is_left_as_base(
    bucket: DatasetBucket, tmp_path: Path
) -> None:
    await put(bucket, tmp_path, {"a": b"1"})
    await put(bucket, tmp_path, {"b": b"2"})
    await delete_versions(bucket, "cats", [2], "", now())
    assert (await put(bucket, tmp_path, {"c": b"3"}, base="")).pin.version == 3
    assert await contents(bucket, 3) == {"a": b"1", "c": b"3"}


@asynchronous
async def test_a_dataset_without_versions(bucket: DatasetBucket, tmp_path: Path) -> None:
    await put(bucket, tmp_path, {"a": b"1"})
    await delete_versions(bucket, "cats", [1], "", now())
    with pytest.raises(DatasetError, match="has no version: all of its versions are deleted"):
        await resolve(bucket.store, "cats", "")
    await collect(bucket, "cats", now(days=30))
    assert [key for key in await keys(bucket, "cats") if "objects" in key] == []
    assert (await read_numbers(bucket.store, "cats")).highest == 1


@asynchronous
async def test_gc_removes_nothing_if_it_cannot_read_a_version(bucket: DatasetBucket, tmp_path: Path) -> None:
    await put(bucket, tmp_path, {"a": b"1"})
    await bucket.store.write("cats/objects/" + "0" * 64, b"garbage?")
    await bucket.store.write("cats/versions/2.json", b'{"format": 2}')
    with pytest.raises(DatasetError, match=r"versions/2\.json is damaged: format: ") as caught:
        await collect(bucket, "cats", now(days=15))
    assert caught.value.fault is Fault.DAMAGED
    assert "cats/objects/" + "0" * 64 in await keys(bucket)


@asynchronous
async def test_gc_spares_what_was_uploaded_again_since_it_looked(bucket: DatasetBucket, tmp_path: Path) -> None:
    """The listing shows an old object; by the time of its removal a writer has renewed it."""
    await put(bucket, tmp_path, {"a": b"1"})
    await bucket.store.write("cats/objects/" + "0" * 64, b"renewed")

    class Late:
        def __getattr__(self, name: str) -> object:
            return getattr(bucket.store, name)

        async def find(self, path: str) -> Found | None:
            there = await bucket.store.find(path)
            assert there is not None
            return Found(path, there.size, now(days=15))

    late = DatasetBucket(Late())  # type: ignore[arg-type]
    assert (await collect(late, "cats", now(days=15))).objects == 1
    assert "cats/objects/" + "0" * 64 in await keys(bucket)


@asynchronous
async def test_verify_finds_what_is_damaged(bucket: DatasetBucket, tmp_path: Path) -> None:
    large = b"x" * (9 * 1024 * 1024)
    await put(
        bucket, tmp_path, {"good": b"1", "empty": b"", "large": large, "bad": b"2", "gone": b"3", "short": b"444"}
    )
    await put(bucket, tmp_path, {"bad too": b"2"})
    done = await verify(bucket.store, "cats", [1, 2])
    assert (done.objects, done.size, done.damages) == (6, len(large) + 6, ())
    by_content = {await bucket.store.read(key): key for key in await keys(bucket, "cats/objects")}
    await bucket.store.write(by_content[b"2"], b"8")
    await bucket.store.write(by_content[b"444"], b"4")
    await bucket.store.remove([by_content[b"3"]])
    await bucket.store.write(by_content[large], large[:-1] + b"y")
    gone, short = Damaged(1, "gone", "missing"), Damaged(1, "short", "size")
    bad, bad_too, changed = Damaged(1, "bad", "digest"), Damaged(2, "bad too", "digest"), Damaged(1, "large", "digest")
    assert (await verify(bucket.store, "cats", [1, 2], quick=True)).damages == (gone, short)
    assert (await verify(bucket.store, "cats", [1, 2])).damages == (bad, gone, changed, short, bad_too)
