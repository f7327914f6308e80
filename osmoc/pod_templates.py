"""Pod templates of the profile: merged by OSMO's rules, then rendered with the variables of a task."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any


def merge(base: Any, overlay: Any) -> Any:
    """`overlay` on `base`: mappings merge, lists of objects merge by `name`, all else replaces.

    Objects without a name, or with a new one, are appended; neither argument is changed.
    """
    if isinstance(base, Mapping) and isinstance(overlay, Mapping):
        merged = dict(base)
        for key, value in overlay.items():
            merged[key] = merge(merged[key], value) if key in merged else value
        return merged
    if isinstance(base, list) and isinstance(overlay, list):
        items = list(base)
        for item in overlay:
            at = _named(items, item)
            if at is None:
                items.append(item)
            else:
                items[at] = merge(items[at], item)
        return items
    return overlay


def _named(items: Sequence[Any], item: Any) -> int | None:
    name = item.get("name") if isinstance(item, Mapping) else None
    if name is None:
        return None
    return next((n for n, other in enumerate(items) if isinstance(other, Mapping) and other.get("name") == name), None)


def render(template: Any, variables: Mapping[str, Any]) -> Any:
    """Every string value of a template rendered; `ARRAY:[a,b]` becomes a list.

    Raises:
        ValueError: what is wrong, in words for the administrator.
    """
    if isinstance(template, str):
        if "{{" not in template and "{%" not in template:
            return template
        text = _rendered(template, variables)
        if text.startswith("ARRAY:[") and text.endswith("]"):
            return [part.strip() for part in text[len("ARRAY:[") : -1].split(",") if part.strip()]
        return text
    if isinstance(template, Mapping):
        return {key: render(value, variables) for key, value in template.items()}
    if isinstance(template, list):
        return [render(value, variables) for value in template]
    return template


def _rendered(text: str, variables: Mapping[str, Any]) -> str:
    from jinja2 import TemplateError

    try:
        return str(_compiled(text).render(variables))
    except TemplateError as error:
        raise ValueError(f"`{text[:60]}`: {error.message}") from None
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ValueError(f"`{text[:60]}`: {error}") from None


@cache
def _compiled(text: str) -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    return SandboxedEnvironment(undefined=StrictUndefined).from_string(text)


def as_json(template: Any) -> str:
    return json.dumps(template, ensure_ascii=False, separators=(",", ":"))
