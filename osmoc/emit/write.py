"""Manifests as text: the same objects give the same bytes, and every reader gets back what was written.

Readers disagree about bare YAML scalars: `y`, `08`, `1e-5`, `0o17`, `1:30` and `<<` are text to one and not
to the next (YAML 1.1 in PyYAML, 1.2 in others, go-yaml's own mixture in kubectl). So nothing is left to rules:
a string stands bare only where none can touch it, and is a JSON string otherwise, which is YAML of every
version. Text of several lines is a literal block: people review the scripts and documents inside.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import count
from json.encoder import encode_basestring
from math import isfinite
from reprlib import repr as shortened
from typing import Any, NamedTuple

from osmoc.emit.manifests import BLANKS, Filled, Form, Manifests

# Begins with a letter, `/`, `-x` or `--x`: no number, no date. A space or colon stands only between two other
# characters: no comment (` #`), no key (`: `).
_BARE = re.compile(r"(?:/|-{0,2}[A-Za-z])[\w./@=+,-]*(?:[ :][\w./@=+,-]+)*", re.ASCII)

# But these, in one case or another, are booleans or null to some reader.
_WORDS = frozenset({"y", "yes", "n", "no", "on", "off", "true", "false", "null"})

# Escaped although JSON would not: what a YAML reader refuses, drops or takes for the end of a line, and marks
# that show a reviewer another order of characters than there is. Surrogates are here to be found and refused.
_UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")

_SHORT = 64  # texts of a manifest that are this short come again and again
_LONGEST_KEY = 250  # as written: readers give up on a key whose colon is not within 1024 (some count bytes)


def to_yaml(objects: Sequence[Mapping[str, Any]]) -> str:
    """The objects as one YAML stream: `---` between them, kubectl's layout, keys in the order given."""
    return "".join(yaml_stream(objects))


def yaml_stream(objects: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What `to_yaml` joins: a large result need not be in memory as one text."""
    for n, text in enumerate(_written(objects, document, _line)):
        yield ("---\n" if n else "") + text


def json_lines(objects: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Each object as JSON in ASCII, on one line: what an id is the digest of."""
    return _written(objects, json.dumps, json.dumps)


def document(manifest: Mapping[str, Any]) -> str:
    """One object as a YAML document.

    `TypeError` for what is not a tree of dicts (strings for keys), lists and plain scalars. `ValueError` for
    what some reader could not give back: nan, infinity, integers of over 64 bits, lone surrogates.
    """
    if not manifest:
        return "{}\n"
    lines: list[str] = []
    _write_mapping(manifest, "", lines)
    lines.append("")
    return "\n".join(lines)


def to_json(objects: Sequence[Mapping[str, Any]]) -> str:
    """One object as indented JSON; any other number of them as a `v1` `List`. Raises as `document` does."""
    return "".join(json_stream(objects))


def json_stream(objects: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What `to_json` joins."""
    if len(objects) == 1:
        yield _json(dict(objects[0]), "\n") + "\n"
        return
    head, tail = _json({"apiVersion": "v1", "kind": "List", "items": []}, "\n").split("[]")
    yield head + "["
    inner = "\n    "
    for n, text in enumerate(_written(objects, lambda one: _json(dict(one), inner), _quoted)):
        yield ("," if n else "") + inner + text
    yield ("\n  ]" if objects else "]") + tail + "\n"


def _written(
    objects: Sequence[Mapping[str, Any]], write: Callable[[Any], str], write_text: Callable[[str], str]
) -> Iterator[str]:
    """Each object by `write`; of those of one form only the texts that hold names, by `write_text`."""
    cuts: dict[Form, _Cut] = {}
    for part in objects.parts if isinstance(objects, Manifests) else objects:
        if isinstance(part, Filled):
            if part.form not in cuts:
                cuts[part.form] = _cut(part.form, write, write_text)
            yield cuts[part.form].filled(part, write_text)
        else:
            yield write(part)


class _Cut(NamedTuple):
    """A written form, cut where texts with blanks stand: `between` them, and each of them by its number in `texts`."""

    between: tuple[str, ...]
    texts: tuple[str, ...]
    order: tuple[int, ...]

    def filled(self, part: Filled, write_text: Callable[[str], str]) -> str:
        texts = [write_text(text) for text in part.fill(self.texts)]
        pieces = [self.between[0]]
        for number, fixed in zip(self.order, self.between[1:], strict=True):
            pieces.append(texts[number])
            pieces.append(fixed)
        return "".join(pieces)


def _cut(form: Form, write: Callable[[Any], str], write_text: Callable[[str], str]) -> _Cut:
    plain = json.dumps(form.manifest)
    placeholder = next(word for word in map("blank-{}".format, count()) if word not in plain)
    texts: list[str] = []
    written = write(_replaced(form.manifest, placeholder, texts))
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    return _Cut(tuple(written.split(write_text(placeholder))), tuple(numbers), tuple(numbers[text] for text in texts))


def _replaced(value: Any, placeholder: str, texts: list[str]) -> Any:
    """`placeholder` for every text with a blank, which goes to `texts` in the order of writing."""
    match value:
        case str() if any(character in BLANKS for character in value):
            texts.append(value)
            return placeholder
        case dict():
            return {key: _replaced(item, placeholder, texts) for key, item in value.items()}
        case list():
            return [_replaced(item, placeholder, texts) for item in value]
        case _:
            return value


def _write_mapping(mapping: Mapping[str, Any], pad: str, lines: list[str]) -> None:
    for key, value in mapping.items():
        head = _head(key, pad)
        if isinstance(value, str):
            lines.append(f"{head} {_text(value, pad)}")
        elif isinstance(value, dict) and value:
            lines.append(head)
            _write_mapping(value, pad + "  ", lines)
        elif isinstance(value, (list, tuple)) and value:
            lines.append(head)
            _write_list(value, pad, lines)
        else:
            lines.append(f"{head} {_atom(value)}")


def _write_list(items: Sequence[Any], pad: str, lines: list[str]) -> None:
    inner = pad + "  "
    for item in items:
        first = len(lines)
        if isinstance(item, str):
            lines.append(inner + _text(item, pad))
        elif isinstance(item, dict) and item:
            _write_mapping(item, inner, lines)
        elif isinstance(item, (list, tuple)) and item:
            _write_list(item, inner, lines)
        else:
            lines.append(inner + _atom(item))
        lines[first] = pad + "- " + lines[first][len(inner) :]  # the item shares its first line with the dash


@lru_cache(4096)
def _head(key: str, pad: str) -> str:
    """The line of a key up to its colon; two lines if it is too long for readers to see that it is a key."""
    text = _quoted_key(key)
    if _is_bare(key):
        text = key
    return f"{pad}{text}:" if len(text) <= _LONGEST_KEY else f"{pad}? {text}\n{pad}:"


def _text(text: str, pad: str) -> str:
    """What follows `key:` or `-`; `pad` is the indentation of the mapping or list it stands in."""
    if "\n" in text and not text.isspace() and _is_fit(text):
        return _block(text, pad + "  ")
    return _short_line(text) if len(text) <= _SHORT else _line(text)


def _line(text: str) -> str:
    return text if _is_bare(text) else _quoted(text)


_short_line = lru_cache(4096)(_line)


def _block(text: str, pad: str) -> str:
    """Lines of printable text as a literal block, with the indicators that make it exact."""
    # Without a number, readers take the indentation from the first line: it must not begin with white space.
    indentation = "2" if text[0] in " \t\n" else ""
    chomping = "-" if text[-1] != "\n" else "+" if text[-2] == "\n" else ""
    body = "\n" + text.removesuffix("\n")
    if "\n\n" in body + "\n":  # an empty line has no indentation
        lines = body.split("\n")
        body = "\n".join([pad + line if line else "" for line in lines])
    else:
        body = body.replace("\n", "\n" + pad)
    return f"|{indentation}{chomping}{body}"


def _is_fit(text: str) -> bool:
    # The first test is quick, and true of most texts.
    return text.replace("\n", "").isprintable() or not _UNFIT.search(text)


def _is_bare(text: str) -> bool:
    return _BARE.fullmatch(text) is not None and text.lower() not in _WORDS


def _json(value: Any, newline: str) -> str:
    """A value as indented JSON; `newline` carries the indentation of the line that it begins on."""
    inner = newline + "  "
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict) and value:
        members = [f"{_quoted_key(key)}: {_json(item, inner)}" for key, item in value.items()]
        return "{" + inner + ("," + inner).join(members) + newline + "}"
    if isinstance(value, (list, tuple)) and value:
        return "[" + inner + ("," + inner).join([_json(item, inner) for item in value]) + newline + "]"
    return _atom(value)


@lru_cache(4096)
def _quoted_key(key: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"the keys of a manifest are strings: {shortened(key)}")
    return _quoted(key)


def _quoted(text: str) -> str:
    return _UNFIT.sub(_escape, encode_basestring(text))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xD800 <= code <= 0xDFFF:
        raise ValueError(f"lone surrogate U+{code:04X}, which UTF-8 cannot hold: {shortened(found.string[1:-1])}")
    return f"\\u{code:04x}"


def _atom(value: Any) -> str:
    """What YAML and JSON spell alike: null, booleans, numbers, empty collections."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() if -(2**63) <= value < 2**64:
            return int.__repr__(value)
        case float() if isfinite(value):
            digits = float.__repr__(value)
            # YAML 1.1 wants a dot: 1e-05 would be a string.
            return digits if "." in digits else digits.replace("e", ".0e")
        case int() | float():
            raise ValueError(f"not a number that every reader can hold: {shortened(value)}")
        case dict() if not value:
            return "{}"
        case list() | tuple() if not value:
            return "[]"
    raise TypeError(f"not a part of a manifest: {type(value).__name__} {shortened(value)}")
