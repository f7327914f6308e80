"""Findings as workflow commands of GitHub Actions: printed in a job, they annotate the lines of the file."""

from collections.abc import Iterable
from typing import Final

from osmoc.diagnostics import Diagnostic, Severity
from osmoc.report.message import message
from osmoc.report.printable import shown

_COMMANDS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_IN_MESSAGE: Final = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTY: Final = {**_IN_MESSAGE, ":": "%3A", ",": "%2C"}


def to_github(findings: Iterable[Diagnostic]) -> str:
    """One command a line; nothing if there are no findings."""
    return "".join(_command(found) + "\n" for found in findings)


def _command(found: Diagnostic) -> str:
    properties = {"file": found.file}
    if place := found.place:
        # `endColumn` is the first column behind the text, as other linters give it: GitHub does not say.
        properties |= {"line": str(place.line), "endLine": str(place.line)}
        properties |= {"col": str(place.start), "endColumn": str(place.end)}
    properties["title"] = found.code.id
    listed = ",".join(f"{key}={_escaped(value, _IN_PROPERTY)}" for key, value in properties.items())
    return f"::{_COMMANDS[found.severity]} {listed}::{_escaped(message(found), _IN_MESSAGE)}"


def _escaped(text: str, escapes: dict[str, str]) -> str:
    return "".join(escapes.get(char) or shown(char) for char in text)
