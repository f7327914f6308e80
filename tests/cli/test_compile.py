"""`osmoc compile`: streams, files and folders."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from osmoc.cli.main import main

FLOW = """\
workflow:
  name: digits
  tasks:
  - name: prepare
    image: python:3.12
    command: [date]
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OSMOC_PROFILE", raising=False)
    Path("flow.yaml").write_text(FLOW)

    def run(*argv: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        return main(["compile", *argv], io.StringIO(), out, err), out.getvalue(), err.getvalue()

    return run


def names(folder: str) -> set[str]:
    return {path.name for path in Path(folder).iterdir()}


def test_manifests_go_to_standard_output_and_findings_do_not(run: Run) -> None:
    status, out, err = run("flow.yaml")
    assert status == 0
    assert [item["kind"] for item in yaml.safe_load_all(out)] == ["ConfigMap", "Workflow"]
    assert "note[N730]" in err


def test_json_is_the_same_objects(run: Run) -> None:
    as_yaml = list(yaml.safe_load_all(run("flow.yaml")[1]))
    assert json.loads(run("flow.yaml", "--format", "json")[1])["items"] == as_yaml


def test_a_file_with_errors_writes_nothing(run: Run) -> None:
    Path("flow.yaml").write_text(FLOW.replace("[date]", "date"))
    assert run("flow.yaml")[:2] == (1, "")
    assert run("flow.yaml", "-o", "out")[0] == 1
    assert not Path("out").exists()


def test_a_folder_holds_one_file_an_object_and_their_list(run: Run) -> None:
    assert run("flow.yaml", "--id", "digits-1", "-o", "out")[0] == 0
    files = {"configmap-tasks-0.yaml", "workflow.yaml"}
    assert names("out") == {*files, "kustomization.yaml"}
    listed = yaml.safe_load(Path("out/kustomization.yaml").read_text())["resources"]
    assert set(listed) == files


def test_an_update_removes_what_was_ours_and_leaves_the_rest(run: Run) -> None:
    run("flow.yaml", "--target", "jobs", "-o", "out")
    assert "job-prepare.yaml" in names("out")
    Path("out/notes.yaml").write_text("mine: true\n")
    run("flow.yaml", "-o", "out")
    assert names("out") == {"configmap-tasks-0.yaml", "workflow.yaml", "kustomization.yaml", "notes.yaml"}


def test_a_folder_with_somebody_elses_index_is_refused(run: Run) -> None:
    Path("out").mkdir()
    Path("out/kustomization.yaml").write_text("resources: [a.yaml]\n")
    status, _, err = run("flow.yaml", "-o", "out")
    assert status == 2
    assert "was not written by osmoc" in err
    assert names("out") == {"kustomization.yaml"}


def test_an_index_that_names_files_outside_makes_nothing_vanish(run: Run) -> None:
    run("flow.yaml", "--id", "digits-1", "-o", "out")
    Path("precious").write_text("keep\n")
    index = Path("out/kustomization.yaml")
    index.write_text(index.read_text().replace("- workflow", "- ../precious\n- workflow"))
    run("flow.yaml", "--id", "digits-2", "-o", "out")
    assert Path("precious").read_text() == "keep\n"


def test_check_says_whether_a_folder_is_stale(run: Run) -> None:
    run("flow.yaml", "-o", "out")
    assert run("flow.yaml", "--check", "out")[:2] == (0, "")
    Path("flow.yaml").write_text(FLOW.replace("date", "uptime"))
    before = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    status, out, _ = run("flow.yaml", "--check", "out")
    assert status == 1
    assert '-        "date"' in out
    assert '+        "uptime"' in out
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == before


def test_check_says_which_run_a_commit_would_start(run: Run) -> None:
    def said(*argv: str) -> str:
        return run(*argv, "--ignore", "N730")[2]

    assert said("flow.yaml", "--check", "out", "--id", "digits-1") == "a commit of these manifests starts digits-1\n"
    run("flow.yaml", "-o", "out", "--id", "digits-1")
    assert said("flow.yaml", "--check", "out", "--id", "digits-1") == ""
    other = said("flow.yaml", "--check", "out", "--id", "digits-2")
    assert other == "a commit of these manifests starts digits-2; digits-1 goes on as it is\n"
    Path("flow.yaml").write_text(FLOW.replace("date", "uptime"))
    same = said("flow.yaml", "--check", "out", "--id", "digits-1")
    assert same == "a commit of these manifests starts nothing: digits-1 stays the same run\n"


def test_a_file_is_replaced_as_a_whole(run: Run) -> None:
    Path("out.yaml").write_text("old\n" * 10_000)
    assert run("flow.yaml", "-o", "out.yaml")[0] == 0
    assert next(yaml.safe_load_all(Path("out.yaml").read_text()))["kind"] == "ConfigMap"
    assert [path.name for path in Path().iterdir() if path.name.startswith(".")] == []


def test_what_cannot_be_written_is_said(run: Run) -> None:
    Path("taken").write_text("")
    status, _, err = run("flow.yaml", "-o", "taken/out.yaml")
    assert status == 2
    assert "cannot be written" in err


@pytest.mark.parametrize("form", ["rendered", "spec", "graph", "plan", "manifests"])
def test_every_form_can_be_looked_at(run: Run, form: str) -> None:
    status, out, _ = run("flow.yaml", "--dump-after", form)
    assert status == 0
    assert "prepare" in out
    assert list(yaml.safe_load_all(out))


def test_a_comment_does_not_make_another_run(run: Run) -> None:
    first = run("flow.yaml")[1]
    Path("flow.yaml").write_text("# new\n" + FLOW)
    assert run("flow.yaml")[1] == first


@pytest.mark.parametrize("workflow_id", ["Digits", "1st", "a" * 41, "a-", "a_b", "{{x}}"])
def test_an_id_that_cannot_be_a_name_is_refused(run: Run, workflow_id: str) -> None:
    status, out, err = run("flow.yaml", "--id", workflow_id)
    assert (status, out) == (1, "")
    assert "error[E805]" in err
