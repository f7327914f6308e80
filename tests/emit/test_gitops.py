"""Manifests for GitOps controllers: `osmoc.emit.gitops`."""

import pytest

from osmoc import compile_workflow
from osmoc.emit.gitops import Controller
from osmoc.emit.write import to_yaml
from osmoc.pipeline import Options, Result
from osmoc.plan import Target
from osmoc.profile import Profile

WORKFLOW = """\
workflow:
  name: flow
  tasks:
  - {name: a, image: busybox, command: ["true"]}
  - {name: b, image: busybox, command: ["true"]}
"""
WANTED: dict[Controller, dict[str, str]] = {
    "argocd": {"argocd.argoproj.io/sync-options": "Prune=false"},
    "flux": {"kustomize.toolkit.fluxcd.io/prune": "disabled", "kustomize.toolkit.fluxcd.io/ssa": "IfNotPresent"},
}


def compiled(controller: Controller | None, target: Target = "jobs", **profile: object) -> Result:
    options = Options(target=target, gitops=controller)
    return compile_workflow(WORKFLOW, Profile.model_validate(profile), options=options)


@pytest.mark.parametrize("target", ["jobs", "argo"])
@pytest.mark.parametrize("controller", ["argocd", "flux"])
def test_every_object_says_how_it_is_to_be_treated_and_nothing_else_changes(
    controller: Controller, target: Target
) -> None:
    plain, marked = compiled(None, target), compiled(controller, target)
    assert marked.plan and plain.plan and marked.plan.workflow_id == plain.plan.workflow_id, "it is the same run"
    assert to_yaml(marked.manifests) == to_yaml(list(marked.manifests)), "forms are filled in as single objects are"
    for before, after in zip(plain.manifests, marked.manifests, strict=True):
        annotations = after["metadata"].pop("annotations")
        assert annotations == before["metadata"].pop("annotations", {}) | WANTED[controller]
        assert before == after


def test_what_expires_would_run_again() -> None:
    result = compiled("flux", retention={"seconds": "7d"})
    assert [found.code.id for found in result.findings if found.code.id.startswith("E")] == ["E804"]
    assert list(result.manifests) == []
    assert not compiled(None, retention={"seconds": "7d"}).failed
