"""`python -m osmo_ctrl.kept_logs`: what attempts have left in the storage, listed and fetched."""

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from runtime.s3 import CREDENTIAL, S3

from osmo_ctrl import kept_logs
from osmo_ctrl.attempts import Attempt, record_run
from osmo_ctrl.records import Run
from osmo_ctrl.storage.store import Patience, Place, Store, open_store

SCHEMA = kept_logs.schema()


class Door:
    """The command, in this process, for one storage."""

    def __init__(self, place: Place) -> None:
        self.store: Store = open_store(place, Patience(1))
        self._place: dict[str, Any] = {"url": place.url, "endpoint": place.endpoint, "region": place.region}
        self._place["credential"] = place.credential

    def ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """The result, or the error."""
        request = {"operation": operation, "storage": self._place, "patience": 0.1, "workflow_id": "flow-1"} | arguments
        check("request", request)
        out = io.BytesIO()
        status = kept_logs.main(io.BytesIO(json.dumps(request).encode()), out)
        assert CREDENTIAL["access_key"].encode() not in out.getvalue()
        events: list[dict[str, Any]] = [json.loads(line) for line in out.getvalue().splitlines()]
        for event in events:
            check("event", event)
        assert status == (0 if events[-1]["event"] == "result" else 1)
        return dict(events[-1]["result"]) if events[-1]["event"] == "result" else events[-1]

    def keep(self, attempt: Attempt, *segments: bytes) -> None:
        async def write() -> None:
            run = Run(workflow_id="flow-1", run=attempt.run, workflow="flow", began=0)
            await record_run(self.store, run)
            for number, content in enumerate(segments):
                await self.store.write(f"{attempt.prefix}/log/{number:06}.log", content)
            await self.store.write(f"{attempt.prefix}/output/log", b"not the log")

        asyncio.run(write())


def check(name: str, value: dict[str, Any]) -> None:
    Draft202012Validator(SCHEMA["properties"][name] | {"$defs": SCHEMA["$defs"]}).validate(value)


@pytest.fixture
def door(place: Place) -> Door:
    return Door(place)


def attempt(task: str, number: int, pod: str, run: str = "run-1") -> Attempt:
    return Attempt("flow-1", run, task, number, pod)


def test_logs_of_a_run_are_listed_and_fetched(door: Door, tmp_path: Path) -> None:
    many = [b"%d\n" % number for number in range(12)]
    door.keep(attempt("b", 10, "22222222-rest"), *many)
    door.keep(attempt("b", 2, "11111111-rest"), b"second\n")
    door.keep(attempt("A_a", 0, "33333333-rest"))
    door.keep(attempt("old", 0, "44444444-rest", run="run-0"), b"other\n")
    listed = door.ask("list", run="run-1")
    told = [(log["task"], log["number"], log["pod"]) for log in listed["logs"]]
    assert told == [("A_a", 0, "33333333"), ("b", 2, "11111111"), ("b", 10, "22222222")]
    door.ask("fetch", run="run-1", logs=listed["logs"], directory=str(tmp_path))
    contents = [(tmp_path / str(index)).read_bytes() for index in range(3)]
    assert contents == [b"", b"second\n", b"".join(many)]


def test_the_newest_run_is_meant_if_none_is_named(door: Door) -> None:
    assert door.ask("list") == {"operation": "list", "run": "", "logs": []}
    door.keep(attempt("a", 0, "11111111"), b"x\n")
    assert door.ask("list")["run"] == "run-1"
    assert door.ask("list", run="other")["logs"] == []


def test_what_goes_wrong_is_an_error_and_no_traceback(door: Door, s3: S3, tmp_path: Path) -> None:
    door.keep(attempt("a", 0, "11111111"), b"x\n")
    logs = door.ask("list")["logs"]
    assert door.ask("fetch", run="run-1", logs=logs, directory=f"{tmp_path}/none")["fault"] == "files"
    away = Place(f"s3://{s3.bucket}", "http://127.0.0.1:1", "us-east-1", CREDENTIAL)
    assert Door(away).ask("list")["fault"] == "away"


def test_a_request_that_cannot_be_read() -> None:
    out = io.BytesIO()
    assert kept_logs.main(io.BytesIO(b'{"operation": "list"}'), out) == 1
    assert json.loads(out.getvalue())["fault"] == "invalid"
