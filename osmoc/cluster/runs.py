"""The runs of a namespace: found, followed, ended, removed."""

import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from osmoc.cluster.client import ApiError, Client
from osmoc.cluster.kinds import ARGO, BATCH, Object, Reference, reference_to
from osmoc.cluster.reading import DRIVER, PENDING, TASK, WORKFLOW_ID, Found, owner_of, read_state
from osmoc.cluster.reading_argo import CANCELED
from osmoc.cluster.state import State
from osmoc.cluster.watching import Objects, Watching

_JOB: Final = (BATCH, "Job")
_CONFIG_MAP: Final = ("v1", "ConfigMap")
_POD: Final = ("v1", "Pod")
_WORKFLOW: Final = (ARGO, "Workflow")
_LOOK: Final = 0.5
_LEAVING: Final = 600.0
# Where objects of runs are; of the last ones some clusters have none.
_KINDS: Final = (
    _CONFIG_MAP,
    _POD,
    _JOB,
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("coordination.k8s.io/v1", "Lease"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    _WORKFLOW,
)


class UnknownRunError(Exception):
    """The namespace has no run of this id."""


def find_owner(client: Client, workflow_id: str) -> Object:
    """Raises: UnknownRunError."""
    # A Workflow may have a driver beside it, which owns nothing.
    for target, has_driver in (("argo", True), ("jobs", True), ("jobs", False)):
        found = _find(client, owner_of(workflow_id, target, has_driver))
        if found and found["metadata"].get("labels", {}).get(WORKFLOW_ID) == workflow_id:
            return found
    raise UnknownRunError(f"the namespace `{client.namespace}` has no run `{workflow_id}`: `osmoc list` shows them")


def _find(client: Client, reference: Reference) -> Object | None:
    """Of a kind that the cluster may not have, or that we may not read, there is nothing."""
    try:
        return client.find(reference)
    except ApiError as error:
        if reference.kind == "Workflow" and error.status == HTTPStatus.FORBIDDEN:
            return None
        raise


def list_states(client: Client) -> list[State]:
    """Of all runs of the namespace, the newest first."""
    jobs, _ = client.list_of(*_JOB, f"{DRIVER}=true")
    kept, _ = client.list_of(*_CONFIG_MAP, f"{DRIVER}=true")
    by_name = {item["metadata"]["name"]: item for item in kept}
    founds = {_id(workflow): Found(workflow) for workflow in _all(client, _WORKFLOW, WORKFLOW_ID)}
    for job in jobs:
        founds.setdefault(_id(job), Found(job, by_name.get(f"{job['metadata']['name']}-state")))
    states = [read_state(found) for found in founds.values()]
    return sorted(states, key=lambda state: (state.started is not None, state.started), reverse=True)


def _id(item: Object) -> str:
    found: str = item["metadata"]["labels"][WORKFLOW_ID]
    return found


def read(client: Client, workflow_id: str) -> State:
    """Raises: UnknownRunError."""
    owner = find_owner(client, workflow_id)
    reference = reference_to(owner)
    if reference.kind == "Workflow":
        return read_state(Found(owner))
    if reference.kind == "ConfigMap":
        return read_state(Found(owner, jobs=client.list_of(*_JOB, f"{WORKFLOW_ID}={workflow_id},{TASK}")[0]))
    kept = client.find(Reference("v1", "ConfigMap", f"{reference.name}-state"))
    drivers, _ = client.list_of(*_POD, _driver_of(workflow_id))
    return read_state(Found(owner, kept, drivers))


def _driver_of(workflow_id: str) -> str:
    return f"{WORKFLOW_ID}={workflow_id},{DRIVER}=true"


def follow(client: Client, workflow_id: str, rest: float) -> Iterator[State]:
    """The state at once, whenever something has happened, after `rest` seconds without news, and in the end.

    Raises: UnknownRunError, also if the run is deleted meanwhile.
    """
    owner = reference_to(find_owner(client, workflow_id))
    kinds = {"Workflow": (_WORKFLOW,), "Job": (_JOB, _CONFIG_MAP, _POD), "ConfigMap": (_CONFIG_MAP, _JOB)}[owner.kind]
    selector = _driver_of(workflow_id) if owner.kind == "Job" else f"{WORKFLOW_ID}={workflow_id}"
    for objects in Watching(client, kinds, selector).objects(rest):
        if owner not in objects:
            raise UnknownRunError(f"the run `{workflow_id}` was deleted")
        state = read_state(_found(owner, objects))
        yield state
        if state.status.has_ended:
            return


def _found(owner: Reference, objects: Objects) -> Found:
    return Found(
        objects[owner],
        objects.get(Reference("v1", "ConfigMap", f"{owner.name}-state")),
        [item for reference, item in objects.items() if reference.kind == "Pod"],
        [item for item in objects.values() if TASK in item["metadata"]["labels"] and item["kind"] == "Job"],
    )


def cancel(client: Client, workflow_id: str, who: str) -> bool:
    """Whether there was something to end. Tasks get SIGTERM and keep what they have; nothing else is started.

    Raises: UnknownRunError.
    """
    owner = find_owner(client, workflow_id)
    if read(client, workflow_id).status.has_ended:
        return False
    if PENDING in owner["metadata"]["labels"]:
        # Nobody is at work to end it: what is not released never starts.
        delete(client, workflow_id)
        return True
    change: Object = {"metadata": {"annotations": {CANCELED: who}}}
    match reference_to(owner).kind:
        case "Workflow":
            change["spec"] = {"shutdown": "Stop"}
        case "ConfigMap":
            for job in client.list_of(*_JOB, f"{WORKFLOW_ID}={workflow_id},{TASK}")[0]:
                client.patch(reference_to(job), {"spec": {"suspend": True}})
    client.patch(reference_to(owner), change)
    return True


def delete(client: Client, workflow_id: str) -> None:
    """With all that belongs to it. Raises: UnknownRunError."""
    owner = find_owner(client, workflow_id)
    # What `apply` has made goes with its owner. Of a run that somebody else applied nothing belongs to it; the owner
    # goes last, so that whoever was interrupted finds the run again.
    for kind in _KINDS:
        for item in _all(client, kind, f"{WORKFLOW_ID}={workflow_id}"):
            if not item["metadata"].get("ownerReferences") and item["metadata"]["uid"] != owner["metadata"]["uid"]:
                client.delete(reference_to(item), uid=item["metadata"]["uid"])
    client.delete(reference_to(owner), uid=owner["metadata"]["uid"])


def objects_of(client: Client, workflow_id: str) -> list[Object]:
    """What was applied, without the pods that came of it."""
    selector = f"{WORKFLOW_ID}={workflow_id}"
    return [item for kind in _KINDS if kind != _POD for item in _all(client, kind, selector)]


def until_gone(client: Client, workflow_id: str) -> None:
    """Returns when nothing of a deleted run is left. Raises: ApiError, TimeoutError."""
    end = time.monotonic() + _LEAVING
    selector = f"{WORKFLOW_ID}={workflow_id}"
    for kind in _KINDS:
        while left := _all(client, kind, selector):
            if time.monotonic() > end:
                raise TimeoutError(f"{len(left)} objects of `{workflow_id}` are still there: {reference_to(left[0])}")
            time.sleep(_LOOK)


def _all(client: Client, kind: tuple[str, str], selector: str) -> list[Object]:
    try:
        return client.list_of(*kind, selector)[0]
    except ApiError as error:
        if error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN):
            return []
        raise
