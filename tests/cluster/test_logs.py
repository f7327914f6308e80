"""`osmoc logs` of runs whose pods are gone, on a real cluster: what is kept in the storage is the same."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cluster import argo
from cluster.command import PROFILE, Desk
from cluster.kubernetes import BUSYBOX, Namespace
from runtime.s3 import CREDENTIAL, S3

pytestmark = pytest.mark.cluster

FLOW = f"""\
workflow:
  name: flow
  tasks:
  - name: Say_It
    image: {BUSYBOX}
    command: [sh, -c, "for i in 1 2 3; do echo step $i; done; echo stop >&2"]
  - name: again
    image: {BUSYBOX}
    command: [sh, -c, "echo attempt $OSMO_ATTEMPT; test $OSMO_ATTEMPT = 1 || exit 9; sleep 6; echo later"]
    exitActions: {{RESCHEDULE: "9"}}
  - name: never
    image: {BUSYBOX}
    command: ["true"]
    inputs: [{{task: fails}}]
  - {{name: fails, image: {BUSYBOX}, command: [sh, -c, "exit 3"]}}
"""
SAID = {
    "say-it | step 1",
    "say-it | step 2",
    "say-it | step 3",
    "say-it | stop",
    "again | attempt 1",
    "again | later",
}


@pytest.fixture
def desk(namespace: Namespace, tmp_path: Path) -> Desk:
    made = Desk(tmp_path, namespace)
    made.write(FLOW)
    return made


@pytest.fixture(params=["jobs", "argo"])
def ended(request: pytest.FixtureRequest, desk: Desk) -> str:
    """The id of a run."""
    if request.param == "argo" and (why_not := argo.why_not()):
        pytest.skip(why_not)
    desk.write(PROFILE.replace("target: jobs", f"target: {request.param}"), "osmoc.yaml")
    done = desk.osmoc("apply", "flow.yaml", "--wait")
    assert done.status == 1 and "exit code 3" in done.err, f"{done.err}\n{desk.namespace.describe()}"
    return done.id


def without_pods(desk: Desk, run_id: str, task: str = "") -> None:
    selector = f"osmo.workflow_id={run_id},osmo.task_name" + (f"={task}" if task else "")
    desk.namespace.kubectl("delete", "pod", "-l", selector, "--wait")


def logs(desk: Desk, *words: str) -> list[str]:
    """What tasks said, in any order, of names that are aligned to any width."""
    done = desk.osmoc("logs", *words)
    assert (done.status, done.err) == (0, "")
    return said(done.out)


def said(out: str) -> list[str]:
    """Without what Argo's executor writes into the log of a container."""
    foreign = re.compile("argo=true|Error: exit status")
    return sorted(re.sub(r" +\|", " |", line) for line in out.splitlines() if not foreign.search(line))


def test_logs_are_the_same_when_the_pods_are_gone(desk: Desk, ended: str) -> None:
    before = logs(desk, ended)
    first = logs(desk, ended, "again", "--attempt", "1")
    assert (set(before), first) == (SAID, ["attempt 0"])
    without_pods(desk, ended, "say-it")
    assert logs(desk, ended) == before
    assert logs(desk, ended, "--follow") == sorted([*before, "again | attempt 0"])
    without_pods(desk, ended)
    assert logs(desk, ended) == before
    assert logs(desk, ended, "--follow") == sorted([*before, "again | attempt 0"])
    assert logs(desk, ended, "Say_It") == ["step 1", "step 2", "step 3", "stop"]
    assert logs(desk, ended, "again", "--attempt", "1") == first
    assert logs(desk, ended, "again", "--attempt", "2") == logs(desk, ended, "again") == ["attempt 1", "later"]
    missing = desk.osmoc("logs", ended, "again", "--attempt", "3")
    assert missing.status == 2 and "no pod of `again`, attempt 3, and no log in its storage" in missing.err
    gone = desk.osmoc("logs", ended, "again", "--ctrl")
    assert gone.status == 2 and "what osmo-ctrl said is gone" in gone.err
    desk.osmoc("delete", ended, "--wait")
    assert logs(desk, ended) == before
    assert "has no run `other-1`" in desk.osmoc("logs", "other-1").err


@pytest.mark.parametrize("ended", ["jobs"], indirect=True)
def test_the_last_seconds_of_what_is_kept(desk: Desk, ended: str) -> None:
    without_pods(desk, ended)
    stamp = datetime.fromisoformat(logs(desk, ended, "again", "--timestamps")[0].split()[0])
    since_then = int((datetime.now(UTC) - stamp).total_seconds())
    assert logs(desk, ended, "again", "--since", str(since_then - 2)) == ["later"]
    assert logs(desk, ended, "again", "--since", str(since_then + 60)) == ["attempt 1", "later"]
    assert logs(desk, ended, "again", "--since", "1") == []


@pytest.mark.parametrize("ended", ["jobs"], indirect=True)
def test_who_cannot_reach_the_storage_is_told_why_and_what_to_do(
    desk: Desk, ended: str, s3: S3, node_address: str, tmp_path: Path
) -> None:
    without_pods(desk, ended, "say-it")
    before = logs(desk, ended)
    nobody = {"KUBECONFIG": str(_reader(desk.namespace, tmp_path))}
    half = desk.osmoc("logs", ended, env=nobody)
    assert half.status == 0 and set(said(half.out)) == {line for line in SAID if line.startswith("again")}
    assert half.err.startswith("warning: `say-it`: no pod any more, and you may not read the Secret `osmo-storage`")
    assert 'cannot get resource "secrets"' in half.err
    none = desk.osmoc("logs", ended, "say-it", env=nobody)
    assert none.status == 2 and "--storage URL, and a key in OSMO_ACCESS_KEY_ID" in none.err
    place = ("--storage", f"s3://{s3.bucket}/{desk.namespace.name}", "--endpoint", f"http://{node_address}:{s3.port}")
    key = {"OSMO_ACCESS_KEY_ID": CREDENTIAL["access_key_id"], "OSMO_ACCESS_KEY": CREDENTIAL["access_key"]}
    own = desk.osmoc("logs", ended, *place, env=nobody | key)
    assert said(own.out) == before, own.err
    away = desk.osmoc("logs", ended, "say-it", "--endpoint", "http://127.0.0.1:1")
    assert away.status == 2 and "its storage is out of reach: s3://" in away.err and "--endpoint URL" in away.err
    desk.namespace.kubectl("delete", "secret", "osmo-storage")
    assert "has no Secret `osmo-storage`" in desk.osmoc("logs", ended, "say-it").err


def _reader(namespace: Namespace, folder: Path) -> Path:
    """The kubeconfig of somebody who may look at runs, and at no Secret."""
    resources = "pods,pods/log,configmaps,jobs.batch"
    namespace.kubectl("create", "serviceaccount", "reader")
    namespace.kubectl("create", "role", "reader", "--verb=get,list,watch", f"--resource={resources}")
    namespace.kubectl("create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={namespace.name}:reader")
    config = json.loads(namespace.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
    token = namespace.kubectl("create", "token", "reader").strip()
    config["users"] = [{"name": config["contexts"][0]["context"]["user"], "user": {"token": token}}]
    (folder / "kubeconfig").write_text(json.dumps(config))
    return folder / "kubeconfig"
