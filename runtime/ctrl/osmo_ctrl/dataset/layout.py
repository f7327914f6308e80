"""Where the parts of a dataset lie below the URL of its bucket."""

import re
from typing import Final

# Its existence proves that the store refuses to create a key twice.
CREATE_ONLY: Final = ".osmo-create-only.json"
LATEST: Final = "latest"
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,9}")


def is_name(text: str) -> bool:
    """Of a dataset or a tag."""
    return _NAME.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    return is_name(text) and not text.isdigit() and text != LATEST


def number_of(text: str) -> int | None:
    """A version's number, or the tag's None."""
    return int(text) if _NUMBER.fullmatch(text) else None


def below(folder: str, path: str) -> str:
    """The 3 of `cats/versions/3.json` in `cats/versions`; empty for what was never written by us."""
    stem = path.removeprefix(f"{folder}/").removesuffix(".json")
    return stem if path == f"{folder}/{stem}.json" and "/" not in stem else ""


def objects(name: str) -> str:
    return f"{name}/objects"


def content(name: str, sha256: str) -> str:
    return f"{name}/objects/{sha256}"


def versions(name: str) -> str:
    return f"{name}/versions"


def version(name: str, number: int) -> str:
    return f"{name}/versions/{number}.json"


def tombstones(name: str) -> str:
    return f"{name}/deleted"


def tombstone(name: str, number: int) -> str:
    return f"{name}/deleted/{number}.json"


def tags(name: str) -> str:
    return f"{name}/tags"


def tag(name: str, tag: str) -> str:
    return f"{name}/tags/{tag}.json"


def labels(name: str) -> str:
    """Numbered like versions, and the highest counts: two writers at once lose nothing of each other."""
    return f"{name}/labels"


def label(name: str, number: int) -> str:
    return f"{name}/labels/{number}.json"


def collection(name: str) -> str:
    return f"{name}/collection.json"
