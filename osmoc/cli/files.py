"""Files and folders of manifests: written atomically, kept in step, compared. Foreign files are never touched."""

import os
from collections.abc import Iterable, Mapping, Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Any, Final

import click

from osmoc.emit.write import document, to_json

INDEX: Final = "kustomization.yaml"
_HEADER: Final = "# Written by osmoc. It owns the files listed here; what else lies in this folder is not touched.\n"


def write_file(path: Path, text: Iterable[str]) -> None:
    """Write beside and rename, so that a reader sees the old file or the new one."""
    import tempfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
                stream.writelines(text)
            # mkstemp makes private files; these are as public as any other of their folder.
            umask = os.umask(0)
            os.umask(umask)
            Path(name).chmod(0o666 & ~umask)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {(error.strerror or str(error)).lower()}") from None


def folder_files(manifests: Sequence[Mapping[str, Any]], workflow_id: str, format_: str) -> dict[str, str]:
    """One file an object, and the kustomization that lists them.

    File names leave out the id: it changes with every change, and a diff shall show lines, not renamed files.
    """
    files: dict[str, str] = {}
    for manifest in manifests:
        rest = manifest["metadata"]["name"].removeprefix(workflow_id)
        name = f"{manifest['kind'].lower()}{rest}.{format_}"
        files[name] = to_json([manifest]) if format_ == "json" else document(manifest)
    index = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": list(files)}
    return files | {INDEX: _HEADER + document(index)}


def update_folder(folder: Path, files: Mapping[str, str]) -> None:
    """Make the folder hold `files`: the index last, then what an earlier index of ours lists and this one does not."""
    stale = _stale(folder, files)
    for name, text in files.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_file(path, [text])
    for name in stale:
        (folder / name).unlink(missing_ok=True)


def compare_folder(folder: Path, files: Mapping[str, str]) -> str:
    """What `update_folder` would change, as a unified diff; empty if nothing."""
    changes: list[str] = []
    for name in sorted({*files, *_stale(folder, files)}):
        path = folder / name
        old = path.read_text(encoding="utf-8") if path.is_file() else ""
        new = files.get(name, "")
        changes += unified_diff(
            old.splitlines(keepends=True),
            new.splitlines(keepends=True),
            str(path) if old else os.devnull,
            str(path) if new else os.devnull,
        )
    return "".join(changes)


def _stale(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Files of an earlier compile that no longer belong here."""
    index = folder / INDEX
    if not index.is_file():
        return []
    listed = listed_files(folder)
    if listed is None:
        raise click.UsageError(f"{index} was not written by osmoc: choose another folder")
    return [name for name in listed if name not in files]


def listed_files(folder: Path) -> list[str] | None:
    """Files that are there and that the folder's index lists; None if osmoc has not written it."""
    import yaml

    index = folder / INDEX
    text = index.read_text(encoding="utf-8", errors="replace")
    if not text.startswith(_HEADER):
        return None
    try:
        listed = yaml.safe_load(text).get("resources") or []
    except (yaml.YAMLError, AttributeError):
        raise click.UsageError(f"{index} is damaged: remove it and the manifests beside it") from None
    names = [name for name in listed if isinstance(name, str) and Path(name).name == name]
    return [name for name in names if (folder / name).is_file()]
