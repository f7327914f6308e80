"""Manifests of runs in a repository: found by the labels that osmoc gives every object, and removed; nothing else."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from osmoc.cli.files import INDEX, listed_files
from osmoc.emit.pod import MANAGED_BY

_SUFFIXES: Final = (".yaml", ".yml", ".json")
_WORKFLOW_ID: Final = "osmo.workflow_id"


@dataclass(frozen=True, slots=True)
class WrittenRun:
    """All of one run: a folder with its index, or a file. `files` are in the order in which they are to be removed."""

    path: Path
    files: tuple[Path, ...]
    workflow_id: str
    workflow: str
    namespace: str


def find_runs(folder: Path) -> list[WrittenRun]:
    """In a folder and all that lies in it. Raises: click.UsageError, if it cannot be read."""
    found: list[WrittenRun] = []
    for name, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        here = Path(name)
        listed = (INDEX, *_listed(here))
        lone = (here / one for one in sorted(files) if one not in listed)
        runs = [folder_run(here), *(_run(path, [path]) for path in lone if path.suffix in _SUFFIXES)]
        found += (run for run in runs if run)
    return found


def folder_run(folder: Path) -> WrittenRun | None:
    """The run whose manifests are a folder, as `osmoc compile -o` writes it."""
    # The index goes last, after what says most: what is left of an interrupted removal is still a folder of osmoc's.
    files = [folder / one for one in reversed(_listed(folder))]
    return _run(folder, [*files, folder / INDEX]) if files else None


def _listed(folder: Path) -> list[str]:
    return (listed_files(folder) or []) if (folder / INDEX).is_file() else []


def remove_run(run: WrittenRun, top: Path) -> None:
    """With its folder, if nothing else lies there. Raises: click.UsageError."""
    try:
        for path in run.files:
            path.unlink(missing_ok=True)
        if run.path.is_dir() and run.path != top and not any(run.path.iterdir()):
            run.path.rmdir()
    except OSError as error:
        raise click.UsageError(f"{error.filename} cannot be removed: {(error.strerror or '').lower()}") from None


def naming_index(run: WrittenRun) -> Path | None:
    """A kustomization.yaml beside the folder or file that names it, and would be broken without it."""
    index = run.path.parent / INDEX
    listed = next(iter(_documents(index)), {}).get("resources") if index.is_file() else None
    names = {os.path.normpath(one) for one in listed or () if isinstance(one, str)}
    return index if run.path.name in names and index not in run.files else None


def _run(path: Path, files: list[Path]) -> WrittenRun | None:
    """None if an object in these files is not of one and the same run."""
    objects = [one for file in files if file.name != INDEX for one in _objects(file)]
    ids = {_id(one) for one in objects}
    workflow_id = ids.pop() if len(ids) == 1 else ""
    if not workflow_id:
        return None
    workflow = next(filter(None, map(_workflow, objects)), workflow_id)
    return WrittenRun(path, tuple(files), workflow_id, workflow, objects[0]["metadata"].get("namespace", ""))


def _id(manifest: Mapping[str, Any]) -> str:
    """Of the run that an object belongs to; empty if osmoc has not written it."""
    metadata = manifest.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    if not isinstance(labels, dict) or not labels.items() >= MANAGED_BY.items():
        return ""
    found = labels.get(_WORKFLOW_ID)
    return found if isinstance(found, str) else ""


def _objects(path: Path) -> Iterator[Mapping[str, Any]]:
    for document in _documents(path):
        items = document.get("items") if document.get("kind") == "List" else None
        yield from (one if isinstance(one, dict) else {} for one in (items if isinstance(items, list) else [document]))


def _documents(path: Path) -> Iterator[Mapping[str, Any]]:
    """What is no YAML, or no object, is an object without a label."""
    import yaml

    try:
        for document in yaml.load_all(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if document is not None:
                yield document if isinstance(document, dict) else {}
    except (yaml.YAMLError, OSError, ValueError):
        yield {}


def _workflow(manifest: Mapping[str, Any]) -> str:
    """The name of the workflow, as the documents of tasks have it."""
    if manifest.get("kind") != "ConfigMap":
        return ""
    data = manifest.get("data")
    for key, text in data.items() if isinstance(data, dict) else ():
        with suppress(ValueError, KeyError, TypeError):  # other files than documents
            if str(key).endswith(".json"):
                return str(json.loads(text)["workflow"])
    return ""


def _refuse(error: OSError) -> None:
    raise click.UsageError(f"{error.filename} cannot be read: {(error.strerror or str(error)).lower()}")
