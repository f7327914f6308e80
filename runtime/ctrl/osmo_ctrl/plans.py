"""What is to be downloaded: decided from a manifest or a listing alone."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from osmo_ctrl.records import CheckpointFile, Complete, Generation, Manifest, StoredFile
from osmo_ctrl.storage.store import Found
from osmo_ctrl.transfer.download import Wanted

COMPLETE: Final = ".osmo-complete.json"
CHECKPOINTS: Final = ".osmo-checkpoint"
_EXECUTABLE: Final = 0o100


@dataclass(frozen=True, slots=True)
class Plan:
    """Files and the objects they come from; links and where they lead; empty directories."""

    files: tuple[Wanted, ...]
    links: tuple[tuple[str, str], ...] = ()
    directories: tuple[str, ...] = ()


def of_manifest(manifest: Manifest, prefix: str, regex: str) -> Plan:
    """What a task left, so far as its paths match.

    A link is made again where what it leads to is there too; else it becomes the file that it leads to.
    """
    pattern = re.compile(regex)
    files = {file.path: file for file in manifest.files if file.link is None}
    taken = {path: _wanted(file, path, prefix) for path, file in files.items() if pattern.match(path)}
    links: list[tuple[str, str]] = []
    for file in manifest.files:
        if file.link is None or not pattern.match(file.path):
            continue
        if file.link in files and file.link not in taken:
            taken[file.path] = _wanted(files[file.link], file.path, prefix)
        elif file.link in taken or not regex or _is_above(file.link, taken):
            links.append((file.path, file.link))
    directories = tuple(path for path in manifest.directories if pattern.match(path))
    return Plan(tuple(taken.values()), tuple(links), directories)


def _is_above(directory: str, paths: Iterable[str]) -> bool:
    return any(path.startswith(f"{directory}/") for path in paths) or not directory


def _wanted(file: StoredFile, path: str, prefix: str) -> Wanted:
    executable = bool(file.mode & _EXECUTABLE)
    return Wanted(path, f"{prefix}/{file.key or file.path}", file.size, file.sha256, executable=executable)


def of_object(found: Found, url: str) -> Plan:
    """The one object that a URL names."""
    name = url.rstrip("/").rpartition("/")[2]
    return Plan((Wanted(name, "", found.size, e_tag=found.e_tag, modified=found.modified),))


def of_listing(listed: Iterable[Found], complete: Complete | None = None, written: Found | None = None) -> list[Wanted]:
    """The objects below a URL, without what is ours, and without what stores keep in place of folders.

    A digest of `complete`, the object `written`, is true of an object that is not younger.
    """
    objects = {found.path: found for found in listed if not is_ours(found.path)}
    folders = {path[:end] for path in objects for end in _slashes(path)}
    known = {file.path: file for file in complete.files} if complete and written else {}
    wanted = []
    for path, found in objects.items():
        if path in folders and not found.size:
            continue
        file = known.get(path)
        holds = file and written and found.size == file.size and found.modified <= written.modified
        sha256 = file.sha256 if file and holds else ""
        wanted.append(Wanted(path, path, found.size, sha256, found.e_tag, found.modified, may_be_folder=not found.size))
    return wanted


def missing_of(complete: Complete, listed: Iterable[Found]) -> list[str]:
    """Files that were uploaded, as they say, and are not there."""
    there = {found.path for found in listed}
    return sorted(file.path for file in complete.files if file.path not in there)


def with_generations(wanted: Iterable[Wanted], generations: Mapping[str, Generation]) -> list[Wanted]:
    """Files of folders that are checkpoints come from the newest generation, not from what lies at their names."""
    plain = [item for item in wanted if item.path.partition("/")[0] not in generations]
    return plain + [
        _of_generation(f"{name}/{file.path}", name, file)
        for name, generation in generations.items()
        for file in generation.files
    ]


def of_part(generation: Generation, name: str, path: str) -> list[Wanted]:
    """The files of a checkpoint that lie below `path`, which begins with its name."""
    within = f"{path}/"
    paths = ((f"{name}/{file.path}", file) for file in generation.files)
    return [_of_generation(full[len(within) :], name, file) for full, file in paths if full.startswith(within)]


def _of_generation(path: str, name: str, file: CheckpointFile) -> Wanted:
    key = f"{CHECKPOINTS}/{name}/files/{file.key}"
    return Wanted(path, key, file.size, file.sha256, executable=bool(file.mode & _EXECUTABLE))


def is_ours(path: str) -> bool:
    return not path or path == COMPLETE or path.startswith(f"{CHECKPOINTS}/")


def _slashes(path: str) -> Iterable[int]:
    return (place for place, character in enumerate(path) if character == "/")
