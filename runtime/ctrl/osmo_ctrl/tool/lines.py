"""What the tool shows its user: listings, a dataset, how far a transfer is."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from osmo_ctrl.files.tree import printable
from osmo_ctrl.storage.store import Found
from osmo_ctrl.transfer.progress import Progress

if TYPE_CHECKING:
    from osmo_ctrl.dataset.contract import InfoResult

_BETWEEN: Final = 5.0  # seconds between two lines of progress, which go to the task's log
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def of_object(found: Found, name: str) -> str:
    return f"{found.size:>14} {_time(found.modified)} {printable(name)}"


def of_transfer(progress: Progress) -> str:
    """
    >>> progress = Progress()
    >>> progress.expect(2, 5000)
    >>> progress.advance(2048, 1)
    >>> of_transfer(progress)
    '1 of 2 files, 2.0 of 4.9 KiB'
    """
    if progress.files >= progress.all_files:
        return of_files(progress.files, progress.bytes)
    all_size = as_size(progress.all_bytes)
    size = as_size(progress.bytes).removesuffix(f" {all_size.split()[1]}")
    return f"{progress.files} of {progress.all_files} files, {size} of {all_size}"


def of_files(count: int, size: int) -> str:
    return f"{count} {'file' if count == 1 else 'files'}, {as_size(size)}"


def as_size(size: int) -> str:
    """
    >>> as_size(1023), as_size(1536), as_size(5 * 1024**4)
    ('1023 B', '1.5 KiB', '5.0 TiB')
    """
    amount, unit = float(size), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.1f} {_UNITS[unit]}" if unit else f"{size} B"


def telling(tell: Callable[[str], None]) -> Progress:
    """A progress that is told now and then, from some seconds after the beginning on."""
    told = time.monotonic()

    def on_change(progress: Progress) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= _BETWEEN:
            told = now
            tell(of_transfer(progress))

    return Progress(on_change)


def of_dataset(info: "InfoResult") -> Iterator[str]:
    """As `osmoc dataset info` shows it."""
    if info.kind == "collection":
        yield f"{info.name}: a collection"
        yield from (f"  {pin.name}:{pin.version}" for pin in info.pins)
        return
    yield f"{info.name}:{info.version}"
    yield f"  made      {_time(info.created_at)}"
    if info.base:
        yield f"  base      an update of version {info.base}"
    yield f"  files     {of_files(info.file_count, info.size)}"
    for title, values in (("origin", info.origin), ("metadata", info.metadata), ("labels", info.labels)):
        yield from _map(title, values)
    yield "versions"
    for version in info.versions:
        yield f"  {version.number}  {_time(version.created_at)}  {', '.join(version.tags)}".rstrip()


def _map(title: str, values: Mapping[str, Any]) -> Iterator[str]:
    if values:
        yield title
        yield from (f"  {printable(str(key))}: {printable(str(value))}" for key, value in values.items())


def _time(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""
