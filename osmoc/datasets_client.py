"""Work on datasets in `python -m osmo_ctrl.dataset`; `schemas/dataset.schema.json` is the contract."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from osmoc.runtime_process import ask


@dataclass(frozen=True, slots=True)
class BucketPlace:
    """Where datasets lie and how that is reached; `credential` has the keys of a Secret, or is left to the cloud."""

    url: str
    endpoint: str = ""
    region: str = ""
    credential: Mapping[str, str] = field(default_factory=dict, repr=False)
    single_writer: bool = False


def call(
    operation: str,
    bucket: BucketPlace,
    arguments: Mapping[str, Any],
    on_event: Callable[[Mapping[str, Any]], None] = lambda event: None,
) -> Mapping[str, Any]:
    """The result of one operation. Raises: RuntimeFailed, RuntimeMissing."""
    place = {
        "url": bucket.url,
        "endpoint": bucket.endpoint,
        "region": bucket.region,
        "credential": dict(bucket.credential),
        "single_writer": bucket.single_writer,
    }
    return ask("osmo_ctrl.dataset", {"operation": operation, "bucket": place} | dict(arguments), on_event)
