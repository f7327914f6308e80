"""Commands that ask a cluster, where there is none: `tests/cluster` has the others."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: x}}]
contexts: [{name: c, context: {cluster: c, user: u, namespace: robots}}]
current-context: c
"""


def osmoc(folder: Path, *words: str, config: str | None = CONFIG, stdin: str = "") -> tuple[int, str]:
    """The exit status, and what it says on standard error."""
    path = folder / "kubeconfig"
    if config is not None:
        path.write_text(config)
    done = subprocess.run(
        [sys.executable, "-m", "osmoc", *words],
        cwd=folder,
        env=os.environ | {"KUBECONFIG": str(path), "HOME": str(folder)},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr and done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("config", "words", "expected"),
    [
        (None, ("list",), "no cluster: there is no kubeconfig, and this is no pod"),
        ("a: [", ("wait", "x"), "the kubeconfig cannot be read: "),
        ("a: 1", ("cancel", "x"), "no cluster: "),
        (CONFIG, ("delete", "x", "--context", "other"), "no cluster: "),
        (CONFIG.replace("//", "//me:hunter2@"), ("list",), "https://me:*******@127.0.0.1:1 does not answer: "),
        (CONFIG, ("list",), "https://127.0.0.1:1 does not answer: [Errno 111] Connection refused"),
    ],
)
def test_without_a_cluster_it_is_said_why(
    config: str | None, words: tuple[str, ...], expected: str, tmp_path: Path
) -> None:
    status, said = osmoc(tmp_path, *words, config=config)
    assert status == 2 and said.startswith(f"Error: {expected}"), said


@pytest.mark.parametrize(
    ("words", "stdin", "expected"),
    [
        (("wandb",), "", "which keys?"),
        (("wandb", "a", "b"), "one\n", "2 lines of standard input are expected"),
        (
            ("wandb", "--from-env", "key=NOT_THERE_AT_ALL"),
            "",
            "key=…: your environment has no such variable",
        ),
        (("wandb", "--from-file", "key=missing"), "", "key=…: it cannot be read: no such file or directory"),
        (("wandb", "--from-file", "missing"), "", "--from-file has the form KEY=…"),
    ],
)
def test_credentials_that_are_not_given(words: tuple[str, ...], stdin: str, expected: str, tmp_path: Path) -> None:
    status, said = osmoc(tmp_path, "credential", "set", *words, stdin=stdin)
    assert status == 2 and expected in said, said


def test_a_value_is_no_argument(tmp_path: Path) -> None:
    """It would stand in the history of the shell, and in the list of processes."""
    status, said = osmoc(tmp_path, "credential", "set", "wandb", "key=value-x", stdin="")
    assert status == 2 and "never a word here" in said and "value-x" not in said
