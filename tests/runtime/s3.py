"""A real S3 over HTTP, and a proxy before it that loses, cuts, delays and refuses what a test tells it to."""

import http.client
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from moto.server import ThreadedMotoServer

from osmo_ctrl.storage.store import Patience, Place, Store, open_store

CREDENTIAL: Final = {"access_key_id": "AKIDEXAMPLE", "access_key": "wJalrXUtnFEMI-EXAMPLEKEY"}
_SIGNED: Final = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/s3/aws4_request, Signature=0"
_names = itertools.count()


@dataclass(frozen=True)
class S3:
    """A bucket of its own for each test."""

    port: int
    bucket: str

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def place(self, path: str = "base", port: int = 0) -> Place:
        endpoint = f"http://127.0.0.1:{port or self.port}"
        return Place(f"s3://{self.bucket}/{path}", endpoint, "us-east-1", CREDENTIAL)

    def store(self, path: str = "base", seconds: float = 5, port: int = 0) -> Store:
        return open_store(self.place(path, port), Patience(seconds))

    def put(self, key: str, content: bytes) -> None:
        """By its key within the bucket, whatever obstore thinks of it."""
        assert self._request("PUT", f"/{self.bucket}/{key}", content) == 200

    def _request(self, method: str, path: str, content: bytes = b"") -> int:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port)) as connection:
            connection.request(method, path, content, {"Authorization": _SIGNED})
            answer = connection.getresponse()
            answer.read()
            return answer.status


@contextmanager
def serve() -> Iterator[int]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield server.get_host_and_port()[1]
    finally:
        server.stop()


def new_bucket(port: int) -> S3:
    made = S3(port, f"bucket-{next(_names)}")
    assert made._request("PUT", f"/{made.bucket}") == 200
    return made


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    number: int  # of all requests at this proxy, from 0
    head: bytes = field(repr=False)

    def is_of(self, method: str, part: str) -> bool:
        return self.method == method and part in self.path


@dataclass(frozen=True)
class Fault:
    """`status` answers in the server's place; `lose` drops the request, or its answer; `cut` ends an answer's body."""

    status: int = 0
    code: str = "Fault"
    lose: str = ""
    cut: int | None = None
    seconds: float = 0


@dataclass
class Proxy:
    """A TCP proxy that speaks just enough HTTP. `rule` says what is wrong with a request, if anything."""

    upstream: int
    rule: Callable[[Request], Fault | None] = lambda request: None
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def running(self) -> Iterator["Proxy"]:
        with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
            self.port = listener.getsockname()[1]
            threads: list[threading.Thread] = []
            accepting = threading.Thread(target=self._accept, args=(listener, threads))
            accepting.start()
            try:
                yield self
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                accepting.join()
                for thread in threads:
                    thread.join(10)

    def _accept(self, listener: socket.socket, threads: list[threading.Thread]) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threads.append(threading.Thread(target=self._serve, args=(client,)))
                threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), client.makefile("rb") as reader:
            head = b"".join(itertools.takewhile(lambda line: line not in (b"\r\n", b""), reader))
            if not head:
                return
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                ),
                0,
            )
            body = reader.read(length)
            method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
            with self._lock:
                request = Request(method, path, len(self.requests), head)
                self.requests.append(request)
            self._answer(client, request, head, body, self.rule(request))

    def _answer(self, client: socket.socket, request: Request, head: bytes, body: bytes, fault: Fault | None) -> None:
        fault = fault or Fault()
        if fault.seconds:
            threading.Event().wait(fault.seconds)
        if fault.lose == "request":
            return
        if fault.status:
            client.sendall(_answer_of(fault))
            return
        first, _, rest = head.partition(b"\r\n")
        lines = [line for line in rest.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        with socket.create_connection(("127.0.0.1", self.upstream)) as server:
            server.sendall(b"\r\n".join([first, b"Connection: close", *lines]) + b"\r\n" + body)
            answer = b"".join(iter(lambda: server.recv(1 << 20), b""))
        if fault.lose == "answer":
            return
        if fault.cut is not None:
            answer_head, separator, content = answer.partition(b"\r\n\r\n")
            answer = answer_head + separator + content[: fault.cut]
        client.sendall(answer)


def _answer_of(fault: Fault) -> bytes:
    body = f"<Error><Code>{fault.code}</Code><Message>as the test wants it</Message></Error>".encode()
    return f"HTTP/1.1 {fault.status} Fault\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
