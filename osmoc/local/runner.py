"""Runs a plan: starts what `schedule.decide` names, sees how it ends, and keeps the record of it."""

import asyncio
import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from osmoc.document import TaskDocument
from osmoc.local import ports, records, room, schedule
from osmoc.local.attempt import Exit, Running
from osmoc.local.credentials import CredentialError, Credentials
from osmoc.local.engine import Engine
from osmoc.local.lines import LineLog
from osmoc.local.network import Network, NetworkError
from osmoc.local.records import Folder, Run, last_line, last_word
from osmoc.local.room import Machine, Prepared, Room
from osmoc.local.schedule import Amount, State
from osmoc.local.view import View
from osmoc.plan import Plan, Task

# How often the record is written and osmo-ctrl's state is looked at.
_TICK: Final = 0.1
# How often it is asked who listens where, while several tasks run on the ports of this machine.
_LOOK: Final = 1.0

_PHASES: Final = {"download": State.INITIALIZING, "barrier": State.INITIALIZING, "run": State.RUNNING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the command line decides; `host` is the environment of osmoc, `taken` what tasks get of it."""

    whole: Amount
    credentials: Credentials
    host: Mapping[str, str]
    node: str
    taken: tuple[str, ...] = ()
    keep: bool = False


class Runner:
    def __init__(
        self, plan: Plan, folder: Folder, run: Run, engine: Engine, machine: Machine, settings: Settings, view: View
    ) -> None:
        """`run` is the record to begin with: what is not waiting in it is not run."""
        self._folder = folder
        self._engine = engine
        self._machine = machine
        self._settings = settings
        self._view = view
        self._run = run
        self._groups = planned_groups(plan)
        self._meetings = {
            task: meeting
            for group in self._groups
            if len(group.tasks) > 1
            for meeting in (room.arrange_meeting(),)
            for task in group.tasks
        }
        self._tasks = {task.name: task for group in plan.groups.values() for task in group.tasks}
        self._running: dict[str, Running] = {}
        self._jobs: set[asyncio.Task[None]] = set()
        self._free_gpus = list(range(settings.whole.gpu))
        self._changed = asyncio.Event()
        self._bug: BaseException | None = None
        self._is_dirty = True
        self._interrupts = 0
        self._short = ""
        self._held: dict[int, str] = {}
        self._networks: dict[str, asyncio.Task[Network]] = {}
        self._network_of: dict[str, asyncio.Task[Network]] = {}

    @property
    def _states(self) -> dict[str, State]:
        return {name: task.state for name, task in self._run.tasks.items()}

    async def run(self) -> Run:
        self._view.begin(self._run)
        writer = asyncio.create_task(self._keep_record())
        looking = asyncio.create_task(self._look_at_ports())
        try:
            await self._work()
        finally:
            writer.cancel()
            looking.cancel()
            for running in self._running.values() if self._bug else ():
                running.kill()
            await asyncio.gather(writer, looking, *self._jobs, return_exceptions=True)
            for name in self._networks:
                await asyncio.to_thread(self._engine.close_network, name)
            if self._short:
                shutil.rmtree(self._short, ignore_errors=True)
            state = schedule.run_state(self._groups, self._states)
            self._run = self._run.model_copy(update={"state": state, "ended_at": time.time()})
            self._folder.write(self._run)
        self._view.end(self._run)
        return self._run

    def interrupt(self) -> None:
        """Once: every task is ended as a cluster would end it. Again: at once."""
        self._interrupts += 1
        for running in self._running.values():
            if self._interrupts == 1:
                running.cancel()
            else:
                running.kill()
        self._view.interrupted(self._interrupts)
        self._changed.set()

    @property
    def is_interrupted(self) -> bool:
        return self._interrupts > 0

    async def _work(self) -> None:
        while True:
            self._changed.clear()
            decision = schedule.decide(self._groups, self._states, self._settings.whole, canceled=self.is_interrupted)
            for name, state in decision.marks.items():
                self._set(name, state)
            for name in decision.start:
                self._start(name)
            if not decision.start and all(state.is_final for state in self._states.values()):
                return
            await self._changed.wait()
            if self._bug:
                raise self._bug

    def _start(self, group: str) -> None:
        tasks = next(item for item in self._groups if item.name == group).tasks
        if len(tasks) > 1 and not self._engine.network_fault:
            name = f"osmoc-{self._run.key}-{uuid.uuid4().hex[:8]}"
            hosts = [self._tasks[task].label for task in tasks]
            self._networks[name] = asyncio.create_task(asyncio.to_thread(self._engine.open_network, name, hosts))
            self._network_of |= dict.fromkeys(tasks, self._networks[name])
        for task in tasks:
            self._set(task, State.INITIALIZING)
            job = asyncio.create_task(self._task(self._tasks[task]))
            self._jobs.add(job)
            job.add_done_callback(self._on_done)

    def _on_done(self, job: "asyncio.Task[None]") -> None:
        self._jobs.discard(job)
        self._changed.set()
        if not job.cancelled():
            self._bug = self._bug or job.exception()

    async def _task(self, task: Task) -> None:
        """All attempts of a task."""
        document = TaskDocument.model_validate_json(task.document)
        gpus = self._take_gpus(task)
        first = attempt = len(self._run.tasks[task.name].attempts)
        try:
            while True:
                state = await self._attempt(task, document, attempt, first + document.retry.reschedule, gpus)
                if state is not State.RESCHEDULED:
                    return
                attempt += 1
        finally:
            self._free_gpus += gpus

    def _take_gpus(self, task: Task) -> list[int]:
        count = task.shape.placement.gpu or 0
        taken, self._free_gpus = self._free_gpus[:count], self._free_gpus[count:]
        return taken

    async def _attempt(self, task: Task, document: TaskDocument, attempt: int, limit: int, gpus: list[int]) -> State:
        record = records.Attempt(attempt=attempt, pod=str(uuid.uuid4()), started_at=time.time())
        self._record(task.name, State.INITIALIZING, record)
        here = self._room(task, document, attempt)
        here.path.mkdir(parents=True, exist_ok=True)
        log = LineLog(here.path / "log", partial(self._view.line, task.name))
        try:
            if task.name in self._network_of:
                here = replace(here, network=await self._network_of[task.name])
            ended = await self._live(self._prepare(here, record, gpus, log), here)
        except (CredentialError, NetworkError, OSError) as error:
            ended = Exit(code=schedule.SYSTEM_FAILED, fault=str(error))
        finally:
            log.close()
        word = last_word(here.termination)
        if not word:
            await asyncio.to_thread(self._engine.clean_up, here)
            ended = self._without_word(ended)
        if ended.code and not ended.fault and not self._engine.uses_images:
            await self._look()
            clash = await asyncio.to_thread(ports.find_clash, here.path / "log", task.name, self._held)
            ended = replace(ended, fault=clash)
        facts = schedule.Ended(exit=ended.code, cause=str(word.get("cause", "")), killed=ended.killed)
        state = schedule.after(facts, attempt, limit, canceled=self.is_interrupted)
        await asyncio.to_thread(self._tidy, here, state)
        current = self._run.tasks[task.name].attempts[-1]
        self._record(task.name, state, current.model_copy(update=_outcome(ended, word) | {"ended_at": time.time()}))
        return state

    def _without_word(self, ended: Exit) -> Exit:
        """What ended before the agent has no success to tell of."""
        fault = ended.fault or self._engine.fault(ended.code)
        return replace(ended, fault=fault, code=ended.code or (schedule.SYSTEM_FAILED if fault else 0))

    async def _live(self, running: Running, here: Room) -> Exit:
        task = here.document.task
        self._running[task] = running
        watcher = asyncio.create_task(self._watch(here, task))
        try:
            if self.is_interrupted:
                running.cancel()
            return await running.run()
        finally:
            watcher.cancel()
            del self._running[task]

    def _room(self, task: Task, document: TaskDocument, attempt: int) -> Room:
        path = self._folder.attempt(task.name, attempt)
        is_confined = self._machine.namespaces
        # Without namespaces the paths of the task's arguments are the same for all attempts.
        plain = path.parent / "osmo"
        here = Room(
            task=task,
            document=document,
            attempt=attempt,
            path=path,
            osmo=path / "osmo" if is_confined else plain,
            is_confined=is_confined,
            in_image=self._engine.uses_images,
            root="" if is_confined else str(plain),
            meeting=self._meetings.get(task.name),
        )
        if room.needs_short_root(here):
            self._short = self._short or tempfile.mkdtemp(prefix="osmoc-")
            link = Path(self._short) / task.name[:40]
            link.unlink(missing_ok=True)
            link.symlink_to(here.osmo)
            here = replace(here, root=str(link))
        return here

    def _prepare(self, here: Room, record: records.Attempt, gpus: list[int], log: LineLog) -> Running:
        settings = self._settings
        room.make_room(here, settings.credentials)
        pod = room.Attempt(run=self._run.key, number=record.attempt, pod=record.pod, node=settings.node)
        ctrl = Prepared(
            room.ctrl_config(here, self._machine), room.ctrl_environment(here, self._machine, pod, settings.host)
        )
        declared = room.task_environment(here, settings.credentials, settings.host, settings.taken, gpus)

        def agent() -> Prepared:
            return self._engine.prepare(here, self._machine, room.host_environment(here, settings.host), declared)

        return Running(here, self._machine.programs.room, ctrl, agent, log.add)

    async def _watch(self, here: Room, task: str) -> None:
        """Follows osmo-ctrl's own record, for those who look on."""
        seen: object = None
        while True:
            await asyncio.sleep(_TICK)
            try:
                now = json.loads(here.state.read_bytes())
            except (OSError, ValueError):
                continue
            note = last_line(here.ctrl_log)
            if (now, note) != seen:
                seen = (now, note)
                state = _PHASES.get(now.get("phase", ""), State.UPLOADING)
                current = self._run.tasks[task].attempts[-1]
                running_at = now.get("began", {}).get("run", current.running_at)
                self._record(task, state, current.model_copy(update={"running_at": running_at, "note": note}))

    def _tidy(self, here: Room, state: State) -> None:
        if state is State.COMPLETED:
            room.keep_results(here, self._folder.results(here.document.task))
        room.clear_room(here, whole=state is State.COMPLETED and not self._settings.keep)
        if not here.is_confined and here.osmo.exists():
            here.osmo.rename(here.path / "osmo")

    def _set(self, task: str, state: State) -> None:
        self._update(task, self._run.tasks[task].model_copy(update={"state": state}))

    def _record(self, task: str, state: State, attempt: records.Attempt) -> None:
        """The newest attempt of a task, the one before replaced if it has the same number."""
        earlier = tuple(item for item in self._run.tasks[task].attempts if item.attempt != attempt.attempt)
        update = {"state": state, "attempts": (*earlier, attempt)}
        self._update(task, self._run.tasks[task].model_copy(update=update))

    def _update(self, task: str, record: records.Task) -> None:
        before = self._run.tasks[task].state
        self._run = self._run.model_copy(update={"tasks": self._run.tasks | {task: record}})
        self._is_dirty = True
        self._view.update(self._run)
        if record.state is not before:
            self._view.changed(self._run, task)

    async def _look_at_ports(self) -> None:
        """One that has just ended is still known as the holder of its port when the other one fails."""
        while not self._engine.uses_images:
            await asyncio.sleep(_LOOK)
            if len(self._running) > 1:
                await self._look()

    async def _look(self) -> None:
        processes = {task: running.pid for task, running in self._running.items() if running.pid}
        held = await asyncio.to_thread(ports.held_ports, processes)
        self._held |= held

    async def _keep_record(self) -> None:
        while True:
            if self._is_dirty:
                self._is_dirty = False
                self._folder.write(self._run)
            await asyncio.sleep(_TICK)


def _outcome(ended: Exit, word: Mapping[str, Any]) -> dict[str, Any]:
    code, cause, reason = word.get("code"), word.get("cause", ""), word.get("reason", "")
    return {
        "exit": ended.code,
        "code": code if isinstance(code, int) else None,
        "cause": str(cause),
        "reason": ended.fault or str(reason),
    }


def planned_groups(plan: Plan) -> list[schedule.Group]:
    return [
        schedule.Group(
            name=group.name,
            tasks=tuple(task.name for task in group.tasks),
            lead=group.lead.name,
            upstream=group.upstream,
            needs=schedule.needs((task.shape.placement.cpu, task.shape.placement.gpu) for task in group.tasks),
            ignore_nonlead_status=group.ignore_nonlead_status,
        )
        for group in plan.groups.values()
    ]


def new_record(plan: Plan, folder: Folder, file: str, engine: str) -> Run:
    return Run(
        id=folder.id,
        name=plan.name,
        key=f"{folder.number}-{uuid.uuid4().hex[:8]}",
        file=file,
        engine=engine,
        started_at=time.time(),
        upstream={
            task.name: tuple(name for up in group.upstream for name in (t.name for t in plan.groups[up].tasks))
            for group in plan.groups.values()
            for task in group.tasks
        },
        tasks={task.name: records.Task(group=group.name) for group in plan.groups.values() for task in group.tasks},
    )
