"""`osmoc plan`: the report, its forms, its exit statuses."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from osmoc.cli.main import main
from osmoc.local.records import Attempt, Records, Task
from osmoc.local.records import Run as Record
from osmoc.local.schedule import State

FLOW = """\
workflow:
  name: digits
  timeout: {exec_timeout: 1h}
  resources: {default: {cpu: 2, gpu: 1, memory: 4Gi}}
  tasks:
  - name: prepare
    image: python:3.12
    command: [date]
  - name: train
    image: python:3.12
    command: [cat, "{{input:0}}"]
    inputs: [{task: prepare}]
"""
QUOTA = "kind: ResourceQuota\nmetadata: {name: team}\nspec:\n  hard: {%s}\n"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OSMOC_PROFILE", raising=False)
    Path("flow.yaml").write_text(FLOW)

    def run(*argv: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        return main(["plan", *argv], io.StringIO(FLOW), out, err), out.getvalue(), err.getvalue()

    return run


@pytest.mark.parametrize("target", ["argo", "jobs"])
def test_the_report_has_every_part(run: Run, target: str) -> None:
    status, out, err = run("flow.yaml", "--target", target)
    assert (status, err) == (0, "")
    assert f"2 tasks in 2 groups for {target}" in out
    for part in ("level", "at the same time", "kind", "critical path  2h   prepare > train", "GPU-hours      2\n"):
        assert part in out


def test_json_and_yaml_are_the_same(run: Run) -> None:
    as_json = json.loads(run("flow.yaml", "--output", "json")[1])
    assert as_json == yaml.safe_load(run("flow.yaml", "--output", "yaml")[1])
    assert as_json["gpu_hours"]["at_most"] == 2


def test_a_file_with_errors_has_its_findings(run: Run) -> None:
    Path("flow.yaml").write_text(FLOW.replace("task: prepare", "task: prep"))
    status, out, err = run("flow.yaml")
    assert (status, out) == (1, "")
    assert "error[E204]" in err


def test_options_of_compile_count(run: Run) -> None:
    Path("flow.yaml").write_text(FLOW.replace("gpu: 1", "gpu: {{ gpus }}"))
    assert json.loads(run("flow.yaml", "--set", "gpus=8", "--output", "json")[1])["gpu_hours"]["at_most"] == 16


def test_standard_input_can_be_planned(run: Run) -> None:
    status, _, err = run("-", "--fail-over", "tasks>1")
    assert (status, err) == (1, "<stdin>: error: tasks comes to 2: --fail-over `tasks>1`\n")


def test_every_limit_that_is_exceeded_is_said(run: Run) -> None:
    status, out, err = run("flow.yaml", "--fail-over", "gpu_hours>1", "--fail-over", "gpus>1", "--fail-over", "tasks>1")
    assert status == 1
    assert err.splitlines() == [
        "flow.yaml: error: gpu_hours comes to 2: --fail-over `gpu_hours>1`",
        "flow.yaml: error: tasks comes to 2: --fail-over `tasks>1`",
    ]
    assert "GPU-hours" in out


def test_unbounded_tasks_are_named(run: Run) -> None:
    Path("flow.yaml").write_text(FLOW.replace("  timeout: {exec_timeout: 1h}\n", ""))
    status, _, err = run("flow.yaml", "--fail-over", "critical_path>1000d")
    assert status == 1
    assert "  = help: `prepare`, `train`: set an `exec_timeout`\n" in err


@pytest.mark.parametrize("quota", ["nvidia.com/gpu: 1", "requests.nvidia.com/gpu: 1, pods: 1", "requests.storage: 0"])
def test_a_quota_that_leaves_room_is_no_fault(run: Run, quota: str) -> None:
    Path("quota.yaml").write_text(QUOTA % quota)
    status, _, err = run("flow.yaml", "--quota", "quota.yaml")
    assert (status, err) == (0, "")


def test_a_quota_that_never_lets_a_group_start_is_an_error(run: Run) -> None:
    Path("quota.yaml").write_text(QUOTA % "limits.memory: 4Gi, limits.nvidia.com/gpu: 0")
    status, out, err = run("flow.yaml", "--quota", "quota.yaml")
    assert status == 1
    assert ["team", "limits.memory", "4Gi", "0", "5Gi", "never"] in [line.split() for line in out.splitlines()]
    assert "group `prepare` takes 5Gi limits.memory; the quota `team` allows 4Gi, so it never starts" in err


def test_what_a_quota_wants_to_be_said_and_is_not_is_a_warning(run: Run) -> None:
    Path("flow.yaml").write_text(FLOW.replace("memory: 4Gi", "storage: 4Gi"))
    Path("quota.yaml").write_text(QUOTA % "limits.memory: 4Gi" + "  scopes: [NotBestEffort]\n")
    status, _, err = run("flow.yaml", "--quota", "quota.yaml")
    assert status == 0
    assert "warning: the quota `team` counts limits.memory, which pods of `prepare`, `train` leave open" in err
    assert "warning: the quota `team` has scopes" in err


def record(run_id: str, **seconds: float) -> None:
    folder = Records(Path.cwd()).take(run_id)
    tasks = {
        name: Task(
            state=State.COMPLETED if took else State.FAILED,
            group=f"{name}-group",
            attempts=(Attempt(attempt=0, pod="p", started_at=100.0, ended_at=100.0 + took),),
        )
        for name, took in seconds.items()
    }
    folder.write(
        Record(id=folder.id, name=run_id, key="k", file="flow.yaml", engine="host", started_at=100.0, tasks=tasks)
    )


def test_times_come_from_a_run_by_its_id_or_the_last_of_its_name(run: Run) -> None:
    record("digits", prepare=60, train=120)
    record("digits", prepare=30, train=0)
    out = run("flow.yaml", "--from-run", "digits-1")[1]
    assert "time of commands, as in digits-1\n  critical path  3m    prepare > train" in out
    out = run("flow.yaml", "--from-run", "digits")[1]
    assert "as in digits-2\n  critical path  1h30s" in out
    assert "digits-2 has the time of 1 of 2 tasks; timeouts bound the others" in out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--fail-over", "gpus"), "--fail-over: `gpus` is not of the form"),
        (("--fail-over", "gpuz>1"), "there is no `gpuz`"),
        (("--quota", "nowhere.yaml"), "nowhere.yaml cannot be read"),
        (("--quota", "flow.yaml"), "flow.yaml holds no ResourceQuota"),
        (("--quota", "bad.yaml"), "bad.yaml is not YAML"),
        (("--quota", "wrong.yaml"), "wrong.yaml: the quota `team`: `x` is not a quantity"),
        (("--from-run", "digits-7"), "there is no run `digits-7`"),
    ],
)
def test_wrong_usage_ends_with_2(run: Run, argv: tuple[str, ...], said: str) -> None:
    Path("bad.yaml").write_text("a: [")
    Path("wrong.yaml").write_text(QUOTA % "cpu: x")
    status, out, err = run("flow.yaml", *argv)
    assert (status, out) == (2, "")
    assert said in err
