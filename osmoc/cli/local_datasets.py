"""Datasets that `localpath` of an input names: noted while the workflow is compiled, then uploaded and known by number.

A folder that has not changed since its newest version is that version: nothing is uploaded twice, whoever was killed
in between.
"""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from osmoc.cli.dataset_options import Reference, read_reference
from osmoc.cli.dataset_progress import watched
from osmoc.datasets_client import BucketPlace, call
from osmoc.profile import Profile, Storage
from osmoc.report.printable import printable
from osmoc.runtime_process import RuntimeFailed, RuntimeMissing

# Stands for the number of a version that is not uploaded yet.
_UNKNOWN: Final = "0"
_PATIENCE: Final = 60.0

KeysOf = Callable[[str], Mapping[str, str]]
FindPlace = Callable[[str], BucketPlace]


class NoPlaceError(Exception):
    """There is no way to a bucket: `str()` says why."""


class LocalDatasets:
    """`folder` is what paths are relative to: that of the workflow file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._versions: dict[tuple[str, str], str] = {}
        self._faults: dict[tuple[str, str], str] = {}

    def __bool__(self) -> bool:
        return bool(self._versions)

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(name for name, _ in self._versions))

    def pin(self, name: str, path: str) -> str:
        """The version, if it is known by now. Raises: OSError."""
        if "{{" in name:
            raise OSError(f"`{name}` is known only when the workflow runs, and must be uploaded before")
        if fault := self._faults.get((name, path)):
            raise OSError(f"`{path}` is not uploaded: {fault}")
        if "\0" in path:
            raise FileNotFoundError(2, "No such file or directory")
        self._source(path).stat()
        return self._versions.setdefault((name, path), _UNKNOWN)

    def upload(self, find_place: FindPlace) -> None:
        """All of them. What goes wrong is told by the next `pin`, at its line."""
        for name, path in self._versions:
            try:
                self._versions[name, path] = self._upload(read_reference(name), path, find_place)
            except (NoPlaceError, RuntimeFailed, RuntimeMissing) as error:
                self._faults[name, path] = printable(str(error))

    def _upload(self, reference: Reference, path: str, find_place: FindPlace) -> str:
        request = {"name": reference.name, "sources": [str(self._source(path))], "reuse": True, "patience": _PATIENCE}
        with watched(sys.stderr) as on_event:
            done = call("upload", find_place(reference.bucket), request, on_event)
        for warning in done.get("warnings", ()):
            sys.stderr.write(f"warning: {printable(warning)}\n")
        is_new = f"{done['uploaded_files']} of {done['files']} files uploaded"
        sys.stderr.write(f"{printable(path)} is {reference.name}:{done['version']}, {is_new}\n")
        return str(done["version"])

    def _source(self, path: str) -> Path:
        """Without the dots at its end: the folder keeps its name in the dataset."""
        return Path(os.path.normpath((self._folder / path).absolute()))


def bucket_place(profile: Profile, storage: Storage, bucket: str, keys_of: KeysOf) -> BucketPlace:
    """Where osmo-ctrl will look for the datasets of a bucket. `keys_of` gives what is in a Secret.

    Raises: NoPlaceError.
    """
    name = bucket or profile.datasets.default_bucket
    known = profile.datasets.buckets.get(name)
    if known and known.url:
        keys = keys_of(known.secret or storage.secret)
        return BucketPlace(known.url, known.endpoint, known.region, keys, known.single_writer)
    if storage.claim:
        raise NoPlaceError(f"the storage is the PersistentVolumeClaim `{storage.claim}`, which only pods can write to")
    keys = keys_of(storage.secret)
    base = (storage.url or keys.get("url", "")).strip().rstrip("/")
    if not base:
        raise NoPlaceError("nothing says where the storage is")
    url = f"{base}/buckets/{name}" if name else f"{base}/datasets"
    return BucketPlace(url, storage.endpoint, storage.region, keys, bool(known and known.single_writer))
