"""When checkpoints are taken: now and then while the command runs, and once more at its end.

One that fails is a warning. The agent lists and opens the files, with the rights of the task's user: folders of
checkpoints lie anywhere.
"""

import asyncio
import posixpath
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from secrets import token_hex

from osmo_ctrl.agent import Agent, AgentLostError
from osmo_ctrl.attempts import Attempt
from osmo_ctrl.checkpoints import Checkpoints, Listed
from osmo_ctrl.document import Checkpoint
from osmo_ctrl.files.tree import Stamp
from osmo_ctrl.storage.store import StorageError
from osmo_ctrl.stores import Stores
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.transfers import Limits, TransferError


class Checkpointing:
    """`is_superseded` is asked before each: checkpoints of a later attempt must not be written over."""

    def __init__(
        self,
        wanted: Sequence[Checkpoint],
        attempt: Attempt,
        stores: Stores,
        limits: Limits,
        say: Callable[[str], None],
        is_superseded: Callable[[], Awaitable[bool]],
    ) -> None:
        self._say = say
        self._is_superseded = is_superseded
        self._folders = [_Folder(item, attempt, stores, limits) for item in wanted]

    async def follow(self, agent: Agent) -> None:
        """Until it is cancelled."""
        await asyncio.gather(*(self._follow(folder, agent) for folder in self._folders))

    async def _follow(self, folder: "_Folder", agent: Agent) -> None:
        while True:
            await asyncio.sleep(folder.frequency)
            await self._take(folder, agent)

    async def take_last(self, agent: Agent) -> bool:
        """Whether all are complete."""
        return all(await asyncio.gather(*(self._take(folder, agent) for folder in self._folders)))

    async def _take(self, folder: "_Folder", agent: Agent) -> bool:
        try:
            if await self._is_superseded():
                return True
            said = await folder.take(agent)
        except (OSError, AgentLostError, StorageError, TransferError) as error:
            self._say(f"checkpoint of {folder.path} failed, and is tried again: {error}")
            return False
        if said:
            self._say(f"checkpoint of {folder.path}: {said}")
        return True


class _Folder:
    def __init__(self, wanted: Checkpoint, attempt: Attempt, stores: Stores, limits: Limits) -> None:
        self.path = wanted.path
        self.frequency = wanted.frequency
        self._name = posixpath.basename(wanted.path.rstrip("/")) or "root"
        self._pattern = re.compile(wanted.regex)
        self._turn = asyncio.Lock()
        store = stores.to_write(wanted.url)
        self._checkpoints = Checkpoints(store, self._name, token_hex(4), f"{attempt.folder}/{attempt.name}", limits)

    async def take(self, agent: Agent) -> str:
        """What was done; empty if there was nothing to do."""
        async with self._turn:
            listed = [
                Listed(file.path, Stamp(file.size, file.modified), file.mode)
                for file in await agent.list(self.path, "")
                if self._pattern.match(f"{self._name}/{file.path}")  # as in OSMO, from the folder's own name on
            ]
            taken = await self._checkpoints.take(
                listed, lambda path: agent.open(f"{self.path}/{path}"), time.time(), Progress()
            )
        if taken is None:
            return ""
        waiting = f"; not read, since they changed: {', '.join(fault.path for fault in taken.waiting)}"
        return f"{taken.uploaded} files, generation {taken.generation.number}{waiting if taken.waiting else ''}"
