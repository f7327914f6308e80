"""Names of container images, as OSMO reads them."""

import re
from typing import Final

_HOST: Final = (
    r"(?:localhost|[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+)(?::[0-9]+)?"
)
_BARE_HOST: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?:[0-9]+"
_PART: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_IMAGE: Final = re.compile(
    rf"(?:((?:{_HOST}|{_BARE_HOST}))/)?({_PART}(?:/{_PART})*)"
    r"(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@([A-Za-z0-9_+.-]+:[0-9a-fA-F]+))?"
)


def fault_of(image: str) -> str | None:
    """What is wrong with the name of an image, in words; None if nothing is."""
    if len(image) <= 512 and _IMAGE.fullmatch(image):
        return None
    path = image.partition("@")[0]
    if re.search(r"\s", image):
        return "it holds a space"
    if "{{" in image:
        return "a token cannot be part of an image name"
    if re.search("[A-Z]", path.rpartition(":")[0] or path):
        return "the path must be in lower case"
    if "//" in path:
        return "an empty part between two slashes"
    if "@" in image:
        return "a digest is a name, a colon and hexadecimal digits"
    return "it does not have the form `[host/]path[:tag][@digest]`"


def registry_of(image: str) -> str:
    """The host that an image comes from."""
    match = _IMAGE.fullmatch(image)
    return (match[1] if match and match[1] else "docker.io").lower()
