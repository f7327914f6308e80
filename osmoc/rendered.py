"""What a template gives. Apart from `templating`, so that only templates load Jinja."""

from dataclasses import dataclass
from enum import Enum


class FaultKind(Enum):
    SYNTAX = "syntax"
    UNDEFINED = "undefined"
    RUNTIME = "runtime"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a template; `line` counts from 1, 0 if unknown. `name` is the undefined variable."""

    kind: FaultKind
    line: int
    message: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Rendered:
    """`origin[n]` is the template's line that line n + 1 of `text` came from; empty if it could not be told."""

    text: str
    origin: tuple[int, ...]
    used: frozenset[str]
    faults: tuple[Fault, ...] = ()
