"""What a namespace needs once: made by the first apply, if nobody has made it before."""

import base64
import secrets
from collections.abc import Iterable, Iterator
from http import HTTPStatus

from osmoc.cluster.client import ApiError, Client
from osmoc.cluster.kinds import Object, reference_to
from osmoc.emit.objects import bootstrap_objects
from osmoc.plan import Plan


def make_missing(client: Client, plan: Plan) -> Iterator[str]:
    """The objects that were made. Nothing that is there is touched: the key of running groups least of all.

    Raises: ApiError.
    """
    names = {name for need in plan.requirements if need.kind == "bootstrap objects" for name in need.name.split(", ")}
    objects = bootstrap_objects("", new_key())
    yield from make(client, [one for one in objects if one["metadata"]["name"].split(".")[0] in names])


def make(client: Client, objects: Iterable[Object]) -> Iterator[str]:
    """Those that were not there. Raises: ApiError."""
    for manifest in objects:
        if client.find(reference_to(manifest)):
            continue
        try:
            client.create(manifest)
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            continue  # somebody else was first
        yield str(reference_to(manifest))


def new_key() -> str:
    """By which tasks of a group know each other, in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()
