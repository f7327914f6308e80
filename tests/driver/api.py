"""An API server that answers what a test has written down, and remembers what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from osmo_driver.cluster import Cluster

Object = dict[str, Any]
Query = dict[str, str]
# A request's method, path, query and body, to a status and an object, or to the events of a watch.
Answer = Callable[[str, str, Query, Object | None], tuple[int, Object | list[Object]]]


@contextmanager
def api(answer: Answer, folder: Path) -> Iterator[Cluster]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            status, found = answer(self.command, url.path, dict(parse_qsl(url.query)), body)
            events = found if isinstance(found, list) else None
            content = json.dumps(found).encode()
            self.send_response(status)
            if events is None:
                self.send_header("Content-Length", str(len(content)))
            else:
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            if events is None:
                self.wfile.write(content)
                return
            text = b"".join(json.dumps(event).encode() + b"\n" for event in events)
            # As a network has it: events do not come one by one.
            for start in range(0, len(text), 50):
                part = text[start : start + 50]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")

        do_GET = do_PUT = do_PATCH = do_DELETE = handle_one

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    (folder / "token").write_text("secret\n")
    try:
        yield Cluster(f"http://127.0.0.1:{server.server_address[1]}", folder, "default")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
