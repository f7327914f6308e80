"""Paths, merges and metadata; and records that somebody else may have written."""

import doctest
import json
import os
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import assume, given
from hypothesis import strategies as some
from runtime.dataset_buckets import now, put
from runtime.loop import asynchronous

from osmo_ctrl.dataset import layout, merge, paths
from osmo_ctrl.dataset.bucket import DatasetBucket
from osmo_ctrl.dataset.faults import DatasetError, Fault
from osmo_ctrl.dataset.fetch import fetch, wanted_files
from osmo_ctrl.dataset.merge import Difference, difference, merge_maps, overlay
from osmo_ctrl.dataset.metadata import LARGEST, read_map, read_maps
from osmo_ctrl.dataset.paths import fault_of_path, parse_source, path_in_dataset
from osmo_ctrl.dataset.records import File, Pin, Version, parse
from osmo_ctrl.storage.store import Patience, Place, open_store
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.transfers import Limits, TransferError

PIN = Pin(name="cats", version=1)
PARTS = some.sampled_from(["a", "b", "..", ".", "", "ä", "etc", "\0", "x" * 256, "\ud800", "a\\b", "\n"])
HOSTILE = some.one_of(some.text(max_size=30), some.lists(PARTS, max_size=4).map("/".join))


def file(path: str, digit: str = "0", size: int = 1) -> File:
    return File(path, size, digit * 64)


@pytest.mark.parametrize("module", [merge, paths])
def test_examples_of_the_modules(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


@given(HOSTILE)
def test_a_path_of_a_dataset_stays_in_its_folder(path: str) -> None:
    assume(not fault_of_path(path))
    whole = os.path.normpath(f"/target/cats/{path}")
    assert whole == f"/target/cats/{path}"


@given(HOSTILE)
def test_a_source_stays_in_the_output_directory(text: str) -> None:
    try:
        source = parse_source(text)
    except DatasetError as error:
        assert error.fault is Fault.INVALID
        return
    for path in (source.path, source.destination):
        assert not path or not fault_of_path(path)
    assert not fault_of_path(path_in_dataset(source, "file")) or len(source.path) > 200


def a_version(*names: str) -> bytes:
    """As somebody may write it who has no good in mind."""
    files = [{"path": name, "size": 1, "sha256": f"{n:064x}"} for n, name in enumerate(names)]
    record = {"format": 1, "name": "cats", "number": 1, "created_at": "2026-01-01T00:00:00Z", "files": files}
    return json.dumps(record).encode()


@given(some.lists(HOSTILE, max_size=4))
def test_hostile_names_of_a_version_never_leave_the_target(names: list[str]) -> None:
    try:
        files = parse(Version, a_version(*names), "cats/versions/1.json").files or ()
        wanted = list(wanted_files(PIN, files, None))
    except DatasetError as error:
        assert error.fault is Fault.DAMAGED
        return
    paths_ = [one.path for one in wanted]
    assert all(os.path.normpath(path) == path and path.startswith("cats/") for path in paths_)
    assert len({*paths_}) == len(names)
    assert not any(one != two and one.startswith(f"{two}/") for one in paths_ for two in paths_)


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "..", "a//b", "", "a/./b", "a\0b", "x" * 300])
@asynchronous
async def test_a_hostile_version_is_not_downloaded(tmp_path: Path, name: str) -> None:
    store = open_store(Place(f"file://{tmp_path}/bucket"), Patience(1))
    await store.write("cats/versions/1.json", a_version("good", name))
    await store.write(layout.content("cats", f"{1:064x}"), b"!")
    with pytest.raises(DatasetError, match=r"cats/versions/1\.json is damaged: files\.1\.path"):
        await fetch(store, [PIN], tmp_path / "target", None, Progress(), Limits())
    assert not (tmp_path / "target").exists()


@asynchronous
async def test_links_in_the_target_are_not_followed(tmp_path: Path) -> None:
    bucket = DatasetBucket(open_store(Place(f"file://{tmp_path}/bucket"), Patience(1)))
    source, target, outside = tmp_path / "source", tmp_path / "target", tmp_path / "outside"
    for folder in (source, target / "cats", outside):
        folder.mkdir(parents=True)
    await put(bucket, source, {"a/evil": b"1"})
    (target / "cats" / "a").symlink_to(outside)
    with pytest.raises(TransferError, match="cats/a/evil: "):
        await fetch(bucket.store, [PIN], target, None, Progress(), Limits())
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        a_version("a").replace(b'"format": 1', b'"format": 2'),
        a_version("a").replace(b"0" * 64, b"../../../secret"),
        a_version("a").replace(b'"size": 1', b'"size": -1'),
        a_version("a").replace(b'"cats"', b'"../cats"'),
        b"[" * 100_000,
    ],
)
def test_a_damaged_record_is_a_fault(content: bytes) -> None:
    with pytest.raises(DatasetError, match=r"^x is damaged: ") as caught:
        parse(Version, content, "x")
    assert caught.value.fault is Fault.DAMAGED


@given(some.lists(some.lists(some.sampled_from(["a", "b", "a/b", "a/b/c", "b/a", "c"]), unique=True), max_size=3))
def test_an_overlay_has_no_path_that_is_file_and_folder(layers: list[list[str]]) -> None:
    made = overlay([[file(path, str(n)) for path in layer] for n, layer in enumerate(layers)])
    found = [one.path for one in made]
    assert found == sorted({*found})
    assert not any(one.startswith(f"{two}/") for one in found for two in found)
    if layers and layers[0] and not any("/" in path for path in layers[0]):
        assert {path for path in found if path in layers[0]} == {*layers[0]}


def test_an_overlay_keeps_the_first_of_equal_paths() -> None:
    assert overlay([[file("a", "1")], [file("a", "2"), file("b", "2")]]) == (file("a", "1"), file("b", "2"))


def test_differences() -> None:
    old = [file("same"), file("gone"), file("changed", "1", 1)]
    new = [file("same"), file("new"), file("changed", "2", 2)]
    changed = (file("changed", "1", 1), file("changed", "2", 2))
    assert difference(old, new) == Difference((file("new"),), (file("gone"),), (changed,))


def test_maps_are_merged() -> None:
    assert merge_maps({"a": {"b": 1}, "c": 1}, {"a": 2, "c": {"d": 1}}) == {"a": 2, "c": {"d": 1}}


def test_metadata_of_several_files() -> None:
    files = [("a.yaml", b"a: {b: 1}\nday: 2026-01-02\nnone:\n"), ("b.json", b'{"a": {"c": [1, 2.5]}}'), ("c.yaml", b"")]
    assert read_maps(files) == {"a": {"b": 1, "c": [1, 2.5]}, "day": "2026-01-02", "none": None}
    assert read_map("x", b"3: a\ntrue: b") == {"3": "a", "True": "b"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"- a", "x: not a mapping"),
        (b"a b: 1", "x: the key `a b` has other characters"),
        (b"a: {b: {'c.d': 1}}", "x: a.b: the key `c.d`"),
        (b"a: [1, b]", "x: a: a list of items of several kinds"),
        (b"a: .inf", "x: a: not a finite number"),
        (b"a: 99999999999999999999", "x: a: a number of more than 64 bits"),
        (b"a: &x [1]\nb: *x", "x: an alias"),
        (b"a: !!python/object/apply:os.system [id]", "x: could not determine a constructor"),
        (b"a: !!binary aGk=", "x: a: neither text nor number"),
        (b"a: [", "x: while parsing"),
        (b"\xff\xfe\xff", "x: "),
        (b"a: " + b"[" * 10_000, "x: "),
        (b"a: " + b"[" * 40 + b"]" * 40, "x: a: nested too deeply"),
        (b"#" * (LARGEST + 1), "x: larger than 1024 KiB"),
    ],
)
def test_metadata_that_is_none(content: bytes, reason: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read_map("x", content)
    assert str(caught.value).startswith(reason)
    assert caught.value.fault is Fault.INVALID


@given(some.binary(max_size=60))
def test_any_bytes_are_metadata_or_a_fault(content: bytes) -> None:
    try:
        value = read_map("x", content)
    except DatasetError:
        return
    made = Version(name="cats", number=1, created_at=now(), metadata=value, files=())
    assert parse(Version, made.to_bytes(), "x") == made


def test_names_and_tags() -> None:
    assert [layout.is_tag(tag) for tag in ("good", "v-1_0", "3", "latest", "v1.0", "", "a/b")] == [True] * 2 + [
        False
    ] * 5
    assert layout.number_of("3") == 3
    assert [layout.number_of(text) for text in ("03", "0", "-1", "x", "", "1" * 11)] == [None] * 6
