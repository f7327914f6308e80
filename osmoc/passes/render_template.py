"""Render the workflow section: special tokens kept, faults reported on the lines of the file.

Needs: sections and values. Leaves: the text to parse, and in `found.source` the map of its lines. A section without
template syntax is its own text, and costs nothing.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

from osmoc import codes
from osmoc.diagnostics import Diagnostics, did_you_mean, listed
from osmoc.rendered import Fault, FaultKind, Rendered
from osmoc.sections import Section, Values
from osmoc.source import Source, Span, line_of
from osmoc.tokens import PROTECTED
from osmoc.yamlnodes import UNPRINTABLE

Renderer = Callable[[str, Mapping[str, Any]], Rendered]

_CODES: Final = {
    FaultKind.SYNTAX: codes.TEMPLATE_SYNTAX,
    FaultKind.UNDEFINED: codes.UNDEFINED_VARIABLE,
    FaultKind.RUNTIME: codes.TEMPLATE_FAILED,
    FaultKind.LIMIT: codes.TEMPLATE_LIMIT,
}
_RAW: Final = re.compile(r"\{%[-+]?\s*raw\s*[-+]?%\}")
_END_RAW: Final = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")
_COMMENT: Final = re.compile(r"\{#")
_END_COMMENT: Final = re.compile(r"#\}")
_LONG_LINE: Final = 10_000
_TOKEN_NAMES: Final = ("output", "workflow_id")


def render_template(section: Section, values: Values, found: Diagnostics, renderer: Renderer) -> str | None:
    """The text of the workflow section to parse; None if the template failed."""
    _check_raw(section.text, found)
    protected, originals = _protect(section.text)
    if not any(opening in protected for opening in ("{{", "{%", "{#")):
        _check_unused(values, frozenset(), found)
        return section.text
    rendered = renderer(protected, values.by_name)
    for fault in rendered.faults:
        _report(fault, section, values, found)
    if all(fault.kind is FaultKind.UNDEFINED for fault in rendered.faults):
        _check_unused(values, rendered.used, found)
    if found.failed:
        return None
    text = _restore(rendered.text, originals)
    # Without a map no finding has a line: better than a wrong one.
    origin = rendered.origin or (0,) * (text.count("\n") + 1)
    found.source = Source(found.source.name, found.source.text, text, origin)
    return text if _is_printable(text, found) else None


def _is_printable(text: str, found: Diagnostics) -> bool:
    """The file was looked at before; a template can write what does not stand in it."""
    match = UNPRINTABLE.search(text)
    if match:
        line, column = text.count("\n", 0, match.start()) + 1, match.start() - text.rfind("\n", 0, match.start())
        message = f"the template writes the character U+{ord(match[0]):04X}, which YAML does not allow"
        found.report(codes.CONTROL_CHARACTER, Span(line, column, column + 1), message)
    return match is None


def _protect(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Tokens as words that filters of Jinja leave whole; some change their case (`upper`)."""
    originals: list[tuple[str, str]] = []
    mark = sha256(text.encode(errors="replace")).hexdigest()[:12]

    def replace(match: re.Match[str]) -> str:
        originals.append((f"osmoc{mark}n{len(originals)}e", match[0]))
        return originals[-1][0]

    return PROTECTED.sub(replace, text), originals


def _restore(text: str, originals: list[tuple[str, str]]) -> str:
    if not originals:
        return text
    by_word = dict(originals)
    mark = originals[0][0].split("n")[0]
    return re.sub(f"{mark}n[0-9]+e", lambda match: by_word[match[0].lower()], text, flags=re.IGNORECASE)


def _check_raw(text: str, found: Diagnostics) -> None:
    if "endraw" not in text:
        return
    text = _without_comments(text)
    line, counted = 1, 0
    for start, end in _between(_RAW, _END_RAW, text):
        for token in PROTECTED.finditer(text, start, end):
            line += text.count("\n", counted, token.start())
            counted = token.start()
            found.report_line(
                codes.TOKEN_IN_RAW,
                line,
                f"the token `{token[0]}` stands within {{% raw %}}",
                help="tokens need no protection: take it out of the raw block",
                text=token[0],
            )


def _without_comments(text: str) -> str:
    """The text with as many lines, and nothing in its comments."""
    parts, last = [], 0
    for start, end in _between(_COMMENT, _END_COMMENT, text):
        parts += [text[last:start], re.sub(r"[^\n]", " ", text[start:end])]
        last = end
    return "".join([*parts, text[last:]])


def _between(opening: re.Pattern[str], closing: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """What stands between each opening and its closing; one pattern for both would read to the end at every opening."""
    start = opening.search(text)
    while start and (end := closing.search(text, start.end())):
        yield start.end(), end.start()
        start = opening.search(text, end.end())


def _report(fault: Fault, section: Section, values: Values, found: Diagnostics) -> None:
    if found.leaves_out(_CODES[fault.kind]):
        return
    message, help = fault.message, ""
    if fault.kind is FaultKind.UNDEFINED and fault.name:
        message, help = _undefined(fault, values)
    elif fault.kind is FaultKind.SYNTAX:
        message = re.sub(r" at \d+$", "", message)  # an offset into the text tells nobody anything
        help = _syntax_help(found.source, fault)
    elif "no loader" in message:
        message, help = "a template cannot include, import or extend another file", "write the text into this file"
    line = fault.line or section.line
    message = message[:1].lower() + message[1:].rstrip(".")
    text = _use_of(fault.name, found.source, line) if fault.line else ""
    found.report_line(_CODES[fault.kind], line, message[:300], help=help, text=text)


def _use_of(name: str, source: Source, line: int) -> str:
    """The expression of a line that uses a name: what is underlined."""
    text = line_of(source.text, line)
    expressions = re.findall(r"\{\{.*?\}\}|\{%.*?%\}", text) if len(text) < _LONG_LINE else []
    return next((text for text in expressions if re.search(rf"\b{re.escape(name)}\b", text)), name) if name else ""


def _undefined(fault: Fault, values: Values) -> tuple[str, str]:
    name = fault.name
    if name.lower() in _TOKEN_NAMES:
        help = f"the token is written `{{{{{name.lower()}}}}}`, in lower case and without spaces"
        return f"`{name}` has no value", help
    if "has no attribute" in fault.message or "has no element" in fault.message:
        return fault.message, ""
    hint = did_you_mean(name, [*values.by_name, *_TOKEN_NAMES])
    known = f"values: {listed(sorted(values.by_name))}" if values.by_name else "the file has no default-values"
    return (
        f"`{name}` has no value",
        f"{hint}{' ' if hint else ''}give it in default-values or by --set {name}=…; {known}",
    )


def _syntax_help(source: Source, fault: Fault) -> str:
    line = line_of(source.text, fault.line)[:_LONG_LINE]
    if re.search(r"\{\{\s+(input|host):|\{\{\s*(input|host):[^}]*\}(?!\})", line):
        return "tokens are written without spaces and with two braces on each side: `{{input:0}}`"
    if re.search(r"\{\{-?\s*(input|host)", line):
        return "a token has a name or a number: `{{input:0}}`, `{{host:peer}}`"
    if "{#" in source.text and "comment" in fault.message.lower():
        return "`{#` opens a comment of the template, also in `${#array[@]}`: wrap the text in {% raw %} … {% endraw %}"
    if "end of template" in fault.message.lower():
        return "every `{% if %}` and `{% for %}` needs its `{% endif %}` or `{% endfor %}`"
    return "text that is no template stands between {% raw %} and {% endraw %}"


def _check_unused(values: Values, used: frozenset[str], found: Diagnostics) -> None:
    for name, line in values.default_lines.items():
        if name not in used and name not in values.given:
            found.report_line(codes.UNUSED_VALUE, line, f"nothing uses the default `{name}`", text=name)
    for name in values.given:
        if name not in used:
            hint = did_you_mean(name, used)
            found.add(codes.UNUSED_VALUE, None, f"nothing uses the value `{name}` given by --set", help=hint)
