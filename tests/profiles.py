"""Workflows compiled with a profile, both given as text."""

import json
from collections.abc import Iterable
from typing import Any

from osmoc import compile_workflow
from osmoc.diagnostics import Diagnostic, Diagnostics, Severity
from osmoc.passes.read_profile import read_profile
from osmoc.pipeline import Options, Result
from osmoc.plan import Placement
from osmoc.profile import Profile
from osmoc.source import Source

TASK = "{name: train, image: python, command: [python, train.py]"


def workflow(task: str = "", more: str = "") -> str:
    """A workflow of one task, whose keys follow those it needs; `more` are lines of keys of the workflow."""
    keys = f", {task}" if task else ""
    return f"workflow:\n  name: flow\n{more}  tasks:\n  - {TASK}{keys}}}\n"


def read(text: str) -> tuple[Profile | None, list[Diagnostic]]:
    found = Diagnostics(Source("osmoc.yaml", text))
    return read_profile(found), list(found)


def profile(text: str) -> Profile:
    read_, found = read(text)
    assert read_ is not None, told(found)
    return read_


def compile_with(profile_text: str, workflow_text: str, **options: Any) -> Result:
    """Without a profile, in an open world, if its text is empty."""
    chosen = profile(profile_text) if profile_text else None
    return compile_workflow(workflow_text, chosen, options=Options(**options))


def told(findings: Iterable[Diagnostic]) -> str:
    return "\n".join(
        f"{one.place and one.place.line}: {one.code.id}: {one.message} (help: {one.help})" for one in findings
    )


def errors(result: Result) -> list[tuple[str, int, str]]:
    """Code, line (0 if there is none) and message."""
    found = [one for one in result.findings if one.severity is Severity.ERROR]
    return [(one.code.id, one.place.line if one.place else 0, one.message) for one in found]


def helps(result: Result) -> list[str]:
    return [one.help for one in result.findings if one.severity is Severity.ERROR]


def needs(result: Result) -> dict[tuple[str, str], str]:
    """What the cluster must have, but for what every one must: kind and name to reason."""
    assert result.plan is not None, told(result.findings)
    found = [need for need in result.plan.requirements if need.kind != "bootstrap objects"]
    return {(need.kind, need.name): need.reason for need in found}


def placement(result: Result, task: str = "train") -> Placement:
    """Without the pod template."""
    assert result.plan is not None, told(result.findings)
    tasks = [one for group in result.plan.groups.values() for one in group.tasks if one.name == task]
    return tasks[0].shape.placement._replace(pod_patch="")


def pod(profile_text: str, workflow_text: str, task: str = "train", **options: Any) -> dict[str, Any]:
    """The pod of a task, as its Job has it: `metadata` and `spec`."""
    result = compile_with(profile_text, workflow_text, target="jobs", **options)
    jobs = [one for one in result.manifests if one["kind"] == "Job"]
    pods = [job["spec"]["template"] for job in jobs if job["metadata"]["labels"].get("osmo.task_name") == task]
    assert len(pods) == 1, told(result.findings)
    found: dict[str, Any] = json.loads(json.dumps(pods[0]))
    return found


def container(pod_: dict[str, Any], name: str = "train") -> dict[str, Any]:
    """A container of a pod, wherever it stands."""
    found = [one for key in ("initContainers", "containers") for one in pod_["spec"][key] if one["name"] == name]
    assert len(found) == 1, [one["name"] for key in ("initContainers", "containers") for one in pod_["spec"][key]]
    one: dict[str, Any] = found[0]
    return one
