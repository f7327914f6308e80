"""Whole workflows and what becomes of them, byte for byte: `golden/<case>/`.

A case is a folder with a `workflow.yaml`; beside it, if the case needs them, `profile.yaml`, `options.yaml` (what the
command line gives; `targets` if not both) and local files. The rest is written by `pytest --snapshot-update`, and
never under CI: `argo.yaml` and `jobs.yaml` are what `osmoc compile --id <case>` prints, `findings.txt` what it has to
say. The id is given so that a change shows where it is, and not wherever the id stands; `id: ""` leaves it to osmoc.
"""

import os
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, get_args

import pytest
import yaml
from acceptance.accept import accept
from acceptance.argo_pod import argo_pods
from acceptance.dry_run import admission_needs, dry_run, existing, kubectl_env
from acceptance.pods import job_pods
from compiled import external, shared
from syrupy.assertion import SnapshotAssertion
from syrupy.data import SnapshotCollections
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation

from osmoc.diagnostics import Diagnostic, Diagnostics
from osmoc.emit.write import to_yaml
from osmoc.passes.read_profile import read_profile
from osmoc.pipeline import Options, Result, compile_workflow
from osmoc.profile import Profile
from osmoc.source import Source

Target = Literal["argo", "jobs"]

GOLDEN: Final = Path(__file__).parents[1] / "golden"
CASES: Final = sorted(folder.name for folder in GOLDEN.iterdir() if folder.is_dir())
TARGETS: Final[tuple[Target, ...]] = get_args(Target)
GIVEN: Final = frozenset({"workflow.yaml", "profile.yaml", "options.yaml"})
# A namespace that a cluster need not have.
NOT_ASKED: Final = frozenset({"namespace"})
# What Argo may substitute in a Workflow.
TAGS: Final = (r"inputs\.parameters\.(task|group|shard|digest)", r"retries", r"workflow\.uid")
# Keys of `options.yaml` are options of the command line.
OPTIONS: Final = {
    "set": "set_",
    "set-string": "set_string",
    "set-env": "set_env",
    "label": "labels",
    "id": "workflow_id",
    "pool": "pool",
    "priority": "priority",
}


class GoldenFile(SingleFileSnapshotExtension):
    """The snapshot `argo.yaml` of the case X is the file `golden/X/argo.yaml`, and nothing but the text is in it."""

    _write_mode = WriteMode.TEXT
    file_extension = ""

    @classmethod
    def get_location(cls, *, test_location: PyTestLocation, index: str | int) -> str:
        item: Any = test_location.item
        return str(GOLDEN / item.callspec.params["case"] / str(index))

    @classmethod
    def matches_test_location(cls, *, test_location: PyTestLocation, snapshot_location: str) -> bool:
        item: Any = test_location.item
        return bool(Path(snapshot_location).parent == GOLDEN / item.callspec.params["case"])

    def discover_snapshots(self, **_: Any) -> SnapshotCollections:
        # syrupy would delete what a run that was stopped half way has not asked for; files that nothing asks for are
        # found by `test_folder_holds_nothing_else`.
        return SnapshotCollections()

    def read_snapshot_data_from_location(self, *, snapshot_location: str, **_: Any) -> str | None:
        path = Path(snapshot_location)
        return path.read_bytes().decode() if path.is_file() else None

    @classmethod
    def write_snapshot_collection(cls, *, snapshot_collection: Any, **_: Any) -> None:
        if os.environ.get("CI"):
            raise RuntimeError("golden files are not rewritten under CI")
        text = next(iter(snapshot_collection)).data
        Path(snapshot_collection.location).write_bytes(text.encode())


@pytest.fixture
def golden(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(GoldenFile)


def test_there_are_cases() -> None:
    assert len(CASES) >= 25


@pytest.mark.parametrize("case", CASES)
def test_case_compiles_to_its_golden_files(case: str, golden: SnapshotAssertion) -> None:
    results = {target: compile_case(case, target) for target in _targets(case)}
    for target, result in results.items():
        assert not result.failed, _findings({target: result})
        assert golden(name=f"{target}.yaml") == to_yaml(result.manifests)
    assert golden(name="findings.txt") == _findings(results)


@pytest.mark.parametrize("case", CASES)
def test_case_is_accepted_by_the_cluster(case: str) -> None:
    shared("argo-crds")
    for target in _targets(case):
        result = compile_case(case, target)
        assert accept(list(result.manifests), external(result), TAGS) == []


@pytest.mark.cluster
@pytest.mark.parametrize("target", TARGETS)
def test_the_api_server_accepts_objects_and_pods(target: Target) -> None:
    env = kubectl_env()
    results = [compile_case(case, target) for case in CASES if target in _targets(case) and case not in NOT_ASKED]
    objects = [manifest for result in results for manifest in result.manifests]
    workflows = [manifest for manifest in objects if manifest["kind"] == "Workflow"]
    pods = [*job_pods(objects), *(pod for workflow in workflows for pod in argo_pods(workflow))]
    with existing(admission_needs(pods), env):
        assert dry_run([*objects, *(pod for _, pod in pods)], env) == []


@pytest.mark.parametrize("case", CASES)
def test_case_says_in_its_first_line_what_it_shows(case: str) -> None:
    first = (GOLDEN / case / "workflow.yaml").read_text(encoding="utf-8").split("\n")[0]
    assert first.startswith("# ") and first.endswith(".") and len(first) <= 140


@pytest.mark.parametrize("case", CASES)
def test_folder_holds_nothing_else(case: str) -> None:
    written = {f"{target}.yaml" for target in _targets(case)} | {"findings.txt"}
    local = {str(Path(name)) for name in _local_files(case)}
    files = {str(path.relative_to(GOLDEN / case)) for path in (GOLDEN / case).rglob("*") if path.is_file()}
    assert files - GIVEN - local == written


def test_golden_holds_nothing_but_cases() -> None:
    assert [path.name for path in GOLDEN.iterdir() if not path.is_dir()] == []


@pytest.mark.parametrize("setting", ["1", "true"])
def test_golden_files_are_not_rewritten_under_ci(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", setting)
    with pytest.raises(RuntimeError, match="under CI"):
        GoldenFile.write_snapshot_collection(snapshot_collection=None)


@cache
def compile_case(case: str, target: Target) -> Result:
    folder = GOLDEN / case
    options = {OPTIONS[key]: value for key, value in _options(case).items() if key != "targets"}
    options.setdefault("workflow_id", case)
    return compile_workflow(
        Source("workflow.yaml", (folder / "workflow.yaml").read_text(encoding="utf-8")),
        _profile(folder / "profile.yaml"),
        options=Options(**options, target=target),
        read_file=lambda name: (folder / name).read_bytes(),
    )


def _options(case: str) -> dict[str, Any]:
    path = GOLDEN / case / "options.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _targets(case: str) -> tuple[Target, ...]:
    return tuple(_options(case).get("targets", TARGETS))


def _profile(path: Path) -> Profile | None:
    if not path.is_file():
        return None
    found = Diagnostics(Source(path.name, path.read_text(encoding="utf-8")))
    profile = read_profile(found)
    assert profile is not None, [finding.message for finding in found]
    return profile


def _local_files(case: str) -> list[str]:
    workflow = compile_case(case, _targets(case)[0]).spec
    assert workflow is not None
    return [file.localpath for _, task in workflow.walk() for file in task.files if file.localpath]


def _findings(results: dict[Target, Result]) -> str:
    """Each finding with its place and help; `argo:` or `jobs:` before what only one of the targets has."""
    targets: dict[Diagnostic, list[str]] = {}
    for target, result in results.items():
        for finding in result.findings:
            targets.setdefault(finding, []).append(target)
    ordered = sorted(targets, key=lambda finding: (finding.order, targets[finding]))
    return "".join(
        _shown(finding, "" if len(targets[finding]) == len(results) else targets[finding][0]) for finding in ordered
    )


def _shown(finding: Diagnostic, target: str) -> str:
    place = f"{finding.place.line}:{finding.place.start} " if finding.place else ""
    lines = [f"{target}{': ' if target else ''}{place}{finding.code.id} {finding.message}"]
    lines += [f"  {note}" for note in finding.notes]
    lines += [f"  help: {finding.help}"] if finding.help else []
    return "".join(f"{line}\n" for line in lines)
