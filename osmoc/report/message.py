"""What a finding says beside its headline, in words that all formats share."""

from typing import Final

from osmoc.diagnostics import Diagnostic
from osmoc.report.printable import fit, shown

_LONGEST_LINE: Final = 90


def message(found: Diagnostic) -> str:
    """All it says, one line each: the message, the help, the notes."""
    more = [f"help: {found.help}"] if found.help else []
    return "\n".join([found.message, *more, *(f"note: {note}" for note in notes(found))])


def notes(found: Diagnostic) -> tuple[str, ...]:
    """Its notes; the first says what the template made of the line, if it made something else of it."""
    rendered = found.place.rendered if found.place else ""
    if not rendered:
        return found.notes
    return (f"rendered as `{''.join(fit(map(shown, rendered), _LONGEST_LINE))}`", *found.notes)
