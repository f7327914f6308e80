"""The sections of a workflow file, and the values of its template."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

WORKFLOW: Final = "workflow"
DEFAULTS: Final = "default-values"
VERSION: Final = "version"


@dataclass(frozen=True, slots=True)
class Section:
    """Empty lines, then the text of a section from the line it starts on."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Values:
    """What the template is rendered with, and on which line of the file each default stands."""

    by_name: Mapping[str, Any] = field(default_factory=dict)
    default_lines: Mapping[str, int] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
