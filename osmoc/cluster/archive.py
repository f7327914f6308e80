"""The storage that has the logs of a run when its pods are gone, and how whoever calls gets there."""

import base64
import json
from collections.abc import Mapping
from http import HTTPStatus

from osmoc.cluster.client import ApiError, Client
from osmoc.cluster.kinds import Reference
from osmoc.logs_client import StoragePlace
from osmoc.profile import Storage


class NoArchiveError(Exception):
    """Nothing is kept in a storage, or there is no way to it: `str()` says why."""


def find_storage(client: Client, workflow_id: str, usual: Storage, given: StoragePlace) -> StoragePlace:
    """What is given comes first, then what the documents of the run say; `usual` is for a run that is gone.

    Raises: NoArchiveError, ApiError.
    """
    storage = _documented(client, workflow_id, usual)
    if storage is None:
        raise NoArchiveError("this workflow keeps nothing in a storage")
    if storage.claim and not given.url:
        raise NoArchiveError(f"its log is in the PersistentVolumeClaim `{storage.claim}`, which only pods can read")
    secret, why_not = read_secret(client, storage.secret)
    url = given.url or storage.url or secret.get("url", "")
    if why_not and not (url and (given.url or given.credential)):
        raise NoArchiveError(f"{why_not}; --storage URL, and a key in OSMO_ACCESS_KEY_ID and OSMO_ACCESS_KEY, do too")
    endpoint, region = given.endpoint or storage.endpoint, given.region or storage.region
    return StoragePlace(url, endpoint, region, secret or given.credential)


def _documented(client: Client, workflow_id: str, usual: Storage) -> Storage | None:
    """As the tasks of the run were told."""
    try:
        found = client.find(Reference("v1", "ConfigMap", f"{workflow_id}-tasks-0")) or {}
    except ApiError as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        return usual
    text = next((text for key, text in found.get("data", {}).items() if key.endswith(".json")), "")
    if not text:
        return usual
    storage = json.loads(text)["storage"]
    return storage and Storage(**{key: storage[key] for key in ("url", "endpoint", "region", "secret", "claim")})


def read_secret(client: Client, name: str) -> tuple[Mapping[str, str], str]:
    """Its keys, or why there are none; a storage without a Secret is left to the cloud."""
    if not name:
        return {}, ""
    try:
        found = client.find(Reference("v1", "Secret", name))
    except ApiError as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        return {}, f"you may not read the Secret `{name}` of the storage: {error}"
    if found is None:
        return {}, f"the namespace `{client.namespace}` has no Secret `{name}`, which the storage needs"
    data = found.get("data") or {}
    return {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}, ""
