"""The commands that need no workflow, and `graph`."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from compiled import ROOT
from jsonschema import Draft202012Validator

from osmoc.cli.main import main
from osmoc.codes import TABLE
from osmoc.schemas import SCHEMAS


def run(*argv: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return main(argv, io.StringIO(), out, err), out.getvalue(), err.getvalue()


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_in_the_repository_are_those_of_the_models(name: str) -> None:
    """`make schemas` writes them."""
    status, out, _ = run("schema", name)
    assert status == 0
    assert (ROOT / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8") == out
    Draft202012Validator.check_schema(json.loads(out))


def test_the_schema_of_workflows_accepts_what_the_compiler_accepts() -> None:
    schema = Draft202012Validator(json.loads(run("schema", "workflow")[1]))
    good = yaml.safe_load((ROOT / "osmoc" / "starter.yaml").read_text(encoding="utf-8"))
    assert list(schema.iter_errors(good)) == []
    good["workflow"]["tasks"][0]["env"] = {}
    assert [error.validator for error in schema.iter_errors(good)] == ["additionalProperties"]


def test_every_key_that_an_editor_may_show_is_described() -> None:
    schema = json.loads(run("schema", "workflow")[1])
    for name, model in schema["$defs"].items():
        assert {key for key, field in model["properties"].items() if "description" not in field} == set(), name


def test_explain_lists_all_codes_and_explains_each() -> None:
    listed = run("explain")[1]
    assert [line.split()[0] for line in listed.splitlines()] == list(TABLE)
    status, out, _ = run("explain", "e204")
    assert status == 0
    assert out.startswith("E204 (error): an input names a task that the workflow does not have\n")


def test_bootstrap_draws_a_new_key_each_time_and_can_leave_it_out() -> None:
    first, second = (list(yaml.safe_load_all(run("bootstrap", "-n", "lab")[1])) for _ in range(2))
    keys = [objects[-1]["data"]["key"] for objects in (first, second)]
    assert keys[0] != keys[1]
    assert first[:-1] == second[:-1]
    assert {item["metadata"]["namespace"] for item in first} == {"lab"}
    assert "osmo-group-key" not in run("bootstrap", "--no-group-key")[1]


def test_init_writes_a_workflow_without_findings_and_never_over_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("init", "first")[0] == 0
    assert "name: first" in Path("workflow.yaml").read_text()
    status, out, _ = run("check", "workflow.yaml", "--strict")
    assert (status, [line for line in out.splitlines() if "note" not in line]) == (0, [])
    Path("workflow.yaml").write_text("mine")
    assert run("init")[0] == 2
    assert Path("workflow.yaml").read_text() == "mine"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str) -> None:
    status, out, _ = run("completion", shell)
    assert status == 0
    assert "_OSMOC_COMPLETE" in out


def test_bash_completes_commands_and_options() -> None:
    words = {"COMP_WORDS": "osmoc comp", "COMP_CWORD": "1", "_OSMOC_COMPLETE": "bash_complete", "PATH": "/bin:/usr/bin"}
    done = subprocess.run([sys.executable, "-m", "osmoc"], env=words, capture_output=True, text=True)
    assert done.stdout.split() == ["plain,compile", "plain,completion"]


def test_graph_of_a_broken_workflow_shows_its_findings(tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text("workflow: {name: a}\n")
    status, out, err = run("graph", str(path))
    assert (status, out) == (1, "")
    assert "error[E107]" in err


@pytest.mark.parametrize(
    ("format_", "start"), [("text", "hello"), ("mermaid", ""), ("dot", "digraph"), ("svg", "<svg")]
)
def test_graph_draws_in_every_format(tmp_path: Path, format_: str, start: str) -> None:
    status, out, _ = run("graph", str(ROOT / "osmoc" / "starter.yaml"), "--format", format_)
    assert status == 0
    assert out.lstrip().startswith(start)
    assert "prepare" in out
    target = tmp_path / "picture"
    assert run("graph", str(ROOT / "osmoc" / "starter.yaml"), "--format", format_, "-o", str(target))[0] == 0
    assert target.read_text(encoding="utf-8") == out
