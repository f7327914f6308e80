"""Dataset references as text: `[bucket/]name[:tag or version]`."""

import re
from typing import Final

from osmoc.graph import Dataset

# Braces, so that tokens pass.
_REFERENCE: Final = re.compile(r"(?:([A-Za-z0-9_{}-]+)/)?([A-Za-z0-9_{}-]+)(?::([A-Za-z0-9_{}-]*))?")


def parse_reference(text: str) -> tuple[Dataset, str] | None:
    """The dataset and the tag or version of it (empty if none); None if the text is no reference."""
    match = _REFERENCE.fullmatch(text)
    return (Dataset(match[2], match[1] or ""), match[3] or "") if match else None
