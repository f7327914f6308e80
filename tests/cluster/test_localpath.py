"""A dataset that `localpath` names: `osmoc apply` uploads it to the storage of the cluster, where pods find it."""

import json
from pathlib import Path

import pytest
from cluster.command import PROFILE, Desk
from cluster.kubernetes import BUSYBOX, Namespace

pytestmark = pytest.mark.cluster

FLOW = f"""\
workflow:
  name: look
  tasks:
  - name: look
    image: {BUSYBOX}
    command: [sh, -c, "cat {{{{input:0}}}}/cats/cats/*.txt"]
    inputs: [{{dataset: {{name: cats, localpath: ./cats}}}}]
"""


@pytest.fixture(params=["jobs", "argo"])
def desk(namespace: Namespace, tmp_path: Path, request: pytest.FixtureRequest) -> Desk:
    if request.param == "argo":
        request.getfixturevalue("argo_controller")
    made = Desk(tmp_path, namespace)
    made.write(PROFILE.replace("target: jobs", f"target: {request.param}"), "osmoc.yaml")
    made.write(FLOW)
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "tom.txt").write_text("tom\n")
    return made


def test_pods_read_what_was_uploaded(desk: Desk) -> None:
    dry = desk.osmoc("apply", "flow.yaml", "--dry-run", "server")
    assert dry.status == 0 and "not uploaded yet: cats" in dry.err
    done = desk.osmoc("apply", "flow.yaml", "--wait")
    assert done.status == 0 and "./cats is cats:1, 1 of 1 files uploaded" in done.err, done.err
    assert desk.osmoc("logs", done.id, "look").out == "tom\n"
    again = desk.osmoc("apply", "flow.yaml")
    assert "./cats is cats:1, 0 of 1 files" in again.err and "nothing to do" in again.err and again.id == done.id
    (desk.folder / "cats" / "rex.txt").write_text("rex\n")
    other = desk.osmoc("apply", "flow.yaml", "--wait")
    assert "./cats is cats:2" in other.err and other.id != done.id
    assert desk.osmoc("logs", other.id, "look").out == "rex\ntom\n"


def test_a_storage_out_of_reach_is_said_at_the_line(desk: Desk) -> None:
    desk.namespace.kubectl("patch", "secret", "osmo-storage", "-p", json.dumps({"stringData": {"access_key": "wrong"}}))
    done = desk.osmoc("apply", "flow.yaml", env={"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, seconds=240)
    assert done.status == 1 and "flow.yaml:7:" in done.err and "error[E308]" in done.err, done.err
    assert "osmoc dataset upload cats ./cats" in done.err
    assert desk.osmoc("list").out == ""
