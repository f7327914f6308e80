"""The way from a task to its coordinator: found by the lead's host name, lost and found again."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from osmo_ctrl.group import coordinator
from osmo_ctrl.group.messages import NOWHERE, Order, Verdict
from osmo_ctrl.group.part import Talk
from osmo_ctrl.group.wire import BEAT, Connection, Identity, RefusedError, connect, heard_within
from osmo_ctrl.storage.store import StorageError

# Between two tries. The name of a pod is known some seconds after the pod is there.
_SHORTEST: Final = 0.05
_LONGEST: Final = 0.5
# How often the storage is asked whether the group has ended, while there is no coordinator: after it was there, before.
_LOOK: Final = 5.0
_EARLY_LOOK: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """Where the coordinator is, and how long to do without it: `absence` unless it may come back by itself."""

    task: str
    host: str
    port: int
    barrier_timeout: float
    absence: float


class Following:
    """Carries reports to the coordinator and its orders back, and ends the group for this task when there is none.

    `highest` is the lead's highest attempt that this task has seen: an earlier one is a ghost, and is not followed.
    `read_end` gives what the storage has as the end of the group, if it has one.
    """

    def __init__(
        self,
        talk: Talk,
        identity: Identity,
        lead: Lead,
        task: str,
        *,
        highest: int,
        keep_highest: Callable[[int], None],
        read_end: Callable[[], Awaitable[Verdict | None]],
        say: Callable[[str], None],
    ) -> None:
        self._read_end = read_end
        self._talk = talk
        self._identity = identity
        self._lead = lead
        self._task = task
        self._highest = highest
        self._keep_highest = keep_highest
        self._say = say
        self._was_here = highest >= 0
        self._lead_returns = True
        self._has_heard = False
        self._note = ""

    async def run(self) -> None:
        away = looked = time.monotonic()
        pause = _SHORTEST
        while True:
            try:
                if await self._meet():
                    away = looked = time.monotonic()
                    pause = _SHORTEST
            except (OSError, RefusedError) as error:
                self._tell_once(f"{self._lead.task} at {self._lead.host} is not here: {error}")
            if time.monotonic() - looked >= (_LOOK if self._was_here else _EARLY_LOOK):
                await self._look()
                looked = time.monotonic()
            self._give_up_after(time.monotonic() - away)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST)

    async def _meet(self) -> bool:
        """Talks with the coordinator until the connection ends: whether it said a word.

        Raises: OSError, RefusedError.
        """
        self._has_heard = False
        connection = await connect(self._lead.host, self._lead.port)
        try:
            attempt, pod = await connection.join(self._identity, self._task)
            if attempt < self._highest:
                raise RefusedError(f"attempt {attempt} of the lead, and {self._highest} was here already")
            if attempt > self._highest:
                self._highest = attempt
                self._keep_highest(attempt)
            self._was_here = True
            self._tell_once(f"joined the group of {self._lead.task}, attempt {attempt}, pod {pod[:8]}")
            await self._converse(connection)
        finally:
            await connection.close()
        return self._has_heard

    async def _converse(self, connection: Connection) -> None:
        speaking, hearing = asyncio.create_task(self._speak(connection)), asyncio.create_task(self._hear(connection))
        try:
            done, _ = await asyncio.wait((speaking, hearing), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                with contextlib.suppress(OSError, RefusedError):  # what ended it is no news: it is tried again
                    task.result()
        finally:
            for task in (speaking, hearing):
                task.cancel()
            await asyncio.gather(speaking, hearing, return_exceptions=True)

    async def _speak(self, connection: Connection) -> None:
        with self._talk.listening() as changed:
            while True:
                await connection.send(self._talk.report)
                await heard_within(changed, BEAT)

    async def _hear(self, connection: Connection) -> None:
        while True:
            order = await connection.read(Order)
            self._has_heard = True
            self._lead_returns = order.lead_returns
            self._talk.hear(order)

    async def _look(self) -> None:
        """A coordinator that has gone may have ended the group; one that is there may have another pod of this task."""
        if self._talk.order is not None and self._talk.order.do in ("end", "go"):
            return
        with contextlib.suppress(StorageError, TimeoutError):  # the next look may find more
            async with asyncio.timeout(_LOOK):
                verdict = await self._read_end()
            if verdict is not None:
                self._end(verdict)

    def _end(self, verdict: Verdict) -> None:
        is_done = self._talk.report.phase == "done"
        self._talk.hear(Order(do="go" if is_done else "end", epoch=NOWHERE, verdict=verdict))

    def _give_up_after(self, seconds: float) -> None:
        """Without a coordinator nobody says when to end: so that is bounded."""
        lead = self._lead
        limit = lead.barrier_timeout if self._lead_returns or not self._was_here else lead.absence
        if seconds < limit:
            return
        if self._was_here:
            code, exit, reason = coordinator.LOST_CODE, coordinator.LOST_EXIT, f"{lead.task}, which leads the group"
            reason = f"{reason}, has been away for {limit:g} s"
        else:
            code, exit = coordinator.BARRIER_CODE, coordinator.BARRIER_EXIT
            reason = f"{lead.task}, which leads the group, has not come after {limit:g} s"
        self._end(Verdict(completed=False, task="", code=code, exit=exit, reason=reason))

    def _tell_once(self, note: str) -> None:
        if note != self._note:
            self._note = note
            self._say(note)
