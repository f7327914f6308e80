"""`osmoc apply` and what follows it, as a user calls them, on a real cluster."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cluster.command import PROFILE, Desk
from cluster.kubernetes import BUSYBOX, Namespace, until
from cluster.line import line_to_cluster

from osmoc.cluster import runs
from osmoc.cluster.client import open_client
from osmoc.cluster.state import Status

pytestmark = pytest.mark.cluster


def flow(*tasks: dict[str, Any], **fields: Any) -> str:
    """A workflow in a form with a line for each task."""
    lines = "".join(f"  - {json.dumps(task)}\n" for task in tasks)
    return f"workflow:\n  name: flow\n  tasks:\n{lines}" + "".join(
        f"  {k}: {json.dumps(v)}\n" for k, v in fields.items()
    )


def task(name: str, script: str = "true", **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": BUSYBOX, "command": ["sh", "-c", script], **fields}


QUICK = flow(task("a"), task("b"))
LONG = f"""\
workflow:
  name: long
  groups:
  - name: pair
    tasks:
    - name: lead
      lead: true
      image: {BUSYBOX}
      command: [sh, -c, "trap 'echo ending; exit 0' TERM; i=0; while :; do echo step $((i=i+1)); sleep 0.5; done"]
    - {{name: other, image: {BUSYBOX}, command: [sh, -c, "echo other; sleep 600"]}}
  - name: later
    tasks:
    - name: after
      image: {BUSYBOX}
      command: [sh, -c, "test -d {{{{input:0}}}}"]
      inputs: [{{task: lead}}]
"""


BOTH = pytest.mark.parametrize("desk", ["jobs", "argo"], indirect=True)


@pytest.fixture
def desk(namespace: Namespace, tmp_path: Path, request: pytest.FixtureRequest) -> Desk:
    """For Jobs, where it is not said otherwise."""
    target = getattr(request, "param", "jobs")
    if target == "argo":
        request.getfixturevalue("argo_controller")
    made = Desk(tmp_path, namespace)
    made.write(PROFILE.replace("target: jobs", f"target: {target}"), "osmoc.yaml")
    made.write(QUICK)
    return made


@BOTH
def test_a_workflow_from_apply_to_delete(desk: Desk) -> None:
    desk.write(flow(task("a", "echo hello"), task("b", "echo one; sleep 0.2; echo two >&2; exit 7")))
    done = desk.osmoc("apply", "flow.yaml", "--wait")
    assert done.status == 1
    assert done.out.splitlines() == [done.id]
    assert "b: failed: exit code 7" in done.err and f"run {done.id}: FAILED" in done.err
    assert desk.statuses(done.id) == {"a": "COMPLETED", "b": "FAILED"}
    table = desk.osmoc("status", done.id)
    assert table.status == 1 and "exit code 7" in table.out
    assert desk.osmoc("logs", done.id, "b").out.splitlines() == ["one", "two"]
    assert "a | hello\n" in desk.osmoc("logs", done.id).out
    assert "the command ended: exited, code 7" in desk.osmoc("logs", done.id, "b", "--ctrl").out
    assert [run["workflow_id"] for run in json.loads(desk.osmoc("list", "--output", "json").out)] == [done.id]
    assert desk.osmoc("open", done.id, "-o", "page.html").out == "page.html\n"
    page = (desk.folder / "page.html").read_text()
    assert f"{done.id}: FAILED" in page and "exit code 7" in page and "one\ntwo" in page and "hello" in page
    assert desk.osmoc("wait", done.id).status == 1
    assert desk.osmoc("cancel", done.id).err == f"{done.id}: has ended already\n"
    assert desk.osmoc("delete", done.id, "--wait").status == 0
    assert desk.left(done.id) == []
    assert "has no run" in desk.osmoc("status", done.id).err


@BOTH
def test_the_same_again_is_the_same_run(desk: Desk) -> None:
    first = desk.osmoc("apply", "flow.yaml", "--wait")
    assert first.status == 0, first.err
    uid = desk.state(first.id)["run"]
    again = desk.osmoc("apply", "flow.yaml")
    assert (again.out, again.status) == (first.out, 0) and "nothing to do" in again.err
    assert desk.state(first.id)["run"] == uid
    once_more = desk.osmoc("apply", "flow.yaml", "--again", "--wait")
    assert (once_more.out, once_more.status) == (first.out, 0), once_more.err
    assert desk.state(first.id)["run"] != uid


@BOTH
def test_a_run_is_watched_and_canceled(desk: Desk) -> None:
    desk.write(LONG)
    run_id = desk.osmoc("apply", "flow.yaml").id
    # Names are aligned as soon as it is known which tasks there are.
    until(lambda: desk.statuses(run_id), 60, desk.namespace.describe)
    following = desk.start("logs", run_id, "--follow")
    waiting = desk.start("wait", run_id)
    until(lambda: desk.statuses(run_id).get("other") == "RUNNING", 60, desk.namespace.describe)
    assert "it is RUNNING" in desk.osmoc("wait", run_id, "--timeout", "1").err
    assert "`osmoc cancel" in desk.osmoc("apply", "flow.yaml", "--again").err
    assert desk.osmoc("cancel", run_id, "--wait").status == 0
    assert desk.state(run_id)["status"] == "FAILED_CANCELED"
    assert "canceled by" in desk.state(run_id)["reason"]
    assert set(desk.statuses(run_id).values()) == {"FAILED_CANCELED"}
    said, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 1
    said, _ = following.communicate(timeout=60)
    assert "lead  | step 1\n" in said and "other | other\n" in said
    tasks = ["-l", "osmo.task_name", "--field-selector", "status.phase=Running"]
    assert desk.namespace.kubectl("get", "pods", *tasks, "-o", "name") == ""


@BOTH
def test_a_run_is_followed_by_one_list_and_one_watch_of_each_kind(desk: Desk) -> None:
    """However much happens: what `status --watch`, `wait` and `apply --wait` ask for."""
    desk.write(flow(*(task(f"t{number}", "sleep 1") for number in range(6))))
    run_id = desk.osmoc("apply", "flow.yaml").id
    client = open_client(None, desk.namespace.name)
    is_argo = runs.find_owner(client, run_id)["kind"] == "Workflow"
    before = Counter(client.calls)
    states = list(runs.follow(client, run_id, rest=5.0))
    assert states[-1].status is Status.COMPLETED and len(states) > 2
    kinds = 1 if is_argo else 3
    # The owner is looked for first, as it was before.
    assert client.calls - before == Counter(GET=before["GET"] + kinds, WATCH=kinds)


@BOTH
def test_a_workflow_that_is_deleted_while_it_runs(desk: Desk) -> None:
    desk.write(LONG)
    run_id = desk.osmoc("apply", "flow.yaml").id
    waiting = desk.start("wait", run_id)
    until(lambda: desk.statuses(run_id).get("lead") == "RUNNING", 60, desk.namespace.describe)
    assert desk.osmoc("delete", run_id, "--wait").status == 0
    assert desk.left(run_id) == []
    _, err = waiting.communicate(timeout=30)
    assert waiting.returncode == 2 and "was deleted" in err


def test_an_api_server_that_is_restarted_is_waited_for(desk: Desk, tmp_path: Path) -> None:
    """By `wait` and `logs --follow`, which say every line once."""
    desk.write(flow(task("a", "i=0; while [ $i -lt 30 ]; do echo $((i=i+1)); sleep 0.5; done")))
    run_id = desk.osmoc("apply", "flow.yaml").id
    with line_to_cluster(tmp_path) as (line, env):
        waiting, following = desk.start("wait", run_id, env=env), desk.start("logs", run_id, "a", "-f", env=env)
        for _ in range(2):
            until(lambda: desk.statuses(run_id).get("a") == "RUNNING", 60, desk.namespace.describe)
            time.sleep(2)
            line.cut()
            time.sleep(3)
            line.mend()
        out, err = following.communicate(timeout=90)
        assert (following.returncode, out.split()) == (0, [str(n + 1) for n in range(30)]), err
        _, err = waiting.communicate(timeout=60)
        assert waiting.returncode == 0 and f"run {run_id}: COMPLETED" in err


def test_a_folder_is_applied_in_a_namespace_that_has_nothing_yet(desk: Desk) -> None:
    for kind in ("secret/osmo-group-key", "serviceaccount/osmo-task", "serviceaccount/osmo-executor"):
        desk.namespace.kubectl("delete", kind)
    assert "made Secret `osmo-group-key`" in desk.osmoc("bootstrap", "--apply").err
    assert "has all that it needs" in desk.osmoc("bootstrap", "--apply").err
    subprocess.run([sys.executable, "-m", "osmoc", "compile", "flow.yaml", "-o", "out"], cwd=desk.folder, check=True)
    done = desk.osmoc("apply", "out", "--wait")
    assert done.status == 0, done.err
    assert desk.osmoc("apply", "flow.yaml").out == done.out, "the same objects, and so the same run"
    assert "does not hold the objects of one run" in desk.osmoc("apply", ".").err


# --- What the cluster lacks


def test_what_is_missing_is_said_at_its_line_and_nothing_is_made(desk: Desk) -> None:
    desk.write(flow(task("a", credentials={"wandb": {"KEY": "api_key"}})))
    done = desk.osmoc("apply", "flow.yaml")
    assert done.status == 1
    assert "flow.yaml:4:" in done.err and "error[E901]" in done.err and "`wandb`" in done.err
    desk.osmoc("credential", "set", "wandb", "other", stdin="value-x\n")
    done = desk.osmoc("apply", "flow.yaml")
    assert "error[E902]: the Secret `wandb` lacks `api_key`" in done.err and "it has `other`" in done.err
    assert desk.osmoc("list").out == ""
    made = desk.osmoc("credential", "set", "wandb", "--from-env", "api_key=KEY", env={"KEY": "value-y"})
    assert made.status == 0 and "value" not in made.out + made.err
    listed = desk.osmoc("credential", "list").out
    assert listed.split() == ["NAME", "KEYS", "wandb", "api_key,", "other"]
    assert desk.osmoc("apply", "flow.yaml", "--wait").status == 0


def test_whoever_may_not_is_told_which_verb(desk: Desk, tmp_path: Path) -> None:
    desk.namespace.kubectl("create", "serviceaccount", "nobody")
    token = desk.namespace.kubectl("create", "token", "nobody").strip()
    config = json.loads(desk.namespace.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
    config["users"] = [{"name": config["contexts"][0]["context"]["user"], "user": {"token": token}}]
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    env = {"KUBECONFIG": str(tmp_path / "kubeconfig")}
    done = desk.osmoc("apply", "flow.yaml", env=env)
    assert done.status == 1 and "you may not create jobs.batch in the namespace" in done.err
    listed = desk.osmoc("list", env=env)
    assert listed.status == 2 and 'cannot list resource "jobs"' in listed.err
    config["users"][0]["user"]["token"] = "expired"
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    assert "the cluster does not know you" in desk.osmoc("list", env=env).err


def test_a_quota_that_can_never_hold_it(desk: Desk) -> None:
    desk.namespace.kubectl("create", "quota", "small", "--hard=count/jobs.batch=2")

    def is_counted() -> bool:
        found = json.loads(desk.namespace.kubectl("get", "quota", "small", "-o", "json"))
        return "count/jobs.batch" in found.get("status", {}).get("hard", {})

    until(is_counted, 30, desk.namespace.describe)
    done = desk.osmoc("apply", "flow.yaml")
    assert done.status == 1 and "`small` leaves room for 2 count/jobs.batch; this makes 3" in done.err


def test_what_the_api_server_refuses_leaves_nothing(desk: Desk) -> None:
    """A policy of the cluster, which nobody can ask for."""
    name = f"no-b-{desk.namespace.name}"
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": desk.namespace.name}},
                "resourceRules": [
                    {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"]}
                ],
            },
            "validations": [{"expression": "!object.metadata.name.endsWith('-b')", "message": "nothing may be b"}],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
    desk.namespace.kubectl("create", "-f", "-", stdin=json.dumps(policy))
    desk.namespace.kubectl("create", "-f", "-", stdin=json.dumps(binding))
    try:
        done = _until_refused(lambda: desk.osmoc("apply", "flow.yaml", "--dry-run", "server").err)
        assert "flow.yaml:5:" in done and "error[E906]" in done and "nothing may be b" in done
        done = desk.osmoc("apply", "flow.yaml").err
        assert "error[E906]" in done and "nothing of it is left" in done
        until(lambda: not desk.namespace.kubectl("get", "jobs", "-o", "name"), 30, desk.namespace.describe)
    finally:
        for one in (binding, policy):
            desk.namespace.kubectl("delete", "-f", "-", stdin=json.dumps(one))


def _until_refused(ask: Callable[[], str]) -> str:
    """A new policy takes a moment."""
    end = time.monotonic() + 30
    while "E906" not in (said := ask()):
        assert time.monotonic() < end, said
    return said


# --- Killed


@pytest.mark.parametrize("is_late", [False, True], ids=["before a change", "after it"])
def test_an_apply_that_is_killed_at_any_change_is_finished_by_the_next(desk: Desk, is_late: bool) -> None:
    """No pod may start, so that what is there is what was applied."""
    desk.namespace.kubectl("create", "quota", "none", "--hard=pods=0")
    complete = desk.left(desk.osmoc("apply", "flow.yaml").id)
    run_id = json.loads(desk.osmoc("list", "--output", "json").out)[0]["workflow_id"]
    desk.osmoc("delete", run_id, "--wait")
    change, status = 0, 137
    while status == 137:
        change += 1
        status = desk.killed_at(change, "apply", "flow.yaml", is_late=is_late)
        done = desk.osmoc("apply", "flow.yaml")
        assert (done.status, done.id) == (0, run_id), done.err
        assert desk.left(run_id) == complete, f"change {change}"
        driver = json.loads(desk.namespace.kubectl("get", "job", f"{run_id}-driver", "-o", "json"))
        assert driver["spec"]["suspend"] is False and "osmo.pending" not in driver["metadata"]["labels"]
        desk.osmoc("delete", run_id, "--wait")
    assert change == 12, "ten objects, and the release of their owner"


@pytest.mark.parametrize("is_late", [False, True], ids=["before a change", "after it"])
@pytest.mark.parametrize("command", ["cancel", "delete"])
def test_what_ends_a_run_may_be_killed_at_any_change(desk: Desk, command: str, is_late: bool) -> None:
    desk.namespace.kubectl("create", "quota", "none", "--hard=pods=0")
    run_id = desk.osmoc("apply", "flow.yaml").id
    change = 1
    while desk.killed_at(change, command, run_id, is_late=is_late) == 137:
        change += 1
        if desk.osmoc("status", run_id).status == 2:  # it is deleted
            break
    assert desk.osmoc(command, run_id).status in (0, 2)
    if command == "cancel":
        driver = json.loads(desk.namespace.kubectl("get", "job", f"{run_id}-driver", "-o", "json"))
        assert "osmo.canceled" in driver["metadata"]["annotations"]
    else:
        until(lambda: desk.left(run_id) == [], 60, desk.namespace.describe)


# --- Pod Security


@BOTH
def test_a_restricted_namespace_refuses_what_the_user_asks_for_and_takes_the_rest(desk: Desk) -> None:
    enforce = "pod-security.kubernetes.io/enforce=restricted"
    desk.namespace.kubectl("label", "namespace", desk.namespace.name, enforce)
    done = desk.osmoc("apply", "flow.yaml")
    assert done.status == 1 and "flow.yaml:4:" in done.err
    assert "error[E906]: the cluster refuses pods of `a`" in done.err and "security: {user: restricted}" in done.err
    assert desk.osmoc("list").out == ""
    profile = (desk.folder / "osmoc.yaml").read_text()
    desk.write(profile + "security: {user: restricted}\n", "osmoc.yaml")
    run_id = desk.osmoc("apply", "flow.yaml").id
    users: list[dict[str, Any]] = []

    def has_pods() -> bool:
        pods = json.loads(desk.namespace.kubectl("get", "pods", "-o", "json"))["items"]
        users[:] = [one for pod in pods for one in pod["spec"]["containers"] if one["name"] in ("a", "b", "main")]
        return len(users) == 2

    until(has_pods, 60, desk.namespace.describe)
    assert all(one["securityContext"]["runAsNonRoot"] for one in users)
    assert [mount for one in users for mount in one["volumeMounts"] if "serviceaccount" in mount["mountPath"]] == []
    assert desk.osmoc("cancel", run_id, "--wait").status == 0


def test_a_group_gets_its_fence(desk: Desk) -> None:
    """That it is there; whether it is enforced is for the network of the cluster."""
    desk.write(LONG)
    run_id = desk.osmoc("apply", "flow.yaml").id
    found = json.loads(desk.namespace.kubectl("get", "networkpolicy", "-o", "json"))["items"]
    labels = {"matchLabels": {"osmo.workflow_id": run_id, "osmo.group_name": "pair"}}
    assert [policy["spec"]["podSelector"] for policy in found] == [labels]
    desk.osmoc("delete", run_id)
