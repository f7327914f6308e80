"""The values of a template: `default-values`, then `--set`, then `--set-string`; and the version of the language."""

from collections.abc import Mapping
from typing import Any

from osmoc import codes
from osmoc.diagnostics import Diagnostics
from osmoc.sections import DEFAULTS, VERSION, Section, Values
from osmoc.yamltree import Scalar, parse


def bind_values(
    sections: Mapping[str, Section], set_: Mapping[str, str], set_string: Mapping[str, str], found: Diagnostics
) -> Values:
    _check_version(sections.get(VERSION), found)
    defaults, lines = _defaults(sections.get(DEFAULTS), found)
    for name in set_.keys() & set_string.keys():
        found.add(
            codes.SET_TWICE, None, f"`{name}` is given to both --set and --set-string", help="--set-string counts"
        )
    numbers = {name: _number(name, text, found) for name, text in set_.items() if name not in set_string}
    return Values(defaults | numbers | dict(set_string), lines, {**set_, **set_string})


def _check_version(section: Section | None, found: Diagnostics) -> None:
    if section is None:
        return
    lines = [line for line in section.text.split("\n") if not line.lstrip().startswith(("{%", "---"))]
    # What is no YAML is no version either: one finding says it.
    tree = parse("\n".join(lines), Diagnostics(found.source))
    version = tree.plain.get(VERSION) if tree and isinstance(tree.plain, dict) else None
    number = version.value if isinstance(version, Scalar) else version
    if isinstance(number, bool) or number not in (2, "2"):
        found.report_line(
            codes.BAD_VERSION,
            section.line,
            "the version of the workflow language must be 2",
            help="write `version: 2`, or leave the line out",
        )


def _defaults(section: Section | None, found: Diagnostics) -> tuple[dict[str, Any], dict[str, int]]:
    if section is None:
        return {}, {}
    errors_before = found.failed
    tree = parse(section.text, found)
    plain = tree.plain.get(DEFAULTS) if tree and isinstance(tree.plain, dict) else None
    if plain is None:
        return {}, {}
    if not isinstance(plain, dict):
        if errors_before or not found.failed:
            found.report_line(
                codes.BAD_DEFAULTS,
                section.line,
                "`default-values` is not a mapping",
                help="write one `name: value` a line, indented",
            )
        return {}, {}
    assert tree is not None
    tree.refuse_disputed(found)
    for key in plain:
        if not isinstance(key, str):
            message = f"`{key}` cannot be the name of a default"
            found.report(
                codes.BAD_DEFAULTS,
                tree.key((DEFAULTS, str(key))),
                message,
                help="a name is a word that YAML takes for text, such as `epochs`",
            )
    names = [str(key) for key in plain]
    return {str(key): _value(value) for key, value in plain.items()}, {
        name: tree.key((DEFAULTS, name)).line for name in names
    }


def _value(plain: Any) -> Any:
    match plain:
        case Scalar():
            return plain.value
        case list():
            return [_value(item) for item in plain]
        case dict():
            return {_value(key): _value(value) for key, value in plain.items()}
        case _:
            return plain


def _number(name: str, text: str, found: Diagnostics) -> Any:
    """An integer or a float if Python can read one, as OSMO does it; else the text."""
    number: int | float
    try:
        number = int(text)
    except ValueError:
        try:
            number = float(text)
        except ValueError:
            _check_word(name, text, found)
            return text
    if str(number) != text.strip():
        found.add(
            codes.CHANGED_NUMBER,
            None,
            f"--set {name}={text} is printed as `{number}`",
            help=f"--set-string {name}={text} keeps it as it is",
        )
    return number


def _check_word(name: str, text: str, found: Diagnostics) -> None:
    if text.lower() in ("true", "false", "null", "none", "yes", "no", "on", "off"):
        found.add(
            codes.WORD_VALUE,
            None,
            f'--set {name}={text} is the text "{text}", which counts as true',
            help=f'compare with the text: `{{% if {name} == "{text}" %}}`; --set-string says that text is meant',
        )
