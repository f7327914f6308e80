"""Names as the language and as Kubernetes have them."""

import posixpath
import re
from functools import lru_cache
from hashlib import sha256
from typing import Final

NAME: Final = re.compile(r"[a-zA-Z]([a-zA-Z0-9_-]*[a-zA-Z0-9])?")
LABEL_VALUE: Final = re.compile(r"[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?")
_DNS_LABEL: Final = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
LABEL_KEY: Final = re.compile(rf"(?:(?=[^/]{{1,253}}/){_DNS_LABEL}(?:\.{_DNS_LABEL})*/)?{LABEL_VALUE.pattern}")
_OWNED_LABELS: Final = (
    "osmo.",
    "workflows.argoproj.io/",
    "batch.kubernetes.io/",
    "kai.scheduler/",
    "runai/",
    "kueue.x-k8s.io/",
)
# What Kubernetes takes for a variable, which is more than a shell can name.
VARIABLE: Final = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
SECRET_KEY: Final = re.compile(r"[-._a-zA-Z0-9]{1,253}")

# A path that stands in a manifest: nothing that a template engine, a shell or Kubernetes reads otherwise.
LONGEST_PATH: Final = 4095
SAFE_PATH: Final = re.compile(rf"/[A-Za-z0-9._@%+=,~ /-]{{0,{LONGEST_PATH - 1}}}")

LONGEST_NAME: Final = 64
LONGEST_LABEL: Final = 63

# Words of a name, between underscores: HF_TOKEN is one, TOKENIZERS_PARALLELISM and TOKEN_FILE are none.
_CREDENTIAL_WORDS: Final = (
    "password|passwd|passphrase|secret|token|auth|credentials?|"
    "(?:api|access|private|secret|account|license)_?key(?:_?id)?|connection_string"
)
_CREDENTIAL: Final = re.compile(rf"(?:.*[_.-])?(?:{_CREDENTIAL_WORDS})", re.IGNORECASE)


def is_credential(name: str) -> bool:
    """Whether something of this name is likely to be secret."""
    return _CREDENTIAL.fullmatch(name) is not None


def is_owned_label(key: str) -> bool:
    """Whether a label is the system's, a scheduler's or a controller's to set."""
    return key.startswith(_OWNED_LABELS) or key == "app.kubernetes.io/managed-by"


@lru_cache(1 << 14)
def kubernetes_name(name: str) -> str:
    """A name of the language as Kubernetes writes it: lower case, dashes, at most 63 characters."""
    return name.lower().replace("_", "-")[:LONGEST_LABEL].rstrip("-")


def fit(name: str, length: int) -> str:
    """`name` as it is, or cut to `length` characters of which the last eight tell it from others."""
    if len(name) <= length:
        return name
    return f"{name[: length - 9].rstrip('-')}-{sha256(name.encode()).hexdigest()[:8]}"


def absolute(path: str) -> str:
    """From the root, without `.`, `..` and doubled slashes: also without the `//` that POSIX keeps at the start."""
    return posixpath.normpath("/" + path.lstrip("/"))
