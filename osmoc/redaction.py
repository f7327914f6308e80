"""Passwords and signatures in URLs: they are found before they get into a manifest, and no finding repeats them.

Credentials belong into Secrets, of which osmoc knows the names alone. But people paste URLs.
"""

import re
from typing import Final

_MARK: Final = "*"
_PASSWORD: Final = re.compile(r"(?<=://)(?P<open>[^\s/@:\"'`]*:)(?P<secret>[^\s/\"'`]+)(?=@)")
_SIGNATURE: Final = re.compile(
    r"(?P<open>[?&](?:x-(?:amz|goog)-(?:signature|security-token|credential)|sig|signature|awsaccesskeyid|"
    r"(?:access_?)?token|api_?key|password|secret)=)(?P<secret>[^\s&#\"'`]+)",
    re.IGNORECASE,
)
# `user:password@host/path`, which is no `name:tag@sha256:…`.
_OF_IMAGE: Final = re.compile(
    r"(?<![^\s\"'`])(?P<open>[\w.+-]+:)(?P<secret>[^\s/@\"'`]+)(?=@(?!sha\d+:)[\w.-]+(?:/|:\d))"
)
# A message may quote only the first characters of a URL: then nothing says where the password ends.
_CUT: Final = re.compile(r"(?<=://)(?P<open>[^\s/@:{}$]*:)(?P<secret>(?!\d+(?:[/`]|$))[^\s/@{}$`]+)(?=`|…|$)")
_STANDS_FOR: Final = re.compile(r"\$|\{|<|\*")


def secret_in(text: str) -> str:
    """The first password or signature in a URL of a text; empty if there is none."""
    if "://" not in text:
        return ""
    found = [match["secret"] for form in (_PASSWORD, _SIGNATURE) for match in form.finditer(text)]
    return next(iter(found), "")


def is_literal(secret: str) -> bool:
    """Whether it is the secret itself, not a variable or a token that stands for it."""
    return not _STANDS_FOR.search(secret)


def redacted(text: str) -> str:
    """The text, no shorter, with stars for what is secret."""
    if "://" not in text and "@" not in text:
        return text
    for form in (_PASSWORD, _SIGNATURE, _OF_IMAGE):
        text = form.sub(_stars, text)
    return text


def redacted_message(text: str) -> str:
    """The same for a text that may quote a part of a URL."""
    return _CUT.sub(_stars, redacted(text))


def _stars(match: re.Match[str]) -> str:
    return match["open"] + _MARK * len(match["secret"])
