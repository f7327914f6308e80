"""`osmoc dataset`: which bucket and which credential, and what it prints. The runtime does the work, in a process."""

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pytest
from compiled import ROOT

from osmoc.cli import dataset
from osmoc.cli.dataset_options import Given, find_place, read_reference
from osmoc.cli.dataset_progress import _Lines, as_size, watched
from osmoc.cli.main import main
from osmoc.datasets_client import BucketPlace

KEY = "wJalrXUtnFEMI-EXAMPLEKEY"
PROFILE = """\
storage: {url: s3://lab/osmo, endpoint: https://s3.lab, region: eu, secret: osmo-storage}
datasets:
  default_bucket: team
  buckets:
    team: {url: s3://pictures/datasets, region: us, secret: team-keys, single_writer: true}
    open: {url: gs://open/datasets, mode: read-only}
"""
CREDENTIALS = f"""\
team-keys: {{access_key_id: 12345, access_key: {KEY}}}
osmo-storage: {{access_key_id: storage, access_key: {KEY}}}
s3://elsewhere: {{access_key_id: elsewhere, access_key: {KEY}}}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands run: some files, no profile, no credential, and the runtime beside osmoc."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "runtime" / "ctrl"))
    for name in (
        "OSMOC_PROFILE",
        "OSMO_ACCESS_KEY_ID",
        "OSMO_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("OSMO_SESSION_TOKEN", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "tom.txt").write_text("tom")
    (tmp_path / "pictures" / "evil\x1b[31m.txt").write_text("evil")
    return tmp_path


def run(*argv: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = main(["dataset", *argv], io.StringIO(), out, err)
    assert KEY not in out.getvalue() + err.getvalue()
    return status, out.getvalue(), err.getvalue()


def local(*argv: str) -> tuple[int, str, str]:
    pytest.importorskip("obstore")
    return run(*argv, "--bucket", "bucket")


def options(**given: Any) -> Given:
    empty = {"profile": None, "bucket": "", "endpoint": "", "region": "", "credentials": None}
    return Given(**{**empty, "retry_for": 1.0, "is_json": False, **given})


def test_a_dataset_comes_and_goes(folder: Path) -> None:
    status, out, err = local("upload", "cats:good", "pictures")
    assert (status, out, err) == (0, "cats:1, tagged good: 2 files, 7 B, sent 2 files, 7 B\n", "")
    (folder / "pictures" / "link").symlink_to(".")
    (folder / "pictures" / "new.txt").write_text("new")
    status, out, err = local("upload", "--update", "cats", "pictures/.:more", "--regex", "more/.*n", "--tag", "best")
    assert (status, out) == (0, "cats:2, tagged best: 3 files, 10 B, sent 1 file, 3 B\n")
    assert err == "warning: link: a link to a directory is left out\n"
    status, out, _ = local("list")
    assert [line.split()[:3] for line in out.splitlines()] == [["dataset", "latest", "versions"], ["cats", "2", "2"]]
    status, out, _ = local("info", "cats:good", "--files")
    assert "cats:1\n" in out
    assert "evil\\x1b[31m.txt" in out
    assert "\x1b" not in out
    assert local("diff", "cats:good", "cats")[1] == "+ more/new.txt\n"
    status, out, _ = local("download", "cats:good", "there")
    assert (status, out) == (0, "cats:1: 2 files, 7 B\n")
    assert (folder / "there/cats/pictures/tom.txt").read_text() == "tom"
    assert (
        local("tag", "cats:2", "--set", "new", "--delete", "good")[1]
        == "cats:best is version 2\ncats:new is version 2\n"
    )
    assert local("verify", "cats")[:2] == (0, "cats: 3 files, 10 B of 2 versions: all is well\n")
    assert local("collect", "pets", "cats:best")[1] == "pets: cats:2\n"
    assert local("info", "pets")[1] == "pets: a collection\n  cats:2\n"
    assert local("delete", "cats:1", "--yes")[1] == "deleted cats:1\n"
    assert local("gc")[1] == "no garbage\n"


def test_json_is_what_the_runtime_says() -> None:
    local("upload", "cats", "pictures")
    status, out, _ = local("list", "--output", "json")
    (listed,) = json.loads(out)["datasets"]
    assert (status, listed["name"], listed["latest"]) == (0, "cats", 1)


def test_damage_is_a_finding(folder: Path) -> None:
    local("upload", "cats", "pictures/tom.txt")
    (stored,) = (folder / "bucket/cats/objects").iterdir()
    stored.write_text("tim")
    assert local("verify", "cats", "--quick")[0] == 0
    assert local("verify", "cats")[:2] == (
        1,
        "cats:1: tom.txt has another content\ncats: 1 file, 3 B of 1 version: 1 damaged\n",
    )


def test_what_goes_wrong_is_said() -> None:
    assert local("info", "cats") == (1, "", "error: dataset `cats` has no version\n")
    status, _, err = local("upload", "cats", "gone")
    assert (status, err) == (1, "error: gone cannot be read: no such file or directory\n")
    local("upload", "cats", "pictures")
    assert local("delete", "cats", "--all")[0] == 2
    assert local("delete", "cats:7")[2] == "error: dataset `cats` has no version 7\n"
    assert local("list")[1].splitlines()[1].startswith("cats")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 2)])
def test_delete_asks_on_a_terminal(monkeypatch: pytest.MonkeyPatch, answer: str, status: int) -> None:
    local("upload", "cats", "pictures")
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert local("delete", "cats:1")[0] == status
    assert ("cats" in local("list")[1]) is (status == 2)


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["info", "a b"], "`a b` is not a dataset"),
        (["info", "{{x}}"], "is not a dataset"),
        (["list"], "nothing says where datasets lie"),
        (["upload", "cats"], "nothing to upload"),
        (["upload", "cats", "pictures", "--remove", "x"], "--remove needs --update"),
        (["info", "team/cats", "--bucket", "bucket"], "`team/` names a bucket of the profile"),
        (["info", "cats", "--bucket", "ftp://x/y"], "--bucket: `ftp` is not a storage scheme"),
        (["info", "cats", "--bucket", "s3://x", "--endpoint", "minio"], "--endpoint: `minio` is not an endpoint"),
        (["info", "cats", "--bucket", "s3://x", "--endpoint", "https://a:b@c"], "--endpoint: a URL with a password"),
        (["info", "cats", "--bucket", "s3://x", "--credentials", "gone.yaml"], "gone.yaml cannot be read"),
        (["gc", "cats:3"], "whole datasets"),
        (["gc", "a/cats", "b/cats"], "one bucket"),
        (["diff", "cats:1", "dogs:2"], "versions of one dataset"),
        (["collect", "pets:1", "cats"], "neither tags nor versions"),
        (["collect", "pets", "team/cats"], "lie in its bucket"),
    ],
)
def test_wrong_usage(argv: list[str], reason: str) -> None:
    status, out, err = run(*argv)
    assert (status, out) == (2, "")
    assert reason in " ".join(err.split())


def test_buckets_of_the_profile(folder: Path) -> None:
    (folder / "osmoc.yaml").write_text(PROFILE)
    team = find_place("", options(), writes=True)
    assert team == BucketPlace("s3://pictures/datasets", "", "us", {}, True)
    assert find_place("team", options(), writes=True) == team
    assert find_place("open", options(), writes=False).url == "gs://open/datasets"
    with pytest.raises(click.UsageError, match="the bucket `open` is read-only"):
        find_place("open", options(), writes=True)
    with pytest.raises(click.UsageError, match=r"the profile has no bucket `tem`.*did you mean `team`"):
        find_place("tem", options(), writes=False)


def test_the_default_bucket_lies_in_the_storage(folder: Path) -> None:
    (folder / "lab.yaml").write_text(PROFILE.splitlines()[0])
    place = find_place("", options(profile="lab.yaml"), writes=True)
    assert (place.url, place.endpoint, place.region) == ("s3://lab/osmo/datasets", "https://s3.lab", "eu")
    (folder / "lab.yaml").write_text("storage: {claim: data}")
    with pytest.raises(click.UsageError, match="no URL of a storage"):
        find_place("", options(profile="lab.yaml"), writes=True)


def test_a_profile_with_errors_is_reported(folder: Path) -> None:
    (folder / "osmoc.yaml").write_text("datasets: {default_bucket: gone}")
    status, out, err = run("list")
    assert (status, out) == (1, "")
    assert "osmoc.yaml:1:" in err


def test_credentials_of_a_file(folder: Path) -> None:
    (folder / "osmoc.yaml").write_text(PROFILE)
    (folder / "keys.yaml").write_text(CREDENTIALS)
    given = options(credentials="keys.yaml")
    assert find_place("", given, writes=True).credential == {"access_key_id": "12345", "access_key": KEY}
    assert find_place("open", given, writes=False).credential["access_key_id"] == "storage"
    given = options(credentials="keys.yaml", bucket="s3://elsewhere/x")
    assert find_place("", given, writes=True).credential["access_key_id"] == "elsewhere"
    with pytest.raises(click.UsageError, match="no credential for s3://x/y; it would be called `s3://x/y`, `s3://x`"):
        find_place("", options(credentials="keys.yaml", bucket="s3://x/y"), writes=True)
    assert KEY not in repr(find_place("", given, writes=True))


@pytest.mark.parametrize("text", [f"- {KEY}", f"a: {KEY}", f"a: {{b: [{KEY}]}}", f"a: {KEY}: :", f"\t{KEY}"])
def test_a_file_without_credentials_is_not_quoted(folder: Path, text: str) -> None:
    (folder / "keys.yaml").write_text(text)
    status, _, err = run("list", "--bucket", "s3://x", "--credentials", "keys.yaml")
    assert status == 2
    assert "Error: keys.yaml " in err and KEY not in err


def test_credentials_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(bucket: str = "s3://x/y") -> dict[str, str]:
        return dict(find_place("", options(bucket=bucket), writes=True).credential)

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "aws")
    assert found() == {}
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    assert found() == {"access_key_id": "aws", "access_key": KEY, "session_token": "token"}
    monkeypatch.setenv("OSMO_ACCESS_KEY_ID", "osmo")
    monkeypatch.setenv("OSMO_ACCESS_KEY", KEY + "-osmo")
    assert found()["access_key_id"] == "osmo"
    assert found()["access_key"] == KEY + "-osmo"
    assert found("file:///x") == {}


@contextmanager
def runtime(folder: Path, script: str) -> Iterator[None]:
    """In place of Python and the runtime."""
    with pytest.MonkeyPatch.context() as patch:
        program = folder / "python"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        patch.setattr(sys, "executable", str(program))
        yield


def test_a_runtime_that_is_not_there_or_crashes(folder: Path) -> None:
    with runtime(folder, 'echo "$0: No module named osmo_ctrl" >&2; exit 1'):
        status, _, err = run("list", "--bucket", "bucket")
    assert status == 2
    assert "this needs the runtime of the pods: pip install 'osmoc[local]'" in " ".join(err.split())
    with runtime(folder, "cat >/dev/null; echo Traceback >&2; echo 'RuntimeError: oh' >&2; exit 3"):
        assert run("list", "--bucket", "bucket") == (1, "", "error: the runtime ended with 3: RuntimeError: oh\n")


def test_credentials_go_through_a_pipe(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSMO_ACCESS_KEY_ID", "osmo")
    monkeypatch.setenv("OSMO_ACCESS_KEY", KEY)
    answer = '{"event":"result","result":{"operation":"list","datasets":[]}}'
    with runtime(folder, f"echo \"$@\" > argv; cat > request; echo '{answer}'"):
        assert run("list", "--bucket", "s3://x/y", "--region", "eu") == (0, "no datasets\n", "")
    assert (folder / "argv").read_text() == "-P -m osmo_ctrl.dataset\n"
    request = json.loads((folder / "request").read_text())
    assert request["operation"] == "list"
    assert request["bucket"] == {
        "url": "s3://x/y",
        "endpoint": "",
        "region": "eu",
        "credential": {"access_key_id": "osmo", "access_key": KEY},
        "single_writer": False,
    }


def event(size: int) -> dict[str, Any]:
    return {"event": "progress", "step": "upload", "files": 1, "all_files": 2, "size": size, "all_size": 4096}


def test_progress_without_a_terminal_is_a_line_now_and_then() -> None:
    now, stream = [0.0], io.StringIO()
    lines = _Lines(stream, lambda: now[0])
    for second in range(12):
        now[0] = float(second)
        lines(event(second * 100))
    now[0] = 20
    lines({"event": "waiting", "reason": "s3://x: away\x1b"})
    assert stream.getvalue().splitlines() == [
        "uploading: 1 of 2 files, 500 B of 4.0 KiB",
        "uploading: 1 of 2 files, 1000 B of 4.0 KiB",
        "waiting for storage: s3://x: away\\x1b",
    ]


def test_progress_on_a_terminal_is_a_bar() -> None:
    stream = Terminal()
    with watched(stream) as on_event:
        on_event(event(100))
        on_event({"event": "waiting", "reason": "s3://x: [away]"})
        on_event(event(4096))
    assert "uploading" in stream.getvalue()
    assert "waiting for storage: s3://x: [away]" in stream.getvalue()


def test_sizes_and_references() -> None:
    assert [as_size(size) for size in (0, 1023, 1024, 1 << 30, 5 << 50)] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "1.0 GiB",
        "5120.0 TiB",
    ]
    reference = read_reference("team/cats:good")
    assert (reference.bucket, reference.name, reference.version) == ("team", "cats", "good")


@pytest.mark.parametrize("name", list(dataset.dataset_command.commands))
def test_every_command_has_examples_that_parse(name: str) -> None:
    command = dataset.dataset_command.commands[name]
    assert command.help is not None
    examples = [
        line.split("osmoc dataset ")[1]
        for line in command.help.splitlines()
        if line.lstrip().startswith("osmoc dataset")
    ]
    assert [example for example in examples if not example.startswith(name)] == [] != examples
