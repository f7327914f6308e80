"""`python -m osmo_ctrl.dataset`: requests in, events out."""

import io
import json
import os
import subprocess
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from runtime.dataset_buckets import now
from runtime.s3 import CREDENTIAL, S3

from osmo_ctrl.dataset import contract
from osmo_ctrl.dataset.__main__ import main
from osmo_ctrl.storage.store import Place
from runtime import azure

SCHEMA = contract.schema()
SECRETS = (CREDENTIAL["access_key"], azure.KEY)


class Door:
    """The command, in this process, for one bucket."""

    def __init__(self, place: dict[str, Any]) -> None:
        self.place = place
        self.days = 0.0
        self.events: list[dict[str, Any]] = []

    def ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """The result, or the error."""
        request = {"operation": operation, "bucket": self.place, "patience": 2} | arguments
        check("request", request)
        out = io.BytesIO()
        status = main(io.BytesIO(json.dumps(request).encode()), out, lambda: now(self.days))
        assert not any(secret.encode() in out.getvalue() for secret in SECRETS)
        self.events = [json.loads(line) for line in out.getvalue().splitlines()]
        for event in self.events:
            check("event", event)
        last = self.events[-1]
        assert status == (0 if last["event"] == "result" else 1)
        return last["result"] if last["event"] == "result" else last


def check(name: str, value: dict[str, Any]) -> None:
    schema = SCHEMA["properties"][name] | {"$defs": SCHEMA["$defs"]}
    Draft202012Validator(schema).validate(value)


@pytest.fixture
def door(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Door:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures" / "deep").mkdir(parents=True)
    (tmp_path / "pictures" / "tom.txt").write_text("tom")
    (tmp_path / "pictures" / "deep" / "rex:1.txt").write_text("rex")
    (tmp_path / "about.yaml").write_text("camera: left\n")
    return Door(asdict(place))


def test_a_dataset_comes_and_goes(door: Door, tmp_path: Path) -> None:
    assert door.ask("list")["datasets"] == []
    made = door.ask("upload", name="cats", tag="good", sources=["pictures"], metadata=["about.yaml"], by="me")
    assert {key: made[key] for key in ("version", "files", "size", "uploaded_files")} == {
        "version": 1, "files": 2, "size": 6, "uploaded_files": 2,
    }  # fmt: skip
    assert [event["step"] for event in door.events[:-1]][:1] == ["read"]
    assert door.events[-2] | {"event": "progress"} == {
        "event": "progress", "step": "upload", "files": 2, "all_files": 2, "size": 6, "all_size": 6,
    }  # fmt: skip
    updated = door.ask("upload", name="cats", base="", sources=["pictures/tom.txt:pictures/new"], labels=["about.yaml"])
    assert (updated["version"], updated["files"], updated["uploaded_files"]) == (2, 3, 0)
    info = door.ask("info", name="cats", files=True)
    assert [file["path"] for file in info["files"]] == [
        "pictures/deep/rex:1.txt", "pictures/new/tom.txt", "pictures/tom.txt",
    ]  # fmt: skip
    assert (info["version"], info["base"], info["labels"], info["metadata"]) == (
        2, 1, {"camera": "left"}, {"camera": "left"},
    )  # fmt: skip
    assert [(one["number"], one["tags"]) for one in info["versions"]] == [(1, ["good"]), (2, [])]
    assert door.ask("info", name="cats", version="good")["origin"] == {"user": "me"}
    (listed,) = door.ask("list")["datasets"]
    assert (listed["name"], listed["latest"], listed["versions"]) == ("cats", 2, 2)

    got = door.ask("download", name="cats", version="good", directory="there")
    assert got == {"operation": "download", "pins": [{"name": "cats", "version": 1}], "files": 2, "size": 6}
    assert (tmp_path / "there/cats/pictures/deep/rex:1.txt").read_text() == "rex"

    assert door.ask("diff", name="cats", old="1")["added"][0]["path"] == "pictures/new/tom.txt"
    assert door.ask("tag", name="cats", version="2", set=["best"], delete=["good"])["tags"] == {"best": 2}
    assert door.ask("delete", name="cats", version="1", dry_run=True)["versions"] == [1]
    assert door.ask("delete", name="cats", version="1")["versions"] == [1]
    assert door.ask("info", name="cats", version="1")["fault"] == "deleted"
    assert door.ask("info", name="cats")["deleted"] == [1]
    assert door.ask("verify", name="cats")["damages"] == []
    assert door.ask("delete", name="cats", all=True)["versions"] == [2]
    door.days = 15
    assert door.ask("gc", dry_run=True)["datasets"] == [{"name": "cats", "objects": 2, "size": 6, "versions": [1, 2]}]
    assert door.ask("gc", names=["cats"])["datasets"][0]["objects"] == 2
    assert door.ask("gc")["datasets"][0]["objects"] == 0
    assert door.ask("list")["datasets"] == []


def test_collections(door: Door) -> None:
    door.ask("upload", name="cats", sources=["pictures"])
    door.ask("upload", name="dogs", sources=["pictures/deep"], tag="good")
    pins = [{"name": "cats", "version": 1}, {"name": "dogs", "version": 1}]
    assert door.ask("collect", name="pets", members=["cats", "dogs:good"])["pins"] == pins
    assert door.ask("collect", name="pets", members=["cats"])["fault"] == "invalid"
    assert door.ask("collect", name="cats", members=["dogs"])["fault"] == "invalid"
    assert door.ask("collect", name="own", members=["pets"])["fault"] == "invalid"
    assert door.ask("info", name="pets")["pins"] == pins
    assert [(one["name"], one["kind"]) for one in door.ask("list")["datasets"]] == [
        ("cats", "dataset"), ("dogs", "dataset"), ("pets", "collection"),
    ]  # fmt: skip
    assert door.ask("download", name="pets", directory="there")["files"] == 3
    assert door.ask("upload", name="pets", sources=["pictures"])["fault"] == "invalid"
    for operation in ("tag", "verify", "diff"):
        arguments = {"old": ""} if operation == "diff" else {}
        assert "is a collection" in door.ask(operation, name="pets", **arguments)["message"]
    assert door.ask("collect", name="pets", members=["cats"], replace=True)["pins"] == pins[:1]
    assert door.ask("gc")["datasets"][2] == {"name": "pets", "objects": 0, "size": 0, "versions": []}
    assert door.ask("delete", name="pets", all=True)["kind"] == "collection"
    assert door.ask("info", name="pets")["fault"] == "missing"


def test_what_goes_where(door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def paths(*sources: str, **more: Any) -> list[str]:
        made = door.ask("upload", name="cats", sources=[*sources], **more)
        info = door.ask("info", name="cats", version=str(made["version"]), files=True)
        return [file["path"] for file in info["files"]]

    assert paths("pictures/") == ["pictures/deep/rex:1.txt", "pictures/tom.txt"]
    assert paths("pictures/.") == ["deep/rex:1.txt", "tom.txt"]
    assert paths(str(tmp_path / "pictures")) == ["pictures/deep/rex:1.txt", "pictures/tom.txt"]
    assert paths("pictures/deep/rex:1.txt", "about.yaml:x/y") == ["rex:1.txt", "x/y/about.yaml"]
    assert paths("pictures:x", regex=".*rex") == ["x/pictures/deep/rex:1.txt"]
    monkeypatch.chdir(tmp_path / "pictures")
    assert paths(".") == ["deep/rex:1.txt", "tom.txt"]
    assert paths("../pictures/deep/..", base="1", remove="pictures/d") == [
        "pictures/deep/rex:1.txt", "pictures/tom.txt",
    ]  # fmt: skip
    assert paths(base="1", remove="pictures/d") == ["pictures/tom.txt"]


@pytest.mark.parametrize(
    ("operation", "arguments", "fault", "message"),
    [
        ("info", {"name": "cats"}, "missing", "dataset `cats` has no version"),
        ("info", {"name": "../cats"}, "invalid", "`../cats` is not the name of a dataset"),
        ("upload", {"name": "cats", "sources": ["gone"]}, "missing", "gone cannot be read: no such file"),
        ("upload", {"name": "cats", "sources": ["pictures"], "regex": "x"}, "missing", "there are no files"),
        ("upload", {"name": "cats", "sources": ["pictures:../x"]}, "invalid", "`../x`: a path with an empty part"),
        (
            "upload",
            {"name": "cats", "sources": ["pictures"], "base": ""},
            "missing",
            "no version that could be updated",
        ),
        ("upload", {"name": "cats", "sources": ["pictures"], "tag": "3"}, "invalid", "`3` cannot be a tag"),
        ("upload", {"name": "c/ats", "sources": ["pictures"]}, "invalid", "`c/ats` is not the name"),
        ("delete", {"name": "cats"}, "invalid", "which version of `cats`?"),
        ("delete", {"name": "cats", "all": True}, "missing", "dataset `cats` has no version"),
        ("gc", {"names": ["a/b"]}, "invalid", "`a/b` is not the name"),
        ("tag", {"name": "cats", "delete": ["../../x"]}, "invalid", "`../../x` cannot be a tag"),
    ],
)
def test_faults(door: Door, operation: str, arguments: dict[str, Any], fault: str, message: str) -> None:
    error = door.ask(operation, **arguments)
    assert error["fault"] == fault
    assert message in error["message"]


def test_a_storage_that_is_away_or_refuses(s3: S3) -> None:
    door = Door({"url": "s3://cats/d", "endpoint": "http://127.0.0.1:9", "region": "x", "credential": CREDENTIAL})
    assert door.ask("list")["fault"] == "away"
    assert door.events[0]["event"] == "waiting"
    missing = Door({"url": "s3://no-such-bucket/d", "endpoint": s3.endpoint, "region": "x", "credential": CREDENTIAL})
    assert missing.ask("list")["fault"] == "missing"
    assert Door({"url": "ftp://x/y"}).ask("list")["fault"] == "refused"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"operation": "fly"}', '{"operation": "list", "bucket": {"url": 1}}'])
def test_a_request_that_is_none(text: str) -> None:
    out = io.BytesIO()
    assert main(io.BytesIO(text.encode()), out, datetime.now) == 1
    assert json.loads(out.getvalue())["fault"] == "invalid"


def test_a_fault_of_a_request_does_not_quote_its_credential() -> None:
    request = {"operation": "list", "bucket": {"url": "s3://a", "credential": {"access_key": [SECRETS[0]]}}}
    out = io.BytesIO()
    assert main(io.BytesIO(json.dumps(request).encode()), out, datetime.now) == 1
    assert SECRETS[0].encode() not in out.getvalue()


def test_as_a_process(tmp_path: Path) -> None:
    request = {"operation": "list", "bucket": {"url": f"file://{tmp_path}"}}
    done = subprocess.run(
        [sys.executable, "-m", "osmo_ctrl.dataset"], input=json.dumps(request), capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"event": "result", "result": {"operation": "list", "datasets": []}}


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert set(SCHEMA["properties"]) == {"request", "event"}
