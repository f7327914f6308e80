"""Every origin is a true one: what changes in the manifests when a value of the workflow is changed comes from it."""

import copy
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from compiled import ROOT

from osmoc import compile_workflow
from osmoc.diagnostics import Diagnostics
from osmoc.emit.write import yaml_stream
from osmoc.passes.read_profile import read_profile
from osmoc.pipeline import Options, Result
from osmoc.source import Source
from osmoc.trace.emitted import Emitted, read_objects
from osmoc.trace.origins import Origins
from osmoc.trace.rules import How
from osmoc.yamlnodes import Path as At

CASES = sorted(path.parent for path in (ROOT / "golden").glob("*/workflow.yaml") if "{%" not in path.read_text())
# Digests, and what is numbered by the order of all: they come from everything.
# So do the driver's plan, which is one line, and the buckets that a task has access to.
DERIVED = re.compile(r"/digest$|osmo.document_digest$|^data/plan.json$|/access/")
# What a pod template of a profile makes of a task.
TEMPLATED = re.compile(r"/env/2/value$|/annotations/example.com/task$")
HEX = re.compile("[0-9a-f]{16}")


def leaves(value: Any, path: At = ()) -> Iterator[tuple[At, Any]]:
    match value:
        case dict():
            for key, item in value.items():
                yield from leaves(item, (*path, key))
        case list():
            for number, item in enumerate(value):
                yield from leaves(item, (*path, number))
        case _:
            yield path, value


def is_derived(path: At, text: str) -> bool:
    words = "/".join(map(str, path))
    return any((DERIVED.search(words), TEMPLATED.search(words), HEX.fullmatch(text)))


def changed(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str() if match := re.fullmatch("([0-9]+)([A-Za-z]+)", value):
            return f"{int(match[1]) + 1}{match[2]}"
        case str() if re.fullmatch("[0-9]+", value):
            return str(int(value) + 1)
        case str() if value.startswith("{{") or value.endswith("}}"):
            return value
        case str():
            return f"{value}x"
        case _:
            return value


def with_value(document: Any, path: At, value: Any) -> Any:
    document = copy.deepcopy(document)
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return document


class Case:
    def __init__(self, folder: Path, target: Any) -> None:
        self.folder = folder
        self.document = yaml.safe_load((folder / "workflow.yaml").read_text(encoding="utf-8"))
        profile, options = folder / "profile.yaml", folder / "options.yaml"
        self.profile = read_profile(Diagnostics(Source("", profile.read_text()))) if profile.exists() else None
        given = yaml.safe_load(options.read_text()) if options.exists() else {}
        names = {"set": "set_", "set-string": "set_string", "set-env": "set_env", "label": "labels"}
        known = {names.get(key, key): value for key, value in given.items() if key not in ("id", "targets")}
        self.options = replace(Options(**known), target=target, workflow_id="run-1")

    def compile(self, document: Any) -> Result:
        return compile_workflow(
            yaml.safe_dump(document, sort_keys=False),
            self.profile,
            options=self.options,
            read_file=lambda name: (self.folder / name).read_bytes(),
        )


def objects(result: Result) -> list[Emitted]:
    return [next(read_objects(text.removeprefix("---\n"))) for text in yaml_stream(result.manifests)]


def shapes(emitted: list[Emitted]) -> list[Any]:
    """Which template of Argo each task has: they are numbered anew where two tasks become alike, or differ."""
    return [value for one in emitted for path, value in leaves(one.plain) if path[-1] == "template"]


def strange_changes(case: Case) -> Iterator[tuple[At, str, At, Any]]:
    """Values of the file, and what they change without being the origin of it."""
    base = case.compile(case.document)
    assert base.plan and base.graph
    origins = Origins(base.plan, base.graph, case.document)
    before = objects(base)
    for at, value in leaves(case.document):
        result = case.compile(with_value(case.document, at, changed(value)))
        after = objects(result)
        if result.failed or len(after) != len(before) or (at[-1] != "name" and shapes(after) != shapes(before)):
            continue
        for old, new in zip(before, after, strict=True):
            values = dict(leaves(new.plain))
            for path, text in leaves(old.plain):
                if values.get(path, text) != text and not is_derived(path, text):
                    found = [one for one in origins.of(old.plain, path) if one.how is not How.NEAR]
                    # A name stands in texts of others, which refer to it.
                    if not any(at[-1] == "name" or is_above(one.path, at) for one in found):
                        yield at, old.kind, path, origins.of(old.plain, path)


def is_above(path: At, at: At) -> bool:
    return tuple(map(str, path)) == tuple(map(str, at[: len(path)]))


@pytest.mark.parametrize("target", ["argo", "jobs"])
@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_what_a_change_changes_comes_from_what_was_changed(folder: Path, target: str) -> None:
    case = Case(folder, target)
    if case.compile(case.document).failed:
        pytest.skip("not for this target")
    assert list(strange_changes(case)) == []


@pytest.mark.parametrize("target", ["argo", "jobs"])
def test_a_manifest_that_was_edited_is_no_fault(target: str) -> None:
    """Whatever is missing or stands elsewhere, something is said of what is left."""
    case = Case(ROOT / "golden" / "dataset-groups", target)
    base = case.compile(case.document)
    assert base.plan and base.graph
    origins = Origins(base.plan, base.graph, case.document)
    for emitted in objects(base):
        paths = [path for path, _ in leaves(emitted.plain)]
        for cut in dict.fromkeys(path[:depth] for path in paths for depth in (1, 2, 3, 5) if len(path) > depth):
            edited = with_value(emitted.plain, cut, "edited")
            for path in [path for path in paths if path[: len(cut)] != cut][:20]:
                assert origins.of(edited, path)
            assert origins.of(edited, cut)
