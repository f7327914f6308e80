"""What lies below a URL: one object, objects, or the newest generation of a checkpoint."""

import re
from collections.abc import Sequence

from osmo_ctrl import plans
from osmo_ctrl.files.tree import Fault
from osmo_ctrl.plans import CHECKPOINTS, COMPLETE, Plan
from osmo_ctrl.records import Complete, Generation, read_record
from osmo_ctrl.storage.store import Found, Problem, StorageError, Store
from osmo_ctrl.transfer.download import Wanted
from osmo_ctrl.transfer.transfers import TransferError


async def list_url(store: Store, regex: str, *, may_be_empty: bool = False) -> tuple[Store, Plan]:
    """What of a URL is to be downloaded, and the store that its keys are of.

    Raises StorageError MISSING where there is nothing, or nothing matches; an error is seen, an empty folder is not.
    """
    if found := await store.find(""):
        return store, plans.of_object(found, store.url)
    if part := await _part_of_checkpoint(store):
        store, wanted = part
        may_be_empty = True
    else:
        listed = [found async for found in store.list()]
        wanted = await _objects(store, listed)
        may_be_empty = may_be_empty or any(found.path == COMPLETE for found in listed)
    pattern = re.compile(regex)
    chosen = tuple(item for item in wanted if pattern.match(item.path))
    if not chosen and not may_be_empty:
        reason = f"none of {len(wanted)} objects below it matches `{regex}`" if wanted else "there is nothing below it"
        raise StorageError(Problem.MISSING, store.url, reason)
    return store, Plan(chosen)


async def _objects(store: Store, listed: Sequence[Found]) -> list[Wanted]:
    written = next((found for found in listed if found.path == COMPLETE), None)
    complete = await read_record(store, COMPLETE, Complete) if written else None
    if complete and (missing := plans.missing_of(complete, listed)):
        raise TransferError(Fault(path, f"it is not there, though {COMPLETE} names it") for path in missing)
    wanted = plans.of_listing(listed, complete, written)
    if not any(found.path.startswith(f"{CHECKPOINTS}/") for found in listed):
        return wanted
    names = await store.folders(CHECKPOINTS)
    newest = {name: await newest_generation(store, name) for name in names}
    return plans.with_generations(wanted, {name: found for name, found in newest.items() if found})


async def _part_of_checkpoint(store: Store) -> tuple[Store, list[Wanted]] | None:
    """Where the URL lies within the folder of a checkpoint whose own URL is further up."""
    for above, path in store.parents():
        name = path.partition("/")[0]
        try:
            generation = await newest_generation(above, name)
        except StorageError as error:
            if error.problem is Problem.DENIED:
                return None  # the credential is for what is below only
            raise
        if generation:
            return above, plans.of_part(generation, name, path)
    return None


async def newest_generation(store: Store, name: str) -> Generation | None:
    paths = [found.path async for found in store.list(generations(name))]
    return await read_record(store, max(paths), Generation) if paths else None


def generations(name: str) -> str:
    """Where the indexes of a checkpoint lie. Their names have eight digits, so the highest is the newest."""
    return f"{CHECKPOINTS}/{name}/generations"
