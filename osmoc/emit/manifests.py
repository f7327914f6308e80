"""The objects of a run. Where thousands are alike, one form is kept, and the names that each of them puts into it.

A workflow of 5,000 tasks has 5,000 Jobs of a few forms, 40 MB in all. Built and written once, a form is filled in for
the tenth of what it costs to build and write each of them.
"""

from collections.abc import Sequence
from typing import Any, Final

Manifest = dict[str, Any]

# A blank is a lone surrogate: a text that holds one cannot be written, so no manifest has any of its own.
_FIRST: Final = 0xD800
_MOST: Final = 64
BLANKS: Final = "".join(map(chr, range(_FIRST, _FIRST + _MOST)))


class Form:
    """A manifest whose values have blanks where it differs from others."""

    __slots__ = ("manifest",)

    def __init__(self, manifest: Manifest) -> None:
        self.manifest: Final = manifest


class Filled:
    """A manifest: a form, and what stands in its first blank, its second …"""

    __slots__ = ("form", "names")

    def __init__(self, form: Form, names: tuple[str, ...]) -> None:
        self.form: Final = form
        self.names: Final = names

    def fill(self, texts: Sequence[str]) -> list[str]:
        table = self._table()
        return [text.translate(table) for text in texts]

    def manifest(self) -> Manifest:
        filled: Manifest = _filled(self.form.manifest, self._table())
        return filled

    def _table(self) -> dict[int, str]:
        return dict(enumerate(self.names, _FIRST))


def _filled(value: Any, table: dict[int, str]) -> Any:
    match value:
        case str():
            return value.translate(table)
        case dict():
            return {key: _filled(item, table) for key, item in value.items()}
        case list():
            return [_filled(item, table) for item in value]
        case _:
            return value


class Manifests(Sequence[Manifest]):
    """Manifests to read; one that is only a filled form is built when it is looked at, each time anew."""

    def __init__(self, parts: Sequence[Manifest | Filled] = ()) -> None:
        self.parts: Final = tuple(parts)

    def __getitem__(self, index: Any) -> Any:
        part = self.parts[index]
        if isinstance(part, tuple):
            return Manifests(part)
        return part.manifest() if isinstance(part, Filled) else part

    def __len__(self) -> int:
        return len(self.parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __repr__(self) -> str:
        return repr(list(self))
