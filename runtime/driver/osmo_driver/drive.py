"""The driver at work: hears what has changed, asks what to do, does it. Nothing here decides."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Final

from osmo_driver import deeds
from osmo_driver.cluster import ApiError, Cluster
from osmo_driver.decide import Action, Finish, GiveUp, Record, Start, Suspend, decide
from osmo_driver.keeper import Keeper
from osmo_driver.lease import Lease, Lost
from osmo_driver.plan import Plan
from osmo_driver.records import State, Status
from osmo_driver.seen import JobSeen, Refusal, Seen
from osmo_driver.store import Store
from osmo_driver.watching import News, Troubled

Say = Callable[[str], None]

_LONGEST_WAIT: Final = 3.0
_GATHER: Final = 0.2  # changes come in bursts
_STANDBY: Final = 2.0
# What is not urgent is written every so often, and no more than so many bytes a second.
_RECORD_EVERY: Final = 5.0
_RECORD_BYTES: Final = 100_000
# Patches: so many at once, so many a second after that; and for so long before changes are heard again.
_BURST: Final = 50.0
_RATE: Final = 20.0
_STRETCH: Final = 4.0


class Driver:
    """`run` is the uid of the driver's Job, `since` when it was started."""

    def __init__(
        self, plan: Plan, cluster: Cluster, keeper: Keeper, lease: Lease, news: SimpleQueue[News], say: Say,
        run: str, since: datetime,
    ) -> None:  # fmt: skip
        self._plan = plan
        self._cluster = cluster
        self._keeper = keeper
        self._lease = lease
        self._news = news
        self._say = say
        self._run = run
        self._since = since
        self._store = Store()
        self._recorded: State | None = None
        self._refused: dict[str, Refusal] = {}
        self._written = float("-inf")
        self._allowance = _BURST
        self._allowed = time.monotonic()
        self._failures = 0

    def drive(self) -> Status:
        """The end of the workflow."""
        while True:
            self._stand_by()
            try:
                return self._work()
            except Lost:
                self._say("the Lease is held by another driver")

    def _stand_by(self) -> None:
        """Until the Lease is this driver's, and all is known that it needs to decide."""
        waits_for = ""
        while True:
            try:
                holder = self._lease.acquire()
                if not holder:
                    self._recorded = self._keeper.read(self._run, self._plan)
                    self._say(f"at work for run {self._run}" + (", from its recorded state" if self._recorded else ""))
                    return
                if holder != waits_for:
                    self._say(f"waiting: the Lease is held by {holder}")
                waits_for = holder
            except ApiError as error:
                self._say(f"waiting: {error}")
            self._hear(_STANDBY)

    def _work(self) -> Status:
        is_pressing = True
        while True:
            self._hear(0.0 if is_pressing else _LONGEST_WAIT)
            try:
                self._lease.renew()
                if not self._store.is_complete:
                    is_pressing = False
                    continue
                status, is_pressing = self._step()
                self._failures = 0
                if status:
                    return status
            except ApiError as error:
                if error.status == 409:  # somebody has written the state
                    self._recorded = self._keeper.read(self._run, self._plan)
                    continue
                self._failures += 1
                pause = max(error.pause, min(2.0**self._failures / 2, _LONGEST_WAIT))
                self._say(f"waiting {pause:g} s: {error}")
                time.sleep(pause)
                is_pressing = False

    def _hear(self, seconds: float) -> None:
        """All news there are; waits for the first."""
        try:
            self._take(self._news.get(timeout=seconds) if seconds else self._news.get_nowait())
            time.sleep(_GATHER if seconds else 0)
            while True:
                self._take(self._news.get_nowait())
        except Empty:
            pass

    def _take(self, news: News) -> None:
        if isinstance(news, Troubled):
            self._say(f"{news.kind} cannot be watched: {news.message}")
        self._store.hear(news)

    def _step(self) -> tuple[Status | None, bool]:
        """The workflow's end, or None; and whether there is more to do at once."""
        start = time.monotonic()
        seen = Seen(
            run=self._run,
            since=self._since,
            jobs=self._store.jobs,
            pods=self._store.pods_by_job(),
            recorded=self._recorded,
            refused=self._refused,
        )
        is_pressing = False
        for action in decide(seen, self._plan, _now()):
            if isinstance(action, Finish):
                return action.status, False
            if time.monotonic() - start > _STRETCH:
                return None, True
            self._lease.renew()
            is_pressing |= self._do(action)
        return None, is_pressing

    def _do(self, action: Action) -> bool:
        """Whether decisions may be others now, without news."""
        match action:
            case Record():
                return self._record(action)
            case Start(group=group, job=job):
                does = f"start {job.name} of {group}"
                return self._patch(job, does, lambda: deeds.start(self._cluster, job, self._run))
            case Suspend(job=job, reason=reason):
                does = f"suspend {job.name}: {reason}"
                return self._patch(job, does, lambda: deeds.suspend(self._cluster, job, reason))
            case GiveUp(pod=pod):
                self._say(f"give up pod {pod.name} on {pod.node}, which is lost")
                try:
                    deeds.give_up(self._cluster, pod)
                except ApiError as error:
                    if error.status not in (404, 409):
                        self._say(f"pod {pod.name}: {error}")
            case Finish():
                pass
        return False

    def _record(self, record: Record) -> bool:
        pause = self._keeper.size / _RECORD_BYTES + (0 if record.urgent else _RECORD_EVERY)
        if time.monotonic() - self._written < pause:
            return False
        self._keeper.write(record.state)
        self._written = time.monotonic()
        for line in changes(self._recorded, record.state):
            self._say(line)
        self._recorded = record.state
        return True

    def _patch(self, job: JobSeen, does: str, patch: Callable[[], JobSeen]) -> bool:
        self._pace()
        try:
            patched = patch()
        except ApiError as error:
            if error.is_refusal:
                if job.name not in self._refused:
                    self._say(f"refused: {does}: {error}")
                    self._refused[job.name] = Refusal(since=_now(), message=str(error))
            elif error.status not in (404, 409):
                raise
            return False
        self._refused.pop(job.name, None)
        self._store.patched(patched)
        self._say(does)
        return True

    def _pace(self) -> None:
        now = time.monotonic()
        self._allowance = min(_BURST, self._allowance + (now - self._allowed) * _RATE)
        self._allowed = now
        if self._allowance < 1:
            time.sleep((1 - self._allowance) / _RATE)
        self._allowance -= 1


def changes(before: State | None, after: State) -> list[str]:
    """Of groups and the workflow, one line each."""
    lines = []
    for name, group in after.groups.items():
        known = before.groups[name] if before else None
        if known is None or (known.status, known.reason) != (group.status, group.reason):
            was = f"{known.status} -> " if known and known.status != group.status else ""
            lines.append(f"{name}: {was}{group.status}" + (f": {group.reason}" if group.reason else ""))
    if before is None or before.status != after.status:
        lines.append(f"workflow: {after.status}" + (f": {after.reason}" if after.reason else ""))
    return lines


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
