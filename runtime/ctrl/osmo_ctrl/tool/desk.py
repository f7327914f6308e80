"""Answers requests of the tool; what goes wrong is told without a secret in it."""

import asyncio
import sys
import traceback
from collections.abc import Callable
from typing import Final

from osmo_ctrl.attempts import Attempt
from osmo_ctrl.dataset.faults import DatasetError
from osmo_ctrl.document import TaskDocument
from osmo_ctrl.messages import VERSION
from osmo_ctrl.places import Places
from osmo_ctrl.report import Reporter
from osmo_ctrl.settings import Settings
from osmo_ctrl.storage.store import MIB, StorageError
from osmo_ctrl.stores import Stores
from osmo_ctrl.tool.errands import Errands, Means
from osmo_ctrl.tool.messages import Request, Result
from osmo_ctrl.tool.peer import Peer, WrongWordError
from osmo_ctrl.tool.rights import RefusedError, Rights
from osmo_ctrl.tool.upload import Lists
from osmo_ctrl.transfer.transfers import Limits, TransferError

_FIRST_WORD: Final = 10.0  # seconds
_MEMORY_OF_LISTS: Final = 128 * MIB
_LISTINGS_AT_ONCE: Final = 2


class Desk:
    def __init__(self, document: TaskDocument, settings: Settings, is_over: Callable[[], bool]) -> None:
        self._document = document
        self._settings = settings
        self._is_over = is_over
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
            if not isinstance(request, Request) or request.version != VERSION:
                raise WrongWordError(f"the first word must be a request of version {VERSION}")
            if self._is_over():
                raise RefusedError("the task is over")
            rights = Rights(self._document, places, self._means.attempt)
            stores = Stores(self._document, places, reporter)
            await Errands(peer, rights, stores, self._means).run(request.operation, request.target)
        except (RefusedError, WrongWordError, DatasetError, StorageError, TransferError) as error:
            return Result(status=1, error=reporter.masked(str(error)))
        except Exception as error:
            traceback.print_exc(file=sys.stdout)
            return Result(status=1, error=f"a fault of osmo-ctrl: {type(error).__name__}")
        return Result()


class _Telling(Reporter):
    """Tells the tool's user that a storage is away."""

    def __init__(self, secrets: list[str], peer: Peer) -> None:
        super().__init__(secrets)
        self._peer = peer

    def say(self, text: str) -> None:
        self._peer.mention(self.masked(text))
