"""Attempts: claims, commits, and which manifest readers follow."""

import asyncio
import doctest
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as some
from runtime.loop import asynchronous
from runtime.s3 import S3, Fault, Proxy

from osmo_ctrl.attempts import (
    Attempt,
    Commit,
    claim,
    commit,
    is_superseded,
    newest_completed,
    newest_of_any_run,
    record_run,
)
from osmo_ctrl.records import Manifest, Run, StoredFile, to_bytes
from osmo_ctrl.storage import names as object_names
from osmo_ctrl.storage.names import object_name
from osmo_ctrl.storage.store import Patience, Place, StorageError, Store, fault_of_name, open_store

POD = "11111111-aaaa-bbbb-cccc-000000000001"
OTHER = "22222222-aaaa-bbbb-cccc-000000000002"


@pytest.fixture
def store(place: Place) -> Store:
    return open_store(place, Patience(5))


def manifest(
    attempt: int = 0, outcome: str = "completed", pod: str = POD, run: str = "run-1", **more: object
) -> Manifest:
    return Manifest(
        workflow_id="flow-1", run=run, task="train", attempt=attempt, pod=pod, outcome=outcome, digest="d", **more
    )


def test_where_things_lie() -> None:
    attempt = Attempt("flow-1", "run-1", "train", 3, POD)
    assert attempt.claim == "flow-1/run-1/train/claims/0003-11111111.json"
    assert attempt.output == "flow-1/run-1/train/attempts/0003-11111111/output"
    assert attempt.manifest == "flow-1/run-1/train/manifests/0003.json"


@asynchronous
async def test_a_later_claim_supersedes(store: Store) -> None:
    first, second = Attempt("f", "r", "t", 0, POD), Attempt("f", "r", "t", 1, OTHER)
    await claim(store, first, "node", 1.0)
    await claim(store, first, "node", 2.0)
    assert not await is_superseded(store, first)
    await claim(store, second, "node", 3.0)
    assert await is_superseded(store, first)
    assert not await is_superseded(store, second)
    assert not await is_superseded(store, Attempt("f", "r", "other", 0, POD))


@asynchronous
async def test_a_commit_counts_once(store: Store) -> None:
    assert await commit(store, manifest()) is Commit.DONE
    assert await commit(store, manifest()) is Commit.DONE
    assert await commit(store, manifest(pod=OTHER)) is Commit.DISCARDED
    assert (await newest_completed(store, "flow-1", "run-1", "train")).pod == POD


@asynchronous
async def test_of_many_commits_one_counts(tmp_path: Path) -> None:
    store = open_store(Place(str(tmp_path)), Patience(1))
    pods = [f"{number:08}-pod" for number in range(10)]
    done = await asyncio.gather(*(commit(store, manifest(pod=pod)) for pod in pods))
    assert done.count(Commit.DONE) == 1


@asynchronous
async def test_a_commit_whose_answer_is_lost_is_done(s3: S3, proxy: Proxy) -> None:
    proxy.rule = lambda request: Fault(lose="answer") if request.number == 0 else None
    assert await commit(s3.store(port=proxy.port), manifest()) is Commit.DONE


@asynchronous
async def test_readers_follow_the_newest_completed(store: Store) -> None:
    assert await newest_completed(store, "flow-1", "run-1", "train") is None
    for number, outcome in ((0, "failed"), (1, "completed"), (2, "completed"), (11, "failed"), (3, "lost")):
        await commit(store, manifest(number, outcome))
    found = await newest_completed(store, "flow-1", "run-1", "train")
    assert found.attempt == 2
    assert await newest_completed(store, "flow-1", "run-2", "train") is None


@asynchronous
async def test_the_newest_run_in_which_the_task_was_completed(store: Store) -> None:
    for run in ("c", "a", "b"):
        await record_run(store, Run(workflow_id="flow-1", run=run, began=1))
        await asyncio.sleep(1.1)  # S3 counts seconds
    assert await newest_of_any_run(store, "flow-1", "train") is None
    await commit(store, manifest(run="c"))
    await commit(store, manifest(run="a"))
    await commit(store, manifest(run="b", outcome="failed"))
    found = await newest_of_any_run(store, "flow-1", "train")
    assert found.run == "a"
    assert await newest_of_any_run(store, "flow-2", "train") is None


@asynchronous
async def test_what_is_no_manifest_is_named(store: Store) -> None:
    await store.write("flow-1/run-1/train/manifests/0000.json", b'{"version": 1}')
    with pytest.raises(StorageError, match=r"manifests/0000\.json: this is not what osmo-ctrl writes: workflow_id"):
        await newest_completed(store, "flow-1", "run-1", "train")


def test_a_manifest_of_a_later_kind_is_read() -> None:
    text = to_bytes(manifest()).replace(b'"version": 1', b'"version": 1, "more": [1]')
    assert Manifest.model_validate_json(text) == manifest()


@given(some.text(some.characters(exclude_categories=["Cs"])))
def test_names_are_written_as_they_are(path: str) -> None:
    written = manifest(files=(StoredFile(path=path, size=1, sha256="0" * 64),))
    assert Manifest.model_validate_json(to_bytes(written)) == written


@given(
    some.lists(some.text(some.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1), min_size=1)
)
def test_any_name_of_a_file_has_an_object(parts: list[str]) -> None:
    path = "/".join(parts)
    assert unquote(object_name(path)) == path
    if not {".", ".."} & set(parts):
        assert not fault_of_name(object_name(path))


def test_the_examples_of_names() -> None:
    assert doctest.testmod(object_names).failed == 0


@pytest.mark.parametrize("path", ["a#1", "50%", "a\nb", "a\\b", "%41", "x#1/y#12"])
@asynchronous
async def test_odd_names_are_held(store: Store, path: str) -> None:
    await store.write(object_name(path), b"")
    assert [unquote(found.path) async for found in store.list()] == [path]
