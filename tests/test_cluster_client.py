"""What a client does about an API server that is busy, away, or says no: `osmoc.cluster.client`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from osmoc.cluster import client as module
from osmoc.cluster.client import ApiError, Client
from osmoc.cluster.kinds import Reference

SECRET = Reference("v1", "Secret", "wandb")
FOUND = {"kind": "Secret", "metadata": {"name": "wandb"}}


@dataclass
class Server:
    """Gives its `answers` in turn, then what was asked for; None hangs up instead."""

    url: str = ""
    answers: list[int | None] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def client(self) -> Client:
        from kubernetes.client import Configuration

        return Client(Configuration(host=self.url), "robots")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    pytest.importorskip("kubernetes")
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.command)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status = state.answers.pop(0) if state.answers else 200
            if status is None:
                return self.connection.close()
            self.send_response(status)
            said: dict[str, Any] = FOUND if status == 200 else {"message": f"no: {status}", "reason": "Because"}
            content = json.dumps(said).encode()
            if status == 429:
                self.send_header("Retry-After", "1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_PATCH = do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        state.url = f"http://127.0.0.1:{listening.server_port}"
        Thread(target=listening.serve_forever, daemon=True).start()
        yield state
        listening.shutdown()


class Clock:
    """Stands in the client's module for `time`, and only there: threads of other tests go by the real one."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, None])
def test_what_may_pass_is_asked_again(server: Server, clock: Clock, status: int | None) -> None:
    server.answers = [status, status]
    assert server.client().get(SECRET) == FOUND
    assert len(server.asked) == 3
    assert all(pause >= 1 for pause in clock.slept) if status == 429 else 0 < clock.slept[0] < 1


def test_a_change_is_sent_again_as_well(server: Server, clock: Clock) -> None:
    server.answers = [503, None]
    assert server.client().patch(SECRET, {"data": {}}) == FOUND
    assert server.asked == ["PATCH"] * 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_a_no_is_a_no(server: Server, clock: Clock, status: int) -> None:
    server.answers = [status]
    with pytest.raises(ApiError, match=f"no: {status}") as caught:
        server.client().get(SECRET)
    assert (caught.value.status, caught.value.reason, len(server.asked), clock.slept) == (status, "Because", 1, [])


@pytest.mark.parametrize(("has_answered", "patience"), [(False, 5), (True, 60)])
def test_patience_ends(server: Server, clock: Clock, has_answered: bool, patience: float) -> None:
    client = server.client()
    if has_answered:
        client.get(SECRET)
    server.answers = [503] * 1000
    with pytest.raises(ApiError, match="no: 503"):
        client.get(SECRET)
    assert patience < clock.now < patience + 8
