"""The life of a task's attempt, in order: download, barrier, run, upload. Restartable at any line.

What was done is in the `State` on the volume; whatever is done twice - a download, an upload, a commit - gives the
same. The agent exits last: only `finish` ends it, and `finish` is said when all that must be kept is.

In a group the barrier and the command may come several times: the group starts again in place.
"""

import asyncio
import time
from collections.abc import Awaitable, Coroutine
from typing import Any, Final, TypeVar

from osmo_ctrl import verdicts
from osmo_ctrl.agent import Agent
from osmo_ctrl.document import TaskDocument
from osmo_ctrl.group.messages import End
from osmo_ctrl.group.part import GroupEndedError, GroupFailedError, Part
from osmo_ctrl.messages import Ended, Failure, Finish, Masks, Start, Stop, Variable
from osmo_ctrl.report import Reporter
from osmo_ctrl.settings import Settings
from osmo_ctrl.state import Keeper, State
from osmo_ctrl.work import FailedError, SupersededError, Work

Result = TypeVar("Result")

# Of a reason that is told to the group: a line of its protocol is bounded.
_LONGEST_REASON: Final = 1000


class TerminatedError(Exception):
    """The pod is being ended before the command was started."""


class LostError(Exception):
    """The agent is gone, and with it the container: by the kernel, or because somebody killed it."""


class Life:
    """Everything is written down by `keeper` before what follows from it is done."""

    def __init__(
        self,
        document: TaskDocument,
        settings: Settings,
        agent: Agent,
        work: Work,
        part: Part,
        keeper: Keeper,
        reporter: Reporter,
    ) -> None:
        self._document = document
        self._settings = settings
        self._agent = agent
        self._work = work
        self._part = part
        self._keeper = keeper
        self._say = reporter.say

    @property
    def _state(self) -> State:
        return self._keeper.state

    async def live(self) -> None:
        """From where an earlier life stopped to the last word."""
        try:
            if self._state.failure is not None:
                raise FailedError(self._state.failure)  # what was decided stays, whatever would go well by now
            if self._state.phase == "download":
                await self._begin()
            while self._state.phase in ("barrier", "run"):
                await (self._meet() if self._state.phase == "barrier" else self._run())
            if self._state.phase == "upload":
                await self._upload()
        except GroupEndedError:
            await self._end_before_start()
        except FailedError as error:
            await self._fail(verdicts.with_retry(error.failure, self._document, self._settings.attempt))
        except TerminatedError:
            self._say("ended from outside before the command was started")
            await self._quietly(self._work.commit("terminated", None, self._state.began))
            await self._part.leave(End(outcome="terminated", code=0, exit=248), published=False)
        except LostError:
            await self._lose()
        await self._finish()

    async def _begin(self) -> None:
        self._enter("download")
        await self._unless_ended(self._prepare())
        # From the start on whoever connects needs the key, so the agent must have it by then.
        await self._unless_ended(self._agent.here.wait())
        self._enter("barrier")

    async def _prepare(self) -> None:
        if end := await self._work.end_of_group():
            self._part.hear_end(end)
        await _first(self._claim_and_download(), self._part.over(), raises=GroupEndedError)

    async def _claim_and_download(self) -> None:
        await self._work.claim()
        await self._work.download()

    async def _meet(self) -> None:
        await self._unless_ended(self._part.start())
        self._enter("run", epoch=self._state.epoch + 1)

    async def _unless_ended(self, step: Coroutine[Any, Any, object]) -> None:
        alive = _first(step, self._agent.lost(), raises=LostError)
        await _first(alive, self._agent.terminating.wait(), raises=TerminatedError)

    async def _run(self) -> None:
        await self._agent.say(self._start())
        beside = [asyncio.create_task(self._work.follow_log()), asyncio.create_task(self._work.checkpoint(self._agent))]
        try:
            ended = await _first(self._end_or_recall(), self._agent.lost(), raises=LostError)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
        self._say(f"the command ended: {ended.cause}, code {ended.code}, {ended.outcome}")
        if await self._stands(ended):
            worth, word = self._part.overtaken(ended)
            self._enter("upload", ended=worth, last_word=word)
        else:
            self._enter("barrier")

    async def _end_or_recall(self) -> Ended:
        """How the command ended, by itself or because the group wants it to."""
        epoch = self._state.epoch
        end, recalled = asyncio.ensure_future(self._end_of(epoch)), asyncio.ensure_future(self._part.recalled())
        try:
            await asyncio.wait((end, recalled), return_when=asyncio.FIRST_COMPLETED)
            if not end.done():
                self._say("the group ends the command")
                await self._agent.say(Stop(epoch=epoch, grace=self._document.timeouts.grace))
            return await end
        finally:
            for task in (end, recalled):
                task.cancel()
            await asyncio.gather(end, recalled, return_exceptions=True)

    async def _stands(self, ended: Ended) -> bool:
        """Whether the group lets the end count; else the command is started again. A pod that ends cannot wait."""
        if ended.cause == "terminated":
            self._part.tell_end(_end(ended))
            return True
        verdict = self._part.verdict_on(None if ended.cause == "stopped" else _end(ended))
        alive = asyncio.ensure_future(_first(verdict, self._agent.lost(), raises=LostError))
        terminating = asyncio.ensure_future(self._agent.terminating.wait())
        try:
            await asyncio.wait((alive, terminating), return_when=asyncio.FIRST_COMPLETED)
            return await alive if alive.done() else True
        finally:
            for task in (alive, terminating):
                task.cancel()
            await asyncio.gather(alive, terminating, return_exceptions=True)

    async def _end_of(self, epoch: int) -> Ended:
        while True:
            ended = await self._agent.ended.get()
            if ended.epoch == epoch:
                return ended

    def _start(self) -> Start:
        document = self._document
        return Start(
            epoch=self._state.epoch,
            command=document.command,
            args=document.args,
            environment=(
                Variable(name="OSMO_ATTEMPT", value=str(self._settings.attempt)),
                *(Variable(name=item.name, value=item.value) for item in document.environment),
            ),
            exit_actions=verdicts.exit_actions(document),
            retry=verdicts.retry(document, self._settings.attempt),
            exec_timeout=document.timeouts.exec,
            grace=document.timeouts.grace,
            output=str(self._settings.output),
            log=str(self._settings.log),
            masks=Masks(
                variables=tuple(item.name for item in document.credential_variables),
                directories=tuple(item.directory for item in document.credential_directories),
            ),
        )

    async def _upload(self) -> None:
        ended = self._state.ended
        assert ended is not None, "uploads follow an end"
        if ended.outcome == "terminated":
            # The kubelet counts the grace period: what is not there by its end never will be.
            try:
                async with asyncio.timeout(self._document.timeouts.upload):
                    await self._keep_all(ended)
            except TimeoutError:
                self._say("the grace period is over; not all was uploaded")
        else:
            await _first(self._keep_all(ended), self._agent.lost(), raises=LostError)
        await self._part.leave(_end(ended), published=ended.outcome == "completed")

    async def _keep_all(self, ended: Ended) -> None:
        """The log first, so that it is there even if nothing else is. What an earlier life committed is not touched."""
        if await self._work.is_committed(ended.outcome):
            return
        await self._work.finish_log(ended.log)
        await self._work.last_checkpoint(self._agent)
        try:
            await self._work.publish(verdicts.publication(ended.outcome, self._document))
            await self._part.others(ended.outcome)
            await self._work.commit(ended.outcome, ended, self._state.began)
        except GroupFailedError as error:
            raise FailedError(error.failure) from error
        except SupersededError as error:
            self._say(f"{error}: nothing of this attempt is published")
            if ended.outcome == "completed":
                raise FailedError(verdicts.upload_failed(str(error))) from error

    async def _fail(self, failure: Failure) -> None:
        self._say(f"failed: {failure.reason}")
        self._keeper.change(failure=failure)
        if self._state.ended is not None:
            await self._quietly(self._work.finish_log(self._state.ended.log))
        await self._quietly(self._work.commit("failed", self._state.ended, self._state.began, failure))
        outcome = "rescheduled" if failure.exit == verdicts.AGAIN else "failed"
        await self._part.leave(
            End(outcome=outcome, code=failure.code, exit=failure.exit, reason=failure.reason[:_LONGEST_REASON]),
            published=False,
        )

    async def _lose(self) -> None:
        reason = "the agent is gone without a last word"
        self._say(f"{reason}: its log and files are kept, nothing is published")
        await self._quietly(self._work.finish_log(None))
        await self._quietly(self._work.keep_output())
        await self._quietly(self._work.commit("lost", self._state.ended, self._state.began))
        await self._part.leave(End(outcome="lost", code=137, exit=137, reason=reason), published=False)
        # If the agent was only frozen, it must not end as if all was well.
        self._keeper.change(failure=verdicts.system_failed(reason))

    async def _end_before_start(self) -> None:
        self._say("the group has ended before the command was started")
        has_completed = await self._work.has_completed()
        if not has_completed:
            self._keeper.change(last_word=self._part.imposed())
        await self._quietly(self._work.commit("terminated", None, self._state.began))
        await self._part.leave(End(outcome="terminated", code=0, exit=0), published=has_completed)

    async def _quietly(self, step: Awaitable[None]) -> None:
        """For what is kept after the end is known: it changes nothing if it fails, but it is said."""
        try:
            async with asyncio.timeout(self._document.timeouts.upload):
                await step
        except (FailedError, SupersededError) as error:
            self._say(f"not kept: {error}")
        except TimeoutError:
            self._say("not kept: it took too long")

    async def _finish(self) -> None:
        self._enter("done")
        await self._agent.say(Finish(failure=self._state.failure or self._state.last_word))

    def _enter(self, phase: str, **more: Any) -> None:
        began = self._state.began if phase in self._state.began else {**self._state.began, phase: time.time()}
        self._keeper.change(phase=phase, began=began, **more)


def _end(ended: Ended) -> End:
    return End(outcome=ended.outcome, code=ended.code, exit=ended.exit)


async def _first(step: Awaitable[Result], other: Awaitable[Any], raises: type[Exception]) -> Result:
    """What `step` gives, unless `other` returns before it: then `step` is cancelled, and `raises` raised."""
    main, end = asyncio.ensure_future(step), asyncio.ensure_future(other)
    try:
        await asyncio.wait((main, end), return_when=asyncio.FIRST_COMPLETED)
        if main.done():
            return main.result()
        raise raises
    finally:
        for task in (main, end):
            task.cancel()
        await asyncio.gather(main, end, return_exceptions=True)
