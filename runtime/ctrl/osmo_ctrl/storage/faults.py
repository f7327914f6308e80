"""What went wrong with a storage: from the errors of obstore to four problems, without a word that is secret."""

import errno
import re
from collections.abc import Iterable
from enum import Enum
from typing import Final

from obstore.exceptions import (
    InvalidPathError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

_STATUS: Final = re.compile(r"status code: (\d{3})")
_CODE: Final = re.compile(r"<Code>([A-Za-z0-9.]{1,80})</Code>")
_MESSAGE: Final = re.compile(r"<Message>([^<]{1,200})</Message>")
_REQUEST: Final = re.compile(r"^.*?Error performing \w+ \S+ in \S+?(?:, after [^-]*)? - ", re.DOTALL)
_CAUSE: Final = re.compile(r'\b(?:message|error): "([^"]{1,200})"|\bkind: (Timeout)\b')
_CERTIFICATE: Final = re.compile(r"\bInvalidCertificate\b|invalid peer certificate")
_ERRNO: Final = re.compile(r"\(os error (\d+)\)")
_QUERY: Final = re.compile(r"\?\S*")
# Where the clouds' libraries look for an identity when they were given no credential.
_IDENTITY: Final = re.compile(r"169\.254\.(169\.254|170\.\d+)|metadata\.google|fd00:ec2::")
_LONGEST: Final = 300

# A status of 400 or 403 by which servers say something else than that this request is wrong or forbidden.
_DENIALS: Final = {
    "ExpiredToken",
    "InvalidToken",
    "InvalidAccessKeyId",
    "AuthorizationHeaderMalformed",
    "TokenRefreshRequired",
}
_DELAYS: Final = {"RequestTimeout", "SlowDown", "ServiceUnavailable", "InternalError", "ConditionalRequestConflict"}
# The file system of a volume is full or cannot be reached: somebody may mend that.
_AWAY: Final = {
    errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENOTCONN,
}  # fmt: skip


class Problem(Enum):
    """What a caller can do about it: nothing there, ask for rights, wait, or mend the request."""

    MISSING = "missing"
    DENIED = "denied"
    AWAY = "away"
    REFUSED = "refused"


class StorageError(Exception):
    """An object or a storage that cannot be used. Neither the text nor the fields hold a credential."""

    def __init__(self, problem: Problem, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.problem = problem
        self.url = url
        self.reason = reason

    def __reduce__(self) -> tuple[type["StorageError"], tuple[Problem, str, str]]:
        return StorageError, (self.problem, self.url, self.reason)


def fault_of(error: Exception, url: str, secrets: Iterable[str] = ()) -> StorageError:
    """The error of obstore as ours."""
    text = str(error)
    return StorageError(_problem_of(error, text), url, _reason_of(text, secrets))


def _problem_of(error: Exception, text: str) -> Problem:
    match error:
        case FileNotFoundError():
            return Problem.MISSING
        case UnauthenticatedError() | PermissionDeniedError() | PermissionError():
            return Problem.DENIED
        case InvalidPathError() | NotSupportedError() | PreconditionError() | ValueError():
            return Problem.REFUSED
    if status := _STATUS.search(text):
        return _problem_of_status(int(status[1]), _code_of(text))
    if number := _ERRNO.search(text):
        return _problem_of_errno(int(number[1]), text)
    if _IDENTITY.search(text):
        return Problem.DENIED
    if _CERTIFICATE.search(text) or "LocalFileSystem" in text or "incorrectly configured region" in text:
        return Problem.REFUSED
    return Problem.AWAY


def _problem_of_status(status: int, code: str) -> Problem:
    if code in _DENIALS or status in (401, 403, 407):
        return Problem.DENIED
    if code in _DELAYS or status in (408, 409, 423, 425, 429) or (status >= 500 and status != 501):
        return Problem.AWAY
    return Problem.MISSING if status in (404, 410) else Problem.REFUSED


def _problem_of_errno(number: int, text: str) -> Problem:
    if "LocalFileSystem" not in text or number in _AWAY:
        return Problem.AWAY  # of a connection
    return Problem.DENIED if number in (errno.EACCES, errno.EPERM, errno.EROFS) else Problem.REFUSED


def _code_of(text: str) -> str:
    found = _CODE.search(text)
    return found[1] if found else ""


def _reason_of(text: str, secrets: Iterable[str]) -> str:
    """Status, code and message of the server. Its whole answer may quote the request, and so a key."""
    said, _, debug = text.partition("\n\nDebug source:")
    parts = [found[1] for pattern in (_STATUS, _CODE, _MESSAGE) if (found := pattern.search(said))]
    if not parts and _IDENTITY.search(said):
        parts = ["there is no credential for it, and the pod has no identity in the cloud"]
    if not parts:
        causes = [found[1] or found[2] for found in _CAUSE.finditer(debug)]
        parts = [_QUERY.sub("", _REQUEST.sub("", said.strip()).split("\n", 1)[0]), *causes[-1:]]
    reason = ": ".join(parts)
    for secret in sorted((secret for secret in secrets if len(secret) > 3), key=len, reverse=True):
        reason = reason.replace(secret, "[MASKED]")
    return reason[:_LONGEST]
