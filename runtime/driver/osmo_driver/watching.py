"""A list and what becomes of it: one thread for each kind of objects, which tells a queue."""

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Final, Generic, TypeVar

from osmo_driver.cluster import ApiError, Cluster

Value = TypeVar("Value")

_PAGE: Final = "100"
_WATCH_SECONDS: Final = 240
_LONGEST_PAUSE: Final = 30.0


@dataclass(frozen=True, slots=True)
class Listed(Generic[Value]):
    """All there is."""

    kind: str
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Changed(Generic[Value]):
    """One of them is new or has changed; or `gone`, and this was its last state."""

    kind: str
    name: str
    value: Value
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Troubled:
    """The API server cannot be asked at the moment."""

    kind: str
    message: str


News = Listed[Any] | Changed[Any] | Troubled


class Gone(Exception):
    """What was to go on from is too old: list again."""


class Watcher(threading.Thread, Generic[Value]):
    def __init__(
        self,
        cluster: Cluster,
        kind: str,
        path: str,
        selector: str,
        read: Callable[[Mapping[str, Any]], Value],
        news: SimpleQueue[News],
    ) -> None:
        super().__init__(name=f"watch-{kind}", daemon=True)
        self._cluster = cluster
        self._kind = kind
        self._path = path
        self._query = {"labelSelector": selector}
        self._read = read
        self._news = news

    def run(self) -> None:
        version, failures = "", 0
        while True:
            try:
                version = self._watch(version) if version else self._list()
                failures = 0
            except Gone:
                version = ""
            except ApiError as error:
                failures += 1
                self._news.put(Troubled(self._kind, str(error)))
                if error.status == 410:
                    version = ""
                time.sleep(max(error.pause, min(2.0**failures, _LONGEST_PAUSE) * random.uniform(0.5, 1.0)))

    def _list(self) -> str:
        values: dict[str, Value] = {}
        query = {**self._query, "limit": _PAGE}
        while True:
            page = self._cluster.get(self._path, query)
            values.update((item["metadata"]["name"], self._read(item)) for item in page["items"])
            if not page["metadata"].get("continue"):
                break
            query["continue"] = page["metadata"]["continue"]
        self._news.put(Listed(self._kind, values))
        version: str = page["metadata"]["resourceVersion"]
        return version

    def _watch(self, version: str) -> str:
        query = {**self._query, "resourceVersion": version}
        for event in self._cluster.watch(self._path, query, _WATCH_SECONDS):
            item = event["object"]
            if event["type"] == "ERROR":
                if item.get("code") == 410:
                    raise Gone
                raise ApiError(item.get("code", 0), item.get("message", ""))
            version = item["metadata"]["resourceVersion"]
            if event["type"] != "BOOKMARK":
                is_gone = event["type"] == "DELETED"
                self._news.put(Changed(self._kind, item["metadata"]["name"], self._read(item), is_gone))
        return version
