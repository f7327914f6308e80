"""The API server, as a pod's service account reaches it. All I/O with it goes through here."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import urllib3

Object = dict[str, Any]

MERGE: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"

_TIMEOUT: Final = urllib3.Timeout(connect=3, read=8)
_LONGEST_MESSAGE: Final = 400
_TOKEN_AGE: Final = 60.0  # the kubelet renews it long before it expires
# A connection whose other end is gone without a word is noticed within half a minute.
_KEEP_ALIVE: Final = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPIDLE", 0x10), 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
]


class ApiError(Exception):
    """`status` is that of HTTP, 0 if there was no answer."""

    def __init__(self, status: int, message: str, pause: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.pause = pause

    @property
    def is_refusal(self) -> bool:
        """The request itself is at fault, or not allowed: the same one again will hardly fare better."""
        return 400 <= self.status < 500 and self.status not in (401, 404, 408, 409, 410, 429)


class Cluster:
    """`account` is the directory of a service account: its token, and the certificate of the API server's issuer."""

    def __init__(self, server: str, account: Path, namespace: str) -> None:
        self.namespace = namespace
        self.calls: Counter[str] = Counter()
        self._account = account
        self._token = ""
        self._token_read = float("-inf")
        self._lock = threading.Lock()
        certificates = account / "ca.crt"
        self._pool = urllib3.connection_from_url(
            server,
            maxsize=4,
            timeout=_TIMEOUT,
            retries=False,
            socket_options=_KEEP_ALIVE,
            **({"ca_certs": str(certificates)} if server.startswith("https") else {}),
        )

    def path(self, group: str, resource: str, name: str = "") -> str:
        prefix = f"/apis/{group}" if "/" in group else f"/api/{group}"
        return f"{prefix}/namespaces/{self.namespace}/{resource}" + (f"/{name}" if name else "")

    def get(self, path: str, query: Mapping[str, str] | None = None, accept: str = "application/json") -> Object:
        return self._object("GET", _with(path, query), headers={"Accept": accept})

    def put(self, path: str, body: Object) -> Object:
        return self._object("PUT", path, body, {"Content-Type": "application/json"})

    def patch(self, path: str, body: Object, kind: str = MERGE) -> Object:
        return self._object("PATCH", path, body, {"Content-Type": kind})

    def delete(self, path: str, body: Object) -> Object:
        return self._object("DELETE", path, body, {"Content-Type": "application/json"})

    def watch(self, path: str, query: Mapping[str, str], seconds: int) -> Iterator[Object]:
        """Events as they come, until the API server ends the stream, after these seconds at the latest."""
        query = {**query, "watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        timeout = urllib3.Timeout(connect=3, read=seconds + 10)
        response = self._request("GET", _with(path, query), None, {}, timeout, stream=True)
        rest = b""
        try:
            for chunk in response.stream(65536):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (json.loads(line) for line in lines if line)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiError(0, _words(error)) from None
        finally:
            # What has not been read would come first on the next request of this connection.
            response.close()

    def _object(self, method: str, path: str, body: Object | None = None, headers: Mapping[str, str] = {}) -> Object:
        response = self._request(method, path, body, headers, _TIMEOUT)
        found: Object = json.loads(response.data)
        return found

    def _request(
        self,
        method: str,
        path: str,
        body: Object | None,
        headers: Mapping[str, str],
        timeout: urllib3.Timeout,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        with self._lock:
            self.calls["WATCH" if stream else method] += 1
        content = None if body is None else json.dumps(body).encode()
        try:
            response = self._pool.urlopen(
                method, path, content, {**headers, **self._authorization()}, timeout=timeout, preload_content=not stream
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiError(0, _words(error)) from None
        if response.status >= 300:
            if response.status == 401:
                self._token_read = float("-inf")
            raise _error(response)
        return response

    def _authorization(self) -> dict[str, str]:
        with self._lock:
            now = time.monotonic()
            if now - self._token_read > _TOKEN_AGE:
                self._token = (self._account / "token").read_text().strip()
                self._token_read = now
            return {"Authorization": f"Bearer {self._token}"}


def _with(path: str, query: Mapping[str, str] | None) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _error(response: urllib3.BaseHTTPResponse) -> ApiError:
    try:
        message = json.loads(response.data).get("message", "")
    except (ValueError, AttributeError):
        message = ""
    after = response.headers.get("Retry-After", "")
    text = _cut(message) or f"HTTP status {response.status}"
    return ApiError(response.status, text, float(after) if after.isdigit() else 0)


def _cut(message: str) -> str:
    """Some have the whole object in the middle; the cause is at the end."""
    half = _LONGEST_MESSAGE // 2
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[:half]} … {message[-half:]}"


def _words(error: Exception) -> str:
    return f"no answer from the API server: {type(error).__name__}"
