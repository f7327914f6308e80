"""Outputs: an attempt's own files, files below URLs, KPIs."""

import json
import os
from pathlib import Path

import pytest
from runtime.loop import asynchronous
from runtime.s3 import S3, Proxy
from runtime.s3 import Fault as Wrong

from osmo_ctrl.attempts import Attempt
from osmo_ctrl.document import Kpi, UrlOutput
from osmo_ctrl.files.tree import Fault
from osmo_ctrl.outputs import read_kpis, upload_kpis, upload_output, upload_url
from osmo_ctrl.records import Complete, StoredKpi
from osmo_ctrl.storage.store import StorageError
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.transfers import Limits, TransferError

ATTEMPT = Attempt("flow-1", "run-1", "train", 0, "11111111-aaaa")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "output"
    (made / "deep").mkdir(parents=True)
    (made / "deep/file").write_text("content")
    (made / "model.pt").write_text("model")
    (made / "latest").symlink_to(made / "model.pt")
    (made / "folder").symlink_to("deep")
    return made


async def paths(s3: S3, path: str) -> list[str]:
    return sorted([found.path async for found in s3.store(path).list()])


@asynchronous
async def test_an_attempts_files(s3: S3, folder: Path) -> None:
    (folder / "50%").write_text("")
    (folder / "empty").mkdir()
    output = await upload_output(s3.store(), ATTEMPT, folder, Progress(), Limits())
    assert [(file.path, file.key, file.link) for file in output.files] == [
        ("50%", "50%25", None), ("deep/file", "deep/file", None), ("folder", "", "deep"),
        ("latest", "", "model.pt"), ("model.pt", "model.pt", None),
    ]  # fmt: skip
    assert output.directories == ("empty",)
    assert await paths(s3, f"base/{ATTEMPT.output}") == ["50%25", "deep/file", "model.pt"]


@asynchronous
async def test_bad_files_fail_it_with_all_their_names_and_the_others_are_kept(s3: S3, folder: Path) -> None:
    (folder / "gone").symlink_to("nowhere")
    (folder / "out").symlink_to("/etc/passwd")
    os.mkfifo(folder / "deep/fifo")
    with pytest.raises(TransferError) as caught:
        await upload_output(s3.store(), ATTEMPT, folder, Progress(), Limits())
    assert [fault.path for fault in caught.value.faults] == ["deep/fifo", "gone", "out"]
    assert await paths(s3, f"base/{ATTEMPT.output}") == ["deep/file", "model.pt"]


@asynchronous
async def test_again_after_a_restart(s3: S3, folder: Path, proxy: Proxy) -> None:
    for path in (folder / "deep/file", folder / "model.pt"):
        os.utime(path, (1e9, 1e9))
    first = await upload_output(s3.store(), ATTEMPT, folder, Progress(), Limits())
    again = await upload_output(s3.store(port=proxy.port), ATTEMPT, folder, Progress(), Limits(), again=True)
    assert again == first
    assert {request.method for request in proxy.requests} == {"GET"}


@asynchronous
async def test_files_below_a_url(s3: S3, folder: Path) -> None:
    store = s3.store("results")
    output = UrlOutput(url=store.url)
    walked = await upload_url(store, output, folder, "flow-1/run-1/train/0", Progress(), Limits())
    assert walked.warnings == (Fault("folder", "a link to a directory is left out"),)
    assert await paths(s3, "results") == [".osmo-complete.json", "deep/file", "latest", "model.pt"]
    complete = Complete.model_validate_json(await store.read(".osmo-complete.json"))
    assert complete.writer == "flow-1/run-1/train/0"
    assert {file.path: file.size for file in complete.files} == {"deep/file": 7, "latest": 5, "model.pt": 5}


@asynchronous
async def test_files_below_a_url_that_match(s3: S3, folder: Path) -> None:
    (folder / "gone").symlink_to("nowhere")
    store = s3.store("results")
    await upload_url(store, UrlOutput(url=store.url, regex="deep"), folder, "me", Progress(), Limits())
    assert await paths(s3, "results") == [".osmo-complete.json", "deep/file"]


@asynchronous
async def test_what_is_not_whole_is_not_called_complete(s3: S3, folder: Path, proxy: Proxy) -> None:
    store = s3.store("results")
    await upload_url(store, UrlOutput(url=store.url), folder, "me", Progress(), Limits())
    (folder / "a\nb").write_text("")
    with pytest.raises(TransferError, match=r"a\\nb: a name with a control character"):
        await upload_url(store, UrlOutput(url=store.url), folder, "me", Progress(), Limits())
    assert ".osmo-complete.json" not in await paths(s3, "results")
    (folder / "a\nb").unlink()
    proxy.rule = lambda request: Wrong(503) if request.is_of("PUT", "model.pt") else None
    with pytest.raises(StorageError, match="503"):
        await upload_url(
            s3.store("results", 0.3, proxy.port), UrlOutput(url=store.url), folder, "me", Progress(), Limits()
        )
    assert ".osmo-complete.json" not in await paths(s3, "results")


@asynchronous
async def test_kpis(s3: S3, folder: Path) -> None:
    (folder / "kpi.json").write_text('{"accuracy": 0.9, "worst": NaN}')
    (folder / "large.json").write_text(json.dumps("x" * 100_000))
    (folder / "nested.json").write_text("[" * 50_000)
    kpis = [Kpi(index=f"i-{path}", path=path) for path in ("kpi.json", "large.json", "nested.json", "model.pt", "none")]
    kpis.append(Kpi(index="out", path="latest"))
    found, faults = read_kpis(folder, kpis)
    assert [kpi.value for kpi in found] == [{"accuracy": 0.9, "worst": "NaN"}, None, None, None]
    assert faults == (
        Fault("none", "no such file or directory"),
        Fault("latest", "a symbolic link took its place"),
    )
    await upload_kpis(s3.store(), ATTEMPT, found)
    stored = json.loads(await s3.store().read(f"{ATTEMPT.prefix}/kpis.json"))
    assert stored["kpis"][0] == {"index": "i-kpi.json", "path": "kpi.json", "value": {"accuracy": 0.9, "worst": "NaN"}}
    assert StoredKpi.model_validate(stored["kpis"][1]) == found[1]
