"""Jinja over the text of a workflow: rendered text, a map of its lines, and every fault that can be found.

Pure, and not safe against templates that eat time or memory: whoever renders a stranger's template does it in a
process that can be killed (`osmoc.sandbox`).
"""

import copy
import random
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import FrameType
from typing import Any, Final

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, meta
from jinja2.environment import Template
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from jinja2.sandbox import SandboxedEnvironment

from osmoc.guessed_origin import guessed_origin
from osmoc.rendered import Fault, FaultKind, Rendered

__all__ = ["Fault", "FaultKind", "Rendered", "render"]

_FILE: Final = "<workflow>"
_MAX_CHARACTERS: Final = 32 * 1024 * 1024


def render(text: str, values: Mapping[str, Any]) -> Rendered:
    """Render once, as OSMO's server does: sandboxed, undefined names are faults, nothing to include from."""
    rendered = _rendered(text, values)
    return _on_lines_of(text, rendered) if _LONE_RETURN.search(text) else rendered


def _rendered(text: str, values: Mapping[str, Any]) -> Rendered:
    undefined: dict[Fault, None] = {}
    plain, tagged = _environment(undefined), _environment(undefined, _LineTags)
    try:
        used = frozenset(meta.find_undeclared_variables(plain.parse(text)))
        result = _render(plain, text, values)
        if len(result) > _MAX_CHARACTERS:
            return _failed(Fault(FaultKind.LIMIT, 0, f"the template writes {len(result)} characters"))
        if undefined:
            return Rendered("", (), used, tuple(undefined))
        marked = _render(tagged, text, values)
    except TemplateSyntaxError as error:
        return _failed(*undefined, Fault(FaultKind.SYNTAX, error.lineno, error.message or "syntax error"))
    except MemoryError:
        return _failed(Fault(FaultKind.LIMIT, 0, "the template needs too much memory"))
    except (RecursionError, SyntaxError):  # the latter by Python, about the code that Jinja makes
        return _failed(Fault(FaultKind.LIMIT, 0, "the template nests or calls itself too deeply"))
    except Exception as error:  # a template can raise whatever Python can
        message = _ADDRESS.sub("", str(error)) or type(error).__name__
        return _failed(*undefined, Fault(FaultKind.RUNTIME, _line_of(error), message))
    # A filter that looks at the tags makes of them what it likes.
    origin = _origin(marked) if _TAG.sub("", marked) == result else guessed_origin(_LONE_RETURN.sub("\n", text), result)
    return Rendered(result, origin, used)


# The end of a line for Jinja, which writes it as one; for editors, and so in findings, it is none.
_LONE_RETURN: Final = re.compile("\r(?!\n)")


def _on_lines_of(text: str, rendered: Rendered) -> Rendered:
    """With the lines of the file in place of those that Jinja counts."""
    lines = [0, 1]
    for end in re.finditer("\r\n|\r|\n", text):
        lines.append(lines[-1] + ("\n" in end[0]))
    faults = tuple(replace(fault, line=lines[min(fault.line, len(lines) - 1)]) for fault in rendered.faults)
    return replace(rendered, origin=tuple(lines[number] for number in rendered.origin), faults=faults)


def _failed(*faults: Fault) -> Rendered:
    return Rendered("", (), frozenset(), faults)


def _environment(undefined: dict[Fault, None], *extensions: type[Extension]) -> SandboxedEnvironment:
    environment = SandboxedEnvironment(
        undefined=_collecting(undefined),
        extensions=extensions,
        keep_trailing_newline=True,
        optimized=False,  # constants are computed where they stand, so that faults in them have a line
    )
    # Same input, same text: what draws lots, draws the same ones every time.
    environment.filters["random"] = lambda choices: random.Random(0).choice(list(choices))
    del environment.globals["lipsum"]
    return environment


def _render(environment: SandboxedEnvironment, text: str, values: Mapping[str, Any]) -> str:
    code = environment.compile(text, filename=_FILE)
    # A template may append to a list of the values: the next render starts with what was given, as this one.
    template = Template.from_code(environment, code, dict(environment.globals))
    result = template.render(copy.deepcopy(dict(values)))
    return _ADDRESS.sub(lambda found: found[0] if found[0] in text else "", result)


# Python prints an object that has no text of its own with its place in memory: another one in each run.
_ADDRESS: Final = re.compile(" at 0x[0-9a-f]{6,}", re.IGNORECASE)


# What an undefined value gives for an operation of Python once the fault is noted: as if it were empty.
_EMPTY: Final[Mapping[str, Callable[[], Any]]] = {
    "__str__": str,
    "__iter__": lambda: iter(()),
    "__len__": int,
    "__int__": int,
    "__hash__": int,
    "__float__": float,
    "__bool__": bool,
    "__contains__": bool,
    **dict.fromkeys(("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"), bool),
}
_ITSELF: Final = """__getitem__ __call__ __neg__ __pos__ __add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __mod__
    __rmod__ __pow__ __rpow__ __truediv__ __rtruediv__ __floordiv__ __rfloordiv__"""


def _collecting(undefined: dict[Fault, None]) -> type[Undefined]:
    """A strict undefined that notes the fault and goes on as if empty, so that one run finds them all."""

    def note(self: Undefined) -> None:
        line, message = _template_line(sys._getframe(2)), _ADDRESS.sub("", self._undefined_message)
        if not line:  # Jinja tries at compile time whether this is a constant; it is not
            self._fail_with_undefined_error()
        if issubclass(self._undefined_exception, SecurityError):
            undefined[Fault(FaultKind.RUNTIME, line, message)] = None
        else:
            name = self._undefined_name if isinstance(self._undefined_name, str) else ""
            undefined[Fault(FaultKind.UNDEFINED, line, message, name)] = None

    def empty(result: Callable[[], Any]) -> Callable[..., Any]:
        def method(self: Undefined, *_: Any, **__: Any) -> Any:
            note(self)
            return result()

        return method

    def itself(self: Undefined, *_: Any, **__: Any) -> Any:
        note(self)
        return self

    def attribute(self: Undefined, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return itself(self)

    methods: dict[str, Any] = {name: empty(result) for name, result in _EMPTY.items()}
    methods |= dict.fromkeys(_ITSELF.split(), itself)
    return type("Collecting", (StrictUndefined,), methods | {"__slots__": (), "__getattr__": attribute})


def _template_line(frame: FrameType | None) -> int:
    while frame is not None:
        template = frame.f_globals.get("__jinja_template__")
        if template is not None:
            return int(template.get_corresponding_lineno(frame.f_lineno))
        frame = frame.f_back
    return 0


def _line_of(error: BaseException) -> int:
    line, traceback = 0, error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == _FILE:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


class _LineTags(Extension):
    """Marks each line of plain text with the line it stands on: NUL, number, NUL. No file holds a NUL."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        for token in stream:
            if token.type == "data":
                lines = token.value.split("\n")
                tagged = "\n".join(f"\0{token.lineno + n}\0{line}" for n, line in enumerate(lines))
                yield Token(token.lineno, "data", tagged)
            else:
                yield token


_TAG: Final = re.compile("\0([0-9]+)\0")


def _origin(tagged: str) -> tuple[int, ...]:
    origin = []
    line = 1
    for tagged_line in tagged.split("\n"):
        numbers = _TAG.findall(tagged_line)
        # The first tag on a line that is followed by text says best where that text came from.
        line = _leading(tagged_line, line) if numbers else line
        origin.append(line)
        line = int(numbers[-1]) if numbers else line
    return tuple(origin)


def _leading(tagged_line: str, previous: int) -> int:
    parts = _TAG.split(tagged_line)  # text, number, text, number, text …
    if parts[0].strip():
        return previous
    for number, text in zip(parts[1::2], parts[2::2], strict=True):
        if text.strip():
            return int(number)
    return int(parts[1])
