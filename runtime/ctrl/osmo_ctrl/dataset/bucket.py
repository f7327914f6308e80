"""A bucket of datasets, and the one thing that it must be able to do: create a key only if there is none."""

import re
from dataclasses import dataclass
from typing import Final

from osmo_ctrl.dataset import layout
from osmo_ctrl.dataset.faults import DatasetError, Fault
from osmo_ctrl.storage.store import Problem, StorageError, Store

_NOT_KNOWN: Final = re.compile("501|NotImplemented")


@dataclass(frozen=True, slots=True)
class DatasetBucket:
    store: Store
    single_writer: bool = False  # nobody else writes meanwhile: for stores that overwrite whatever they are asked

    async def create(self, path: str, content: bytes) -> bool:
        """False if there is such an object; then it is as it was."""
        if not self.single_writer:
            return await self.store.create(path, content)
        if await self.store.find(path) is not None:
            return False
        await self.store.write(path, content)
        return True


async def check_create_only(bucket: DatasetBucket) -> None:
    """To be called before a version is written. After the first time it costs one request."""
    if bucket.single_writer:
        return
    try:
        is_safe = await _refuses_second(bucket.store)
    except StorageError as error:
        if error.problem is not Problem.REFUSED or not _NOT_KNOWN.search(error.reason):
            raise
        raise _unsafe("cannot create objects on the condition that there are none") from None
    if not is_safe:
        raise _unsafe("overwrites objects that it was asked to create only if there are none")


async def _refuses_second(store: Store) -> bool:
    content = b'{"format":1,"note":"osmoc asks by this object whether the store refuses to create it again"}\n'
    if not await store.create(layout.CREATE_ONLY, content):
        return True
    # Another content: if the answer is lost, and it is asked again, the first object is not taken for the second.
    if not await store.create(layout.CREATE_ONLY, content + b"\n"):
        return True
    await store.remove([layout.CREATE_ONLY])
    return False


def _unsafe(reason: str) -> DatasetError:
    return DatasetError(
        Fault.UNSAFE,
        f"the store {reason}, so two writers at once would lose a version: if there is never more than one, "
        "set `single_writer: true` for the bucket",
    )
