"""A task's part in its group: what it reports, what it is told, and the moments at which it waits to be told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol

from osmo_ctrl import verdicts
from osmo_ctrl.group.calls import MOST_CALLS, opening
from osmo_ctrl.group.member import Deed, react
from osmo_ctrl.group.messages import NOWHERE, Call, End, Order, Report, Verdict
from osmo_ctrl.messages import Ended, Failure, Outcome


class GroupEndedError(Exception):
    """The group has ended before the command was started."""


class Part(Protocol):
    """What the life of a task asks of its group. Each wait ends at once where there is no group of several tasks."""

    def hear_end(self, verdict: Verdict) -> None:
        """The storage says that the group has ended."""

    async def over(self) -> None:
        """Returns when the group has ended, while the task prepares itself."""

    async def start(self) -> None:
        """Ready; returns when the command is to be started. Raises: GroupEndedError."""

    async def recalled(self) -> None:
        """Returns when the running command must be stopped."""

    async def verdict_on(self, end: End | None) -> bool:
        """The command has ended, by itself if there is an `end`: whether that stands. If not it is started again."""

    def tell_end(self, end: End) -> None:
        """The command has ended, and nobody is asked whether that stands."""

    def overtaken(self, ended: Ended) -> tuple[Ended, Failure | None]:
        """What the end is worth now that it stands, and the word to the agent if that is something else."""

    def imposed(self) -> Failure | None:
        """What the end of the group means for this task if it never began."""

    async def others(self, outcome: Outcome) -> None:
        """Returns when the others have kept what they must; only the lead waits for that. Raises: GroupFailedError."""

    async def leave(self, end: End, *, published: bool) -> None:
        """Done; returns when that is known to all who must know."""

    def call(self, call: Call) -> AbstractAsyncContextManager[None]:
        """`osmo barrier`: enters when as many calls of this name as are wanted wait in the group."""


class GroupFailedError(Exception):
    """The lead's own success does not count: another task has not published what it must."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class Alone:
    """The part of a task that has its group for itself."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[Call, asyncio.Event]] = {}

    def hear_end(self, verdict: Verdict) -> None:
        pass

    async def over(self) -> None:
        await asyncio.Event().wait()

    async def start(self) -> None:
        pass

    async def recalled(self) -> None:
        await asyncio.Event().wait()

    async def verdict_on(self, end: End | None) -> bool:
        return True

    def tell_end(self, end: End) -> None:
        pass

    def overtaken(self, ended: Ended) -> tuple[Ended, Failure | None]:
        return ended, None

    def imposed(self) -> Failure | None:
        return None

    async def others(self, outcome: Outcome) -> None:
        pass

    async def leave(self, end: End, *, published: bool) -> None:
        pass

    @contextlib.asynccontextmanager
    async def call(self, call: Call) -> AsyncIterator[None]:
        opened = asyncio.Event()
        self._waiting[call.id] = call, opened
        try:
            self._open_calls()
            await opened.wait()
            yield
        finally:
            if self._waiting.pop(call.id, None):
                self._open_calls()

    def _open_calls(self) -> None:
        for call in opening(call for call, _ in self._waiting.values()):
            _, opened = self._waiting.pop(call.id)
            opened.set()


class Talk:
    """What a task has to say and what it has heard, between its life and whoever carries it to the coordinator."""

    def __init__(self, report: Report, keep: Callable[[Report], None]) -> None:
        """`keep` is given each report before anything follows from it."""
        self.report = report
        self.order: Order | None = None
        self._keep = keep
        self._listeners: set[asyncio.Event] = set()

    def tell(self, **changes: Any) -> None:
        report = self.report.model_copy(update=changes)
        if react(report, self.order) is Deed.ADOPT and self.order is not None:
            report = report.model_copy(update={"epoch": self.order.epoch})
        if report != self.report:
            self._keep(report)
            self.report = report
            self._wake()

    def hear(self, order: Order) -> None:
        if order != self.order:
            self.order = order
            self.tell()
            self._wake()

    @property
    def deed(self) -> Deed:
        return react(self.report, self.order)

    async def until(self, condition: Callable[[], bool]) -> None:
        with self.listening() as changed:
            while not condition():
                await changed.wait()
                changed.clear()

    @contextlib.contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """An event that is set by each report and each order."""
        changed = asyncio.Event()
        self._listeners.add(changed)
        try:
            yield changed
        finally:
            self._listeners.discard(changed)

    def _wake(self) -> None:
        for listener in self._listeners:
            listener.set()


# How long a task that is done waits for the word of a lead that may be gone: the group has ended, or the pod is ending.
_LAST_WORD: Final = 20.0


class Membership:
    """The part of one task of several."""

    def __init__(self, talk: Talk, *, has_barrier: bool) -> None:
        self._talk = talk
        self._has_barrier = has_barrier

    @property
    def verdict(self) -> Verdict | None:
        order = self._talk.order
        return order.verdict if order else None

    @property
    def end_stands(self) -> bool:
        order = self._talk.order
        return order is None or order.do != "end" or order.end_stands

    def hear_end(self, verdict: Verdict) -> None:
        self._talk.hear(Order(do="end", epoch=NOWHERE, verdict=verdict))

    async def over(self) -> None:
        await self._talk.until(lambda: self._talk.deed is Deed.EXIT)

    async def start(self) -> None:
        is_first = self._talk.report.phase == "preparing"
        self._talk.tell(phase="ready", end=None, calls=())
        if self._has_barrier or not is_first:
            await self._talk.until(lambda: self._talk.deed in (Deed.START, Deed.EXIT))
            if self._talk.deed is Deed.EXIT:
                raise GroupEndedError
        self._talk.tell(phase="running")

    async def recalled(self) -> None:
        await self._talk.until(lambda: self._talk.deed is Deed.STOP)

    async def verdict_on(self, end: End | None) -> bool:
        self._talk.tell(phase="ended", end=end)
        await self._talk.until(lambda: self._talk.deed in (Deed.AGAIN, Deed.UPLOAD))
        return self._talk.deed is Deed.UPLOAD

    def tell_end(self, end: End) -> None:
        self._talk.tell(phase="ended", end=end)

    def overtaken(self, ended: Ended) -> tuple[Ended, Failure | None]:
        verdict = self.verdict
        if verdict is None or self.end_stands:
            return ended, None
        worth = verdicts.in_group(ended, completed=verdict.completed)
        failure = self.imposed()
        if failure is not None and worth.outcome == "terminated" and ended.cause == "stopped":
            return worth.model_copy(update={"outcome": "failed", "exit": failure.exit}), failure
        if worth == ended:
            return ended, None
        reason = "the group is complete" if verdict.completed else verdict.reason
        return worth, Failure(code=worth.code, exit=worth.exit, reason=reason, is_final=True)

    def imposed(self) -> Failure | None:
        """Whom the lead has ended is not to blame; but it has failed if the lead was lost."""
        verdict = self.verdict
        if verdict is None or verdict.completed or verdict.task:
            return None
        return Failure(code=verdict.code, exit=verdict.exit, reason=verdict.reason, is_final=True)

    async def others(self, outcome: Outcome) -> None:
        pass

    async def leave(self, end: End, *, published: bool) -> None:
        """A coordinator that is away is waited for, as long as it may come back: it would miss us."""
        self._talk.tell(phase="done", end=end, published=published)
        if self._talk.order is not None and self._talk.order.epoch == NOWHERE:
            return  # that the group has ended was not heard from a coordinator
        is_short = self.verdict is not None or end.outcome in ("terminated", "lost")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORD if is_short else None):
                await self._talk.until(lambda: self._talk.deed is Deed.EXIT)

    @contextlib.asynccontextmanager
    async def call(self, call: Call) -> AsyncIterator[None]:
        """Where a restart of osmo-ctrl has cut it off the call goes on: it may have been opened meanwhile."""
        others = sorted(self._calls_but(call), key=lambda item: item.absent)
        self._talk.tell(calls=(*others[: MOST_CALLS - 1], call))
        try:
            await self._talk.until(lambda: self._talk.order is not None and call.id in self._talk.order.opened)
            yield
        finally:
            self._talk.tell(calls=self._calls_but(call))

    def _calls_but(self, call: Call) -> tuple[Call, ...]:
        return tuple(item for item in self._talk.report.calls if item.id != call.id)
