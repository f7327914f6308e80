"""`osmoc trace`: places in, places out; what is wrong usage."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from osmoc.cli.main import main

FLOW = """\
default-values: {image: python}
workflow:
  name: digits
  tasks:
  - name: prepare
    image: {{ image }}
    command: [date]
  - name: train
    image: python
    command: [cat, "{{input:0}}"]
    inputs: [{task: prepare}]
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OSMOC_PROFILE", raising=False)
    Path("flow.yaml").write_text(FLOW)

    def run(*argv: str, command: str = "trace", stdin: str = "") -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        return main([command, *argv], io.StringIO(stdin), out, err), out.getvalue(), err.getvalue()

    return run


def line_of(file: str, text: str) -> int:
    return 1 + [line.strip() for line in Path(file).read_text().split("\n")].index(text)


@pytest.mark.parametrize("target", ["argo", "jobs"])
def test_lines_are_those_of_what_compile_writes(run: Run, target: str) -> None:
    lines = run("flow.yaml", "--target", target, command="compile")[1].split("\n")
    status, out, _ = run("flow.yaml:6", "--target", target, "--format", "json")
    assert status == 0
    made = json.loads(out)["made"]
    assert [(one["kind"], lines[one["line"] - 1].strip(' ",')) for one in made] == [
        ("ConfigMap", 'image": "python'),
        ("Workflow" if target == "argo" else "Job", "image: python"),
    ]
    assert {one["file"] for one in made} == {"<stdout>"}


@pytest.mark.parametrize("output", ["out", "out.yaml"])
def test_they_are_those_of_the_files_that_compile_writes(run: Run, output: str) -> None:
    run("flow.yaml", "--target", "jobs", "-o", output, command="compile")
    made = json.loads(run("flow.yaml:6", "--target", "jobs", "-o", output, "--format", "json")[1])["made"]
    for one in made:
        assert "image" in Path(one["file"]).read_text().split("\n")[one["line"] - 1]
    assert [Path(one["file"]).name for one in made][-1] == ("job-prepare.yaml" if output == "out" else "out.yaml")


def test_the_report_names_objects_and_paths(run: Run) -> None:
    status, out, _ = run("flow.yaml:6", "--id", "digits-1", "-o", "out")
    assert status == 0
    assert out.splitlines() == [
        "flow.yaml:6:",
        "6 |     image: {{ image }}",
        "ConfigMap digits-1-tasks-0",
        '  out/configmap-tasks-0.yaml:34  data["prepare.json"].image',
        "Workflow digits-1",
        f"  out/workflow.yaml:{out.split('workflow.yaml:')[1].split()[0]}  spec.templates[shape-0].container.image",
    ]


def test_a_line_of_a_folder_leads_back(run: Run) -> None:
    run("flow.yaml", "--target", "jobs", "-o", "out", command="compile")
    line = line_of("out/job-prepare.yaml", "image: python")
    status, out, err = run(f"out/job-prepare.yaml:{line}", "--workflow", "flow.yaml")
    assert (status, err) == (0, "")
    assert out.splitlines()[2:] == [
        "flow.yaml:6:5: workflow.tasks[0].image",
        "6 |     image: {{ image }}",
        "  |     ^^^^^^^^^^^^^^^^^^",
        "  | note: rendered as `image: python`",
    ]


def test_the_options_of_compile_count(run: Run) -> None:
    Path("out.yaml").write_text(run("flow.yaml", "--set", "image=other", command="compile")[1])
    line = line_of("out.yaml", "image: other")
    status, out, err = run(f"out.yaml:{line}", "--workflow", "flow.yaml", "--set", "image=other", "--format", "json")
    assert (status, err) == (0, "")
    assert [(one["line"], one["column"], one["how"]) for one in json.loads(out)["wrote"]] == [(6, 5, "value")]


def test_a_manifest_of_another_input_is_said_to_be_stale(run: Run) -> None:
    Path("out.yaml").write_text(run("flow.yaml", command="compile")[1])
    Path("flow.yaml").write_text("# new\n" + FLOW.replace("[date]", "[uptime]"))
    line = line_of("out.yaml", '"date"')
    status, out, err = run(f"out.yaml:{line}", "--workflow", "flow.yaml")
    assert status == 0
    assert err.startswith("out.yaml: warning: ConfigMap digits-")
    assert "is not what flow.yaml makes now" in err
    assert "flow.yaml:8:15: workflow.tasks[0].command[0]\n" in out


def test_the_target_of_a_lone_object_has_to_be_given(run: Run) -> None:
    run("flow.yaml", "--target", "jobs", "-o", "out", command="compile")
    Path("role.yaml").write_text(Path("out/role-driver.yaml").read_text())
    assert run("role.yaml:1", "--workflow", "flow.yaml")[0] == 2
    assert run("role.yaml:1", "--workflow", "flow.yaml", "--target", "jobs")[0] == 0


def test_what_follows_from_no_line_is_said(run: Run) -> None:
    Path("out.yaml").write_text(run("flow.yaml", command="compile")[1])
    out = run(f"out.yaml:{line_of('out.yaml', 'entrypoint: workflow')}", "--workflow", "flow.yaml")[1]
    assert "flow.yaml:2:1: workflow, the nearest that is known\n" in out
    assert out.endswith(
        "no line of the workflow says this: it follows from the whole, from the profile, or is always so\n"
    )


def test_objects_as_a_cluster_has_them_can_be_traced(run: Run) -> None:
    """Sorted, in a list, with fields that the cluster has added."""
    run("flow.yaml", "--target", "jobs", "-o", "out", command="compile")
    job = yaml.safe_load(Path("out/job-train.yaml").read_text())
    job["metadata"]["uid"] = "1"
    text = yaml.safe_dump({"apiVersion": "v1", "items": [job], "kind": "List"})
    line = 1 + next(n for n, line in enumerate(text.split("\n")) if line.strip() == "image: python")
    status, out, err = run("--workflow", "flow.yaml", "--", f"-:{line}", stdin=text)
    assert status == 0
    assert out.startswith(f"<stdin>:{line}: Job digits-")
    assert "flow.yaml:9:12: workflow.tasks[1].image\n" in out
    assert "<stdin>: warning: Job digits-" in err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1", "flow.yaml:1: nothing in the manifests comes from this line alone"),
        ("2", ""),
        ("12", "flow.yaml:12: nothing stands on this line"),
    ],
)
def test_a_line_of_which_nothing_is_made_ends_with_1(run: Run, line: str, said: str) -> None:
    status, out, _ = run(f"flow.yaml:{line}")
    assert (status, out.startswith(said)) == (1 if said else 0, True)


def test_a_template_value_leads_to_its_uses(run: Run) -> None:
    Path("flow.yaml").write_text(FLOW.replace("default-values: {image: python}", "default-values:\n  image: python"))
    assert "`image` is a value of the template; trace the lines that use it: 7\n" in run("flow.yaml:2")[1]


def test_a_workflow_with_errors_has_its_findings(run: Run) -> None:
    Path("out.yaml").write_text(run("flow.yaml", command="compile")[1])
    Path("flow.yaml").write_text(FLOW.replace("task: prepare", "task: prep"))
    for argv in (("flow.yaml:3",), ("out.yaml:3", "--workflow", "flow.yaml")):
        status, out, err = run(*argv)
        assert (status, out) == (1, "")
        assert "error[E204]" in err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("flow.yaml",), "`flow.yaml` is not of the form FILE:LINE"),
        (("flow.yaml:0",), "is not of the form FILE:LINE"),
        (("flow.yaml:99",), "flow.yaml has no line 99"),
        (("nowhere.yaml:1",), "nowhere.yaml cannot be read"),
        (("out.yaml:3",), "out.yaml is no workflow: name the one that it was made of with --workflow"),
        (("out.yaml:3", "--workflow", "nowhere.yaml"), "nowhere.yaml cannot be read"),
        (("other.yaml:1", "--workflow", "flow.yaml"), "other.yaml:1: Pod x was not made of a workflow by osmoc"),
        (("other.yaml:3", "--workflow", "flow.yaml"), "other.yaml:3: there is no object on this line"),
        (("out.yaml:3", "--workflow", "second.yaml"), "second.yaml makes no ConfigMap digits-"),
    ],
)
def test_wrong_usage_ends_with_2(run: Run, argv: tuple[str, ...], said: str) -> None:
    Path("out.yaml").write_text(run("flow.yaml", "--target", "jobs", command="compile")[1])
    Path("other.yaml").write_text("kind: Pod\nmetadata: {name: x}\n# end\n")
    Path("second.yaml").write_text("workflow: {name: x, tasks: [{name: a, image: b, command: [c]}]}\n")
    if "second.yaml" in argv:
        Path("out.yaml").write_text(Path("out.yaml").read_text().replace("-tasks-0", "-tasks-7"))
    status, out, err = run(*argv)
    assert (status, out) == (2, "")
    assert said in err
