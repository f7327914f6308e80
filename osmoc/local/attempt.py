"""One attempt of a task: osmo-init and osmo-ctrl in one room, the agent with the command in another.

It is what the kubelet does with a pod: the agent starts when osmo-init is done, osmo-ctrl is started again if it
ends, and it is ended when the agent has exited.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from osmoc.local.process import Process, Sink
from osmoc.local.room import Prepared, Room, write_config
from osmoc.local.schedule import SYSTEM_FAILED, TERMINATED

# osmo-ctrl is started again this often; what makes it end at once would do so for ever.
_RESTARTS: Final = 5
_PAUSE: Final = 0.5
# What osmo-ctrl gets to end by itself when its task is over.
_GRACE: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """`fault` is a failure of the system, before or beside the command."""

    code: int
    fault: str = ""
    killed: bool = False


class Running:
    """An attempt in progress. `agent` is asked for when osmo-init is done."""

    def __init__(
        self,
        room: Room,
        program: Path,
        ctrl: Prepared,
        agent: Callable[[], Prepared],
        sink: Sink,
    ) -> None:
        self._room = room
        self._program = program
        self._prepared = ctrl
        self._prepare_agent = agent
        self._sink = sink
        self._ctrl: Process | None = None
        self._agent: Process | None = None
        self._is_canceled = False
        self._is_killed = False
        self._fault = ""

    async def run(self) -> Exit:
        """Until both rooms are empty."""
        try:
            return await self._run()
        finally:
            for process in (self._agent, self._ctrl):
                if process and process.is_running:
                    process.kill()
                    await process.wait()

    async def _run(self) -> Exit:
        if not self._is_canceled:
            fault = await self._start_ctrl()
            if fault and not self._is_canceled:
                return Exit(code=SYSTEM_FAILED, fault=f"{fault}, see {self._room.ctrl_log}")
        if self._is_canceled:
            return Exit(code=TERMINATED, killed=self._is_killed)
        prepared = self._prepare_agent()
        self._agent = self._start("task", prepared.config, prepared.environment, sink=self._sink)
        keeper = asyncio.create_task(self._keep_ctrl())
        code = await self._agent.wait()
        started = await self._agent.ready()
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await self._end_ctrl()
        return Exit(code=code, fault=self._fault or started, killed=self._is_killed)

    @property
    def pid(self) -> int:
        """Of the process below which the command is; 0 before and after it."""
        return self._agent.pid if self._agent and self._agent.is_running else 0

    def cancel(self) -> None:
        """Ends the command as a cluster would: it has its grace, and what it wrote is uploaded."""
        self._is_canceled = True
        if self._agent:
            self._agent.terminate()
        elif self._ctrl:
            self._ctrl.kill()

    def kill(self) -> None:
        self._is_canceled = self._is_killed = True
        for process in (self._agent, self._ctrl):
            if process:
                process.kill()

    async def _start_ctrl(self) -> str:
        self._ctrl = self._start("ctrl", self._prepared.config, self._prepared.environment, log=self._room.ctrl_log)
        return await self._ctrl.ready()

    async def _keep_ctrl(self) -> None:
        """As a sidecar is kept: started again, from what it has kept of its state."""
        assert self._ctrl and self._agent
        for _ in range(_RESTARTS):
            code = await self._ctrl.wait()
            await asyncio.sleep(_PAUSE)
            if await self._start_ctrl():
                break
        else:
            code = await self._ctrl.wait()
        self._fault = f"osmo-ctrl ended with {code} again and again, see {self._room.ctrl_log}"
        self._agent.kill()

    async def _end_ctrl(self) -> None:
        assert self._ctrl
        self._ctrl.terminate()
        try:
            await asyncio.wait_for(self._ctrl.wait(), 0 if self._is_killed else _GRACE)
        except TimeoutError:
            self._ctrl.kill()
            await self._ctrl.wait()

    def _start(self, name: str, config: Mapping[str, Any], environment: Mapping[str, str], **streams: Any) -> Process:
        path = write_config(self._room.path / f"{name}.json", config)
        return Process.start(self._program, path, environment, **streams)
