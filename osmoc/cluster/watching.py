"""Objects of a few kinds as they change: one list and one watch for each kind, in a thread of its own."""

import random
import threading
import time
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from queue import Empty, SimpleQueue
from typing import Final

from osmoc.cluster.client import ApiError, Client
from osmoc.cluster.kinds import Object, Reference, reference_to

_LONGEST_PAUSE: Final = 10.0
_GATHER: Final = 0.1  # changes come in bursts

Objects = dict[Reference, Object]


class Watching:
    """Knows the objects of some kinds with some labels, and keeps knowing them."""

    def __init__(self, client: Client, kinds: Iterable[tuple[str, str]], selector: str) -> None:
        self._client = client
        self._kinds = tuple(kinds)
        self._selector = selector
        self._news: SimpleQueue[tuple[tuple[str, str], Objects | None, ApiError | None]] = SimpleQueue()

    def objects(self, rest: float) -> Iterator[Objects]:
        """All objects, as soon as all kinds are listed, at each change, and after `rest` seconds without any.

        Raises: ApiError, if they may not be read.
        """
        known: dict[tuple[str, str], Objects] = {}
        for kind in self._kinds:
            threading.Thread(target=self._follow, args=kind, daemon=True).start()
        while True:
            self._hear(known, rest)
            if len(known) == len(self._kinds):
                yield {reference: item for objects in known.values() for reference, item in objects.items()}

    def _hear(self, known: dict[tuple[str, str], Objects], rest: float) -> None:
        end = time.monotonic() + rest
        while (left := end - time.monotonic()) > 0:
            try:
                kind, objects, error = self._news.get(timeout=left)
            except Empty:
                return
            if error is not None and error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                raise error
            if objects is not None:
                known[kind] = objects
                end = min(end, time.monotonic() + _GATHER)

    def _follow(self, api_version: str, kind: str) -> None:
        objects: Objects = {}
        version, failures = "", 0
        while True:
            try:
                if not version:
                    items, version = self._client.list_of(api_version, kind, self._selector)
                    objects = {reference_to(item): item for item in items}
                    self._tell(api_version, kind, objects)
                version = self._watch(api_version, kind, objects, version)
                failures = 0
            except ApiError as error:
                if error.status == HTTPStatus.GONE:
                    version = ""
                    continue
                failures += 1
                self._news.put(((api_version, kind), None, error))
                pause = min(2.0**failures / 4, _LONGEST_PAUSE) * random.uniform(0.5, 1.0)
                time.sleep(max(error.pause, pause))

    def _watch(self, api_version: str, kind: str, objects: Objects, version: str) -> str:
        for event in self._client.watch(api_version, kind, self._selector, version):
            if event is None:
                continue
            item: Object = {"apiVersion": api_version, "kind": kind} | event.object
            version = item["metadata"]["resourceVersion"]
            if event.type == "DELETED":
                objects.pop(reference_to(item), None)
            else:
                objects[reference_to(item)] = item
            self._tell(api_version, kind, objects)
        return version

    def _tell(self, api_version: str, kind: str, objects: Objects) -> None:
        self._news.put(((api_version, kind), dict(objects), None))
