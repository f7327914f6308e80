"""What a user is told of two versions of a workflow: `osmoc.comparison`."""

from typing import Any, Literal

import pytest

from osmoc import compile_workflow
from osmoc.comparison.changes import tell_changes
from osmoc.comparison.tasks import read_run
from osmoc.comparison.unified import unified
from osmoc.profile import Profile

Target = Literal["argo", "jobs"]
FLOW = """\
workflow:
  name: flow
  resources:
    default: {memory: 1Gi}
  tasks:
  - {name: prepare, image: "python:3.12", command: [prepare]}
  - name: train
    image: python:3.12
    command: [train, --epochs, "10", --seed=1]
    environment: {MODE: fast}
    inputs: [{task: prepare}]
    files:
    - path: /opt/a.py
      contents: |
        rate = 0.1
        print(rate)
  - {name: evaluate, image: "python:3.12", command: [evaluate, "{{workflow_id}}"], inputs: [{task: train}]}
"""


def manifests(text: str, target: Target) -> list[Any]:
    result = compile_workflow(text, Profile.model_validate({"target": target}))
    assert not result.failed, result.findings
    return list(result.manifests)


def told(before: str, after: str, target: Target = "jobs") -> list[str]:
    return list(tell_changes(read_run(manifests(before, target)), read_run(manifests(after, target))))


# What is written in the file, what instead, and what is said.
CHANGES: list[tuple[str, str, list[str]]] = [
    (
        '"10"',
        '"20"',
        ["train", "  command: --epochs 10 → 20", "computes anew: train; and so what reads it: evaluate"],
    ),
    (
        "--seed=1",
        "--seed=2",
        ["train", "  command: --seed 1 → 2", "computes anew: train; and so what reads it: evaluate"],
    ),
    (
        "MODE: fast",
        "MODE: slow",
        ["train", "  environment: MODE fast → slow", "computes anew: train; and so what reads it: evaluate"],
    ),
    (
        "rate = 0.1\n        print(rate)",
        "rate = 0.2",
        [
            "train",
            "  file /opt/a.py:",
            "    - rate = 0.1",
            "    - print(rate)",
            "    + rate = 0.2",
            "computes anew: train; and so what reads it: evaluate",
        ],
    ),
    (
        "[evaluate, ",
        "[evaluate, --all, ",
        ["evaluate", "  command:", "    + --all", "computes anew: evaluate"],
    ),
    (
        "  - {name: evaluate",
        "  - {name: check",
        ["check: new", "evaluate: gone", "computes anew: check"],
    ),
    (
        "memory: 1Gi",
        "memory: 2Gi",
        [
            line
            for task in ("prepare", "train", "evaluate")
            for line in (
                task,
                "  resources: requests.memory 1Gi → 2Gi",
                "  resources: limits.memory 1Gi → 2Gi",
            )
        ],
    ),
]


@pytest.mark.parametrize("target", ["jobs", "argo"])
@pytest.mark.parametrize(("before", "after", "expected"), CHANGES, ids=[after for _, after, _ in CHANGES])
def test_what_a_change_is_told_as(target: Target, before: str, after: str, expected: list[str]) -> None:
    assert before in FLOW
    assert told(FLOW, FLOW.replace(before, after), target) == expected


@pytest.mark.parametrize("target", ["jobs", "argo"])
def test_the_same_is_no_difference(target: Target) -> None:
    assert told(FLOW, FLOW, target) == []
    assert list(unified(manifests(FLOW, target), manifests(FLOW, target))) == []


def test_another_target_is_told_and_pods_are_not_compared() -> None:
    jobs, argo = read_run(manifests(FLOW, "jobs")), read_run(manifests(FLOW, "argo"))
    assert list(tell_changes(jobs, argo)) == ["target: jobs → argo"]


def test_all_lines_of_a_change_are_in_the_unified_diff_and_no_id() -> None:
    before, after = manifests(FLOW, "jobs"), manifests(FLOW.replace('"10"', '"20"'), "jobs")
    lines = list(unified(before, after))
    assert lines[:2] == ["--- a/ConfigMap/<id>-tasks-0", "+++ b/ConfigMap/<id>-tasks-0"]
    assert [line.strip('-+ ",') for line in lines if line.endswith(('"10",', '"20",'))] == ["10", "20"]
    assert read_run(before).id not in "".join(lines) and read_run(after).id not in "".join(lines)


def test_what_a_cluster_adds_is_no_difference() -> None:
    compiled = manifests(FLOW, "jobs")
    stored = [
        {
            **one,
            "metadata": {
                **one["metadata"],
                "uid": "u",
                "resourceVersion": "7",
                "creationTimestamp": "2026-11-26T10:00:00Z",
                "ownerReferences": [{"uid": "v"}],
                "annotations": {**one["metadata"].get("annotations", {}), "osmo.digest": "d"},
            },
            "status": {},
        }
        for one in compiled
    ]
    assert list(unified(compiled, stored)) == []
