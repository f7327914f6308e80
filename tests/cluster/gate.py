"""A storage of which a test decides when it answers: what holds a task in its download, or in its upload."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

_LONGEST: Final = 120.0  # seconds; who is gone by then has not been asked for any more


@dataclass
class Held:
    """Requests that wait: of a method, with each of these in their path."""

    method: str
    parts: tuple[str, ...]
    came: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)


class Gate:
    """Before an application that answers all other requests at once."""

    def __init__(self, behind: Application) -> None:
        self._behind = behind
        self._held: list[Held] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        for held in self._held:
            if environ["REQUEST_METHOD"] == held.method and all(part in environ["PATH_INFO"] for part in held.parts):
                held.came.set()
                held.let_go.wait(_LONGEST)
        return self._behind(environ, start_response)

    @contextmanager
    def holding(self, method: str, *parts: str) -> Iterator[Held]:
        """Until the block ends, or the test lets go."""
        held = Held(method, parts)
        self._held.append(held)
        try:
            yield held
        finally:
            held.let_go.set()
            self._held.remove(held)


@contextmanager
def serve() -> Iterator[tuple[int, Gate]]:
    """A real S3 that pods reach, on this port, behind a gate."""
    gate = Gate(DomainDispatcherApplication(create_backend_app))
    server = make_server("0.0.0.0", 0, gate, threaded=True, request_handler=MotoRequestHandler)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield server.server_port, gate
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
