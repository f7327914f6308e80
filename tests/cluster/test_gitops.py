"""A folder of manifests as a GitOps controller applies it: again and again, also while the run is at it."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster.command import PROFILE, Desk
from cluster.kubernetes import BUSYBOX, Namespace, until
from compiled import ROOT

pytestmark = pytest.mark.cluster

Manifest = dict[str, Any]

FLOW = f"""\
workflow:
  name: flow
  tasks:
  - {{name: a, image: {BUSYBOX}, command: [sh, -c, "sleep 4; echo 1 > {{{{output}}}}/x"]}}
  - {{name: b, image: {BUSYBOX}, command: [sh, -c, "sleep 4; cat {{{{input:0}}}}/x"], inputs: [{{task: a}}]}}
"""


def as_flux_does(desk: Desk, manifest: Manifest) -> None:
    """`IfNotPresent`: what is there is left alone."""
    assert manifest["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/ssa"] == "IfNotPresent"
    if live(desk, manifest) is None:
        desk.namespace.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(manifest))


def as_argo_cd_does(desk: Desk, manifest: Manifest) -> None:
    """`RespectIgnoreDifferences`: fields that the Application of the example ignores are as they are on the cluster.

    `ApplyOutOfSyncOnly`: what then is the same is not applied.
    """
    spec = application()["spec"]
    assert {"RespectIgnoreDifferences=true", "ApplyOutOfSyncOnly=true"} < set(spec["syncPolicy"]["syncOptions"])
    found = live(desk, manifest)
    for ignored in spec["ignoreDifferences"] if found else ():
        if (ignored.get("group", ""), ignored["kind"]) == (group_of(manifest), manifest["kind"]):
            for pointer in ignored["jsonPointers"]:
                copy_field(found, manifest, pointer.split("/")[1:])
    apply = ("apply", "--server-side", "--force-conflicts", "-o", "json", "-f", "-")
    text = json.dumps(manifest)
    if not found or not same(found, json.loads(desk.namespace.kubectl(*apply, "--dry-run=server", stdin=text))):
        desk.namespace.kubectl(*apply, stdin=text)


def same(found: Manifest, applied: Manifest) -> bool:
    return all(found.get(field) == applied.get(field) for field in {*found, *applied} - {"metadata", "status"}) and all(
        found["metadata"].get(field) == applied["metadata"].get(field) for field in ("labels", "annotations")
    )


def application() -> Manifest:
    text = (ROOT / "examples" / "gitops" / "README.md").read_text()
    [block] = re.findall(r"<!-- file: application.yaml -->\n```yaml\n(.*?)```", text, re.DOTALL)
    found: Manifest = yaml.safe_load(block)
    return found


def group_of(manifest: Manifest) -> str:
    return str(manifest["apiVersion"].rpartition("/")[0])


def copy_field(source: Any, target: Manifest, path: list[str]) -> None:
    """Also that it is not there."""
    *parents, last = path
    for name in parents:
        source = (source or {}).get(name)
        target = target.setdefault(name, {})
    if source and last in source:
        target[last] = source[last]
    else:
        target.pop(last, None)


def live(desk: Desk, manifest: Manifest) -> Manifest | None:
    name = f"{manifest['kind']}/{manifest['metadata']['name']}"
    found = desk.namespace.kubectl("get", name, "-o", "json", "--ignore-not-found")
    return json.loads(found) if found else None


@pytest.mark.parametrize(("controller", "sync"), [("flux", as_flux_does), ("argocd", as_argo_cd_does)])
def test_a_folder_that_is_applied_again_and_again_is_one_run(
    controller: str, sync: Callable[[Desk, Manifest], None], namespace: Namespace, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, namespace)
    desk.write(PROFILE, "osmoc.yaml")
    desk.write(FLOW)
    done = desk.local("compile", "flow.yaml", "--gitops", controller, "-o", "out")
    assert done.status == 0, done.err
    listed = yaml.safe_load((tmp_path / "out" / "kustomization.yaml").read_text())["resources"]

    def apply() -> None:
        for name in listed:
            sync(desk, yaml.safe_load((tmp_path / "out" / name).read_text()))

    apply()
    [run_id] = [run["workflow_id"] for run in json.loads(desk.osmoc("list", "--output", "json").out)]
    for task in ("a", "b"):
        until(lambda task=task: desk.statuses(run_id).get(task) == "RUNNING", 60, namespace.describe)  # type: ignore[misc]
        apply()
    assert desk.osmoc("wait", run_id).status == 0, namespace.describe()
    apply()
    assert [len(namespace.pods(task)) for task in ("a", "b")] == [1, 1]
    assert desk.state(run_id)["status"] == "COMPLETED"
