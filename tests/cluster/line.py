"""A line to the API server that can be cut: as a restart of it looks to whoever is connected."""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cluster.kubernetes import kubectl


@dataclass
class Line:
    host: str
    port: int
    is_cut: bool = False
    _open: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def cut(self) -> None:
        with self._lock:
            self.is_cut = True
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self.is_cut = False

    def accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                if self.is_cut:
                    near.close()
                    continue
                far = socket.create_connection((self.host, self.port))
                with self._lock:
                    self._open |= {near, far}
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with self._lock:
            if source in self._open:  # the other direction has not closed it
                self._open.discard(source)
                source.close()


@contextmanager
def line_to_cluster(folder: Path) -> Iterator[tuple[Line, dict[str, str]]]:
    """And the environment of those who take it."""
    config = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
    server = urlsplit(config["clusters"][0]["cluster"]["server"])
    line = Line(server.hostname or "", server.port or 443)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        cluster = config["clusters"][0]["cluster"]
        cluster["server"] = f"https://127.0.0.1:{listener.getsockname()[1]}"
        cluster["tls-server-name"] = server.hostname
        assert base64.b64decode(cluster["certificate-authority-data"])
        path = folder / "kubeconfig-line"
        path.write_text(json.dumps(config))
        threading.Thread(target=line.accept, args=(listener,), daemon=True).start()
        try:
            yield line, {"KUBECONFIG": str(path)}
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            line.cut()
