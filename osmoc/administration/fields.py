"""The keys of one mapping, read one by one; what nobody reads is remarked upon in the end.

Wrong types are refused without showing the value: it might be a credential.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter, ValidationError

from osmoc.administration.remarks import Kind, Remarks, Where, refusal
from osmoc.diagnostics import listed
from osmoc.values import Duration

_DURATION: Final[TypeAdapter[float]] = TypeAdapter(Duration)
_SECONDS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_COMBINED: Final = re.compile(r"(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?")


class Fields:
    def __init__(self, value: Any, where: Where, remarks: Remarks) -> None:
        if not isinstance(value, Mapping):
            raise refusal(where, "a mapping is expected")
        self._left = dict(value)
        self.where = where
        self.remarks = remarks

    def __contains__(self, key: str) -> bool:
        return self._left.get(key) is not None

    def take(self, key: str) -> Any:
        return self._left.pop(key, None)

    def unread(self) -> tuple[str, ...]:
        return tuple(self._left)

    def below(self, key: str) -> "Fields":
        """The mapping at a key; an empty one if there is none."""
        return self._inner(self.take(key), key)

    def named(self, key: str) -> dict[str, "Fields"]:
        """The mappings that stand under names at a key."""
        return {name: self._inner(value, key, name) for name, value in self.members(key).items()}

    def each(self, key: str) -> list["Fields"]:
        """The mappings of the list at a key."""
        return [self._inner(value, key, n) for n, value in enumerate(self.items(key))]

    def _inner(self, value: Any, *way: str | int) -> "Fields":
        return Fields({} if value is None else value, self.where.below(*way), self.remarks)

    def text(self, key: str) -> str:
        value = self.take(key)
        if isinstance(value, bool) or not isinstance(value, str | int | float | None):
            raise refusal(self.where.below(key), "text is expected")
        return "" if value is None else str(value)

    def flag(self, key: str) -> bool:
        value = self.take(key)
        if not isinstance(value, bool | None):
            raise refusal(self.where.below(key), "true or false is expected")
        return bool(value)

    def number(self, key: str) -> int | None:
        value = self.take(key)
        if isinstance(value, bool) or not isinstance(value, int | None):
            raise refusal(self.where.below(key), "a whole number is expected")
        return value

    def texts(self, key: str) -> list[str]:
        items = self.items(key)
        if not all(isinstance(item, str) for item in items):
            raise refusal(self.where.below(key), "a list of text is expected")
        return items

    def items(self, key: str) -> list[Any]:
        value = self.take(key)
        if not isinstance(value, list | None):
            raise refusal(self.where.below(key), "a list is expected")
        return value or []

    def members(self, key: str) -> dict[str, Any]:
        value = self.take(key)
        if not isinstance(value, dict | None):
            raise refusal(self.where.below(key), "a mapping is expected")
        return value or {}

    def duration(self, key: str) -> str | int | float | None:
        """As a profile takes it; None for what OSMO takes for no value, nothing and 0."""
        value = self.take(key)
        if isinstance(value, str) and (match := _COMBINED.fullmatch(value)):
            value = _single_unit(match)
        if value is None or value == 0:
            return None
        try:
            _DURATION.validate_python(value)
        except ValidationError:
            raise refusal(self.where.below(key), "a duration such as `90m` or `7d` is expected") from None
        assert isinstance(value, str | int | float)
        return value

    def leave_out(self, reason: str, *keys: str) -> None:
        """Known, and without a counterpart here: one remark for all of these keys that are there."""
        present = [key for key in keys if self.take(key) not in (None, "", [], {})]
        if present:
            self.remarks.make(Kind.LEFT_OUT, self.where, f"{listed(present, 30)}: {reason}")

    def ignore(self, *keys: str) -> None:
        """What OSMO computes from the rest: there is nothing to say about it."""
        for key in keys:
            self.take(key)

    def end(self) -> None:
        for key in self._left:
            self.remarks.make(Kind.UNKNOWN, self.where.below(key), "OSMO is not known to have this key; it is left out")


def _single_unit(match: re.Match[str]) -> str | None:
    """`1h30m`, which OSMO writes and cannot read, is `90m`."""
    amounts = [int(group or 0) for group in match.groups()]
    seconds = sum(amount * length for amount, length in zip(amounts, _SECONDS.values(), strict=True))
    unit, length = next(((unit, length) for unit, length in _SECONDS.items() if seconds % length == 0))
    return f"{seconds // length}{unit}" if seconds else None


def essential(model: type[BaseModel], data: Mapping[str, Any]) -> dict[str, Any]:
    """The values that differ from the defaults of a model, in the order of its fields."""
    kept = {}
    for name, field in model.model_fields.items():
        value = data.get(name)
        if value not in (None, "", [], {}) and (field.is_required() or value != field.default):
            kept[name] = value
    return kept
