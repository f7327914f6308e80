"""Secrets of credentials: made and changed key by key. Nothing here gives a value back."""

import base64
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from osmoc.cluster.client import ApiError, Client
from osmoc.cluster.kinds import Object, Reference
from osmoc.emit.pod import MANAGED_BY

_CREDENTIAL: Final = "osmo.credential"
_LABELS: Final = {**MANAGED_BY, _CREDENTIAL: "true"}


def set_secret(client: Client, name: str, values: Mapping[str, bytes]) -> bool:
    """Whether it is new. Raises: ApiError."""
    data = {key: base64.b64encode(value).decode() for key, value in values.items()}
    manifest: Object = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": _LABELS}}
    try:
        client.create(manifest | {"data": data})
    except ApiError as error:
        if error.status != HTTPStatus.CONFLICT:
            raise
        client.patch(_reference(name), {"metadata": {"labels": _LABELS}, "data": data})
        return False
    return True


def list_secrets(client: Client) -> dict[str, list[str]]:
    """Names with their keys."""
    found, _ = client.list_of("v1", "Secret", f"{_CREDENTIAL}=true")
    return {item["metadata"]["name"]: sorted(item.get("data") or {}) for item in found}


def delete_secret(client: Client, name: str) -> bool:
    """Whether there was one of ours."""
    found = client.find(_reference(name))
    if found is None or _CREDENTIAL not in found["metadata"].get("labels", {}):
        return False
    return client.delete(_reference(name), uid=found["metadata"]["uid"])


def _reference(name: str) -> Reference:
    return Reference("v1", "Secret", name)
