"""Secrets of credentials: made and changed key by key. Nothing here gives a value back."""

import base64
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Final

from osmoc.cluster.client import ApiError, Client
from osmoc.cluster.kinds import Object, Reference
from osmoc.emit.pod import MANAGED_BY

_CREDENTIAL: Final = "osmo.credential"
_LABELS: Final = {**MANAGED_BY, _CREDENTIAL: "true"}


# A shorter value would be given away by the places in which it is masked.
_SHORTEST: Final = 4


def set_secret(client: Client, name: str, values: Mapping[str, bytes]) -> bool:
    """Whether it is new. Raises: ApiError, which does not repeat a value."""
    try:
        return _set(client, name, {key: base64.b64encode(value).decode() for key, value in values.items()})
    except ApiError as error:
        raise ApiError(error.status, _masked(str(error), values.values()), error.reason, error.pause) from None


def _masked(text: str, values: Iterable[bytes]) -> str:
    """A policy of the cluster may quote what it refuses, as it was sent, or read."""
    for value in values:
        if len(value) >= _SHORTEST:
            for form in (base64.b64encode(value).decode(), value.decode(errors="replace"), repr(value)[2:-1]):
                text = text.replace(form, "[MASKED]")
    return text


def _set(client: Client, name: str, data: Mapping[str, str]) -> bool:
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
