"""Argo's `{{tags}}`: where they stand in a text and what substitution makes of them.

Argo substitutes over the JSON text of a whole template, so a lone `{{` swallows everything up to the next `}}`,
wherever that is.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_BREAKS_JSON = re.compile(r"[\x00-\x07\x0b\x0e-\x1f\x7f]")  # Go's quoting of these is no JSON


class TagError(Exception):
    """The controller could not substitute; the node would end in phase Error."""


def tags(text: str) -> list[str]:
    """What stands between each `{{` and its `}}`, stripped."""
    if "{{" in _TAG.sub("", text):
        raise TagError("a `{{` without a `}}`")
    return [found.strip() for found in _TAG.findall(text)]


def substitute(value: Any, values: Mapping[str, str]) -> Any:
    """A copy of `value` with all known tags replaced; unknown ones stay, as they do in Argo."""
    text = json.dumps(value, ensure_ascii=False)
    if "{{" not in text:
        return json.loads(text)
    tags(text)

    def replacement(found: re.Match[str]) -> str:
        name = found[1].strip()
        if name not in values:
            return found[0]
        if _BREAKS_JSON.search(values[name]):
            raise TagError(f"the value of {{{{{name}}}}} holds a control character")
        return json.dumps(values[name], ensure_ascii=False)[1:-1]

    try:
        return json.loads(_TAG.sub(replacement, text))
    except ValueError as error:
        raise TagError(f"substitution leaves no valid JSON: {error}") from error
