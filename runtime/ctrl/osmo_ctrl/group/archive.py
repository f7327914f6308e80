"""What the storage knows of a group: how it ended, created once, and what its tasks have published."""

from typing import Literal

from osmo_ctrl import attempts
from osmo_ctrl.attempts import Attempt
from osmo_ctrl.group.messages import Verdict
from osmo_ctrl.records import Record, read_record, to_bytes
from osmo_ctrl.storage.store import Store


class GroupEnd(Record):
    """The first verdict that was written; every pod of the group that begins later ends with it."""

    version: Literal[1] = 1
    group: str
    verdict: Verdict


class Archive:
    """Of the group of an attempt. Everything raises StorageError; without a storage nothing is known, or kept."""

    def __init__(self, store: Store | None, attempt: Attempt, group: str) -> None:
        self._store = store
        self._attempt = attempt
        self._group = group
        self._path = f"{attempt.workflow_id}/{attempt.run}/groups/{group}/end.json"

    async def read_end(self) -> Verdict | None:
        if self._store is None or await self._store.find(self._path) is None:
            return None
        return (await read_record(self._store, self._path, GroupEnd)).verdict

    async def end(self, verdict: Verdict) -> Verdict:
        """The verdict that counts: this one, unless another was there."""
        if self._store is None:
            return verdict
        record = GroupEnd(group=self._group, verdict=verdict)
        if await self._store.create(self._path, to_bytes(record)):
            return verdict
        return (await read_record(self._store, self._path, GroupEnd)).verdict

    async def has_published(self, task: str) -> bool:
        """Whether an attempt of the task is complete."""
        if self._store is None:
            return False
        attempt = self._attempt
        return await attempts.newest_completed(self._store, attempt.workflow_id, attempt.run, task) is not None
