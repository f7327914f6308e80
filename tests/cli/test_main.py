"""The command as its users run it: arguments, streams, exit statuses."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from osmoc.cli.main import main

GOOD = """\
workflow:
  name: digits
  tasks:
  - name: prepare
    image: python:3.12
    command: [sh, -c, "date > {{output}}/d"]
  - name: train
    image: python:3.12
    command: [cat, "{{input:0}}/d"]
    inputs:
    - task: prepare
"""
BAD = GOOD.replace("task: prepare", "task: prep")


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in an empty folder with `good.yaml` and `bad.yaml`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OSMOC_PROFILE", raising=False)
    Path("good.yaml").write_text(GOOD)
    Path("bad.yaml").write_text(BAD)

    def run(*argv: str, stdin: str = "") -> Done:
        out, err = io.StringIO(), io.StringIO()
        status = main(argv, io.StringIO(stdin), out, err)
        return Done(status, out.getvalue(), err.getvalue())

    return run


def test_a_good_file_ends_with_0_and_a_bad_one_with_1(run: Run) -> None:
    assert run("check", "good.yaml").status == 0
    done = run("check", "bad.yaml")
    assert done.status == 1
    assert done.out.startswith("bad.yaml:11:13: error[E204]: task `train` takes input from `prep`")


def test_findings_of_all_files_come_in_one_run(run: Run) -> None:
    Path("second.yaml").write_text(BAD.replace("digits", "2digits"))
    done = run("check", "bad.yaml", "good.yaml", "second.yaml")
    assert done.status == 1
    assert "bad.yaml:11:13" in done.out
    assert "second.yaml:2:9: error[E201]" in done.out


@pytest.mark.parametrize(
    "argv",
    [
        ("check",),
        ("check", "nowhere.yaml"),
        ("compile", "good.yaml", "--set", "novalue"),
        ("compile", "good.yaml", "--target", "cron"),
        ("check", "good.yaml", "--ignore", "X1"),
        ("check", "good.yaml", "--ignore", "E204"),
        ("explain", "E999"),
        ("frobnicate",),
        ("init", "2nd"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_how_it_is_right(run: Run, argv: tuple[str, ...]) -> None:
    done = run(*argv)
    assert (done.status, done.out) == (2, "")
    assert "Error: " in done.err


def test_standard_input_is_a_file_called_dash(run: Run) -> None:
    done = run("check", "-", stdin=BAD)
    assert done.status == 1
    assert done.out.startswith("<stdin>:11:13: error[E204]")


def test_a_file_that_is_not_utf8_is_a_finding(run: Run) -> None:
    Path("latin.yaml").write_bytes(b"workflow:\n  name: caf\xe9\n")
    done = run("check", "latin.yaml")
    assert done.status == 1
    assert done.out.startswith("latin.yaml:2:3: error[E001]: byte 0xe9 is not UTF-8")


def test_warnings_do_not_fail_a_run_unless_it_is_strict(run: Run) -> None:
    Path("warn.yaml").write_text(GOOD.replace("{{input:0}}", "."))
    assert run("check", "warn.yaml").status == 0
    strict = run("check", "warn.yaml", "--strict")
    assert strict.status == 1
    assert "error[W328]" in strict.out
    silent = run("check", "warn.yaml", "--strict", "--ignore", "W328,N730")
    assert (silent.status, silent.out) == (0, "")


def test_a_comment_in_the_file_silences_one_code_on_its_line(run: Run) -> None:
    text = GOOD.replace("{{input:0}}", ".").replace("- task: prepare", "- task: prepare  # osmoc: ignore W328")
    Path("quiet.yaml").write_text(text)
    assert "W328" not in run("check", "quiet.yaml").out
    Path("above.yaml").write_text("# osmoc: ignore W328, N730\n" + GOOD.replace("{{input:0}}", "."))
    assert run("check", "above.yaml").out == ""


def test_set_takes_the_assignments_that_follow_it(run: Run) -> None:
    text = "default-values: {a: 1, b: 2}\n" + GOOD.replace("cat,", 'cat, "{{ a }}{{ b }}{{ c }}",')
    Path("set.yaml").write_text(text)
    done = run("compile", "--set", "a=5", "b=x=y", "--set-string", "c=007", "set.yaml", "--dump-after", "rendered")
    assert done.status == 0
    assert 'cat, "5x=y007"' in done.out


def test_every_format_prints_the_same_findings(run: Run) -> None:
    found = json.loads(run("check", "bad.yaml", "--format", "json").out)
    assert [item["code"] for item in found["findings"]] == ["E204"]
    sarif = json.loads(run("check", "bad.yaml", "--format", "sarif").out)
    assert [item["ruleId"] for item in sarif["runs"][0]["results"]] == ["E204"]
    assert run("check", "bad.yaml", "--format", "github").out.startswith("::error file=bad.yaml,line=11,")


def test_the_profile_is_found_and_its_faults_are_findings(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("osmoc.yaml").write_text("target: jobs\nstorage: {url: 's3://lab/osmo'}\n")
    assert "kind: Job\n" in run("compile", "good.yaml").out
    Path("other.yaml").write_text("target: cron\n")
    monkeypatch.setenv("OSMOC_PROFILE", "other.yaml")
    done = run("compile", "good.yaml")
    assert (done.status, done.out) == (1, "")
    assert "other.yaml:1:9: error[E701]" in done.err


def test_a_bug_ends_with_3_and_without_a_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("osmoc.cli.check.compile_file", broken)
    done = run("check", "good.yaml")
    assert done.status == 3
    assert done.err.startswith("osmoc: internal error: ZeroDivisionError: oh\n")


def test_the_process_ends_with_the_status_of_the_command(run: Run) -> None:
    command = [sys.executable, "-m", "osmoc", "check", "bad.yaml"]
    assert subprocess.run(command, capture_output=True).returncode == 1
    version = subprocess.run([sys.executable, "-m", "osmoc", "--version"], capture_output=True, text=True)
    assert (version.returncode, version.stdout) == (0, "osmoc 0.1.0\n")


def test_a_reader_that_has_seen_enough_is_no_error(run: Run) -> None:
    command = f"{sys.executable} -m osmoc compile good.yaml 2>/dev/null | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stdout == "apiVersion: v1\n0\n"
    assert done.stderr == ""
