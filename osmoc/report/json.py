"""Findings as JSON, for programs. What `version` 1 holds is never taken away; keys may be added."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from osmoc.diagnostics import Diagnostic, Severity

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NOT_PLAIN: Final = re.compile("[^\n\x20-\x7e]")


def to_json(findings: Iterable[Diagnostic]) -> str:
    """One object. Columns count characters from 1; `end_column` is the first one behind the text that is meant."""
    found = list(findings)
    numbers = Counter(one.severity for one in found)
    return dump(
        {
            "version": 1,
            "findings": [_finding(one) for one in found],
            "errors": numbers[Severity.ERROR],
            "warnings": numbers[Severity.WARNING],
            "notes": numbers[Severity.NOTE],
        }
    )


def dump(value: Any) -> str:
    """Indented JSON that every stream can carry and every parser takes: ASCII, no control characters, no half pairs."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _NOT_PLAIN.sub(_escape, _LONE_SURROGATE.sub("\ufffd", text)) + "\n"


def _finding(found: Diagnostic) -> dict[str, Any]:
    """Without a place all that a place would say is null; `rendered` also where no template changed the line."""
    place = found.place
    return {
        "code": found.code.id,
        "severity": found.severity.value,
        "message": found.message,
        "help": found.help,
        "notes": list(found.notes),
        "file": found.file,
        "line": place.line if place else None,
        "column": place.start if place else None,
        "end_column": place.end if place else None,
        "source": place.text if place else None,
        "rendered": (place.rendered or None) if place else None,
    }


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[n : n + 4]}" for n in range(0, len(units), 4))
