"""What a version is made of: decisions without I/O."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from osmo_ctrl.dataset.records import File


def overlay(layers: Iterable[Iterable[File]]) -> tuple[File, ...]:
    """The files of all layers, sorted; of equal paths the first layer's counts.

    A path is a file or a folder, not both: what a later layer has against that is left out too.

    >>> overlay([[File("a/b", 1, "0" * 64)], [File("a", 2, "1" * 64), File("c", 3, "2" * 64)]])[-1].path
    'c'
    """
    files: dict[str, File] = {}
    folders: set[str] = set()
    for layer in layers:
        for file in layer:
            above = list(_folders(file.path))
            if file.path in files or file.path in folders or any(folder in files for folder in above):
                continue
            files[file.path] = file
            folders.update(above)
    return tuple(sorted(files.values()))


def _folders(path: str) -> Iterator[str]:
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)


def merge_maps(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Maps are merged, anything else is replaced.

    >>> merge_maps({"camera": {"left": 1, "right": 2}, "kept": True}, {"camera": {"left": 3}})
    {'camera': {'left': 3, 'right': 2}, 'kept': True}
    """
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        merged[key] = merge_maps(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return merged


@dataclass(frozen=True, slots=True)
class Difference:
    added: tuple[File, ...]
    removed: tuple[File, ...]
    changed: tuple[tuple[File, File], ...]


def difference(old: Iterable[File], new: Iterable[File]) -> Difference:
    before = {file.path: file for file in old}
    after = {file.path: file for file in new}
    return Difference(
        added=tuple(file for path, file in sorted(after.items()) if path not in before),
        removed=tuple(file for path, file in sorted(before.items()) if path not in after),
        changed=tuple(
            (before[path], file) for path, file in sorted(after.items()) if path in before and before[path] != file
        ),
    )
