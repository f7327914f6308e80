"""What osmo-ctrl does for one attempt, and whom a failure of it blames: the deeds of its `Life`."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from osmo_ctrl import attempts, verdicts
from osmo_ctrl.agent import Agent
from osmo_ctrl.attempts import Attempt, Commit
from osmo_ctrl.checkpointing import Checkpointing
from osmo_ctrl.datasets import DatasetError
from osmo_ctrl.document import TaskDocument
from osmo_ctrl.fetching import Fetching
from osmo_ctrl.group.archive import Archive
from osmo_ctrl.group.messages import Verdict
from osmo_ctrl.inputs import MissingDataError
from osmo_ctrl.logs import LogArchive
from osmo_ctrl.messages import Ended, Failure, Log
from osmo_ctrl.outputs import Output
from osmo_ctrl.publishing import Publishing
from osmo_ctrl.records import Exit, Manifest, Phase, Run, StoredKpi, WrittenDataset
from osmo_ctrl.report import Reporter
from osmo_ctrl.settings import Settings
from osmo_ctrl.state import Keeper
from osmo_ctrl.storage.store import Problem, StorageError
from osmo_ctrl.stores import Stores
from osmo_ctrl.transfer.transfers import Limits, TransferError
from osmo_ctrl.verdicts import Publication, Recorded


class FailedError(Exception):
    """The attempt has failed; `failure` is what the agent is told."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class SupersededError(Exception):
    """A later attempt of the task is at it, or another pod has committed this one."""


class Work:
    """Each deed may be done again after a restart: what is there already is left, or comes out the same."""

    def __init__(
        self,
        document: TaskDocument,
        settings: Settings,
        stores: Stores,
        group: Archive,
        reporter: Reporter,
        keeper: Keeper,
    ) -> None:
        self._document = document
        self._settings = settings
        self._group = group
        self._reporter = reporter
        self._storage = stores.storage()
        self._storage_to_read = stores.storage_to_read()  # before the command: it waits less long
        self._attempt = Attempt(document.workflow_id, settings.run, document.task, settings.attempt, settings.pod)
        limits = Limits()
        began = datetime.fromtimestamp(keeper.state.began.get("download", time.time()), UTC)
        self._is_restarted = "upload" in keeper.state.began
        self._fetching = Fetching(document, self._attempt, stores, self._storage_to_read, limits)
        self._publishing = Publishing(document, self._attempt, stores, limits, reporter.say, began)
        self._log = LogArchive(
            settings.log, self._storage, f"{self._attempt.prefix}/log", keeper.state.segments,
            lambda sent: keeper.change(segments=sent),
        )  # fmt: skip
        self._checkpoints = Checkpointing(
            document.checkpoints, self._attempt, stores, limits, reporter.say, self._is_superseded
        )
        self._output = Output((), ())
        self._kpis: tuple[StoredKpi, ...] = ()
        self._datasets: tuple[WrittenDataset, ...] = ()

    async def claim(self) -> None:
        """Before anything else: from here on an older attempt knows that it is one."""
        if self._storage_to_read is None:
            return
        now = time.time()
        run = Run(
            workflow_id=self._document.workflow_id, run=self._settings.run, workflow=self._document.workflow, began=now
        )
        with _blaming(verdicts.download_failed):
            await attempts.record_run(self._storage_to_read, run)
            await attempts.claim(self._storage_to_read, self._attempt, self._settings.node, now)

    async def end_of_group(self) -> Verdict | None:
        """How the group has ended, if it has: this pod came too late."""
        with _blaming(verdicts.download_failed):
            return await self._group.read_end()

    async def has_completed(self) -> bool:
        """Whether an earlier attempt of this task is what counts."""
        with _blaming(verdicts.download_failed):
            return await self._group.has_published(self._attempt.task)

    async def download(self) -> None:
        with _blaming(verdicts.download_failed):
            await self._fetching.fetch_all(self._settings.inputs, self._reporter)

    async def follow_log(self) -> None:
        await self._log.follow()

    async def finish_log(self, log: Log | None) -> None:
        """`log` is None where nobody knows how much there is."""
        with _blaming(verdicts.upload_failed):
            await (self._log.finish_all() if log is None else self._log.finish(log.segments))
            if log is not None and log.missing:
                await self._log.add(f"{log.missing} bytes of the log are missing: there was no room for them")

    async def checkpoint(self, agent: Agent) -> None:
        await self._checkpoints.follow(agent)

    async def last_checkpoint(self, agent: Agent) -> None:
        """A failed one is a warning."""
        await self._checkpoints.take_last(agent)

    async def keep_output(self) -> None:
        """The attempt's own files, which nobody reads before its manifest is there."""
        if self._storage is None:
            return
        with _blaming(verdicts.upload_failed):
            directory = self._settings.output
            self._output = await self._publishing.keep(self._storage, directory, again=self._is_restarted)
            self._kpis = await self._publishing.kpis(self._storage, directory)

    async def publish(self, what: Publication) -> None:
        """Raises SupersededError, after the attempt's own files were kept."""
        await self.keep_output()
        with _blaming(verdicts.upload_failed):
            if (what.urls or what.datasets) and await self._is_superseded():
                raise SupersededError("a later attempt of this task has begun")
            if what.urls:
                await self._publishing.urls(self._settings.output)
            if what.datasets:
                self._datasets = await self._publishing.datasets(self._settings.output)

    async def is_committed(self, outcome: Recorded) -> bool:
        """Whether an earlier life has brought it to its end."""
        if self._storage is None or not self._is_restarted:
            return False
        with _blaming(verdicts.upload_failed):
            return await attempts.is_committed(self._storage, self._attempt, outcome)

    async def commit(
        self, outcome: Recorded, ended: Ended | None, began: Mapping[str, float], failure: Failure | None = None
    ) -> None:
        """Makes the attempt count, with all that was kept of it. Raises SupersededError."""
        if self._storage is None:
            return
        manifest = Manifest(
            workflow_id=self._attempt.workflow_id,
            run=self._attempt.run,
            task=self._attempt.task,
            attempt=self._attempt.number,
            pod=self._attempt.pod,
            node=self._settings.node,
            outcome=outcome,
            digest=self._document.digest,
            exit=_exit(ended, failure),
            files=self._output.files,
            directories=self._output.directories,
            datasets=self._datasets,
            kpis=self._kpis,
            phases=_phases(began, time.time()),
        )
        with _blaming(verdicts.upload_failed):
            if await attempts.commit(self._storage, manifest) is Commit.DISCARDED:
                raise SupersededError("this attempt has been committed as another one")

    async def _is_superseded(self) -> bool:
        return self._storage is not None and await attempts.is_superseded(self._storage, self._attempt)


@contextlib.contextmanager
def _blaming(blame: Callable[[str], Failure]) -> Iterator[None]:
    """Failures of data become what the agent is told; those of access have a code of their own."""
    try:
        yield
    except StorageError as error:
        denied = error.problem is Problem.DENIED
        raise FailedError((verdicts.access_denied if denied else blame)(str(error))) from error
    except MissingDataError as error:
        raise FailedError(verdicts.data_missing(str(error))) from error
    except (TransferError, DatasetError, OSError) as error:
        raise FailedError(blame(str(error))) from error


def _exit(ended: Ended | None, failure: Failure | None) -> Exit | None:
    if failure is not None:
        cause = ended.cause if ended else "failure"
        return Exit(code=failure.code, exit=failure.exit, cause=cause, reason=failure.reason)
    return Exit(code=ended.code, exit=ended.exit, cause=ended.cause) if ended else None


def _phases(began: Mapping[str, float], now: float) -> tuple[Phase, ...]:
    """Each lasts until the next one begins."""
    starts = sorted(began.items(), key=lambda item: item[1])
    ends = [start for _, start in starts[1:]] + [now]
    return tuple(Phase(name=name, began=start, ended=end) for (name, start), end in zip(starts, ends, strict=True))
