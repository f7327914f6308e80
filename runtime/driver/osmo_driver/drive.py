"""Jobs: asks what to do, and does it. Nothing here decides."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from osmo_driver import deeds
from osmo_driver.cluster import ApiError, Cluster
from osmo_driver.decide import Action, Expire, Finish, GiveUp, Record, Start, Suspend, decide
from osmo_driver.keeper import Keeper
from osmo_driver.lease import Lease
from osmo_driver.plan import Plan
from osmo_driver.records import State
from osmo_driver.seen import JobSeen, Refusal, Seen
from osmo_driver.shift import LONGEST_REST, Say, Stepped
from osmo_driver.store import Store

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
        self, plan: Plan, cluster: Cluster, store: Store, keeper: Keeper, lease: Lease, say: Say,
        name: str, run: str, since: datetime,
    ) -> None:  # fmt: skip
        self._plan = plan
        self._cluster = cluster
        self._store = store
        self._keeper = keeper
        self._lease = lease
        self._say = say
        self._name = name
        self._run = run
        self._since = since
        self._recorded: State | None = None
        self._refused: dict[str, Refusal] = {}
        self._written = float("-inf")
        self._allowance = _BURST
        self._allowed = time.monotonic()

    def begin(self) -> None:
        self._recorded = self._keeper.read(self._run, self._plan, self._recorded)
        self._say(f"at work for run {self._run}" + (", from its recorded state" if self._recorded else ""))

    def step(self) -> Stepped:
        start = time.monotonic()
        own = self._store.jobs.get(self._name)
        seen = Seen(
            run=self._run,
            since=self._since,
            jobs=self._store.jobs,
            pods=self._store.pods_by_job(),
            recorded=self._recorded,
            refused=self._refused,
            canceled=own.canceled if own else "",
        )
        rest = LONGEST_REST
        for action in decide(seen, self._plan, now()):
            if isinstance(action, Finish):
                return Stepped(action.status, 0)
            if time.monotonic() - start > _STRETCH:
                return Stepped(None, 0)
            self._lease.renew()
            rest = min(rest, self._do(action))
        return Stepped(None, rest)

    def _do(self, action: Action) -> float:
        """After how many seconds there may be more to do, without news: at once if it was done."""
        match action:
            case Record():
                return self._record(action)
            case Start(group=group, job=job):
                does = f"start {job.name} of {group}"
                return self._patch(job, does, lambda: deeds.start(self._cluster, job, self._run))
            case Suspend(job=job, reason=reason):
                does = f"suspend {job.name}: {reason}"
                return self._patch(job, does, lambda: deeds.suspend(self._cluster, job, reason))
            case Expire(job=job, seconds=seconds):
                does = f"keep {job.name} for {seconds} s"
                return self._patch(job, does, lambda: deeds.expire(self._cluster, job, seconds))
            case GiveUp(pod=pod):
                deeds.give_up(self._cluster, pod, self._say)
            case Finish():
                pass
        return LONGEST_REST

    def _record(self, record: Record) -> float:
        pause = self._keeper.size / _RECORD_BYTES + (0 if record.urgent else _RECORD_EVERY)
        left = self._written + pause - time.monotonic()
        if left > 0:
            return left
        self._keeper.write(record.state)
        self._written = time.monotonic()
        for line in changes(self._recorded, record.state):
            self._say(line)
        self._recorded = record.state
        return 0

    def _patch(self, job: JobSeen, does: str, patch: Callable[[], JobSeen]) -> float:
        self._pace()
        try:
            patched = patch()
        except ApiError as error:
            if error.is_refusal:
                if job.name not in self._refused:
                    self._say(f"refused: {does}: {error}")
                    self._refused[job.name] = Refusal(since=now(), message=str(error))
            elif error.status not in (404, 409):
                raise
            return LONGEST_REST
        self._refused.pop(job.name, None)
        self._store.patched(patched)
        self._say(does)
        return 0

    def _pace(self) -> None:
        time_now = time.monotonic()
        self._allowance = min(_BURST, self._allowance + (time_now - self._allowed) * _RATE)
        self._allowed = time_now
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


def now() -> datetime:
    """In whole seconds, as Kubernetes writes times."""
    return datetime.now(UTC).replace(microsecond=0)
