"""Inputs: outputs of tasks by their manifests, objects below URLs, checkpoints by their newest generation."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from runtime.loop import asynchronous
from runtime.s3 import S3, Fault, Proxy

from osmo_ctrl import plans
from osmo_ctrl.attempts import Attempt, commit, record_run
from osmo_ctrl.document import Checkpoint, TaskInput, UrlInput, UrlOutput
from osmo_ctrl.inputs import Fetched, MissingDataError, Origin, fetch
from osmo_ctrl.outputs import upload_output, upload_url
from osmo_ctrl.records import Complete, CompleteFile, Manifest, Run, StoredFile, to_bytes
from osmo_ctrl.storage.store import Patience, Place, Problem, StorageError, Store, open_store
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.transfers import Limits, TransferError

POD = "11111111-aaaa"


def origin(place: Place, **more: object) -> Origin:
    def store_of(url: str) -> Store:
        return open_store(Place(url, place.endpoint, place.region, place.credential), Patience(3))

    return Origin(storage=store_of(place.url), workflow_id="flow-1", run="run-1", store_of=store_of, **more)


async def get(input: TaskInput | UrlInput, target: Path, origin: Origin) -> Fetched:
    return await fetch(input, target, origin, Progress(), Limits())


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


async def leave(store: Store, folder: Path, number: int = 0, outcome: str = "completed", run: str = "run-1") -> None:
    """What a task `prepare` does when it ends."""
    attempt = Attempt("flow-1", run, "prepare", number, POD)
    output = await upload_output(store, attempt, folder, Progress(), Limits())
    manifest = Manifest(
        workflow_id="flow-1", run=run, task="prepare", attempt=number, pod=POD, outcome=outcome,
        files=output.files, directories=output.directories,
    )  # fmt: skip
    await commit(store, manifest)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "output"
    (made / "models").mkdir(parents=True)
    (made / "empty").mkdir()
    (made / "models/a.pt").write_text("a")
    (made / "models/run.sh").write_text("#!")
    (made / "models/run.sh").chmod(0o700)
    (made / "odd\n50%#1").write_text("odd")
    (made / "latest").symlink_to("models/a.pt")
    (made / "folder").symlink_to("models")
    return made


@asynchronous
async def test_the_output_of_a_task(place: Place, folder: Path, tmp_path: Path) -> None:
    where = origin(place)
    await leave(where.storage, folder)
    target = tmp_path / "0"
    assert await get(TaskInput(task="prepare"), target, where) == Fetched(3, 6)
    assert contents(target) == contents(folder)
    assert (target / "empty").is_dir()
    assert (target / "latest").readlink() == Path("models/a.pt")
    assert (target / "folder").readlink() == Path("models")
    assert (target / "models/run.sh").stat().st_mode & 0o7777 == 0o775
    assert (target / "models").stat().st_mode & 0o7777 == 0o2775
    await get(TaskInput(task="prepare"), target, where)
    assert contents(target) == contents(folder)


@asynchronous
async def test_only_what_matches(place: Place, folder: Path, tmp_path: Path) -> None:
    where = origin(place)
    await leave(where.storage, folder)
    await get(TaskInput(task="prepare", regex="latest|folder|empty"), tmp_path / "0", where)
    assert contents(tmp_path / "0") == {"latest": "a"}
    assert not (tmp_path / "0/latest").is_symlink()
    assert sorted(path.name for path in (tmp_path / "0").iterdir()) == ["empty", "latest"]
    await get(TaskInput(task="prepare", regex=r".*\.pt$|folder"), tmp_path / "1", where)
    assert contents(tmp_path / "1") == {"models/a.pt": "a"} or contents(tmp_path / "1") == {
        "models/a.pt": "a",
        "folder/a.pt": "a",
    }
    assert (tmp_path / "1/folder").readlink() == Path("models")


@asynchronous
async def test_attempts_do_not_mix(place: Place, tmp_path: Path) -> None:
    where = origin(place)
    for number, outcome in ((0, "failed"), (1, "completed"), (2, "terminated")):
        folder = tmp_path / f"output-{number}"
        folder.mkdir()
        (folder / f"{number}").write_text("x")
        await leave(where.storage, folder, number, outcome)
    await get(TaskInput(task="prepare"), tmp_path / "0", where)
    assert contents(tmp_path / "0") == {"1": "x"}


@asynchronous
async def test_the_output_of_another_workflow(place: Place, folder: Path, tmp_path: Path) -> None:
    where = origin(place)
    await record_run(where.storage, Run(workflow_id="flow-1", run="run-7", began=1))
    with pytest.raises(MissingDataError, match="no run of `flow-1` has completed its task `prepare`"):
        await get(TaskInput(task="prepare", workflow="flow-1"), tmp_path / "0", where)
    await leave(where.storage, folder, run="run-7")
    await get(TaskInput(task="prepare", workflow="flow-1"), tmp_path / "0", where)
    assert contents(tmp_path / "0") == contents(folder)


@asynchronous
async def test_no_output_is_missing(place: Place, folder: Path, tmp_path: Path) -> None:
    where = origin(place)
    await leave(where.storage, folder, outcome="failed")
    with pytest.raises(MissingDataError, match="no attempt of task `prepare` was completed in this run"):
        await get(TaskInput(task="prepare"), tmp_path / "0", where)
    with pytest.raises(MissingDataError, match="no storage"):
        nowhere = Origin(storage=None, workflow_id="f", run="r", store_of=where.store_of)
        await get(TaskInput(task="prepare"), tmp_path / "0", nowhere)


@asynchronous
async def test_an_object_of_a_manifest_that_is_gone_is_named(place: Place, folder: Path, tmp_path: Path) -> None:
    where = origin(place)
    await leave(where.storage, folder)
    await where.storage.remove(["flow-1/run-1/prepare/attempts/0000-11111111/output/models/a.pt"])
    with pytest.raises(TransferError, match=r"models/a\.pt: "):
        await get(TaskInput(task="prepare"), tmp_path / "0", where)


@asynchronous
async def test_objects_below_a_url(place: Place, tmp_path: Path) -> None:
    where = origin(place)
    for path in ("images/1.png", "images/deep/2.png", "images/3.txt", "images-of-others/4.png", "images.png"):
        await where.storage.write(path, path.encode())
    await get(UrlInput(url=f"{place.url}/images"), tmp_path / "0", where)
    assert sorted(contents(tmp_path / "0")) == ["1.png", "3.txt", "deep/2.png"]
    await get(UrlInput(url=f"{place.url}/images/", regex=r".*\.png$"), tmp_path / "1", where)
    assert sorted(contents(tmp_path / "1")) == ["1.png", "deep/2.png"]


@asynchronous
async def test_one_object(place: Place, tmp_path: Path) -> None:
    where = origin(place)
    await where.storage.write("images/1.png", b"1")
    await get(UrlInput(url=f"{place.url}/images/1.png", regex="nothing"), tmp_path / "0", where)
    assert contents(tmp_path / "0") == {"1.png": "1"}


@asynchronous
async def test_a_whole_bucket(s3: S3, tmp_path: Path) -> None:
    s3.put("a/b", b"1")
    await get(UrlInput(url=f"s3://{s3.bucket}"), tmp_path / "0", origin(s3.place()))
    assert contents(tmp_path / "0") == {"a/b": "1"}


@asynchronous
async def test_nothing_below_a_url_is_missing(place: Place, tmp_path: Path) -> None:
    where = origin(place)
    await where.storage.write("some/file", b"")
    for path, regex, reason in (("none", "", "there is nothing below it"), ("some", "x", "none of 1 objects")):
        with pytest.raises(StorageError, match=reason) as caught:
            await get(UrlInput(url=f"{place.url}/{path}", regex=regex), tmp_path / "0", where)
        assert caught.value.problem is Problem.MISSING
        assert caught.value.url == f"{place.url}/{path}"


@asynchronous
async def test_the_tasks_own_checkpoints_may_be_empty(place: Place, tmp_path: Path) -> None:
    own = Checkpoint(path="/tmp/models", url=f"{place.url}/saved", frequency=60)
    where = origin(place, checkpoints=(own,))
    for number, path in enumerate(("saved", "saved/models", "saved/")):
        assert await get(UrlInput(url=f"{place.url}/{path}"), tmp_path / str(number), where) == Fetched(0, 0)
    with pytest.raises(StorageError):
        await get(UrlInput(url=f"{place.url}/saved-by-others"), tmp_path / "9", where)


@asynchronous
async def test_what_a_task_uploaded_to_a_url(place: Place, folder: Path, tmp_path: Path) -> None:
    where = origin(place)
    (folder / "odd\n50%#1").unlink()
    store = where.store_of(f"{place.url}/results")
    await upload_url(store, UrlOutput(url=store.url), folder, "flow-1/run-1/prepare", Progress(), Limits())
    await store.write("by hand", b"more")
    await get(UrlInput(url=store.url), tmp_path / "0", where)
    assert contents(tmp_path / "0") == {"models/a.pt": "a", "models/run.sh": "#!", "latest": "a", "by hand": "more"}


@asynchronous
async def test_a_file_that_an_upload_names_and_that_is_not_there(place: Place, folder: Path, tmp_path: Path) -> None:
    where = origin(place)
    store = where.store_of(f"{place.url}/results")
    (folder / "odd\n50%#1").unlink()
    await upload_url(store, UrlOutput(url=store.url), folder, "me", Progress(), Limits())
    await store.remove(["models/a.pt"])
    with pytest.raises(TransferError, match=r"models/a\.pt: it is not there, though \.osmo-complete\.json names it"):
        await get(UrlInput(url=store.url), tmp_path / "0", where)


@asynchronous
async def test_an_object_that_is_not_what_was_uploaded(s3: S3, tmp_path: Path) -> None:
    where = origin(s3.place())
    store = where.store_of(f"{s3.place().url}/results")
    await store.write("file", b"1234")
    bad = CompleteFile(path="file", size=4, sha256=hashlib.sha256(b"123X").hexdigest())
    await store.write(".osmo-complete.json", to_bytes(Complete(writer="me", files=(bad,))))
    with pytest.raises(TransferError, match=r"file: .*digest differs"):
        await get(UrlInput(url=store.url), tmp_path / "0", where)


@asynchronous
async def test_an_empty_upload_is_no_mistake(place: Place, tmp_path: Path) -> None:
    where = origin(place)
    (tmp_path / "output").mkdir()
    store = where.store_of(f"{place.url}/results")
    await upload_url(store, UrlOutput(url=store.url), tmp_path / "output", "me", Progress(), Limits())
    assert await get(UrlInput(url=store.url), tmp_path / "0", where) == Fetched(0, 0)


@asynchronous
async def test_denied_is_denied(s3: S3, proxy: Proxy, tmp_path: Path) -> None:
    proxy.rule = lambda request: Fault(403, "AccessDenied")
    where = origin(s3.place(port=proxy.port))
    for input in (UrlInput(url=s3.place().url), TaskInput(task="prepare")):
        with pytest.raises(StorageError) as caught:
            await get(input, tmp_path / "0", where)
        assert caught.value.problem is Problem.DENIED


@asynchronous
async def test_a_manifest_cannot_reach_outside(place: Place, tmp_path: Path) -> None:
    """Whoever may write to the storage may write manifests."""
    where = origin(place)
    await where.storage.write("flow-1/run-1/prepare/attempts/0000-11111111/output/file", b"1")
    digest = hashlib.sha256(b"1").hexdigest()
    files = [
        StoredFile(path="../out", key="file", size=1, sha256=digest),
        StoredFile(path="fine", key="file", size=1, sha256=digest),
    ]
    bad = Manifest(
        workflow_id="flow-1", run="run-1", task="prepare", attempt=0, pod=POD, outcome="completed", files=tuple(files)
    )
    await commit(where.storage, bad)
    with pytest.raises(TransferError, match="not a plain relative path"):
        await get(TaskInput(task="prepare"), tmp_path / "0", where)
    for more in ({"files": (StoredFile(path="link", link="../../etc"),)}, {"directories": ("../made",)}):
        await where.storage.write("flow-1/run-1/prepare/manifests/0000.json", to_bytes(bad.model_copy(update=more)))
        with pytest.raises(TransferError, match="not a plain relative path"):
            await get(TaskInput(task="prepare"), tmp_path / "1", where)
    assert not {"out", "made"} & {path.name for path in tmp_path.iterdir()}


names = some.sampled_from(["a", "b", "a/b", "a/c", "d/e/f", "link", "d/link"])


@given(
    some.dictionaries(names, some.none() | some.sampled_from(["a", "a/b", "d", "d/e", ""])),
    some.sampled_from(["", "a", "d", "link"]),
)
def test_a_plan_takes_what_matches_and_nothing_twice(files: dict[str, str | None], regex: str) -> None:
    stored = tuple(StoredFile(path=path, link=link, size=1) for path, link in files.items())
    manifest = Manifest(workflow_id="f", run="r", task="t", attempt=0, pod="p", outcome="completed", files=stored)
    plan = plans.of_manifest(manifest, "prefix", regex)
    paths = [file.path for file in plan.files] + [path for path, _ in plan.links]
    assert len(paths) == len(set(paths))
    assert all(path.startswith(regex) for path in paths)
    assert {path for path, link in files.items() if link is None and path.startswith(regex)} <= set(paths)
