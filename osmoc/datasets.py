"""Dataset references as text, `[bucket/]name[:tag or version]`, and whether two of them mean the same."""

import re
from typing import Final

from osmoc.graph import Dataset

# Braces, so that tokens pass.
_REFERENCE: Final = re.compile(r"(?:([A-Za-z0-9_{}-]+)/)?([A-Za-z0-9_{}-]+)(?::([A-Za-z0-9_{}-]*))?")


def parse_reference(text: str) -> tuple[Dataset, str] | None:
    """The dataset and the tag or version of it (empty if none); None if the text is no reference."""
    match = _REFERENCE.fullmatch(text)
    return (Dataset(match[2], match[1] or ""), match[3] or "") if match else None


def in_bucket(dataset: Dataset, default_bucket: str) -> Dataset:
    return dataset if dataset.bucket else Dataset(dataset.name, default_bucket)


def is_new(version: str, tag: str) -> bool:
    """Whether a reference with `version` means the version that a writer makes and tags with `tag` in this run.

    A version or tag that no writer sets pins what was there before.
    """
    return not version or version == tag
