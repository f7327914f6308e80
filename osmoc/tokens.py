"""The special tokens of a task: `{{output}}`, `{{input:0}}`, `{{host:peer}}`, `{{workflow_id}}`."""

import re
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final, NamedTuple

OUTPUT_DIRECTORY: Final = "/osmo/data/output"
INPUT_DIRECTORY: Final = "/osmo/data/input"


class TokenKind(Enum):
    WORKFLOW_ID = "workflow_id"
    OUTPUT = "output"
    INPUT = "input"
    HOST = "host"
    UUID = "uuid"


_KINDS: Final = {kind.value: kind for kind in TokenKind}


class Token(NamedTuple):
    """One token as it stands in a text. `argument` is exact: `{{input: 0}}` has the argument ` 0`."""

    kind: TokenKind
    argument: str
    text: str


# What the template must not touch: no space after the braces, as OSMO looks for them.
# No token within a token: text is then read once, however many openings without an end it holds.
_ARGUMENT: Final = r"(?:[^{}\n]|\{(?!\{(?:input|host):))++"
PROTECTED: Final = re.compile(rf"\{{\{{(?:uuid|workflow_id|output|(?:input|host):{_ARGUMENT})\}}\}}")

# What is a token once the template is gone; spaces before the closing braces are tolerated, as in OSMO.
_TOKEN: Final = re.compile(r"\{\{ *(?:(uuid|workflow_id|output) *|(input|host):([^{}\n]*))\}\}")


def tokens_in(text: str) -> Iterator[Token]:
    if "{{" not in text:
        return
    for match in _TOKEN.finditer(text):
        yield _token(match)


def _token(match: re.Match[str]) -> Token:
    return Token(_KINDS[match[1] or match[2]], (match[3] or "").rstrip(" "), match[0])


def bind(text: str, value: Callable[[Token], str]) -> str:
    """`text` with each token replaced by its value."""
    if "{{" not in text:
        return text
    return _TOKEN.sub(lambda match: value(_token(match)), text)


def stand_in(path: str) -> str:
    """A path with what its tokens will be, as far as it matters for where it leads."""
    leads = {TokenKind.OUTPUT: OUTPUT_DIRECTORY, TokenKind.INPUT: f"{INPUT_DIRECTORY}/0"}
    return bind(path, lambda token: leads.get(token.kind, "token"))
