"""A file that compiles is accepted by the cluster: every object, and every pod that it stands for."""

from pathlib import Path
from typing import Any

import pytest
from acceptance.accept import accept
from acceptance.argo_pod import argo_pods
from acceptance.dry_run import admission_needs, dry_run, existing, kubectl_env
from acceptance.pods import job_pods
from compiled import compiled, corpus_files, external, shared, verdicts

from osmoc import compile_workflow
from osmoc.emit.objects import bootstrap_objects
from osmoc.pipeline import Options, Result

TARGETS = ("argo", "jobs")
TAGS = (
    r"inputs\.parameters\.(task|group|shard|digest)",
    r"retries",
    r"workflow\.uid",
)
GOOD = [verdict for verdict in verdicts() if verdict["want"] != "error"]


def refused(result: Result) -> list[str]:
    return accept(list(result.manifests), external(result), TAGS)


@pytest.mark.parametrize("target", TARGETS)
def test_every_small_spec_that_compiles_is_accepted(target: str) -> None:
    """Names, schemas, references, Argo's own rules: nothing is left for the cluster to refuse."""
    shared("argo-crds")
    found = {}
    for verdict in GOOD:
        options = Options(target=target, set_=verdict.get("set") or {})  # type: ignore[arg-type]
        result = compile_workflow(verdict["spec"], options=options)
        if errors := refused(result):
            found[verdict["id"]] = errors
    assert GOOD
    assert found == {}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("path", corpus_files(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_real_workflow_that_compiles_is_accepted(path: Path, target: str) -> None:
    shared("argo-crds")
    result = compiled(path, target)
    if result.failed:
        pytest.skip("OSMO rejects it too")
    assert refused(result) == []


def test_bootstrap_objects_are_accepted() -> None:
    objects = bootstrap_objects("", "a2V5")
    assert accept(objects, {("ServiceAccount", "default")}, ()) == []


@pytest.mark.cluster
@pytest.mark.parametrize("target", TARGETS)
def test_the_api_server_accepts_objects_and_pods(target: str) -> None:
    """The real API server, unknown fields refused: the objects, and the pods that Argo or the Job controller makes."""
    shared("argo-crds")
    env = kubectl_env()
    objects: list[dict[str, Any]] = []
    pods: list[dict[str, Any]] = []
    results = [compiled(path, target) for path in corpus_files()]
    for verdict in GOOD[::4]:
        options = Options(target=target, set_=verdict.get("set") or {})  # type: ignore[arg-type]
        results.append(compile_workflow(verdict["spec"], options=options))
    for result in results:
        objects += result.manifests
        pods += [pod for _, pod in job_pods(list(result.manifests))]
        for manifest in result.manifests:
            if manifest["kind"] == "Workflow":
                pods += [pod for _, pod in argo_pods(manifest)]
    unique = {(item["kind"], item["metadata"]["name"]): item for item in [*objects, *pods]}
    with existing(admission_needs([("", pod) for pod in pods]), env):
        assert dry_run(list(unique.values()), env) == []
