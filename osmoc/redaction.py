"""Passwords and signatures in URLs: they are found before they get into a manifest, and no finding repeats them.

Credentials belong into Secrets, of which osmoc knows the names alone. But people paste URLs.
"""

import re
from functools import lru_cache
from typing import Final

_MARK: Final = "*"
_WORD: Final = re.compile(r"\S+")
# Behind it is a password, if there is a `@` further on: it is no port, and no token stands before it.
_USER: Final = re.compile(r"://[^\s/@:\"'`{}]*:(?!\d{1,5}(?:[/?#\"'`,)\]}]|$))")
# As it is written by the rules, which have no quotes and slashes in a password: for texts that are not one URL.
_PASSWORD: Final = re.compile(r"(?<=://)(?P<open>[^\s/@:\"'`]*:)(?P<secret>[^\s/\"'`]+)(?=@(?!sha\d+:))")
# A token in place of a user, as Git has it; names are shorter.
_TOKEN: Final = re.compile(r"(?<=://)(?<!ssh://)(?P<open>)(?P<secret>[^\s/@:\"'`{}$]{12,})(?=@(?!sha\d+:))")
_SIGNATURE: Final = re.compile(
    r"(?P<open>[?&](?:x-(?:amz|goog)-(?:signature|security-token|credential)|sig|signature|awsaccesskeyid|"
    r"(?:access_?)?token|api_?key|password|secret)=)(?P<secret>[^\s&#`]+)",
    re.IGNORECASE,
)
# `user:password@host/path`, which is no `name:tag@sha256:…`.
_OF_IMAGE: Final = re.compile(
    r"(?<![^\s\"'`])(?P<open>[\w.+-]+:)(?P<secret>[^\s/@\"'`]+)(?=@(?!sha\d+:)[\w.-]+(?:/|:\d))"
)
# A message may quote only the first characters of a URL: then nothing says where the password ends.
_CUT: Final = re.compile(r"(?<=://)(?P<open>[^\s/@:{}$]*:)(?P<secret>(?!\d+(?:[/`]|$))[^\s@{}$`]+)(?=`|…|$)")
_DIGEST: Final = re.compile(r"@sha\d+:")
_STANDS_FOR: Final = re.compile(r"\$|\{|<|\*")


def has_secret(url: str) -> bool:
    """Whether a URL has a password, a token or a signature; also one that should have been encoded, and is not."""
    return bool(secret_in(url)) or any(map(_without_password, _WORD.findall(url)))


def secret_in(text: str) -> str:
    """The first password, token or signature in a URL of a text; empty if there is none."""
    if "://" not in text:
        return ""
    found = (match["secret"] for form in (_PASSWORD, _TOKEN, _SIGNATURE) for match in form.finditer(text))
    return next(found, "")


def is_literal(secret: str) -> bool:
    """Whether it is the secret itself, not a variable or a token that stands for it."""
    return not _STANDS_FOR.search(secret)


@lru_cache(maxsize=4)  # a long line may have a finding for each of its characters
def redacted(text: str) -> str:
    """The text, no shorter, with stars for what is secret."""
    if "://" in text and "@" in text:
        text = _WORD.sub(lambda word: _without_password(word[0]) or word[0], text)
    elif "://" not in text and "@" not in text:
        return text
    for form in (_TOKEN, _SIGNATURE, _OF_IMAGE):
        text = form.sub(_stars, text)
    return text


def redacted_message(text: str) -> str:
    """The same for a text that may quote a part of a URL."""
    return _CUT.sub(_stars, redacted(text))


def _without_password(word: str) -> str:
    """A word with stars in place of all from the first user of a URL to the last `@`; empty if there is none."""
    end = word.rfind("@")
    user = next((found for found in _USER.finditer(word) if found.end() < end), None)
    if user is None or _DIGEST.match(word, end):
        return ""
    return word[: user.end()] + _MARK * (end - user.end()) + word[end:]


def _stars(match: re.Match[str]) -> str:
    return match["open"] + _MARK * len(match["secret"])
