"""Attends to one task until told to end. SIGTERM after the task's end is the usual way out."""

import asyncio
import contextlib
import gc
import hashlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from osmo_ctrl import verdicts
from osmo_ctrl.agent import Agent
from osmo_ctrl.document import TaskDocument
from osmo_ctrl.messages import Finish
from osmo_ctrl.report import Reporter
from osmo_ctrl.settings import Settings, read_settings
from osmo_ctrl.state import Keeper
from osmo_ctrl.tool.server import ToolSocket

if TYPE_CHECKING:
    from osmo_ctrl.group.archive import Archive
    from osmo_ctrl.group.part import Part
    from osmo_ctrl.tool.desk import Desk

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_MMAP_THRESHOLD = -3  # of <malloc.h>


class WrongDocumentError(Exception):
    """The task document is not the one that the pod was made for, or not one at all."""


def main(environment: Mapping[str, str]) -> int:
    try:
        settings = read_settings(environment)
    except (KeyError, ValueError) as error:
        sys.stderr.write(f"osmo-ctrl: environment: {error}\n")
        return 1
    os.umask(0o002)  # what is downloaded belongs to the group of the pod's volumes, which may write to it
    gc.freeze()  # what was imported stays
    asyncio.run(_attend(settings))
    return 0


def read_document(settings: Settings) -> TaskDocument:
    """Raises: WrongDocumentError."""
    try:
        content = settings.document.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if settings.document_digest and not digest.startswith(settings.document_digest):
            message = f"its digest is {digest[:16]}, the pod was made for {settings.document_digest}"
            raise WrongDocumentError(f"{settings.document}: {message}")
        return TaskDocument.model_validate_json(content)
    except OSError as error:
        raise WrongDocumentError(f"{settings.document}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise WrongDocumentError(f"{settings.document}: {first['loc']}: {first['msg']}") from error


async def _attend(settings: Settings) -> None:
    told_to_end = asyncio.Event()
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, told_to_end.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    keeper = Keeper(settings.state)
    agent = Agent(settings.control_socket, keeper.state.key, keeper.state.epoch > 0, lambda key: keeper.change(key=key))
    joined: asyncio.Future[Part] = asyncio.get_running_loop().create_future()
    tool = ToolSocket(settings.tool_socket, lambda: _open_desk(settings, keeper, joined))
    attending = asyncio.create_task(_guarded(_serve(settings, agent, keeper, joined), agent))
    try:
        await _until(told_to_end, attending, agent)
    finally:
        attending.cancel()
        await asyncio.gather(attending, return_exceptions=True)
        await tool.close()
        await agent.close()


def _open_desk(settings: Settings, keeper: Keeper, joined: "asyncio.Future[Part]") -> "Desk":
    from osmo_ctrl.tool.desk import Desk

    return Desk(read_document(settings), settings, joined, lambda: keeper.state.phase == "done")


async def _until(told_to_end: asyncio.Event, attending: "asyncio.Task[None]", agent: Agent) -> None:
    """SIGTERM ends us; but not while there is an agent, which waits for our last word."""
    await told_to_end.wait()
    gone = asyncio.create_task(agent.gone.wait())
    await asyncio.wait((attending, gone), return_when=asyncio.FIRST_COMPLETED)
    gone.cancel()
    if agent.was_here:
        await asyncio.wait((attending,))


async def _guarded(work: Coroutine[Any, Any, None], agent: Agent) -> None:
    """A fault of ours is told to the agent too: it must not wait for ever."""
    try:
        await work
    except Exception as error:
        import traceback

        traceback.print_exc(file=sys.stdout)
        reason = f"a fault of osmo-ctrl: {type(error).__name__}: {error}"
        await agent.say(Finish(failure=verdicts.system_failed(reason)))


def _return_memory() -> None:
    """Buffers of transfers go back to the system when they are freed. Else glibc keeps some of them for each thread."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):  # not every system has it
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 128 * 1024)


async def _serve(settings: Settings, agent: Agent, keeper: Keeper, joined: "asyncio.Future[Part]") -> None:
    from osmo_ctrl.attempts import Attempt
    from osmo_ctrl.group.archive import Archive
    from osmo_ctrl.life import Life
    from osmo_ctrl.places import Places
    from osmo_ctrl.stores import Stores
    from osmo_ctrl.work import Work

    _return_memory()
    try:
        document = read_document(settings)
    except WrongDocumentError as error:
        Reporter().say(str(error))
        await agent.say(Finish(failure=verdicts.system_failed(str(error))))
        return
    places = Places(document, settings.secrets, settings.claim)
    reporter = Reporter(places.secret_values())
    stores = Stores(document, places, reporter)
    attempt = Attempt(document.workflow_id, settings.run, document.task, settings.attempt, settings.pod)
    archive = Archive(stores.storage_to_read(), attempt, document.group.name)
    work = Work(document, settings, stores, archive, reporter, keeper)
    async with _part(document, settings, keeper, archive, reporter) as part:
        joined.set_result(part)
        await Life(document, settings, agent, work, part, keeper, reporter).live()


@contextlib.asynccontextmanager
async def _part(
    document: TaskDocument, settings: Settings, keeper: Keeper, archive: "Archive", reporter: Reporter
) -> AsyncIterator["Part"]:
    from osmo_ctrl.group.part import Alone

    if len(document.group.members) == 1:
        yield Alone()
        return
    from osmo_ctrl.group.joining import joined

    async with joined(document, settings, keeper, archive, reporter.say) as part:
        yield part
