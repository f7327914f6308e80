"""The objects of a run to the cluster, all or none of them: the owner first and held back, its release last.

The owner is the Workflow, or the Job of the driver; it is made suspended, and marked as pending. All else belongs to
it, so its removal removes all. Releasing it is the one moment at which the run begins to be. Whoever is killed before
leaves a pending owner, which the same apply finds, and finishes.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from http import HTTPStatus
from typing import Final

from osmoc.cluster.client import ApiError, Client
from osmoc.cluster.kinds import Object, Reference, reference_to
from osmoc.cluster.reading import DIGEST, PENDING, WORKFLOW_ID
from osmoc.cluster.runs import read

_AT_ONCE: Final = 8
# How long objects of an earlier run of this id may take to go.
_LEAVING: Final = 120.0
_LOOK: Final = 0.5


class Outcome(Enum):
    """STARTED: the run is new. FINISHED: an apply that was interrupted was brought to its end. THERE: nothing to do."""

    STARTED = "started"
    FINISHED = "finished"
    THERE = "there"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An object that the API server does not take."""

    reference: Reference
    error: ApiError


class RefusedError(Exception):
    """Nothing of the run is left on the cluster."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__(f"{len(refusals)} objects are refused")
        self.refusals = tuple(refusals)


class OccupiedError(Exception):
    """The id is taken: `str()` says by what."""


class Application:
    """One apply of one run."""

    def __init__(self, client: Client, manifests: Iterable[Object], say: Callable[[str], None]) -> None:
        self._client = client
        self._say = say
        written = list(manifests)
        self._digest = _digest(written)
        self._owner = next(manifest for manifest in written if _is_owner(manifest, written))
        self._others = [manifest for manifest in written if manifest is not self._owner]
        self.workflow_id: str = self._owner["metadata"]["labels"][WORKFLOW_ID]
        self.size = len(written)

    @property
    def _reference(self) -> Reference:
        return reference_to(self._owner)

    def check(self) -> None:
        """Lets the API server look at every object, and change nothing. Raises: RefusedError."""
        refusals = self._create_all([self._held(), *self._others], is_dry_run=True)
        if refusals:
            raise RefusedError(refusals)

    def apply(self, *, again: bool = False) -> Outcome:
        """Raises: RefusedError, OccupiedError, ApiError."""
        found = self._client.find(self._reference)
        if found and not self._is_ours(found):
            raise OccupiedError(f"{self._reference} is there, and belongs to no run of osmoc")
        is_pending = found is not None and PENDING in found["metadata"]["labels"]
        if found and is_pending and found["metadata"]["annotations"].get(DIGEST) != self._digest:
            self._say(f"what an interrupted apply of another `{self.workflow_id}` has left is removed")
            self._remove(found)
            found = None
        if found and not is_pending:
            if not again:
                return self._there(found)
            self._clear(found)
            found = None
        owner = found or self._create_owner()
        self._make(owner)
        self._release(owner)
        return Outcome.FINISHED if found else Outcome.STARTED

    def _is_ours(self, found: Object) -> bool:
        return bool(found["metadata"].get("labels", {}).get(WORKFLOW_ID) == self.workflow_id)

    def _there(self, found: Object) -> Outcome:
        digest = found["metadata"].get("annotations", {}).get(DIGEST)
        if digest not in (None, self._digest):
            raise OccupiedError(f"`{self.workflow_id}` is there, of another workflow: give another --id, or delete it")
        return Outcome.THERE

    def _clear(self, found: Object) -> None:
        """Removes an earlier run of the same workflow, if it is over."""
        state = read(self._client, self.workflow_id)
        if not state.status.has_ended:
            raise OccupiedError(f"`{self.workflow_id}` is {state.status}: `osmoc cancel {self.workflow_id}` ends it")
        self._remove(found)

    def _remove(self, owner: Object) -> None:
        self._client.delete(reference_to(owner), uid=owner["metadata"]["uid"])
        self._until_gone(lambda: self._client.find(self._reference) is not None)

    def _held(self) -> Object:
        owner = deepcopy(self._owner)
        owner["metadata"]["labels"][PENDING] = "true"
        owner["metadata"].setdefault("annotations", {})[DIGEST] = self._digest
        if "spec" in owner:
            owner["spec"]["suspend"] = True
        return owner

    def _create_owner(self) -> Object:
        self._until_gone(self._has_leftovers)
        try:
            return self._client.create(self._held())
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise RefusedError([Refusal(self._reference, error)]) from None
            return self._client.get(self._reference)  # ours, of a request whose answer was lost; or another's

    def _has_leftovers(self) -> bool:
        """Whether objects of an earlier run of this id are still to go, since its owner is gone."""
        selector = f"{WORKFLOW_ID}={self.workflow_id}"
        kinds = {(manifest["apiVersion"], manifest["kind"]) for manifest in self._others}
        left = [item for kind in sorted(kinds) for item in self._client.list_of(*kind, selector)[0]]
        for item in left:
            if not item["metadata"].get("deletionTimestamp"):
                self._client.delete(reference_to(item), uid=item["metadata"]["uid"])
        return bool(left)

    def _until_gone(self, is_there: Callable[[], bool]) -> None:
        end = time.monotonic() + _LEAVING
        while is_there():
            if time.monotonic() > end:
                raise OccupiedError(f"objects of an earlier `{self.workflow_id}` are still being deleted: try again")
            time.sleep(_LOOK)

    def _make(self, owner: Object) -> None:
        """All that belongs to the owner; Jobs last, for their pods need the rest."""
        belongs = {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "controller": False,
            "blockOwnerDeletion": False,
        }
        others = [
            manifest | {"metadata": manifest["metadata"] | {"ownerReferences": [belongs]}} for manifest in self._others
        ]
        first = [manifest for manifest in others if manifest["kind"] != "Job"]
        jobs = [manifest for manifest in others if manifest["kind"] == "Job"]
        refusals = self._create_all(first) or self._create_all(jobs)
        if refusals:
            self._client.delete(self._reference, uid=owner["metadata"]["uid"])
            raise RefusedError(refusals)

    def _create_all(self, manifests: Sequence[Object], *, is_dry_run: bool = False) -> list[Refusal]:
        def create(manifest: Object) -> Refusal | None:
            try:
                self._client.create(manifest, dry_run=is_dry_run)
            except ApiError as error:
                if error.status == HTTPStatus.CONFLICT and (is_dry_run or self._is_made(manifest)):
                    return None
                if not HTTPStatus.BAD_REQUEST <= error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise
                return Refusal(reference_to(manifest), error)
            return None

        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return [refusal for refusal in threads.map(create, manifests) if refusal]

    def _is_made(self, manifest: Object) -> bool:
        """Whether an object that is there is what an earlier apply of this very run has made."""
        found = self._client.find(reference_to(manifest))
        owners = {owner["uid"] for owner in (found or {}).get("metadata", {}).get("ownerReferences", ())}
        return {owner["uid"] for owner in manifest["metadata"]["ownerReferences"]} <= owners

    def _release(self, owner: Object) -> None:
        change: Object = {"metadata": {"uid": owner["metadata"]["uid"], "labels": {PENDING: None}}}
        if "spec" in owner:
            change["spec"] = {"suspend": None if owner["kind"] == "Workflow" else False}
        self._client.patch(self._reference, change)


def _is_owner(manifest: Object, manifests: Sequence[Object]) -> bool:
    """A Workflow; else the driver's Job; else, where there is no driver, the first ConfigMap."""
    kinds = {one["kind"] for one in manifests}
    if "Workflow" in kinds:
        return bool(manifest["kind"] == "Workflow")
    drivers = [one for one in manifests if one["kind"] == "Job" and "osmo.driver" in one["metadata"]["labels"]]
    return manifest is (drivers[0] if drivers else manifests[0])


def _digest(manifests: Sequence[Object]) -> str:
    """Whatever the order of objects and keys, which a folder of files does not keep."""
    lines = sorted(json.dumps(manifest, sort_keys=True) for manifest in manifests)
    return sha256("\n".join(lines).encode()).hexdigest()
