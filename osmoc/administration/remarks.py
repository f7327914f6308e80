"""What an administrator should know about an import: what was left out or changed, and what is left to do."""

from dataclasses import dataclass
from enum import Enum


class UnknownConfig(ValueError):
    """A file that is no config of OSMO's: `str()` names the file and says why, and never quotes a credential."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a file: the keys from its root."""

    file: str
    path: tuple[str, ...] = ()

    def below(self, *keys: str | int) -> "Where":
        return Where(self.file, (*self.path, *map(str, keys)))

    def __str__(self) -> str:
        return f"{self.file}: {'.'.join(self.path)}" if self.path else self.file


class Kind(Enum):
    TO_DO = "to do"
    CHANGED = "changed"
    LEFT_OUT = "left out"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Remark:
    """`str()` is one line: file, keys, kind, message."""

    where: Where
    kind: Kind
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.kind.value}: {self.message}"


class Remarks:
    """Collects remarks in the order in which they are made, each once."""

    def __init__(self) -> None:
        self._made: dict[Remark, None] = {}

    def make(self, kind: Kind, where: Where, message: str) -> None:
        self._made.setdefault(Remark(where, kind, message))

    def all(self) -> tuple[Remark, ...]:
        return tuple(self._made)


def refusal(where: Where, reason: str) -> UnknownConfig:
    path = f"`{'.'.join(where.path)}`: " if where.path else ""
    return UnknownConfig(where.file, path + reason)
