"""Inputs of a task: outputs of other tasks and objects below URLs, as files in a directory."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from osmo_ctrl.attempts import attempt_of, newest_completed, newest_of_any_run
from osmo_ctrl.document import Checkpoint, TaskInput, UrlInput
from osmo_ctrl.files import beneath
from osmo_ctrl.files.tree import Fault
from osmo_ctrl.listings import list_url
from osmo_ctrl.plans import Plan, of_manifest
from osmo_ctrl.records import Manifest
from osmo_ctrl.storage.store import Store
from osmo_ctrl.transfer.download import DIRECTORY_MODE, download, make_directory
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.threads import to_the_end
from osmo_ctrl.transfer.transfers import Limits, TransferError


class MissingDataError(Exception):
    """There is no output of an earlier task to be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where inputs come from: the storage of runs and which run this is; and a store for every URL.

    URLs of `checkpoints`, those of the task itself, may have nothing yet.
    """

    storage: Store | None
    workflow_id: str
    run: str
    store_of: Callable[[str], Store]
    checkpoints: Sequence[Checkpoint] = ()


@dataclass(frozen=True, slots=True)
class Fetched:
    files: int
    size: int


async def fetch(
    input: TaskInput | UrlInput, directory: Path, origin: Origin, progress: Progress, limits: Limits
) -> Fetched:
    """Raises MissingDataError, TransferError with every file that failed, or StorageError."""
    match input:
        case TaskInput():
            store, plan = await _of_task(input, origin)
        case UrlInput():
            may_be_empty = _is_checkpoint(input.url, origin.checkpoints)
            store, plan = await list_url(origin.store_of(input.url), input.regex, may_be_empty=may_be_empty)
    await asyncio.to_thread(directory.mkdir, exist_ok=True)
    with beneath.directory(str(directory)) as target:
        await download(store, plan.files, target, progress, limits)
        await to_the_end(_lay_out, plan, target)
    return Fetched(len(plan.files), sum(file.size for file in plan.files))


async def _of_task(input: TaskInput, origin: Origin) -> tuple[Store, Plan]:
    if origin.storage is None:
        raise MissingDataError(f"the output of task `{input.task}` is wanted, and there is no storage")
    manifest = await _manifest(input, origin, origin.storage)
    return origin.storage, of_manifest(manifest, attempt_of(manifest).output, input.regex)


async def _manifest(input: TaskInput, origin: Origin, storage: Store) -> Manifest:
    if input.workflow:
        manifest = await newest_of_any_run(storage, input.workflow, input.task)
        text = f"no run of `{input.workflow}` has completed its task `{input.task}`"
    else:
        manifest = await newest_completed(storage, origin.workflow_id, origin.run, input.task)
        text = f"no attempt of task `{input.task}` was completed in this run"
    if manifest is None:
        raise MissingDataError(f"{text}: there is no output of it below {storage.url}")
    return manifest


def _is_checkpoint(url: str, checkpoints: Sequence[Checkpoint]) -> bool:
    return any(f"{url.rstrip('/')}/".startswith(f"{checkpoint.url.rstrip('/')}/") for checkpoint in checkpoints)


def _lay_out(plan: Plan, target: int) -> None:
    """What needs no objects: empty directories, then links."""
    todo = [(path, partial(make_directory, target, path)) for path in plan.directories]
    todo += [(path, partial(beneath.link, target, path, leads, DIRECTORY_MODE)) for path, leads in plan.links]
    faults = []
    for path, make in todo:
        try:
            make()
        except OSError as error:
            faults.append(Fault(path, beneath.reason_of(error)))
    if faults:
        raise TransferError(faults)
