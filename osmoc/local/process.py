"""Processes that end with this one: each runs in a room that holds the end of a pipe of ours."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Final

_CHUNK: Final = 65536
# How long output may still come from what outlives a command; in a PID namespace nothing does.
_LAST_OUTPUT: Final = 2.0

# Gets the stream's name and its bytes; nothing at the end.
Sink = Callable[[str, bytes], None]


class Process:
    """A command in a room. Its streams go to a file, or piece by piece to a sink."""

    def __init__(self, popen: "subprocess.Popen[bytes]", leash: int, report: int, sink: Sink | None) -> None:
        self._popen = popen
        self._leash = leash
        self._loop = asyncio.get_running_loop()
        self._word: asyncio.Future[str] = self._loop.create_future()
        self._heard = b""
        self._drained: list[asyncio.Future[None]] = []
        self._loop.add_reader(report, self._on_report, report)
        if sink:
            for name, stream in (("stdout", popen.stdout), ("stderr", popen.stderr)):
                assert stream is not None
                done: asyncio.Future[None] = self._loop.create_future()
                self._drained.append(done)
                self._loop.add_reader(stream.fileno(), self._on_output, stream, name, sink, done)
        self._descriptor = os.pidfd_open(popen.pid)
        self._exit: asyncio.Future[int] = self._loop.create_future()
        self._loop.add_reader(self._descriptor, self._on_exit)

    @classmethod
    def start(
        cls,
        program: Path,
        config: Path,
        environment: Mapping[str, str],
        *,
        log: Path | None = None,
        sink: Sink | None = None,
    ) -> "Process":
        """`program` is osmo-room, `config` what it makes. Raises: OSError."""
        leash, ours = os.pipe()
        report, theirs = os.pipe()
        output = log.open("ab") if log else None
        try:
            popen = subprocess.Popen(
                [str(program), "-config", str(config), "-leash", str(leash), "-report", str(theirs)],
                stdin=subprocess.DEVNULL,
                stdout=output or subprocess.PIPE,
                stderr=subprocess.STDOUT if output else subprocess.PIPE,
                env=dict(environment),
                pass_fds=(leash, theirs),
                start_new_session=True,  # Ctrl-C is for us; what it means for tasks we decide
                cwd="/",
                bufsize=0,
            )
        except OSError:
            os.close(ours)
            os.close(report)
            raise
        finally:
            os.close(leash)
            os.close(theirs)
            if output:
                output.close()
        return cls(popen, ours, report, sink)

    async def ready(self) -> str:
        """Waits until the command is started; says why it was not, or nothing."""
        return await asyncio.shield(self._word)

    async def wait(self) -> int:
        """The exit code, 128 + n for signal n; all output has been given to the sink then."""
        code = await asyncio.shield(self._exit)
        if self._drained:
            await asyncio.wait(self._drained, timeout=_LAST_OUTPUT)
        return code if code >= 0 else 128 - code

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        return not self._exit.done()

    def terminate(self) -> None:
        if self.is_running:
            self._popen.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Lets the leash go: all that is in the room ends."""
        if self._leash >= 0:
            os.close(self._leash)
            self._leash = -1

    def _on_report(self, descriptor: int) -> None:
        data = os.read(descriptor, _CHUNK)
        self._heard += data
        if data and b"\n" not in data:
            return
        self._loop.remove_reader(descriptor)
        os.close(descriptor)
        word = self._heard.decode(errors="replace").strip() or "it ended before it was ready"
        self._word.set_result("" if word == "ready" else word)

    def _on_output(self, stream: IO[bytes], name: str, sink: Sink, done: "asyncio.Future[None]") -> None:
        data = os.read(stream.fileno(), _CHUNK)
        sink(name, data)
        if not data:
            self._loop.remove_reader(stream.fileno())
            stream.close()
            done.set_result(None)

    def _on_exit(self) -> None:
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        code = self._popen.wait()
        self.kill()
        self._exit.set_result(code)
