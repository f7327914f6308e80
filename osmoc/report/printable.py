"""Strangers' text as a terminal may show it: nothing in it acts, and the width of all of it is known.

A workflow file may hold escape sequences, or characters that turn the direction of a line. Characters that only some
terminals join to the one before (emoji parts) would shift a caret: they are shown by their code as well.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

# Variation selectors and skin tones; joiners are not printable anyway.
_JOINING: Final = re.compile("[\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef]")
# The vowels and final consonants of a Korean syllable in parts: drawn within the cell of its first consonant.
_SYLLABLE_PARTS: Final = re.compile("[\u1160-\u11ff\ud7b0-\ud7ff]")


def shown(char: str) -> str:
    r"""The character itself, or an escape such as `\x1b` or `\u202e`."""
    if char.isprintable() and not _JOINING.match(char):
        return char
    return char.encode("unicode_escape").decode("ascii")


def printable(text: str) -> str:
    return text if text.isascii() and text.isprintable() else "".join(map(shown, text))


def width(text: str) -> int:
    """The columns of a terminal that printable text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def fit(pieces: Iterable[str], columns: int) -> list[str]:
    """All pieces, or as many of the first as fit before an ellipsis."""
    kept: list[str] = []
    used = 0
    for piece in pieces:
        kept.append(piece)
        used += width(piece)
        if used > columns:
            while kept and used > columns - 1:
                used -= width(kept.pop())
            return [*kept, "…"]
    return kept


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me") or _SYLLABLE_PARTS.match(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
