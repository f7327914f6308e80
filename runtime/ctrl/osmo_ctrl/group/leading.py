"""The coordinator at work: a server for the tasks of the group, a clock, and the state on the volume.

All that it decides is in `coordinator`; here each event becomes a state, which is kept before an order follows from it.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Final

from osmo_ctrl.group import coordinator
from osmo_ctrl.group.archive import Archive
from osmo_ctrl.group.coordinator import UNPUBLISHED_CODE, Rules, State
from osmo_ctrl.group.messages import LONGEST, End, Report, Verdict
from osmo_ctrl.group.part import GroupFailedError, Membership, Talk
from osmo_ctrl.group.wire import BEAT, Connection, Identity, RefusedError, heard_within
from osmo_ctrl.messages import Ended, Failure, Outcome
from osmo_ctrl.storage.store import StorageError

_TICK: Final = 0.1
_INTERRUPTED: Final = 241
_MOST_COMPLAINTS: Final = 100
# How often the storage is asked for what tasks have published that are away: at the end, and before.
_LOOK: Final = 5.0
_EARLY_LOOK: Final = 60.0
# What the storage gets to take the verdict before the tasks hear it. It is for those who come later.
_ARCHIVING: Final = 15.0
# What the others get to hear that the lead goes, when it cannot wait for them.
_LAST_WORD: Final = 10.0


class Leading:
    def __init__(
        self,
        rules: Rules,
        identity: Identity,
        state: State,
        archive: Archive,
        *,
        keep: Callable[[State], None],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = state
        self._rules = rules
        self._identity = identity
        self._archive = archive
        self._keep = keep
        self._say = say
        self._clock = clock
        self._connections: dict[str, Connection] = {}
        self._may_speak = asyncio.Event()
        self._may_speak.set()
        self._archiving: asyncio.Task[None] | None = None
        self._changed: set[asyncio.Event] = set()
        self._complaints: set[str] = set()
        self._server: asyncio.Server | None = None

    def adopt(self, verdict: Verdict) -> None:
        """What an earlier pod of the lead has decided."""
        if self.state.verdict is None:
            self._become(self.state.model_copy(update={"verdict": verdict, "ended_at": self._clock()}))

    async def listen(self, host: str | None, port: int) -> None:
        """Raises: OSError, if the port is taken."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=LONGEST, backlog=256)

    async def run(self, talk: Talk) -> None:
        """Serves until cancelled. `talk` is that of the lead's own task."""
        tasks = [asyncio.create_task(step) for step in (self._keep_time(), self._follow(talk), self._look())]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._server:
                self._server.close()

    @property
    def is_finished(self) -> bool:
        return coordinator.is_finished(self._rules, self.state, self._clock()) and self._may_speak.is_set()

    @property
    def result(self) -> Verdict | None:
        return coordinator.result(self._rules, self.state) if self.state.verdict else None

    async def _follow(self, talk: Talk) -> None:
        """The lead's own task, which needs no connection."""
        with talk.listening() as said, self._listening() as decided:
            while True:
                self._hear(self._rules.lead, talk.report)
                await self._may_speak.wait()
                talk.hear(coordinator.order(self._rules, self.state, self._rules.lead))
                await _either(said, decided)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        task = ""
        try:
            task = await connection.greet(self._identity, self.state.epoch.attempt, self.state.epoch.pod)
            if task not in self._rules.others:
                raise RefusedError(f"{task} is no task of the group that is led")
            await self._attend(task, connection)
        except RefusedError as error:
            self._complain(f"hung up on {task or 'a stranger'}: {error}")
        except OSError:
            pass  # it comes again
        finally:
            if task and self._connections.get(task) is connection:
                del self._connections[task]
                self._become(coordinator.lose(self._rules, self.state, task, self._clock()))
            await connection.close()

    def _complain(self, text: str) -> None:
        """Once: whoever is not let in tries again and again."""
        if text not in self._complaints and len(self._complaints) < _MOST_COMPLAINTS:
            self._complaints.add(text)
            self._say(text)

    async def _attend(self, task: str, connection: Connection) -> None:
        report = await connection.read(Report)
        if not coordinator.is_welcome(self.state.tasks[task], report):
            raise RefusedError(f"attempt {report.attempt}, pod {report.pod[:8]} is not the one that counts")
        before = self._connections.get(task)
        self._connections[task] = connection
        if before is not None:
            await before.close()
        self._hear(task, report)
        speaking = asyncio.create_task(self._speak(task, connection))
        try:
            while True:
                self._hear(task, await connection.read(Report))
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)

    async def _speak(self, task: str, connection: Connection) -> None:
        with self._listening() as changed:
            said = None
            while True:
                await self._may_speak.wait()
                order = coordinator.order(self._rules, self.state, task)
                if order != said:
                    await connection.send(order)
                said = order
                if not await heard_within(changed, BEAT):
                    said = None  # silence would be taken for our end

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            self._become(coordinator.tick(self._rules, self.state, self._clock()))

    async def _look(self) -> None:
        while True:
            for task in coordinator.awaited(self._rules, self.state):
                with contextlib.suppress(StorageError):  # the next look may find more
                    if await self._archive.has_published(task) and task in coordinator.awaited(self._rules, self.state):
                        self._become(coordinator.publish(self._rules, self.state, task, self._clock()))
            with self._listening() as changed, contextlib.suppress(TimeoutError):
                has_ended = self.state.verdict is not None
                async with asyncio.timeout(min(_LOOK if has_ended else _EARLY_LOOK, self._rules.absence / 4)):
                    while has_ended or self.state.verdict is None:
                        await changed.wait()
                        changed.clear()

    def _hear(self, task: str, report: Report) -> None:
        self._become(coordinator.hear(self._rules, self.state, task, report, self._clock()))

    def _become(self, state: State) -> None:
        before = self.state
        if state == before:
            return
        self._keep(state)
        self.state = state
        for line in _news(self._rules, before, state):
            self._say(line)
        if state.verdict is not None and before.verdict is None:
            self._may_speak.clear()
            self._archiving = asyncio.create_task(self._archive_end(state.verdict))
        for changed in self._changed:
            changed.set()

    async def _archive_end(self, verdict: Verdict) -> None:
        """Before anybody hears it: who comes later must find the same."""
        try:
            async with asyncio.timeout(_ARCHIVING):
                counts = await self._archive.end(verdict)
            if counts != verdict:
                self._become(self.state.model_copy(update={"verdict": counts}))
        except (TimeoutError, StorageError) as error:
            self._say(f"the storage has not taken the end of the group: {error or 'it took too long'}")
        finally:
            self._may_speak.set()

    @contextlib.contextmanager
    def _listening(self) -> Iterator[asyncio.Event]:
        changed = asyncio.Event()
        self._changed.add(changed)
        try:
            yield changed
        finally:
            self._changed.discard(changed)


class LeadMembership(Membership):
    """The lead's own part: it goes last."""

    def __init__(self, talk: Talk, leading: Leading, *, has_barrier: bool) -> None:
        super().__init__(talk, has_barrier=has_barrier)
        self._leading = leading

    def hear_end(self, verdict: Verdict) -> None:
        self._leading.adopt(verdict)
        super().hear_end(verdict)

    def imposed(self) -> Failure | None:
        """The group's end is the lead's; what it has uploaded before is not known here."""
        verdict = self.verdict
        if verdict is None:
            return None
        if verdict.completed:
            reason = "the group has ended, and the outputs of its lead were not uploaded"
            return Failure(code=UNPUBLISHED_CODE, exit=_INTERRUPTED, reason=reason, is_final=True)
        return Failure(code=verdict.code, exit=verdict.exit, reason=verdict.reason, is_final=True)

    def overtaken(self, ended: Ended) -> tuple[Ended, Failure | None]:
        """If its own end came too late to make the group's, it ends with what the group ends with."""
        failure = self.imposed()
        if failure is None or self.end_stands or ended.cause == "terminated":
            return ended, None
        return ended.model_copy(update={"outcome": "failed", "exit": failure.exit}), failure

    async def others(self, outcome: Outcome) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORD if outcome in ("rescheduled", "terminated") else None):
                await self._finished()
        result = self._leading.result
        if result and not result.completed and self._leading.state.verdict != result:
            raise GroupFailedError(Failure(code=result.code, exit=result.exit, reason=result.reason))

    async def leave(self, end: End, *, published: bool) -> None:
        self._talk.tell(phase="done", end=end, published=published)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORD if end.outcome in ("rescheduled", "terminated", "lost") else None):
                await self._finished()

    async def _finished(self) -> None:
        while not self._leading.is_finished:
            await asyncio.sleep(_TICK)


async def _either(*events: asyncio.Event) -> None:
    """Until one of them is set; all are cleared."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    for event in events:
        event.clear()


def _news(rules: Rules, before: State, state: State) -> Iterator[str]:
    """What a person who reads the log wants to know."""
    for task in rules.others:
        was, now = before.tasks[task], state.tasks[task]
        if now.here and not was.here:
            yield f"{task} is here: attempt {now.attempt}, pod {now.pod[:8]}, {now.phase}"
        if was.here and not now.here and now.phase != "done":
            yield f"{task} has gone away"
        if now.end and now.end != was.end:
            yield f"{task}: {now.end.outcome}, code {now.end.code}"
    if state.epoch != before.epoch:
        yield f"the group starts again: {state.epoch.number}"
    if state.open and not before.open:
        yield "the barrier is open"
    if state.verdict and state.verdict != before.verdict:
        yield "the group is complete" if state.verdict.completed else f"the group has failed: {state.verdict.reason}"
