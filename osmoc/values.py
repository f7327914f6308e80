"""The scalar types of the language: text, numbers, durations, sizes, exit codes.

The workflow and the profile use them. Each is a plain type with a validator that takes what YAML gave, with OSMO's
coercions, and says in this project's words what is wrong. Warnings go to the collector in the validation context.
"""

import math
import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from osmoc import codes
from osmoc.codes import Code
from osmoc.diagnostics import Diagnostics
from osmoc.yamltree import Scalar


def fault(code: Code, message: str, help: str = "") -> PydanticCustomError:
    """An error of a validator, with a code of ours as its type."""
    # pydantic formats the message itself, with braces as fields.
    escaped = message.replace("{", "{{").replace("}", "}}")
    return PydanticCustomError(code.id, escaped, {"message": message, "help": help})


def wrong_type(value: Any, expected: str, help: str = "") -> PydanticCustomError:
    if value is None:
        return fault(codes.NULL_VALUE, f"a value is missing: {expected} is expected")
    return fault(codes.WRONG_TYPE, f"{expected} is expected, not {_named(value)}", help)


def _named(value: Any) -> str:
    match value:
        case Scalar():
            return f"{value.type_name} (`{value.text}`)"
        case str():
            return f"text (`{value[:40]}`)"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return str(type(value).__name__)


def _warn(info: ValidationInfo, code: Code, scalar: Scalar, message: str, help: str) -> None:
    if isinstance(info.context, Diagnostics):
        info.context.report(code, scalar.span, message, help=help)


def _text(value: Any, info: ValidationInfo) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Scalar) and isinstance(value.value, bytes):
        return _decoded(value.value)
    if not isinstance(value, Scalar) or not isinstance(value.value, bool | int | float):
        help = "put it into quotes" if isinstance(value, Scalar) else ""
        if isinstance(value, dict):
            help = "text that holds `: ` or braces needs quotes"
        raise wrong_type(value, "text", help)
    text = str(value.value)
    if text == value.text:
        return text
    if isinstance(value.value, bool):
        _warn(
            info,
            codes.YAML_BOOLEAN,
            value,
            f"YAML reads `{value.text}` as a boolean: the text is `{text}`",
            f'write "{value.text}" to keep the word',
        )
    else:
        _warn(
            info,
            codes.YAML_NUMBER,
            value,
            f"YAML reads `{value.text}` as a number: the text is `{text}`",
            f'write "{value.text}" to keep it as it is',
        )
    return text


def _decoded(data: bytes) -> str:
    """What `!!binary` holds."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise fault(codes.WRONG_TYPE, "binary data that is no text", "a file may have `base64: true`") from None


def _strict_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise wrong_type(value, "text", "put it into quotes" if isinstance(value, Scalar) else "")


_TRUE: Final = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "off", "0"})


def _boolean(value: Any) -> bool:
    word = value.value if isinstance(value, Scalar) else value
    if isinstance(word, bool):
        return word
    if isinstance(word, str | int) and str(word).lower() in _TRUE:
        return True
    if isinstance(word, str | int) and str(word).lower() in _FALSE:
        return False
    raise wrong_type(value, "true or false")


def _count(value: Any, info: ValidationInfo) -> int:
    """A whole number of processors or GPUs; 0 means that none was asked for."""
    number = value.value if isinstance(value, Scalar) else value
    if isinstance(number, str):
        number = _number(number)
    if isinstance(number, float):
        if not math.isfinite(number) or number != int(number):
            raise fault(
                codes.BAD_COUNT,
                f"{number:g} is not a whole number",
                "OSMO drops the fraction: ask for a whole number",
            )
        number = int(number)
    if not isinstance(number, int):
        raise wrong_type(value, "a whole number")
    if not 0 <= number <= 1_000_000:
        raise fault(codes.BAD_COUNT, f"{number} is {'negative' if number < 0 else 'more than any machine has'}")
    if isinstance(value, Scalar) and isinstance(number, bool):
        _warn(info, codes.YAML_BOOLEAN, value, f"`{value.text}` is a boolean, and counts as {int(number)}", "")
    else:
        _warn_surprise(value, number, info)
    return int(number)


def _warn_surprise(value: Any, number: float, info: ValidationInfo) -> None:
    """YAML 1.1 takes a zero before a number for octal, and colons for sixties."""
    if isinstance(value, Scalar) and re.match("[-+]?0[0-9]|.*:", value.text):
        _warn(info, codes.YAML_NUMBER, value, f"YAML reads `{value.text}` as {number:g}", f"write {number:g}")


def _integer(value: Any) -> int:
    number = value.value if isinstance(value, Scalar) else value
    if isinstance(number, int) and not isinstance(number, bool):
        return number
    raise wrong_type(value, "a whole number")


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        help = "processors and GPUs are asked for as whole numbers"
        raise fault(codes.BAD_COUNT, f"`{text[:40]}` is not a whole number", help) from None


# Seconds of each unit, and how many of it are a second: 5 / 1,000,000 is the nearest float, 5 * 1e-6 is not.
_UNITS: Final = {"d": (86_400, 1), "h": (3_600, 1), "m": (60, 1), "s": (1, 1), "ms": (1, 1_000), "us": (1, 1_000_000)}
_SIMPLE: Final = re.compile(r"\s*\+?([0-9]{1,18})\s*(d|h|ms|us|m|s)")
_ISO: Final = re.compile(r"P(?:([0-9]+)D)?(?:T(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+(?:\.[0-9]+)?)S)?)?")
_LONGEST: Final = 1e11
_DURATION_HELP: Final = "write a number with d, h, m, s, ms or us such as `90m`, or ISO 8601 such as `PT1H30M`"


def _duration(value: Any, info: ValidationInfo) -> float:
    """Seconds."""
    number = value.value if isinstance(value, Scalar) else value
    if value is None or isinstance(number, bool) or not isinstance(number, str | int | float):
        raise wrong_type(value, "a duration", _DURATION_HELP)
    text = value.text if isinstance(value, Scalar) else str(value)
    seconds = _parse_duration(number) if isinstance(number, str) else float(number)
    _warn_surprise(value, seconds, info)
    if not seconds < _LONGEST:
        raise fault(codes.BAD_DURATION, f"`{text[:40]}` is longer than 3,000 years", "leave the key out for no limit")
    if seconds <= 0:
        raise fault(codes.NOT_POSITIVE, f"`{text[:40]}` is not a positive duration", "leave the key out for no limit")
    return seconds


def _parse_duration(text: str) -> float:
    if match := _SIMPLE.fullmatch(text):
        whole, parts = _UNITS[match[2]]
        return int(match[1]) * whole / parts
    if (match := _ISO.fullmatch(text)) and any(match.groups()) and not text.endswith("T"):
        days, hours, minutes, seconds = (float(group or 0) for group in match.groups())
        return days * 86_400 + hours * 3_600 + minutes * 60 + seconds
    if re.fullmatch(r"\s*-\s*[0-9]+\s*[a-z]+\s*", text):
        raise fault(codes.NOT_POSITIVE, f"`{text.strip()}` is negative")
    digits = re.fullmatch(r"[0-9]+", text)
    help = f"as a number it counts seconds: write it without quotes, or `{text[:40]}s`" if digits else _DURATION_HELP
    raise fault(codes.BAD_DURATION, f"`{text[:40]}` is not a duration", help)


@dataclass(frozen=True, slots=True)
class Size:
    """An amount of memory or storage in bytes, and how it was written."""

    bytes: int
    text: str

    @property
    def quantity(self) -> str:
        """As Kubernetes writes it, in the largest binary unit that is exact."""
        for unit, factor in (("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)):
            if self.bytes % factor == 0:
                return f"{self.bytes // factor}{unit}"
        return str(self.bytes)

    @property
    def unit(self) -> str:
        return self.text.lstrip("0123456789.")


# OSMO takes `G` for `Gi`; Kubernetes does not. `m` is a thousandth of a byte to both.
_SIZE: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)(T|Ti|TiB|G|Gi|GiB|M|Mi|MiB|K|Ki|KiB|B|m)?")
_FACTORS: Final = {"T": 1 << 40, "G": 1 << 30, "M": 1 << 20, "K": 1 << 10, "B": 1, "m": 0.001}
_SIZE_HELP: Final = "write a number with Ki, Mi, Gi or Ti such as `16Gi`"


def _size(value: Any) -> Size:
    number = value.value if isinstance(value, Scalar) else value
    if isinstance(number, bool) or not isinstance(number, str | int | float):
        raise wrong_type(value, "a size", _SIZE_HELP)
    text = str(number)
    match = _SIZE.fullmatch(text)
    if not match:
        raise fault(codes.BAD_SIZE, _size_problem(text[:40]), _SIZE_HELP)
    amount = float(match[1]) * _FACTORS[(match[2] or "B")[:1]]
    if not 1 <= amount < 1 << 60:
        reason = "nothing at all" if amount == 0 else "less than a byte" if amount < 1 else "more than any machine has"
        raise fault(codes.BAD_SIZE, f"`{text}` is {reason}", _SIZE_HELP)
    return Size(round(amount), text)


def _size_problem(text: str) -> str:
    if text.startswith("-"):
        return f"`{text}` is negative"
    if re.fullmatch("[0-9.]+ *[A-Za-z]+", text):
        return f"`{text}` has a unit that is not known"
    return f"`{text}` is not a size"


ExitRange = tuple[int, int]

# Enough for every code there is.
_LONGEST_CODES: Final = 10_000


def parse_exit_codes(text: str) -> list[ExitRange]:
    """`0-10,15` as inclusive ranges.

    Raises:
        ValueError: with the reason, in words for the user.
    """
    ranges = []
    if len(text) > _LONGEST_CODES:
        raise ValueError(f"`{text[:40]}…` is too long, with {len(text)} characters")
    for part in text.split(","):
        ends = part.split("-")
        if not all(end.isascii() and end.isdigit() and len(end) <= 6 for end in ends) or len(ends) > 2:
            reason = "chains ranges" if len(ends) > 2 and all(map(str.isdigit, ends)) else "is no exit code"
            raise ValueError(f"`{part[:40]}` {reason}")
        first, last = int(ends[0]), int(ends[-1])
        if first > last:
            raise ValueError(f"`{part}` runs backwards")
        ranges.append((first, last))
    return ranges


def _exit_codes(value: Any, info: ValidationInfo) -> tuple[ExitRange, ...]:
    number = value.value if isinstance(value, Scalar) else value
    if isinstance(number, int) and not isinstance(number, bool):
        _warn_surprise(value, number, info)
        number = str(number)
    help = 'write codes and ranges without spaces: "1-10,42"'
    if value is None:
        raise wrong_type(value, "exit codes", help)
    if not isinstance(number, str):
        raise fault(codes.BAD_CODES, f"{_named(value)} is no exit code", help)
    try:
        return tuple(parse_exit_codes(number))
    except ValueError as error:
        raise fault(codes.BAD_CODES, str(error), help) from None


def _regex(value: Any, info: ValidationInfo) -> str:
    text = _text(value, info)
    if problem := _problem_of_regex(text):
        help = "this is a regular expression, not a shell pattern: `*.png` is `.*\\.png`" if text[:1] in "*?" else ""
        raise fault(codes.BAD_REGEX, problem, help)
    return text


_LONGEST_REGEX: Final = 1_000
_IGNORE_CASE: Final = re.compile(r"\(\?[a-zA-Z]*i")


@lru_cache(1024)
def _problem_of_regex(text: str) -> str:
    """Compiled it is; never matched: a pattern can be made to take years."""
    if len(text) > _LONGEST_REGEX:
        return f"a regular expression of {len(text)} characters; at most {_LONGEST_REGEX} are allowed"
    if _IGNORE_CASE.search(text) and not (text.isascii() and "\\u" not in text.lower()):
        return ""  # the cases of a range of Unicode take Python a hundredth of a second; whoever uses it will tell
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what a later Python may understand otherwise
            re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        return f"the regular expression does not compile: {error}"
    return ""


def _schema(**schema: Any) -> WithJsonSchema:
    return WithJsonSchema(schema)


_SCALAR_TEXT: Final = {"type": ["string", "number", "boolean"]}

Text = Annotated[str, BeforeValidator(_text), _schema(**_SCALAR_TEXT)]
StrictText = Annotated[str, BeforeValidator(_strict_text), _schema(type="string")]
Boolean = Annotated[bool, BeforeValidator(_boolean), _schema(type=["boolean", "string", "integer"])]
Count = Annotated[int, BeforeValidator(_count), _schema(type=["integer", "string"], minimum=0)]
Integer = Annotated[int, BeforeValidator(_integer), _schema(type="integer")]
Duration = Annotated[
    float,
    BeforeValidator(_duration),
    _schema(
        anyOf=[
            {"type": "number", "exclusiveMinimum": 0},
            {
                "type": "string",
                "pattern": r"^([0-9]+(d|h|m|s|ms|us)|P([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9.]+S)?)?)$",
            },
        ],
        examples=["90m", "7d", "PT1H30M", 600],
    ),
]
SizeValue = Annotated[
    Size,
    BeforeValidator(_size),
    _schema(
        type=["string", "number"],
        pattern=r"^[0-9]+(\.[0-9]+)?(Ti|TiB|Gi|GiB|Mi|MiB|Ki|KiB|T|G|M|K|B|m)?$",
        examples=["16Gi"],
    ),
]
ExitCodes = Annotated[
    tuple[ExitRange, ...],
    BeforeValidator(_exit_codes),
    _schema(type=["string", "integer"], pattern=r"^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$", examples=["1-10,42"]),
]
Regex = Annotated[str, BeforeValidator(_regex), _schema(type="string", format="regex")]
