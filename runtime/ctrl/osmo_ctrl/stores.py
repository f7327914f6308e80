"""Stores of the places that a task may reach, each with the patience that its document asks for."""

import time
from typing import Final

from osmo_ctrl.dataset.bucket import DatasetBucket
from osmo_ctrl.document import TaskDocument
from osmo_ctrl.places import Places
from osmo_ctrl.report import Reporter
from osmo_ctrl.storage.locations import Place
from osmo_ctrl.storage.store import Patience, Store, open_store

_BETWEEN: Final = 30.0  # seconds between two words about a storage that is away


class Stores:
    def __init__(self, document: TaskDocument, places: Places, reporter: Reporter) -> None:
        self._timeouts = document.timeouts
        self._places = places
        self._reporter = reporter
        self._said = 0.0

    def storage(self) -> Store | None:
        """To write; None for a workflow that moves no data."""
        place = self._places.storage()
        return self._open(place, self._timeouts.storage_upload) if place else None

    def storage_to_read(self) -> Store | None:
        place = self._places.storage()
        return self._open(place, self._timeouts.storage_download) if place else None

    def to_read(self, url: str) -> Store:
        return self._open(self._places.of_url(url), self._timeouts.storage_download)

    def to_write(self, url: str) -> Store:
        return self._open(self._places.of_url(url), self._timeouts.storage_upload)

    def bucket(self, name: str) -> DatasetBucket:
        place, bucket = self._places.of_bucket(name)
        return DatasetBucket(self._open(place, self._timeouts.storage_upload), bucket.single_writer)

    def bucket_to_read(self, name: str) -> Store:
        place, _ = self._places.of_bucket(name)
        return self._open(place, self._timeouts.storage_download)

    def _open(self, place: Place, seconds: float) -> Store:
        return open_store(place, Patience(seconds, self._waits))

    def _waits(self, reason: str) -> None:
        now = time.monotonic()
        if now - self._said >= _BETWEEN:
            self._said = now
            self._reporter.say(f"waiting for storage: {reason}")
