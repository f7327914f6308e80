"""The API server, as the kubeconfig of whoever calls reaches it. All I/O with it goes through here.

Logging in and TLS are those of the package `kubernetes`, which knows what kubeconfigs hold; objects are plain JSON.
"""

import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from osmoc.cluster.kinds import Object, Reference, reference_to, resource_of
from osmoc.redaction import redacted

if TYPE_CHECKING:
    import urllib3
    import websocket

_APPLY: Final = "application/apply-patch+yaml"
_MERGE: Final = "application/merge-patch+json"
_MANAGER: Final = "osmoc"

_PAGE: Final = "500"
_TIMEOUT: Final = 15.0
_WATCH_SECONDS: Final = 240
# How long an API server that is away, busy or restarted is asked again; of one that never answered less.
_PATIENCE: Final = 60.0
_FIRST_PATIENCE: Final = 5.0
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 8.0
_PASSING: Final = frozenset({0, 429, 500, 502, 503, 504})
_SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class NoClusterError(Exception):
    """There is no cluster to ask, or no way to it: `str()` says why."""


class ApiError(Exception):
    """The API server's no. `status` is that of HTTP, 0 if there was no answer; `reason` is Kubernetes' word."""

    def __init__(self, status: int, message: str, reason: str = "", pause: float = 0.0) -> None:
        super().__init__(redacted(message))  # the address of a server may have a password in it
        self.status = status
        self.reason = reason
        self.pause = pause


@dataclass(frozen=True, slots=True)
class Event:
    """What a watch tells of an object; `type` is ADDED, MODIFIED or DELETED."""

    type: str
    object: Object


class Client:
    """Requests that may pass are tried again; whoever asks for something to be made must bear that it is there."""

    def __init__(self, configuration: Any, namespace: str) -> None:
        from kubernetes.client import ApiClient

        self.namespace = namespace
        self.server: str = configuration.host
        self.calls: Counter[str] = Counter()
        self._configuration = configuration
        self._has_answered = False
        configuration.connection_pool_maxsize = 16
        self._pool: urllib3.PoolManager = ApiClient(configuration).rest_client.pool_manager

    def get(self, reference: Reference) -> Object:
        """Raises: ApiError, with the status 404 if it is not there."""
        return self._object("GET", self._path(reference))

    def find(self, reference: Reference) -> Object | None:
        """Nothing if it is not there."""
        try:
            return self.get(reference)
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def list_of(self, api_version: str, kind: str, selector: str = "") -> tuple[list[Object], str]:
        """All of a kind, and the version to watch from."""
        query = {"limit": _PAGE} | ({"labelSelector": selector} if selector else {})
        path = self._path(Reference(api_version, kind, ""))
        items: list[Object] = []
        while True:
            page = self._object("GET", path, query)
            items += ({"apiVersion": api_version, "kind": kind} | item for item in page["items"])
            if not page["metadata"].get("continue"):
                return items, page["metadata"]["resourceVersion"]
            query["continue"] = page["metadata"]["continue"]

    def create(self, manifest: Object, *, dry_run: bool = False) -> Object:
        """Raises: ApiError, with the status 409 if it is there."""
        path = self._path(reference_to(manifest)._replace(name=""))
        return self._object("POST", path, _options(dry_run), manifest)

    def apply(self, manifest: Object, *, dry_run: bool = False) -> Object:
        """By server-side apply."""
        query = {"fieldManager": _MANAGER, "force": "true"} | _options(dry_run)
        return self._object("PATCH", self._path(reference_to(manifest)), query, manifest, _APPLY)

    def patch(self, reference: Reference, change: Object) -> Object:
        """A merge patch."""
        return self._object("PATCH", self._path(reference), {"fieldManager": _MANAGER}, change, _MERGE)

    def delete(self, reference: Reference, *, uid: str = "", policy: str = "Background") -> bool:
        """Whether it was there; of another object with its name nothing is deleted if a `uid` is given."""
        body: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy}
        if uid:
            body["preconditions"] = {"uid": uid}
        try:
            self._object("DELETE", self._path(reference), None, body)
        except ApiError as error:
            if error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
                return False
            raise
        return True

    def watch(self, api_version: str, kind: str, selector: str, version: str) -> Iterator[Event | None]:
        """Changes since the version, until the API server ends the stream; None now and then, to look at the clock.

        Raises: ApiError, with the status 410 if the version is too old: list again.
        """
        query = {"labelSelector": selector, "resourceVersion": version, "watch": "1", "allowWatchBookmarks": "true"}
        query["timeoutSeconds"] = str(_WATCH_SECONDS)
        path = self._path(Reference(api_version, kind, ""))
        with self._stream(path, query) as lines:
            for line in lines:
                found = json.loads(line)
                if found["type"] == "ERROR":
                    raise ApiError(found["object"].get("code", 0), found["object"].get("message", ""))
                yield None if found["type"] == "BOOKMARK" else Event(found["type"], found["object"])

    @contextmanager
    def log(self, pod: str, query: Mapping[str, str]) -> Iterator[Iterator[bytes]]:
        """Lines of a container's log as they come."""
        with self._stream(f"{self._path(Reference('v1', 'Pod', pod))}/log", query) as lines:
            yield lines

    def websocket(
        self, pod: str, action: str, query: Sequence[tuple[str, str]], protocols: Sequence[str]
    ) -> "websocket.WebSocket":
        """To a container of a pod. Raises: ApiError."""
        from kubernetes.stream.ws_client import create_websocket
        from websocket import WebSocketBadStatusException, WebSocketException

        path = f"{self._path(Reference('v1', 'Pod', pod))}/{action}?{urlencode(query)}"
        headers = {name.lower(): value for name, value in self._authorization().items()}
        headers["sec-websocket-protocol"] = ",".join(protocols)
        self.calls["SOCKET"] += 1
        try:
            url = re.sub("^http", "ws", self.server) + path
            made: websocket.WebSocket = create_websocket(self._configuration, url, headers)
            return made
        except WebSocketBadStatusException as error:
            message, reason = _said(error.resp_body or b"")
            raise ApiError(error.status_code, message or str(error), reason) from None
        except (WebSocketException, OSError) as error:
            raise ApiError(0, f"{self.server} does not answer: {error}") from None

    def get_path(self, path: str) -> Object:
        """What is no object of a kind: `/version`, a list of resources."""
        return self._object("GET", path)

    def _path(self, reference: Reference) -> str:
        resource = resource_of(reference)
        head = f"/apis/{reference.api_version}" if "/" in reference.api_version else f"/api/{reference.api_version}"
        middle = f"/namespaces/{self.namespace}" if resource.is_namespaced else ""
        return f"{head}{middle}/{resource.plural}/{reference.name}".removesuffix("/")

    def _object(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
    ) -> Object:
        end = time.monotonic() + (_PATIENCE if self._has_answered else _FIRST_PATIENCE)
        pause = _FIRST_PAUSE
        while True:
            try:
                found: Object = json.loads(self._request(method, path, query, body, content_type).data)
                return found
            except ApiError as error:
                if error.status not in _PASSING or time.monotonic() > end:
                    raise
                time.sleep(max(error.pause, pause * random.uniform(0.5, 1.0)))
                pause = min(2 * pause, _LONGEST_PAUSE)

    @contextmanager
    def _stream(self, path: str, query: Mapping[str, str]) -> Iterator[Iterator[bytes]]:
        response = self._request("GET", path, query, None, "", is_stream=True)
        try:
            yield _lines(response)
        finally:
            response.close()  # what has not been read would come first on the next request of this connection

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Object | None,
        content_type: str,
        is_stream: bool = False,
    ) -> "urllib3.BaseHTTPResponse":
        import urllib3

        self.calls["WATCH" if is_stream else method] += 1
        headers = {"Accept": "application/json", "User-Agent": "osmoc"} | self._authorization()
        if body is not None:
            headers["Content-Type"] = content_type
        url = self.server + path + (f"?{urlencode(query)}" if query else "")
        read = _WATCH_SECONDS + 15 if is_stream else _TIMEOUT
        try:
            response = self._pool.request(
                method,
                url,
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=urllib3.Timeout(connect=_TIMEOUT, read=read),
                retries=False,
                preload_content=not is_stream,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiError(0, f"{self.server} does not answer: {_words(error)}") from None
        self._has_answered = True
        if response.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise _error(response)
        return response

    def _authorization(self) -> dict[str, str]:
        """A token that is renewed if it has to be: asking for it is what renews it."""
        setting = self._configuration.auth_settings().get("BearerToken")
        return {"Authorization": setting["value"]} if setting and setting["value"] else {}


def open_client(context: str | None, namespace: str | None) -> Client:
    """By the kubeconfig, else as the service account of the pod that this runs in. Raises: NoClusterError."""
    try:
        from kubernetes import config
        from kubernetes.client import Configuration
        from yaml import YAMLError
    except ImportError:
        raise NoClusterError("this needs the package `kubernetes`: pip install 'osmoc[cluster]'") from None
    configuration = Configuration()
    try:
        if has_kubeconfig():
            config.load_kube_config(context=context, client_configuration=configuration)
            own = _namespace_of(context)
        else:
            config.load_incluster_config(client_configuration=configuration)
            own = _SERVICE_ACCOUNT.read_text(encoding="utf-8").strip()
    except config.ConfigException as error:
        why = str(error) if has_kubeconfig() else "there is no kubeconfig, and this is no pod"
        raise NoClusterError(f"no cluster: {why}") from None
    except (YAMLError, OSError, ValueError, KeyError, TypeError) as error:  # the package lets these through
        raise NoClusterError(f"the kubeconfig cannot be read: {' '.join(str(error).split())}") from None
    return Client(configuration, namespace or own or "default")


def has_kubeconfig() -> bool:
    from kubernetes.config.kube_config import KUBE_CONFIG_DEFAULT_LOCATION

    return any(Path(name).expanduser().is_file() for name in KUBE_CONFIG_DEFAULT_LOCATION.split(":") if name)


def _namespace_of(context: str | None) -> str:
    from kubernetes import config

    contexts, active = config.list_kube_config_contexts()
    chosen = next((one for one in contexts if one["name"] == context), active)
    namespace: str = chosen["context"].get("namespace", "")
    return namespace


def _options(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}


def _lines(response: "urllib3.BaseHTTPResponse") -> Iterator[bytes]:
    import urllib3

    rest = b""
    try:
        for chunk in response.stream(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (line for line in lines if line)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise ApiError(0, f"the stream was cut: {_words(error)}") from None
    if rest:
        yield rest


def _error(response: "urllib3.BaseHTTPResponse") -> ApiError:
    message, reason = _said(response.data or response.read())
    after = response.headers.get("Retry-After", "")
    text = message or f"HTTP status {response.status}"
    return ApiError(response.status, text, reason, float(after) if after.isdigit() else 0.0)


def _said(body: bytes) -> tuple[str, str]:
    """Message and reason of a Status."""
    try:
        said = json.loads(body)
        return said.get("message", ""), said.get("reason", "")
    except (ValueError, AttributeError):
        return "", ""


def _words(error: Exception) -> str:
    """The cause, not the chain of exceptions around it."""
    cause = getattr(error, "reason", None) or error.__cause__ or error
    return str(cause).rpartition(": ")[2] or type(error).__name__
