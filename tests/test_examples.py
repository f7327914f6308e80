"""Every example compiles for both targets and earns no warning; the committed manifests are up to date."""

import os
from io import StringIO
from pathlib import Path
from typing import Final

import pytest
from compiled import ROOT, compiled

from osmoc.cli.main import main
from osmoc.codes import Severity

EXAMPLES: Final = sorted((ROOT / "examples").glob("*.yaml"))
GITOPS: Final = ROOT / "examples" / "gitops"


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("target", ["argo", "jobs"])
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_compiles_without_errors_or_warnings(path: Path, target: str) -> None:
    result = compiled(path, target)
    assert [found.message for found in result.findings if found.severity is not Severity.NOTE] == []
    assert result.manifests


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_says_in_its_first_line_what_it_shows(path: Path) -> None:
    first = path.read_text(encoding="utf-8").split("\n")[0]
    assert first.startswith("# ") and first.endswith(".") and len(first) <= 120


def test_readme_lists_every_example() -> None:
    readme = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in EXAMPLES if f"({path.name})" not in readme] == []


def test_gitops_folder_is_up_to_date(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pytest --snapshot-update` writes it, as it does golden files; never under CI."""
    monkeypatch.chdir(GITOPS)
    monkeypatch.delenv("OSMOC_PROFILE", raising=False)
    if pytestconfig.getoption("--snapshot-update") and not os.environ.get("CI"):
        assert main(["compile", "train.yaml", "-o", "manifests"], stderr=StringIO()) == 0
    out, err = StringIO(), StringIO()
    status = main(["compile", "train.yaml", "--strict", "--check", "manifests"], stdout=out, stderr=err)
    assert status == 0, f"stale: run `osmoc compile train.yaml -o manifests` in examples/gitops\n{err.getvalue()}"
    assert out.getvalue() == ""


def test_gitops_folder_holds_nothing_else() -> None:
    listed = (GITOPS / "manifests" / "kustomization.yaml").read_text(encoding="utf-8").split("resources:\n")[1]
    named = {line.removeprefix("- ") for line in listed.splitlines()}
    assert {path.name for path in (GITOPS / "manifests").iterdir()} == named | {"kustomization.yaml"}
