"""Where lines of a rendered text came from, told by what they look like: for templates that leave no other trace."""

import re
from collections import defaultdict
from typing import Final

_JINJA: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}")

# Lines with expressions are tried one after the other; long ones, and too many, take longer than they are worth.
_LONGEST: Final = 500
_MOST_EXPRESSIONS: Final = 3
_MOST_TRIES: Final = 100_000


def guessed_origin(template: str, rendered: str) -> tuple[int, ...]:
    r"""A line of the template for each line of the text, from 1; 0 for one that is like none.

    >>> guessed_origin("a:\n{% if x %}\n  key: {{ y }}\n{% endif %}\n", "a:\n\n  key: 5\nc\n")
    (1, 0, 3, 0, 0)
    """
    lines = template.split("\n")
    alike: dict[str, list[int]] = defaultdict(list)
    for number, line in enumerate(lines, start=1):
        alike[line.strip()].append(number)
    forms = [(number, form) for number, line in enumerate(lines, start=1) if (form := _form(line))]
    origin, last, tries = [], 0, 0
    for line in rendered.split("\n"):
        text = line.strip()
        known = alike.get(text, []) if text else []
        if text and not known and tries + len(forms) <= _MOST_TRIES and len(text) <= _LONGEST:
            tries += len(forms)
            known = [number for number, form in forms if form.fullmatch(text)]
        # What stands below the line before is more likely than what stands above it, as at the end of a loop.
        found = next((number for number in known if number > last), known[0] if known else 0)
        last = found or last
        origin.append(found)
    return tuple(origin)


def _form(line: str) -> re.Pattern[str] | None:
    """What a line with expressions may become; None if it says nothing by itself."""
    fixed = _JINJA.split(line.strip()) if len(line) <= _LONGEST else []
    if not 1 < len(fixed) <= _MOST_EXPRESSIONS + 1 or not re.search(r"\w\w", "".join(fixed)):
        return None
    return re.compile(".*".join(map(re.escape, fixed)))
