"""Which place, with which credential, a URL or a bucket of the task document means."""

from collections.abc import Mapping
from pathlib import Path

from osmo_ctrl.document import Bucket, TaskDocument
from osmo_ctrl.storage.locations import Place, complete


class Places:
    """`secrets` is the directory that has one for each Secret, with a file for each of its keys."""

    def __init__(self, document: TaskDocument, secrets: Path, claim: Path) -> None:
        self._document = document
        self._secrets = secrets
        self._claim = claim

    def storage(self) -> Place | None:
        """Where outputs, logs and records of runs lie; None for a workflow that moves no data."""
        storage = self._document.storage
        if storage is None:
            return None
        if storage.claim:
            return Place(f"file://{self._claim}")
        return complete(Place(storage.url, storage.endpoint, storage.region, self._credential(storage.secret)))

    def of_url(self, url: str) -> Place:
        """With the credential of the closest place that the URL lies in; the storage's own below the storage."""
        around = [access for access in self._document.access if is_below(url, access.url)]
        if not around:
            storage = self.storage()
            inside = storage is not None and is_below(url, storage.url)
            return (
                Place(url, storage.endpoint, storage.region, storage.credential) if storage and inside else Place(url)
            )
        access = max(around, key=lambda access: len(access.url))
        return Place(url, access.endpoint, access.region, self._credential(access.secret))

    def of_bucket(self, name: str) -> tuple[Place, Bucket]:
        """Raises: KeyError if the document has no bucket of this name."""
        bucket = next((bucket for bucket in self._document.buckets if bucket.name == name), None)
        if bucket is None:
            raise KeyError(name)
        if bucket.url:
            return Place(bucket.url, bucket.endpoint, bucket.region, self._credential(bucket.secret)), bucket
        storage = self.storage()
        assert storage is not None, "a bucket without a URL lies in the storage"
        below = "datasets" if not bucket.name else f"buckets/{bucket.name}"
        return Place(f"{storage.url}/{below}", storage.endpoint, storage.region, storage.credential), bucket

    def secret_values(self) -> list[str]:
        """What no line of osmo-ctrl may show."""
        files = [path for path in self._secrets.rglob("*") if path.is_file()] if self._secrets.is_dir() else []
        open_keys = ("url", "endpoint", "region", "addressing_style")
        return [path.read_text(errors="replace").strip() for path in files if path.name not in open_keys]

    def _credential(self, secret: str) -> Mapping[str, str]:
        """The files of a Secret's directory; nothing where there is none, and the cloud's own identity is used."""
        folder = self._secrets / secret
        if not secret or not folder.is_dir():
            return {}
        # The kubelet keeps the files themselves in hidden folders, and links to them.
        return {path.name: path.read_text() for path in folder.iterdir() if path.name[0] != "." and path.is_file()}


def is_below(url: str, base: str) -> bool:
    return bool(base) and (url == base or url.startswith(base.rstrip("/") + "/"))
