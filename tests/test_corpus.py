"""Every workflow of OSMO's cookbook compiles for both targets, with nothing given by `--set`.

Six of them OSMO itself rejects, for `dataset:` as a string: each such line is one error, whose help is the fix.
"""

import re
from pathlib import Path
from typing import Final

import pytest
from compiled import SHARED, compiled, corpus_files

from osmoc.codes import Severity
from osmoc.diagnostics import Diagnostic
from osmoc.emit.write import to_json, to_yaml

CORPUS: Final = SHARED / "corpus"
TARGETS: Final = ("argo", "jobs")
REJECTED: Final = frozenset(
    f"nut_pouring/{name}.yaml"
    for name in (
        "01_mimic_generation",
        "02_hdf5_to_mp4",
        "03_cosmos_augmentation",
        "04_mp4_to_hdf5",
        "05_lerobot_conversion",
        "06_groot_finetune",
    )
)
# What warnings the cookbook earns. `data_filter` copies its input as it is; the dataset of 05 is not used any more.
WARNINGS: Final = {"tutorials/data_filter.yaml": ["W327"], "nut_pouring/05_lerobot_conversion.yaml": ["W022"]}
DATASET_STRING: Final = re.compile(r"^ *- dataset: (\{\{ *(\w+) *\}\})", re.MULTILINE)


def _name(path: Path) -> str:
    return path.relative_to(CORPUS).as_posix()


FILES: Final = [pytest.param(path, id=_name(path)) for path in corpus_files()]
ACCEPTED: Final = [param for param in FILES if param.id not in REJECTED]
OTHERS: Final = [param for param in FILES if param.id in REJECTED]


def _of(severity: Severity, findings: tuple[Diagnostic, ...]) -> list[Diagnostic]:
    return [finding for finding in findings if finding.severity is severity]


def test_corpus_is_there() -> None:
    if not FILES:
        pytest.skip(f"{CORPUS} is not there: set OSMOC_SHARED")
    assert len(ACCEPTED) >= 25 and len(OTHERS) == len(REJECTED)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("path", ACCEPTED)
def test_file_compiles(path: Path, target: str) -> None:
    result = compiled(path, target)
    assert not _of(Severity.ERROR, result.findings)
    assert [found.code.id for found in _of(Severity.WARNING, result.findings)] == WARNINGS.get(_name(path), [])
    assert result.graph is not None
    tasks = sum(len(group.tasks) for group in result.graph.groups.values())
    kinds = [manifest["kind"] for manifest in result.manifests]
    assert kinds.count("Job") >= tasks if target == "jobs" else kinds.count("Workflow") == 1
    assert to_yaml(result.manifests) and to_json(result.manifests)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("path", OTHERS)
def test_dataset_as_a_string_is_one_error_a_line_with_the_fix(path: Path, target: str) -> None:
    text = path.read_text(encoding="utf-8")
    result = compiled(path, target)
    errors = _of(Severity.ERROR, result.findings)
    lines = {text.count("\n", 0, match.start(1)) + 1: match for match in DATASET_STRING.finditer(text)}
    assert len(lines) >= 2
    assert [(found.code.id, found.place.line if found.place else 0) for found in errors] == [
        ("E106", line) for line in lines
    ]
    for found, match in zip(errors, lines.values(), strict=True):
        value = re.search(rf"^ +{match[2]}: (\S+)", text, re.MULTILINE)
        assert value and f"write `dataset: {{name: {value[1]}}}`" in found.help
    assert not result.manifests
    assert [found.code.id for found in _of(Severity.WARNING, result.findings)] == WARNINGS.get(_name(path), [])


@pytest.mark.parametrize("path", OTHERS)
def test_file_compiles_once_the_help_is_followed(path: Path, tmp_path: Path) -> None:
    """But for the folder of the dataset, which the help names too; `compiled` reads local files beside the copy."""
    for other in path.parent.iterdir():
        (tmp_path / other.name).write_bytes(other.read_bytes())
    mended = tmp_path / path.name
    mended.write_text(
        DATASET_STRING.sub(
            lambda match: match[0].replace(match[1], f"{{name: {match[1]}}}"), path.read_text(encoding="utf-8")
        ),
        encoding="utf-8",
    )
    for target in TARGETS:
        assert not _of(Severity.ERROR, compiled(mended, target).findings)
