"""One connection of the tool: bounded in what it may send and keep us from sending, and seen at once when it ends."""

import asyncio
import contextlib
import socket
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final, Self

from pydantic import ValidationError

from osmo_ctrl.lines import LineSocket, LongLineError
from osmo_ctrl.messages import Opened
from osmo_ctrl.tool.descriptors import Passed
from osmo_ctrl.tool.messages import FROM_TOOL, LONGEST, File, FromTool, ProgressLine, Result, ToTool

_PATIENCE: Final = 60.0  # seconds in which the tool must take a line, or say the next one
_FAREWELL: Final = 5.0
_AHEAD: Final = 16  # lines that wait to be sent


class WrongWordError(Exception):
    """The tool said what it must not say, or nothing."""


class SilentError(WrongWordError):
    """It is its turn, and it says nothing."""


class Peer:
    """`serve` is the way in: it gives the answer up when the connection ends, and has the last word otherwise."""

    def __init__(self, connection: socket.socket) -> None:
        self._lines = _Lines(connection, LONGEST)
        self._heard: asyncio.Queue[tuple[FromTool, Passed | None]] = asyncio.Queue(1)
        self._unsent: asyncio.Queue[bytes] = asyncio.Queue(_AHEAD)
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._is_over = False
        self._is_deaf = False
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._lines.close()
        self._drop_heard()

    async def serve(self, answering: Coroutine[Any, Any, Result]) -> None:
        """Its result is the last word. A tool that breaks the rules is told so instead; one that is gone, nothing."""
        answer = asyncio.create_task(answering)
        try:
            await asyncio.wait((answer, self._ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not answer.done():
                answer.cancel()
                await asyncio.wait((answer,))
        if not answer.cancelled():
            await self._part(answer.result())
        elif reason := self._ended.result():
            await self._part(Result(status=1, error=reason))

    async def hear(self, patience: float = _PATIENCE) -> tuple[FromTool, Passed | None]:
        """What the tool says next; the descriptor that came with it is the caller's to close. Raises: SilentError."""
        try:
            async with asyncio.timeout(patience):
                return await self._heard.get()
        except TimeoutError:
            raise SilentError(f"the tool has said nothing for {patience:.0f} s") from None

    async def say(self, message: ToTool) -> None:
        """Waits while the tool is slow. Lines are sent whole, whoever is cancelled meanwhile."""
        await self._unsent.put(message.model_dump_json().encode())

    async def sent(self) -> None:
        """Returns when all that was said is on its way, or never will be."""
        await self._unsent.join()

    def mention(self, text: str) -> None:
        """A line of progress, unless more important ones wait already."""
        with contextlib.suppress(asyncio.QueueFull):
            self._unsent.put_nowait(ProgressLine(text=text).model_dump_json().encode())

    async def _part(self, result: Result) -> None:
        """The tool may be in the midst of passing files: it must not find a closed socket before it has read this."""
        self._is_over = True
        self._drop_heard()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                await self.say(result)
                await self._unsent.join()
                await asyncio.wait((self._ended,))

    async def _read(self) -> None:
        try:
            while (line := await self._lines.read()) is not None:
                await self._take(line)
            self._end("")
        except ValidationError as error:
            self._end(f"this is no message of the tool: {error.errors(include_input=False)[0]['msg']}")
        except (LongLineError, WrongWordError) as error:
            self._end(str(error))
        except OSError:
            self._end("")

    async def _take(self, line: bytes) -> None:
        message = FROM_TOOL.validate_json(line)
        passed = None
        if isinstance(message, File) or (isinstance(message, Opened) and not message.error):
            if not self._lines.descriptors:
                raise WrongWordError("a file came without a descriptor")
            passed = Passed(self._lines.descriptors.popleft())
        try:
            await self._heard.put((message, passed))
        except asyncio.CancelledError:
            if passed is not None:
                passed.close()
            raise
        if self._is_over:
            self._drop_heard()

    async def _write(self) -> None:
        """After a failure lines are dropped, so that nobody waits for their turn."""
        while True:
            line = await self._unsent.get()
            try:
                if not self._is_deaf:
                    async with asyncio.timeout(_PATIENCE):
                        await self._lines.send(line)
            except (OSError, TimeoutError):
                self._is_deaf = True
                self._end("")
            finally:
                self._unsent.task_done()

    def _end(self, reason: str) -> None:
        if not self._ended.done():
            self._ended.set_result(reason)

    def _drop_heard(self) -> None:
        while not self._heard.empty():
            _, passed = self._heard.get_nowait()
            if passed is not None:
                passed.close()


class _Lines(LineSocket):
    async def _receive(self) -> bool:
        """A line has at most one descriptor, and that of the line behind it may be here already."""
        received = await super()._receive()
        if len(self.descriptors) > 2:
            raise LongLineError("more descriptors than files")
        return received
