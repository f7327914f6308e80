"""`osmoc prune` with runs that a GitOps controller applied: manifests leave the repository, then runs the cluster."""

from pathlib import Path

import pytest
from cluster import argo
from cluster.command import PROFILE, Desk
from cluster.kubernetes import BUSYBOX, Namespace, until

pytestmark = pytest.mark.cluster

FLOW = """\
workflow:
  name: flow
  tasks:
  - {{name: a, image: {image}, command: [sh, -c, "{script}"]}}
"""


@pytest.mark.parametrize("target", ["jobs", "argo"])
def test_runs_that_are_over_leave_the_repository_and_then_the_cluster(
    target: str, namespace: Namespace, tmp_path: Path
) -> None:
    if target == "argo" and (why_not := argo.why_not()):
        pytest.skip(why_not)
    desk = Desk(tmp_path, namespace)
    desk.write(PROFILE.replace("target: jobs", f"target: {target}"), "osmoc.yaml")
    scripts = {"old": "true", "long": "sleep 600", "new": "exit 3", "next": "date"}
    for name, script in scripts.items():
        desk.write(FLOW.format(image=BUSYBOX, script=script))
        done = desk.local("compile", "flow.yaml", "--id", f"flow-{name}", "--gitops", "flux", "-o", f"deploy/{name}")
        assert done.status == 0, done.err
    for name in ("old", "long", "new"):
        namespace.kubectl("apply", "--server-side", "-k", str(tmp_path / "deploy" / name))
        if name != "long":
            assert desk.osmoc("wait", f"flow-{name}").status == (1 if name == "new" else 0), namespace.describe()
    until(lambda: desk.statuses("flow-long").get("a") == "RUNNING", 90, namespace.describe)

    foresaw = desk.osmoc("prune", "deploy", "--dry-run")
    assert foresaw.out == "would remove deploy/old: flow-old, COMPLETED\n", foresaw.err
    assert {path.name for path in (tmp_path / "deploy").iterdir()} == set(scripts)
    pruned = desk.osmoc("prune", "deploy")
    assert pruned.out == "removed deploy/old: flow-old, COMPLETED\n"
    assert pruned.err.splitlines() == [
        "kept deploy/long: flow-long: it is RUNNING",
        "kept deploy/new: flow-new: FAILED, but the newest run of `flow`",
        "kept deploy/next: flow-next: not on the cluster, or not yet",
    ]
    assert {path.name for path in (tmp_path / "deploy").iterdir()} == {"long", "new", "next"}
    assert desk.osmoc("prune", "deploy", "--older-than", "1d", "--all").out == ""
    assert desk.osmoc("prune", "deploy", "--all").out == "removed deploy/new: flow-new, FAILED\n"

    assert "no run that ended that long ago" in desk.osmoc("prune", "--older-than", "1d").err
    assert len(desk.left("flow-old")) > 1
    removed = desk.osmoc("prune", "--older-than", "1s")
    assert removed.out.splitlines() == ["removed flow-new, FAILED", "removed flow-old, COMPLETED"], removed.err
    until(lambda: desk.left("flow-old") == desk.left("flow-new") == [], 60, namespace.describe)
    assert desk.statuses("flow-long") == {"a": "RUNNING"}
    assert desk.osmoc("delete", "flow-long", "--wait").status == 0
    assert desk.left("flow-long") == []
