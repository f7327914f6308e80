"""Objects in a storage: S3 and what speaks it, Google, Azure, or a directory. All I/O with storages goes through here.

Names are relative to the URL of the store; the empty name is the object that the URL itself names.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Final, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from osmo_ctrl.storage.faults import Problem, StorageError, fault_of
from osmo_ctrl.storage.locations import ONCE, PARTS, Located, Place, complete, connect, locate, secrets_of

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta

__all__ = ["Buffer", "Found", "Patience", "Place", "Problem", "StorageError", "Store", "fault_of_name", "open_store"]

Result = TypeVar("Result")
Buffer = bytes | bytearray | memoryview

MIB: Final = 1024 * 1024
SMALL: Final = 16 * MIB  # up to here an object is one request
_PART: Final = 8 * MIB
_MOST_PARTS: Final = 10_000  # of S3; Azure allows more
_IN_FLIGHT: Final = 48 * MIB
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 30.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an operation waits for a storage that is away, from its first failure on, and who is told of it."""

    seconds: float
    on_wait: Callable[[str], None] = lambda reason: None


@dataclass(frozen=True, slots=True)
class Found:
    path: str
    size: int
    modified: datetime
    e_tag: str | None = None


def fault_of_name(path: str) -> str:
    """Why no storage holds an object of this name; empty if they do."""
    if any(segment in ("", ".", "..") for segment in path.split("/")):
        return "a name with an empty, `.` or `..` part"
    if any(character < " " or character == "\x7f" for character in path):
        return "a name with a control character"
    if any("\ud800" <= character <= "\udfff" for character in path):
        return "a name that is not UTF-8"
    return ""


def part_size(size: int) -> int:
    """Of the parts in which a large object is uploaded."""
    return max(_PART, -(-size // _MOST_PARTS))


def parts_at_once(size: int) -> int:
    return max(1, _IN_FLIGHT // part_size(size))


class Store:
    """The objects at and below one URL."""

    def __init__(self, place: Place, located: Located, patience: Patience) -> None:
        self.url = place.url
        self._base = located.key
        self._place = place
        self._located = located
        self._patience = patience
        self._secrets = secrets_of(place.credential)
        self._local = located.scheme == "file"
        try:
            self._store = connect(place, located, ONCE)
            self._parts = self._store if self._local else connect(place, located, PARTS)
        except (BaseError, ValueError) as error:
            raise fault_of(error, self.url, self._secrets) from None

    async def read(self, path: str, e_tag: str | None = None) -> bytes:
        """A small object, whole. With `e_tag` it is REFUSED if the object is not that one any more."""

        async def action(key: str) -> bytes:
            options: GetOptions = {"if_match": e_tag} if e_tag is not None else {}
            found = await obstore.get_async(self._store, key, options=options)
            return (await found.bytes_async()).to_bytes()

        return await self._patiently(path, action)

    async def read_range(self, path: str, start: int, end: int, e_tag: str | None = None) -> Buffer:
        """Bytes from `start` up to `end`, and an `e_tag` as for `read`."""

        async def action(key: str) -> Buffer:
            options: GetOptions = {"range": (start, end)}
            if e_tag is not None:
                options["if_match"] = e_tag
            found = await obstore.get_async(self._store, key, options=options)
            content = memoryview(await found.bytes_async())
            if len(content) != end - start:
                raise StorageError(Problem.REFUSED, self._url_of(path), "the object is shorter than it was")
            return content

        return await self._patiently(path, action) if start < end else b""

    async def write(self, path: str, content: Buffer) -> str | None:
        """Puts a small object there, in one request, whatever was there before. Returns its ETag."""

        async def action(key: str) -> str | None:
            put = await obstore.put_async(self._store, key, content, use_multipart=False)
            return put["e_tag"]

        return await self._patiently(path, action)

    async def create(self, path: str, content: bytes) -> bool:
        """Puts an object where there is none, atomically; False if there is one.

        A request whose answer was lost may have succeeded: if the object then is exactly this one, it is ours.
        """
        tries = 0

        async def action(key: str) -> bool:
            nonlocal tries
            tries += 1
            try:
                await obstore.put_async(self._store, key, content, mode="create")
            except AlreadyExistsError as error:
                if "ConditionalRequestConflict" in str(error):
                    raise StorageError(Problem.AWAY, self._url_of(path), "another writer is at it") from None
                return False
            return True

        if await self._patiently(path, action):
            return True
        return tries > 1 and await self.read(path) == content

    async def upload(self, path: str, size: int, chunks: Callable[[], AsyncIterator[Buffer]]) -> None:
        """Puts a large object there, in parts. `chunks` is called again each time it has to be begun anew."""

        async def action(key: str) -> None:
            await obstore.put_async(
                self._parts, key, chunks(), use_multipart=True,
                chunk_size=part_size(size), max_concurrency=parts_at_once(size),
            )  # fmt: skip

        await self._patiently(path, action)

    async def find(self, path: str) -> Found | None:
        async def action(key: str) -> Found | None:
            if not key:
                return None  # a bucket is no object
            try:
                return self._found(await obstore.head_async(self._store, key))
            except FileNotFoundError:
                return None

        return await self._patiently(path, action)

    async def folders(self, prefix: str = "") -> list[str]:
        """Names of what looks like directories right below `prefix/`."""

        async def action(key: str) -> list[str]:
            found = await obstore.list_with_delimiter_async(self._store, key or None)
            return sorted(path.rstrip("/").rsplit("/", 1)[-1] for path in found["common_prefixes"])

        return await self._patiently(prefix, action)

    async def list(self, prefix: str = "") -> AsyncIterator[Found]:
        """All objects below `prefix/`, in no order one may rely on. A listing that breaks is taken up where it did."""
        last: str | None = None
        waiting = _Waiting(self._patience)
        while True:
            stream = obstore.list(self._store, self._key(prefix) or None, offset=last, chunk_size=500)
            try:
                async for batch in stream:
                    for entry in batch:
                        yield self._found(entry)
                    last = batch[-1]["path"] if batch else last
                    waiting = _Waiting(self._patience)
                return
            except (BaseError, OSError, ValueError) as error:
                fault = self._fault(error, prefix)
                if self._local and last is not None:
                    raise fault from None  # directories have no order in which to go on
                await waiting.after(fault)

    async def remove(self, paths: Sequence[str]) -> None:
        """What is not there is removed already."""
        for start in range(0, len(paths), 1000):
            keys = [self._key(path) for path in paths[start : start + 1000]]
            await self._patiently("", lambda _key, keys=keys: self._remove(keys))  # type: ignore[misc]

    async def copy(self, source: str, target: str) -> None:
        """By the storage itself; REFUSED where an object is too large for that."""
        key = self._key(target)
        await self._patiently(source, lambda source_key: obstore.copy_async(self._store, source_key, key))

    def parents(self) -> Iterator[tuple["Store", str]]:
        """The same storage further up, up to the bucket, and the path by which this store lies below each."""
        url, base = self.url, self._base
        while base:
            url, base = url.rpartition("/")[0], base.rpartition("/")[0]
            above = Store(replace(self._place, url=url), replace(self._located, key=base), self._patience)
            yield above, self.url[len(url) + 1 :]

    async def _remove(self, keys: Sequence[str]) -> None:
        try:
            await obstore.delete_async(self._store, keys)
        except FileNotFoundError:
            if len(keys) > 1:
                await asyncio.gather(*(self._remove([key]) for key in keys))

    async def _patiently(self, path: str, action: Callable[[str], Awaitable[Result]]) -> Result:
        """Runs an action on an object until it succeeds, fails for good, or patience ends."""
        key = self._key(path)
        waiting = _Waiting(self._patience)
        while True:
            try:
                return await action(key)
            except StorageError as fault:
                await waiting.after(fault)
            except (BaseError, OSError, ValueError) as error:
                await waiting.after(self._fault(error, path))

    def _fault(self, error: Exception, path: str) -> StorageError:
        if isinstance(error, PreconditionError):
            return StorageError(Problem.REFUSED, self._url_of(path), "the object was changed meanwhile")
        return fault_of(error, self._url_of(path), self._secrets)

    def _found(self, entry: "ObjectMeta") -> Found:
        path = entry["path"][len(self._base) :].lstrip("/") if self._base else entry["path"]
        e_tag = entry["e_tag"]
        if e_tag and not e_tag.endswith('"'):  # Azure has its quotes in a header only, not in a listing
            e_tag = f'"{e_tag}"'
        return Found(path, entry["size"], entry["last_modified"], e_tag)

    def _key(self, path: str) -> str:
        if path and (reason := fault_of_name(path)):
            raise StorageError(Problem.REFUSED, self._url_of(path), reason)
        return f"{self._base}/{path}".strip("/")

    def _url_of(self, path: str) -> str:
        shown = path.encode("unicode_escape").decode() if fault_of_name(path) else path
        return f"{self.url}/{shown}" if path else self.url


def open_store(place: Place, patience: Patience) -> Store:
    """A store of what lies at a place. Nothing is connected yet."""
    place = complete(place)
    return Store(place, locate(place.url), patience)


class _Waiting:
    """Pauses between tries: exponential, with full jitter, until patience ends."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._deadline: float | None = None
        self._tries = count()

    async def after(self, fault: StorageError) -> None:
        """Raises the fault unless another try may help."""
        if fault.problem is not Problem.AWAY:
            raise fault from None
        now = asyncio.get_running_loop().time()
        if self._deadline is None:
            self._deadline = now + self._patience.seconds
        if now >= self._deadline:
            raise fault from None
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(next(self._tries), 16))
        self._patience.on_wait(str(fault))
        await asyncio.sleep(min(random.uniform(0, longest), self._deadline - now))
