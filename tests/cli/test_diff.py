"""`osmoc diff` against a folder of manifests; `tests/cluster` asks a cluster."""

import io
from pathlib import Path

import pytest

from osmoc.cli.main import main

FLOW = """\
workflow:
  name: flow
  tasks:
  - {name: train, image: busybox, command: [train, --epochs, "10"]}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """Compiled as it is written, then changed."""
    monkeypatch.chdir(tmp_path)
    Path("flow.yaml").write_text(FLOW)
    assert main(["compile", "flow.yaml", "--target", "jobs", "-o", "manifests"], stdout=io.StringIO()) == 0
    capsys.readouterr()
    return tmp_path


def diff(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["diff", "flow.yaml", *words])
    told = capsys.readouterr()
    return status, told.out, told.err


def test_what_has_not_changed_is_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = diff(capsys, "--against", "manifests")
    assert (status, out) == (0, "") and err.endswith(": the same\n")
    assert diff(capsys, "--against", "manifests", "--full")[:2] == (0, "")


def test_a_change_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("flow.yaml").write_text(FLOW.replace('"10"', '"20"'))
    status, out, err = diff(capsys, "--against", "manifests")
    assert (status, out) == (1, "train\n  command: --epochs 10 → 20\ncomputes anew: train\n")
    assert " → flow-" in err
    status, out, _ = diff(capsys, "--against", "manifests", "--full")
    assert status == 1 and '-        "10"\n+        "20"\n' in out


def test_a_change_of_no_task_is_told_as_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("osmoc.yaml").write_text("security: {user: restricted}\n")
    status, out, _ = diff(capsys, "--against", "manifests")
    assert (status, out) == (1, "no task has changed, but its manifests have: --full shows where\n")


@pytest.mark.parametrize(
    ("text", "against", "said"),
    [
        (FLOW.replace("image", "imgae"), "manifests", "error["),
        (FLOW, ".", "does not hold the objects of one run"),
        (FLOW, "nothing", "nothing cannot be read"),
    ],
)
def test_what_cannot_be_compared(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, against: str, said: str
) -> None:
    Path("flow.yaml").write_text(text)
    status, out, err = diff(capsys, "--against", against)
    assert (status, out) == (2, "") and said in err
