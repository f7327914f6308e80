"""A bucket of datasets, and the one thing that it must be able to do: create a key only if there is none."""

from dataclasses import dataclass

from osmo_ctrl.dataset import layout
from osmo_ctrl.dataset.faults import DatasetError, Fault
from osmo_ctrl.storage import Store


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
    content = b'{"format":1,"note":"osmoc asks by this object whether the store refuses to create it again"}\n'
    if not await bucket.store.create(layout.CREATE_ONLY, content):
        return
    if await bucket.store.create(layout.CREATE_ONLY, content):
        await bucket.store.remove([layout.CREATE_ONLY])
        raise DatasetError(
            Fault.UNSAFE,
            "the store overwrites objects that it was asked to create only if there are none, so two writers at once "
            "would lose a version: if there is never more than one, set `single_writer: true` for the bucket",
        )
