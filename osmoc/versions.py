"""Versions of what a cluster runs, and since which one it can do what the pods of tasks rest on."""

import re
from typing import Final

Version = tuple[int, int]
"""Major and minor: what a cluster can do does not change with a patch."""

# As people write it, and as `kubectl version` prints it: 1.33, v1.33.2, v1.29.4-gke.1043002, v1.31.2+k3s1.
_VERSION: Final = re.compile(r"v?([0-9]{1,4})\.([0-9]{1,4})(?:\.[0-9]{1,4}(?:[-+][0-9A-Za-z.+-]{1,64})?)?")

# osmo-ctrl is an init container that goes on running. An Argo of before drops the word that says so, and each pod
# would wait for the end of osmo-ctrl, for ever.
OLDEST_KUBERNETES: Final[Version] = (1, 29)
OLDEST_ARGO: Final[Version] = (3, 6)

# The field of a template that ends pods which never start.
PENDING_TIMEOUT: Final[Version] = (4, 1)


def parse_version(text: str) -> Version | None:
    """
    >>> parse_version("v1.33.2")
    (1, 33)
    """
    match = _VERSION.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def shown(version: Version) -> str:
    return ".".join(map(str, version))
