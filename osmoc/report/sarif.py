"""Findings as SARIF 2.1.0, which code scanners and editors read. Section numbers are those of the OASIS standard."""

import sys
from collections.abc import Iterable
from hashlib import sha256
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from osmoc import __version__
from osmoc.diagnostics import Code, Diagnostic
from osmoc.report.json import dump
from osmoc.report.message import message

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def to_sarif(findings: Iterable[Diagnostic]) -> str:
    """The log of one run; its rules are the codes that occur."""
    found = list(findings)
    rules = sorted({one.code for one in found}, key=lambda code: code.id)
    driver = {"name": "osmoc", "version": __version__, "rules": [_rule(code) for code in rules]}
    results = [
        _result(one, rules.index(one.code), fingerprint)
        for one, fingerprint in zip(found, _fingerprints(found), strict=True)
    ]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return dump({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(code: Code) -> dict[str, Any]:
    # GitHub asks for all three texts.
    return {
        "id": code.id,
        "shortDescription": _text(code.summary),
        "fullDescription": _text(code.summary),
        "help": _text(f"`osmoc explain {code.id}` shows a bad and a good example"),
        "defaultConfiguration": {"level": code.severity.value},
    }


def _result(found: Diagnostic, rule: int, fingerprint: str) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": _uri(found.file)}}
    if place := found.place:
        location["region"] = {"startLine": place.line, "startColumn": place.start, "endColumn": place.end}
    return {
        "ruleId": found.code.id,
        "ruleIndex": rule,
        "level": found.severity.value,
        "message": _text(message(found)),
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"osmocFinding/v1": fingerprint},
    }


def _text(text: str) -> dict[str, str]:
    """Braces are doubled: single ones hold the number of an argument (3.11.5)."""
    return {"text": text.replace("{", "{{").replace("}", "}}")}


def _uri(file: str) -> str:
    """The path as it was given. Standard input has none, but a URI there must be (3.4.3)."""
    if file == "-":
        return "stdin"
    path = PurePath(file)
    # Bytes of a name that are no text were read with this handler, and are so turned back.
    errors = sys.getfilesystemencodeerrors()
    if path.is_absolute():
        return "file:///" + quote(path.as_posix().lstrip("/"), safe="/:", errors=errors)
    return quote(path.as_posix(), safe="/", errors=errors)


def _fingerprints(findings: list[Diagnostic]) -> list[str]:
    """By what two runs know the same finding again, though lines moved, a file was renamed or a message reworded."""
    seen: dict[tuple[str, str], int] = {}
    fingerprints = []
    for found in findings:
        place = found.place
        what = (place.text.strip(), place.text[place.start - 1 : place.end - 1]) if place else (found.message,)
        digest = sha256("\0".join((found.code.id, *what)).encode(errors="backslashreplace")).hexdigest()[:16]
        number = seen[found.file, digest] = seen.get((found.file, digest), 0) + 1
        fingerprints.append(f"{digest}:{number}")
    return fingerprints
