"""Where the tool may read and write: what the task declares, its own attempt, and the profile's `data_access`.

osmo-ctrl has credentials for more than that: its storage holds the records of all runs, which nobody may forge.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from osmo_ctrl.attempts import Attempt
from osmo_ctrl.document import DatasetInput, DatasetOutput, TaskDocument, UpdateOutput, UrlInput, UrlOutput
from osmo_ctrl.files.tree import printable
from osmo_ctrl.places import Places
from osmo_ctrl.plans import CHECKPOINTS, COMPLETE
from osmo_ctrl.storage.locations import complete, locate
from osmo_ctrl.storage.store import StorageError, fault_of_name

_SHOWN: Final = 10
_OURS: Final = (CHECKPOINTS, COMPLETE)


class RefusedError(Exception):
    """The tool asks for what its task may not do."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a reference names. `output` is the task's own output of it, where it is one."""

    bucket: str
    name: str
    reference: str
    output: DatasetOutput | UpdateOutput | None = None


class Rights:
    def __init__(self, document: TaskDocument, places: Places, attempt: Attempt) -> None:
        self._document = document
        storage = places.storage()
        records = [storage.url] if storage and storage.url else []
        own = [f"{url}/{attempt.prefix}" for url in records]
        outputs = [item.url for item in document.outputs if isinstance(item, UrlOutput)]
        self._written = [*outputs, *(item.url for item in document.checkpoints), *own]
        self._read = [*self._written, *(item.url for item in document.inputs if isinstance(item, UrlInput))]
        self._access = [item.url for item in document.access]
        self._records = records + [complete(places.of_bucket(bucket.name)[0]).url for bucket in document.buckets]

    def check_read(self, url: str) -> None:
        """Raises: RefusedError."""
        if not self._is_allowed(_checked(url), self._read):
            raise RefusedError(self._reason(url, "read", self._read))

    def check_write(self, url: str) -> None:
        """Raises: RefusedError."""
        if fault := fault_of_written(_checked(url)):
            raise RefusedError(f"{url} may not be written: {fault}")
        if not self._is_allowed(url, self._written):
            raise RefusedError(self._reason(url, "written", self._written))

    def dataset_to_read(self, target: str) -> Dataset:
        """Raises: RefusedError."""
        inputs = [item for item in self._document.inputs if isinstance(item, DatasetInput)]
        return _chosen(target, {(item.bucket, item.name): None for item in inputs}, "an input")

    def dataset_to_write(self, target: str) -> Dataset:
        """Of several outputs of one dataset the first counts. Raises: RefusedError."""
        outputs: dict[tuple[str, str], DatasetOutput | UpdateOutput] = {}
        for item in self._document.outputs:
            if isinstance(item, DatasetOutput | UpdateOutput):
                outputs.setdefault((item.bucket, item.name), item)
        return _chosen(target, outputs, "an output")

    def dataset_to_show(self, target: str) -> Dataset:
        """Raises: RefusedError."""
        items = [*self._document.inputs, *self._document.outputs]
        known = [item for item in items if isinstance(item, DatasetInput | DatasetOutput | UpdateOutput)]
        return _chosen(target, {(item.bucket, item.name): None for item in known}, "an input or output")

    def _is_allowed(self, url: str, declared: Iterable[str]) -> bool:
        if _is_within(url, declared):
            return True
        # A place above the records is refused as well: they could be reached from there by names of files.
        is_apart = not any(_is_within(url, [item]) or _is_within(item, [url]) for item in self._records)
        return is_apart and _is_within(url, self._access)

    def _reason(self, url: str, done: str, declared: Iterable[str]) -> str:
        if _is_within(url, self._access):
            return f"{url} may not be {done}: it lies where runs and datasets are kept, or above that"
        allowed = sorted({*declared, *self._access})
        more = f" and {len(allowed) - _SHOWN} more" if len(allowed) > _SHOWN else ""
        known = f"allowed: {', '.join(allowed[:_SHOWN])}{more}" if allowed else "the task has none"
        return f"{url} may not be {done}: it lies below no URL of the task or of the profile's `data_access`; {known}"


def fault_of_written(key: str) -> str:
    """Why an object of that name must not be written by the tool: osmo-ctrl believes what such an object says."""
    found = next((part for part in key.split("/") if part in _OURS), "")
    return f"`{found}` is a name that osmo-ctrl keeps for itself" if found else ""


def _checked(url: str) -> str:
    """The URL, if a storage can have it and no part of it leads elsewhere."""
    try:
        key = locate(url).key
    except StorageError as error:
        raise RefusedError(str(error)) from None
    if key and (fault := fault_of_name(key)):
        raise RefusedError(f"{printable(url)}: {fault}")
    return url


def _is_within(url: str, bases: Iterable[str]) -> bool:
    """Part by part, for bases that may be a whole account."""
    scheme, parts = _parts(url)
    for base in bases:
        base_scheme, base_parts = _parts(base)
        if scheme == base_scheme and parts[: len(base_parts)] == base_parts:
            return True
    return False


def _parts(url: str) -> tuple[str, list[str]]:
    scheme, _, rest = ("file", "", url) if url.startswith("/") else url.partition("://")
    return scheme, [part for part in rest.split("/") if part]


def _chosen(target: str, known: Mapping[tuple[str, str], DatasetOutput | UpdateOutput | None], what: str) -> Dataset:
    """Without a bucket it is the one that the task names with this dataset, if that is clear."""
    path, _, reference = target.partition(":")
    bucket, has_bucket, name = path.rpartition("/")
    found = [key for key in known if key[1] == name and (not has_bucket or key[0] == bucket)]
    if len(found) > 1:
        choice = ", ".join(f"`{key[0]}/{name}`" for key in found if key[0])
        raise RefusedError(f"dataset `{name}` is in several buckets of the task: {choice}")
    if not found:
        listed = ", ".join(f"`{key[0]}/{key[1]}`" if key[0] else f"`{key[1]}`" for key in list(known)[:_SHOWN])
        raise RefusedError(f"dataset `{path}` is not {what} of this task, which has {listed or 'none'}")
    return Dataset(*found[0], reference, known[found[0]])
