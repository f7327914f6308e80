"""Storage URLs: which forms there are, and what of them a credential is for."""

import re
from typing import Final

_PART: Final = "[^/,;*]+"
_LONGEST: Final = 4096

# Scheme to how many parts must follow it: bucket; account and container; host and bucket; host, account, container.
_PARTS: Final = {"s3": 1, "gs": 1, "azure": 2, "tos": 2, "swift": 3}
_FORMS: Final = {
    scheme: re.compile(rf"{scheme}://{_PART}(?:/{_PART}){{{count - 1},}}/*") for scheme, count in _PARTS.items()
}
_SHAPES: Final = {
    "s3": "s3://bucket/path",
    "gs": "gs://bucket/path",
    "azure": "azure://account/container/path",
    "tos": "tos://host/bucket/path",
    "swift": "swift://host/account/container/path",
}

_ENDPOINT: Final = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?(/[^\s?#]*)?")
_LAST_PORT: Final = 65_535


def fault_of(url: str) -> tuple[str, str] | None:
    """What is wrong with a storage URL, and help; None if nothing is."""
    if len(url) > _LONGEST:
        return f"a URL of {len(url)} characters; at most {_LONGEST} are allowed", ""
    scheme, separator, rest = url.partition("://")
    if scheme not in _FORMS or not separator:
        return _unknown_scheme(url, scheme if separator else "")
    if "\n" in url:
        return (
            "a URL of several lines",
            "the block scalar `|` puts a line end behind it: write it on the line of its key",
        )
    if _FORMS[scheme].fullmatch(url):
        return None
    help = f"the form is `{_SHAPES[scheme]}`"
    if character := next((character for character in ",;*" if character in rest), ""):
        return f"`{character}` is not allowed in a URL", "to choose files use `regex`" if character == "*" else help
    if "//" in rest.rstrip("/") or rest.startswith("/"):
        return "an empty part between two slashes", help
    return f"`{url}` lacks a part", help


def endpoint_fault(url: str) -> str:
    """What is wrong with the endpoint of a service; nothing if it has none."""
    found = _ENDPOINT.fullmatch(url)
    if not url or (found and int(found["port"] or 0) <= _LAST_PORT):
        return ""
    return f"`{url[:60]}` is not an endpoint such as https://host:9000"


def _unknown_scheme(url: str, scheme: str) -> tuple[str, str]:
    known = "schemes: `s3`, `gs`, `azure`, `swift`, `tos`"
    if scheme.lower() in _FORMS:
        return f"`{scheme}` must be in lower case", f"write `{scheme.lower()}{url[len(scheme) :]}`"
    if scheme:
        return f"`{scheme}` is not a storage scheme", known
    return f"`{url[:60]}` is not a storage URL", known


def profile_of(url: str) -> str:
    """What a credential is for: scheme and bucket, account, or host and account."""
    scheme, _, rest = url.partition("://")
    count = 2 if scheme in ("tos", "swift") else 1
    return f"{scheme}://{'/'.join(rest.split('/')[:count])}"
