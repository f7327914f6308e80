"""Paths of files in a dataset: which are allowed, where files of an output directory go, which of them count."""

import posixpath
import re
from dataclasses import dataclass
from typing import Final

from osmo_ctrl.dataset.faults import DatasetError, Fault

_LONGEST: Final = 4096
_LONGEST_PART: Final = 255  # bytes, what file systems take


def fault_of_path(path: str) -> str:
    """Why a path cannot be one of a dataset: it would leave the folder it is downloaded to, or no disk takes it."""
    if not path or path.startswith("/"):
        return "not a relative path"
    if "\0" in path:
        return "a path with a NUL"
    try:
        size = len(path.encode())
        longest = max(len(part.encode()) for part in path.split("/"))
    except UnicodeEncodeError:
        return "a path that is not Unicode"
    if size > _LONGEST or longest > _LONGEST_PART:
        return "a path that is too long"
    if any(part in ("", ".", "..") for part in path.split("/")):
        return "a path with an empty part, `.` or `..`"
    return ""


@dataclass(frozen=True, slots=True)
class Source:
    """A part of a directory, and the folder of the dataset that it goes to. `path` is empty for all of it.

    >>> parse_source("out/cats:animals")
    Source(path='out/cats', destination='animals', keeps_name=True)
    >>> parse_source("out/*")
    Source(path='out', destination='', keeps_name=False)
    """

    path: str = ""
    destination: str = ""
    keeps_name: bool = False


def parse_source(text: str, *, destination: bool = True) -> Source:
    """`source[:destination]`. As in OSMO the source keeps its last part, unless it ends with `/*` or `/.`."""
    source, _, target = text.partition(":") if destination else (text, "", "")
    contents = source.endswith(("/*", "/.")) or source in ("*", ".", "")
    path = _inside(source.removesuffix("*") or ".")
    return Source(path, parse_destination(target), not contents and path != "")


def parse_destination(text: str) -> str:
    """A folder of a dataset, empty for its root."""
    return _inside(text or ".")


def _inside(text: str) -> str:
    normal = posixpath.normpath(text.replace("\\", "/"))
    if normal == ".":
        return ""
    if fault := fault_of_path(normal):
        raise DatasetError(Fault.INVALID, f"`{text}`: {fault}")
    return normal


def path_in_dataset(source: Source, path: str) -> str:
    """Where a file goes: `path` is relative to the source, empty if the source itself is the file.

    >>> path_in_dataset(Source("out/cats", "animals", True), "tom.png")
    'animals/cats/tom.png'
    >>> path_in_dataset(Source("out/cats", "animals", False), "tom.png")
    'animals/tom.png'
    """
    name = posixpath.basename(source.path)
    # A file has nothing but its name.
    parts = (source.destination, name if source.keeps_name or not path else "", path)
    return "/".join(part for part in parts if part)


def compile_regex(regex: str) -> re.Pattern[str] | None:
    try:
        return re.compile(regex) if regex else None
    except (re.error, RecursionError, OverflowError) as error:
        raise DatasetError(Fault.INVALID, f"`{regex}` is not a regular expression: {error}") from None
