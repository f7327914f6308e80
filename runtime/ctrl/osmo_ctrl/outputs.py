"""What a task left in its output directory: its attempt's files, objects below URLs, KPIs."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from osmo_ctrl.attempts import Attempt
from osmo_ctrl.document import Kpi, UrlOutput
from osmo_ctrl.files import beneath
from osmo_ctrl.files.tree import Entry, Fault, Kind, Links, Walked, walk
from osmo_ctrl.plans import COMPLETE
from osmo_ctrl.records import Complete, CompleteFile, StoredFile, StoredKpi, to_bytes
from osmo_ctrl.storage.names import object_name
from osmo_ctrl.storage.store import Found, Store
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.threads import to_the_end
from osmo_ctrl.transfer.transfers import Limits, TransferError
from osmo_ctrl.transfer.upload import Source, Uploaded, upload_some

_LARGEST_KPI: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Output:
    """As a manifest lists it."""

    files: tuple[StoredFile, ...]
    directories: tuple[str, ...]


async def upload_output(
    store: Store, attempt: Attempt, directory: Path, progress: Progress, limits: Limits, *, again: bool = False
) -> Output:
    """The attempt's own files, to where only its manifest makes them count. With `again` goes on where it was ended.

    Raises TransferError with all files that failed, after all others were uploaded; or StorageError.
    """
    with beneath.directory(str(directory)) as base:
        walked = await to_the_end(walk, base, root=str(directory), links=Links.KEEP)
        sources = [_source(base, entry, f"{attempt.output}/{object_name(entry.path)}") for entry in walked.files]
        there = {found.path: found async for found in store.list(attempt.output)} if again else {}
        uploaded = await _upload(store, sources, walked, progress, limits, there)
    return _output(walked, uploaded, len(attempt.output) + 1)


async def upload_url(
    store: Store, output: UrlOutput, directory: Path, writer: str, progress: Progress, limits: Limits
) -> Walked:
    """The files that match, to below a URL, and then the object that says that all are there.

    Links to files are followed within the directory. Gives what was found there, with its warnings.
    """
    with beneath.directory(str(directory)) as base:
        walked = await to_the_end(walk, base, root=str(directory), regex=output.regex, links=Links.FOLLOW)
        await store.remove([COMPLETE])
        sources = [_source(base, entry, entry.path) for entry in walked.files]
        uploaded = await _upload(store, sources, walked, progress, limits)
    files = tuple(CompleteFile(path=file.path, size=file.size, sha256=file.sha256) for file in uploaded)
    await store.write(COMPLETE, to_bytes(Complete(writer=writer, files=files)))
    return walked


async def _upload(
    store: Store,
    sources: Sequence[Source],
    walked: Walked,
    progress: Progress,
    limits: Limits,
    there: Mapping[str, Found] = MappingProxyType({}),
) -> list[Uploaded]:
    """All that can be uploaded, before what cannot is named."""
    uploaded, faults = await upload_some(store, sources, progress, limits, there)
    if faults or walked.faults:
        raise TransferError([*walked.faults, *faults])
    return uploaded


def _source(base: int, entry: Entry, key: str) -> Source:
    return Source(entry.path, key, entry.stamp, partial(beneath.open_file, base, entry.source), entry.mode)


def _output(walked: Walked, uploaded: Sequence[Uploaded], prefix: int) -> Output:
    files = [
        StoredFile(path=file.path, key=file.key[prefix:], size=file.size, sha256=file.sha256, mode=file.mode)
        for file in uploaded
    ]
    links = [StoredFile(path=entry.path, link=entry.target) for entry in walked.entries if entry.kind is Kind.LINK]
    directories = tuple(entry.path for entry in walked.entries if entry.kind is Kind.DIRECTORY)
    return Output(tuple(sorted(files + links, key=lambda file: file.path)), directories)


def read_kpis(directory: Path, kpis: Sequence[Kpi]) -> tuple[tuple[StoredKpi, ...], tuple[Fault, ...]]:
    """Those whose files are there, and those that are not."""
    found: list[StoredKpi] = []
    faults: list[Fault] = []
    for kpi in kpis:
        try:
            found.append(StoredKpi(index=kpi.index, path=kpi.path, value=_value(directory, kpi.path)))
        except OSError as error:
            faults.append(Fault(kpi.path, beneath.reason_of(error)))
    return tuple(found), tuple(faults)


def _value(directory: Path, path: str) -> Any:
    with beneath.directory(str(directory)) as base, beneath.opened(base, path) as descriptor:
        content = beneath.read(descriptor, _LARGEST_KPI + 1, 0)
    if len(content) <= _LARGEST_KPI:
        with suppress(ValueError, RecursionError):
            return json.loads(content, parse_constant=str)
    return None


async def upload_kpis(store: Store, attempt: Attempt, kpis: Sequence[StoredKpi]) -> None:
    content = {"version": 1, "kpis": [kpi.model_dump(mode="json") for kpi in kpis]}
    await store.write(f"{attempt.prefix}/kpis.json", json.dumps(content, indent=1).encode() + b"\n")
