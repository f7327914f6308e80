"""Values of `osmoc credential` reach the API server as they were given, and nobody else, whatever goes wrong."""

import base64
import io
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from osmoc.cli import cluster_options
from osmoc.cli.main import main
from osmoc.cluster.client import Client

# Of any bytes that a variable can hold. Shorter ones would stand in any text by chance.
VALUES: Final = some.one_of(
    some.binary(min_size=8, max_size=40), some.text(min_size=8, max_size=40).map(lambda text: text.encode())
).filter(lambda value: b"\0" not in value)
LINES: Final = VALUES.filter(lambda value: not set(value) & set(b"\r\n"))


@dataclass
class Server:
    """An API server that has one Secret, or none, and repeats what it refuses."""

    url: str = ""
    data: dict[str, str] | None = None
    refuses: bool = False
    folder: Path = field(default_factory=Path)

    def answer(self, method: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.refuses:
            values = [base64.b64decode(value).decode(errors="replace") for value in body["data"].values()]
            return 422, {"message": f"denied: {body['data']} which is {' '.join(values)}", "reason": "Invalid"}
        if method == "POST" and self.data is not None:
            return 409, {"message": f"{body} is there", "reason": "AlreadyExists"}
        self.data = (self.data or {}) | body["data"]
        return 201, {"metadata": {"name": "wandb"}, "data": self.data}

    def holds(self) -> dict[str, bytes]:
        return {key: base64.b64decode(value) for key, value in (self.data or {}).items()}

    def osmoc(self, *words: str, stdin: bytes = b"") -> tuple[int, str]:
        """The status, and all that is printed."""
        out = io.StringIO()
        before = sys.stdin
        sys.stdin = io.TextIOWrapper(io.BytesIO(stdin))
        try:
            status = main(["credential", *words], None, out, out)
        finally:
            sys.stdin = before
        assert status in (0, 2), out.getvalue()
        return status, out.getvalue()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    from kubernetes.client import Configuration

    state = Server(folder=tmp_path_factory.mktemp("values"))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = state.answer(self.command, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_PATCH = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    def opened(context: str | None, namespace: str | None) -> Client:
        return Client(Configuration(host=state.url), "robots")

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening, pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster_options, "open_client", opened)
        state.url = f"http://127.0.0.1:{listening.server_port}"
        Thread(target=listening.serve_forever, daemon=True).start()
        yield state
        listening.shutdown()


def assert_untold(value: bytes, told: str) -> None:
    text = value.decode(errors="replace")
    shown = json.dumps(text)[1:-1]
    for form in (text, shown, repr(text)[1:-1], quote(value), quote_plus(value), base64.b64encode(value).decode()):
        assert form not in told, told


@pytest.mark.parametrize("refuses", [False, True])
@settings(max_examples=30)
@given(VALUES, VALUES, LINES, some.booleans())
@example(b"'quoted' \"twice\"", b"{{ 1 }} {% x %}", "\u2028 \x85 \x1c".encode(), True)
@example("ünïcödé 日本".encode(), b"\xff\xfe\xfd\xfc-not-text", b"back\\slash\\n", False)
@example(b"-----BEGIN KEY-----\nabcdefgh\n", b"$HOME $(id)", b"  spaces  ", False)
def test_values_are_kept_and_not_told(
    server: Server, refuses: bool, file: bytes, variable: bytes, line: bytes, is_there: bool
) -> None:
    server.refuses, server.data = refuses, {"other": "eA=="} if is_there else None
    (server.folder / "value").write_bytes(file)
    os.environb[b"OSMOC_TEST_VALUE"] = variable
    try:
        words = ("--from-env", "b=OSMOC_TEST_VALUE", "--from-file", f"a={server.folder / 'value'}")
        status, told = server.osmoc("set", "wandb", "c", *words, stdin=line + b"\n")
    finally:
        del os.environb[b"OSMOC_TEST_VALUE"]
    assert status == (2 if refuses else 0), told
    for value in (file, variable, line):
        assert_untold(value, told)
    if not refuses:
        kept = server.holds()
        assert kept == {"a": file, "b": variable, "c": line} | ({"other": b"x"} if is_there else {})


MISPLACED: Final = (
    ("set", "wandb", "{}"),
    ("set", "wandb", "api_key={}"),
    ("set", "wandb", "--from-env", "{}"),
    ("set", "wandb", "--from-env", "api_key={}"),
    ("set", "wandb", "--from-file", "{}"),
    ("set", "wandb", "--from-file", "api_key={}"),
)


@pytest.mark.parametrize("words", MISPLACED)
@settings(max_examples=20)
@given(some.text("abcXYZ019 '\"`{}$%&\\/ü日=+", min_size=8, max_size=40))
@example("hf_0123456789")
def test_a_value_in_the_wrong_place_is_not_told(server: Server, words: tuple[str, ...], text: str) -> None:
    """A script that says `--from-env token=$TOKEN` has a log."""
    value = f"Zq {text} 9"
    status, told = server.osmoc(*(word.format(value) for word in words))
    assert status == 2
    assert_untold(value.encode(), told)


@settings(max_examples=20)
@given(some.lists(LINES, min_size=2, max_size=4))
def test_lines_that_are_too_many_are_not_told(server: Server, lines: list[bytes]) -> None:
    status, told = server.osmoc("set", "wandb", "api_key", stdin=b"\n".join(lines))
    assert status == 2 and "1 lines of standard input are expected" in told
    for line in lines:
        assert_untold(line, told)
