"""Attempts of tasks in the storage: who is at it, what each left, and which one counts.

An attempt counts when its manifest is there: one object, created only where there is none, and last. So readers see
all of an attempt or nothing, and two attempts never mix.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum

from osmo_ctrl.records import Claim, Manifest, Run, read_record, to_bytes
from osmo_ctrl.storage.store import Found, Store


@dataclass(frozen=True, slots=True)
class Attempt:
    """One pod's try at a task, and where in the storage its things lie."""

    workflow_id: str
    run: str
    task: str
    number: int
    pod: str

    @property
    def name(self) -> str:
        return f"{self.number:04}-{self.pod[:8]}"

    @property
    def folder(self) -> str:
        return folder(self.workflow_id, self.run, self.task)

    @property
    def prefix(self) -> str:
        """Below it lie `output/…`, `log/…` and `kpis.json`."""
        return f"{self.folder}/attempts/{self.name}"

    @property
    def output(self) -> str:
        return f"{self.prefix}/output"

    @property
    def manifest(self) -> str:
        return f"{self.folder}/manifests/{self.number:04}.json"

    @property
    def claim(self) -> str:
        return f"{self.folder}/claims/{self.name}.json"


class Commit(Enum):
    """DISCARDED: this attempt is committed already, by another pod or with another outcome. That is what counts."""

    DONE = "done"
    DISCARDED = "discarded"


def attempt_of(manifest: Manifest) -> Attempt:
    return Attempt(manifest.workflow_id, manifest.run, manifest.task, manifest.attempt, manifest.pod)


def folder(workflow_id: str, run: str, task: str) -> str:
    return f"{workflow_id}/{run}/{task}"


async def record_run(store: Store, run: Run) -> None:
    """Lists a run; whoever of its tasks comes first does it."""
    await store.create(f"{run.workflow_id}/runs/{run.run}.json", to_bytes(run))


async def claim(store: Store, attempt: Attempt, node: str, now: float) -> None:
    """Says that this attempt is at it now. Again after a restart changes nothing."""
    await store.create(attempt.claim, to_bytes(Claim(pod=attempt.pod, node=node, claimed_at=now)))


async def is_superseded(store: Store, attempt: Attempt) -> bool:
    """Whether a later attempt has begun, which makes this one stop."""
    claims = [found.path async for found in store.list(f"{attempt.folder}/claims")]
    return any(number > attempt.number for number in map(_number_of, claims))


async def commit(store: Store, manifest: Manifest) -> Commit:
    """Makes an attempt count."""
    attempt = attempt_of(manifest)
    if await store.create(attempt.manifest, to_bytes(manifest)):
        return Commit.DONE
    there = await read_record(store, attempt.manifest, Manifest)
    return Commit.DONE if (there.pod, there.outcome) == (manifest.pod, manifest.outcome) else Commit.DISCARDED


async def is_committed(store: Store, attempt: Attempt, outcome: str) -> bool:
    """With this outcome, by this pod: in an earlier life of its osmo-ctrl."""
    if await store.find(attempt.manifest) is None:
        return False
    there = await read_record(store, attempt.manifest, Manifest)
    return (there.pod, there.outcome) == (attempt.pod, outcome)


async def manifests(store: Store, workflow_id: str, run: str, task: str) -> AsyncIterator[Manifest]:
    """All of a task in a run, the newest attempt first."""
    paths = [found.path async for found in store.list(f"{folder(workflow_id, run, task)}/manifests")]
    for path in sorted((path for path in paths if _number_of(path) >= 0), key=_number_of, reverse=True):
        yield await read_record(store, path, Manifest)


async def newest_completed(store: Store, workflow_id: str, run: str, task: str) -> Manifest | None:
    """What readers of a task's output follow."""
    async for manifest in manifests(store, workflow_id, run, task):
        if manifest.outcome == "completed":
            return manifest
    return None


async def newest_of_any_run(store: Store, workflow_id: str, task: str) -> Manifest | None:
    """Of the newest run in which the task was completed, as an input from `<workflow id>:<task>` means it."""
    for run in await _runs(store, workflow_id):
        if manifest := await newest_completed(store, workflow_id, run, task):
            return manifest
    return None


async def newest_run(store: Store, workflow_id: str) -> str:
    """Empty if there was none."""
    return next(iter(await _runs(store, workflow_id)), "")


async def _runs(store: Store, workflow_id: str) -> list[str]:
    """The newest first."""
    runs = [found async for found in store.list(f"{workflow_id}/runs")]
    return [found.path.rpartition("/")[2].removesuffix(".json") for found in sorted(runs, key=_age, reverse=True)]


def _age(found: Found) -> tuple[float, str]:
    return found.modified.timestamp(), found.path


def _number_of(path: str) -> int:
    """Of a claim or manifest; what is neither is no attempt."""
    digits = path.rpartition("/")[2].removesuffix(".json").partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdigit() else -1
