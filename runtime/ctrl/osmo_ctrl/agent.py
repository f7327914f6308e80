"""The agent as osmo-ctrl sees it: one peer, that may be gone for a moment and come back with its key."""

import asyncio
import contextlib
import errno
import hmac
import itertools
import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from osmo_ctrl.lines import LineSocket, LongLineError
from osmo_ctrl.messages import (
    FROM_AGENT,
    LONGEST,
    VERSION,
    Ended,
    Finish,
    FromCtrl,
    Hello,
    List,
    ListedFile,
    Listing,
    Open,
    Opened,
    Start,
    Started,
    Stop,
    Terminating,
    Welcome,
)

_FIRST_WORD: Final = 10.0  # seconds until `hello`
_ABSENCE: Final = 5.0  # seconds without a connection after which the agent is lost


class AgentLostError(Exception):
    """The agent is gone and did not come back."""


def _refusal(reason: str) -> OSError:
    """As if we had tried it ourselves: the agent could not list or open a path."""
    is_missing = reason.endswith(os.strerror(errno.ENOENT).lower())
    return OSError(errno.ENOENT if is_missing else errno.EACCES, reason)


class Agent:
    """`key` is what an earlier life gave the agent; `keep` is told a new one before the agent is."""

    def __init__(self, path: Path, key: str, has_started: bool, keep: Callable[[str], None]) -> None:
        self._path = path
        self._key = key
        self._has_started = has_started
        self._keep = keep
        self._lines: LineSocket | None = None
        self._reading: asyncio.Task[None] | None = None
        self._answers: dict[int, asyncio.Future[Listing | tuple[Opened, int]]] = {}
        self._numbers = itertools.count(1)
        self._last_word: FromCtrl | None = None
        self.ended: asyncio.Queue[Ended] = asyncio.Queue()
        self.started: asyncio.Queue[Started] = asyncio.Queue()
        self.here = asyncio.Event()
        self.gone = asyncio.Event()
        self.gone.set()
        self.terminating = asyncio.Event()
        self._accepting = asyncio.get_running_loop().create_task(self._accept(_listen(path)))

    @property
    def was_here(self) -> bool:
        """In this life or an earlier one."""
        return bool(self._key)

    async def close(self) -> None:
        self._accepting.cancel()
        self._drop()
        with contextlib.suppress(asyncio.CancelledError):
            await self._accepting
        self._path.unlink(missing_ok=True)

    async def _accept(self, server: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with server:
            while True:
                connection, _ = await loop.sock_accept(server)
                await self._greet(LineSocket(connection, LONGEST))

    async def _greet(self, lines: LineSocket) -> None:
        """Take the connection if it is the agent's. Whoever else speaks is not answered."""
        try:
            async with asyncio.timeout(_FIRST_WORD):
                line = await lines.read()
            hello = FROM_AGENT.validate_json(line or b"")
            if not isinstance(hello, Hello) or hello.version != VERSION or not self._is_agent(hello):
                lines.close()
                return
            if not hello.key:
                self._key = secrets.token_hex(32)
                self._keep(self._key)
            await lines.send(Welcome(version=VERSION, key=self._key).model_dump_json().encode())
        except (ValidationError, LongLineError, TimeoutError, OSError):
            lines.close()
            return
        self._drop()
        self._lines = lines
        self.here.set()
        self.gone.clear()
        self._reading = asyncio.get_running_loop().create_task(self._read(lines))
        if hello.ended is not None:
            self.ended.put_nowait(hello.ended)
        if self._last_word is not None:
            await self.say(self._last_word)

    def _is_agent(self, hello: Hello) -> bool:
        if hello.key:
            return bool(self._key) and hmac.compare_digest(hello.key, self._key)
        # Before the command starts nobody but the agent is there to connect; it may have missed our answer.
        return not self._has_started and not self.here.is_set()

    async def _read(self, lines: LineSocket) -> None:
        try:
            while (line := await lines.read()) is not None:
                self._hear(line, lines)
        except (ValidationError, LongLineError, IndexError, OSError):
            pass  # whoever breaks the protocol has to connect again
        if self._lines is lines:
            self._drop()

    def _hear(self, line: bytes, lines: LineSocket) -> None:
        match FROM_AGENT.validate_json(line):
            case Started() as started:
                self.started.put_nowait(started)
            case Ended() as ended:
                self.ended.put_nowait(ended)
            case Terminating():
                self.terminating.set()
            case Listing() as listing:
                self._answer(listing.id, listing)
            case Opened() as opened:
                self._answer(opened.id, (opened, -1 if opened.error else lines.descriptors.popleft()))
            case Hello():
                raise LongLineError("a second hello")

    def _answer(self, number: int, answer: Listing | tuple[Opened, int]) -> None:
        future = self._answers.pop(number, None)
        if future is not None and not future.done():
            future.set_result(answer)
        elif isinstance(answer, tuple) and answer[1] >= 0:
            os.close(answer[1])

    def _drop(self) -> None:
        if self._reading is not None and self._reading is not asyncio.current_task():
            self._reading.cancel()
        self._reading = None
        if self._lines is not None:
            self._lines.close()
            self._lines = None
        self.here.clear()
        self.gone.set()
        for future in self._answers.values():
            if not future.done():
                future.set_exception(AgentLostError("the agent went away"))
        self._answers.clear()

    async def say(self, message: Start | Stop | Finish | FromCtrl) -> None:
        """Now, or when the agent is back. The last `start`, `stop` or `finish` is said again to each new connection."""
        if isinstance(message, Start | Stop | Finish):
            self._last_word = message
            self._has_started = self._has_started or isinstance(message, Start)
        if self._lines is not None:
            with contextlib.suppress(OSError):
                await self._lines.send(message.model_dump_json().encode())

    async def lost(self) -> None:
        """Returns when the agent, once here in this or an earlier life, has been away for too long."""
        if not self._key:
            await self.here.wait()
        while True:
            await self.gone.wait()
            try:
                async with asyncio.timeout(_ABSENCE):  # `wait_for` ignores who cancels it as the agent comes back
                    await self.here.wait()
            except TimeoutError:
                return

    async def list(self, path: str, regex: str) -> tuple[ListedFile, ...]:
        """Raises: OSError, AgentLostError."""
        answer = await self._ask(lambda number: List(id=number, path=path, regex=regex))
        assert isinstance(answer, Listing)
        if answer.error:
            raise _refusal(answer.error)
        return answer.files

    async def open(self, path: str) -> int:
        """A descriptor to read from, which the caller closes. Raises: OSError, AgentLostError."""
        answer = await self._ask(lambda number: Open(id=number, path=path))
        assert isinstance(answer, tuple)
        opened, descriptor = answer
        if opened.error:
            raise _refusal(opened.error)
        return descriptor

    async def _ask(self, question: Callable[[int], List | Open]) -> Listing | tuple[Opened, int]:
        while self._lines is None:
            await self.here.wait()  # osmo-ctrl may have been restarted a moment ago
        number = next(self._numbers)
        future: asyncio.Future[Listing | tuple[Opened, int]] = asyncio.get_running_loop().create_future()
        self._answers[number] = future
        await self.say(question(number))
        return await future


def _listen(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(os.fspath(path))
    path.chmod(0o660)
    server.listen(8)
    server.setblocking(False)
    return server
