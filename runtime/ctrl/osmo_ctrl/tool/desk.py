"""Answers requests of the tool; what goes wrong is told without a secret in it."""

import asyncio
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from osmo_ctrl.attempts import Attempt
from osmo_ctrl.dataset.faults import DatasetError
from osmo_ctrl.document import TaskDocument
from osmo_ctrl.group.calls import MOST_CALLS
from osmo_ctrl.group.part import Part
from osmo_ctrl.messages import VERSION
from osmo_ctrl.places import Places
from osmo_ctrl.report import Reporter
from osmo_ctrl.settings import Settings
from osmo_ctrl.storage.store import MIB, StorageError
from osmo_ctrl.stores import Stores
from osmo_ctrl.tool.barrier import wait_at
from osmo_ctrl.tool.errands import Errands, Means
from osmo_ctrl.tool.messages import Barrier, Request, Result
from osmo_ctrl.tool.peer import Peer, WrongWordError
from osmo_ctrl.tool.rights import RefusedError, Rights
from osmo_ctrl.tool.upload import Lists
from osmo_ctrl.transfer.transfers import Limits, TransferError

_FIRST_WORD: Final = 10.0  # seconds
_MOST_REQUESTS: Final = 32  # for data
_MEMORY_OF_LISTS: Final = 128 * MIB
_LISTINGS_AT_ONCE: Final = 2


class Desk:
    """`part` is that of the task in its group, once it is there."""

    def __init__(
        self, document: TaskDocument, settings: Settings, part: Awaitable[Part], is_over: Callable[[], bool]
    ) -> None:
        self._document = document
        self._settings = settings
        self._part = part
        self._is_over = is_over
        self._requests = _Room(_MOST_REQUESTS, "osmo-ctrl has too many requests of this task; ask again later")
        self._calls = _Room(MOST_CALLS, f"{MOST_CALLS} calls of `osmo barrier` wait in this task already")
        attempt = Attempt(document.workflow_id, settings.run, document.task, settings.attempt, settings.pod)
        # Limits of its own: whatever the tool is asked for, inputs, outputs and checkpoints have theirs.
        self._means = Means(attempt, Limits(), Lists(_MEMORY_OF_LISTS), asyncio.Semaphore(_LISTINGS_AT_ONCE))

    async def answer(self, peer: Peer) -> Result:
        """Raises nothing. Credentials are read anew for each request: they may have been renewed."""
        places = Places(self._document, self._settings.secrets, self._settings.claim)
        reporter = _Telling(places.secret_values(), peer)
        try:
            request, passed = await peer.hear(_FIRST_WORD)
            if passed is not None:
                passed.close()
            if not isinstance(request, Request | Barrier) or request.version != VERSION:
                raise WrongWordError(f"the first word must be a request of version {VERSION}")
            if self._is_over():
                raise RefusedError("the task is over")
            if isinstance(request, Barrier):
                with self._calls.place():
                    part = await asyncio.shield(self._part)
                    await wait_at(request, peer, part, len(self._document.group.members))
                return Result()
            rights = Rights(self._document, places, self._means.attempt)
            stores = Stores(self._document, places, reporter)
            with self._requests.place():
                await Errands(peer, rights, stores, self._means).run(request.operation, request.target)
        except (RefusedError, WrongWordError, DatasetError, StorageError, TransferError) as error:
            return Result(status=1, error=reporter.masked(str(error)))
        except Exception as error:
            traceback.print_exc(file=sys.stdout)
            return Result(status=1, error=f"a fault of osmo-ctrl: {type(error).__name__}")
        return Result()


class _Room:
    """For so many at once."""

    def __init__(self, size: int, refusal: str) -> None:
        self._left = size
        self._refusal = refusal

    @contextmanager
    def place(self) -> Iterator[None]:
        """Raises: RefusedError, if there is none."""
        if not self._left:
            raise RefusedError(self._refusal)
        self._left -= 1
        try:
            yield
        finally:
            self._left += 1


class _Telling(Reporter):
    """Tells the tool's user that a storage is away."""

    def __init__(self, secrets: list[str], peer: Peer) -> None:
        super().__init__(secrets)
        self._peer = peer

    def say(self, text: str) -> None:
        self._peer.mention(self.masked(text))
