"""What a namespace needs once: made by the first apply, if nobody has made it before."""

import base64
import secrets
from collections.abc import Iterator
from http import HTTPStatus

from osmoc.cluster.client import ApiError, Client
from osmoc.cluster.kinds import reference_to
from osmoc.emit.objects import bootstrap_objects
from osmoc.plan import Plan


def make_missing(client: Client, plan: Plan) -> Iterator[str]:
    """The objects that were made. Nothing that is there is touched: the key of running groups least of all.

    Raises: ApiError.
    """
    names = {name for need in plan.requirements if need.kind == "bootstrap objects" for name in need.name.split(", ")}
    key = base64.b64encode(secrets.token_bytes(32)).decode() if "osmo-group-key" in names else None
    for manifest in bootstrap_objects("", key):
        name = manifest["metadata"]["name"]
        if name.split(".")[0] not in names or client.find(reference_to(manifest)):
            continue
        try:
            client.create(manifest)
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT:  # somebody else was first
                raise
        yield str(reference_to(manifest))
