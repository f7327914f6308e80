"""The driver on a real cluster: in its own pod with the real runtime, and as a process that is easily killed."""

import asyncio
import json
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml
from cluster.drivers import Flow, Manifest, Process, bare, compiled, flow, issuer, processes, server, task
from cluster.kubernetes import BUSYBOX, Namespace, kubectl, until
from runtime.s3 import S3

from osmo_ctrl import attempts
from osmo_driver.records import Status

pytestmark = pytest.mark.cluster

QUICK: dict[str, Any] = {
    "target": "jobs",
    "images": {"pull_policy": "Never"},
    "storage": {"secret": "osmo-storage"},
    "timeouts": {"pull": "5s"},
}
# A driver that was killed is missed after 20 s: too long for tests that kill it often.
SHORT_LEASE = "import osmo_driver.lease as lease; lease.DURATION, lease.RENEW = 3.0, 1.0"
DIAMOND = flow(task("a"), task("b", "a"), task("c", "b"), task("d", "a"))


@pytest.fixture
def run(namespace: Namespace) -> Flow:
    return Flow(namespace, "flow-1")


def diamond() -> list[Manifest]:
    """Three levels; the second of one branch fails."""
    return bare(compiled(DIAMOND, QUICK, "flow-1"), b="exit 7", d="sleep 2")


def assert_middle_failed(run: Flow) -> None:
    assert run.statuses() == {"a": "COMPLETED", "b": "FAILED", "c": "FAILED_UPSTREAM", "d": "COMPLETED"}
    state = run.state()
    assert (state.status, state.reason) == (Status.FAILED, "b-group: exit code 7")
    assert state.groups["b-group"].tasks["b"].exit == 7
    assert run.is_suspended("c") and run.run_id("c") is None
    uid = run.namespace.job(run.driver)["metadata"]["uid"]
    assert [run.run_id(name) for name in ("a", "b", "d")] == [uid] * 3
    # None was started twice.
    assert [len(run.namespace.pods(name)) for name in ("a", "b", "c", "d")] == [1, 1, 0, 1]


# In its pod.


def test_three_levels_with_data_between_them_complete(run: Flow, s3: S3) -> None:
    script = "cat {{input:0}}/* > {{output}}/all; echo %s >> {{output}}/all"
    levels = [
        {"name": "a", "args": ["echo first > {{output}}/all"]},
        {"name": "b", "args": [script % "second"], "inputs": [{"task": "a"}]},
        {"name": "c", "args": [script % "third"], "inputs": [{"task": "b"}]},
    ]
    tasks = [f"  - {json.dumps({'image': BUSYBOX, 'command': ['sh', '-c']} | level)}\n" for level in levels]
    run.apply(compiled(flow(*tasks), QUICK | {"timeouts": {}}, run.id))
    assert run.namespace.wait_for_job(run.driver, 180) == "Complete", run.log()
    assert run.statuses() == {"a": "COMPLETED", "b": "COMPLETED", "c": "COMPLETED"}
    assert run.state().status is Status.COMPLETED
    store, uid = s3.store(run.namespace.name), run.namespace.job(run.driver)["metadata"]["uid"]

    async def written() -> bytes:
        [found] = [one async for one in attempts.manifests(store, run.id, uid, "c")]
        [file] = found.files
        return await store.read(f"{attempts.attempt_of(found).output}/{file.key}")

    assert asyncio.run(written()) == b"first\nsecond\nthird\n"


def test_a_failure_in_the_middle_fails_what_waits_for_it(run: Flow) -> None:
    run.apply(diamond())
    assert run.namespace.wait_for_job(run.driver) == "Failed", run.log()
    assert_middle_failed(run)
    [pod] = json.loads(run.namespace.kubectl("get", "pods", "-l", "osmo.driver", "-o", "json"))["items"]
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 1
    assert "start flow-1-d of d-group" in run.log()


def test_a_driver_whose_pod_is_deleted_comes_again_and_goes_on(run: Flow) -> None:
    run.apply(bare(compiled(DIAMOND, QUICK, run.id), a="sleep 5", b="exit 7", d="sleep 2"))
    until(lambda: run.run_id("a"), 60, run.namespace.describe)
    run.namespace.kubectl("delete", "pod", "-l", "osmo.driver", "--force", "--grace-period=0")
    until(lambda: run.run_id("b"), 90, run.namespace.describe)
    run.namespace.kubectl("delete", "pod", "-l", "osmo.driver", "--wait=false")
    assert run.namespace.wait_for_job(run.driver, 180) == "Failed", run.log()
    assert_middle_failed(run)


def test_its_pod_is_restricted_and_its_account_creates_nothing(run: Flow) -> None:
    """Pod Security admits it, and the API server refuses what its Role does not name."""
    run.apply(diamond(), held=True)
    name = f"{run.namespace.name}-restricted"
    kubectl("create", "namespace", name)
    try:
        kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
        kubectl("-n", name, "create", "serviceaccount", run.driver)
        template = run.namespace.job(run.driver)["spec"]["template"]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "driver"}, "spec": template["spec"]}
        kubectl("-n", name, "create", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(pod))
    finally:
        kubectl("delete", "namespace", name, "--wait=false")
    job, base = run.job("a"), f"/namespaces/{run.namespace.name}"
    other = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "other"}, "spec": job["spec"]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": template["spec"]}
    account = _Account(run)
    assert account.call("POST", f"/apis/batch/v1{base}/jobs", other) == 403
    assert account.call("POST", f"/api/v1{base}/pods", pod) == 403
    assert account.call("GET", f"/api/v1{base}/secrets/osmo-storage") == 403
    assert account.call("GET", "/api/v1/nodes") == 403
    assert account.call("DELETE", f"/apis/batch/v1{base}/jobs/flow-1-a") == 403
    # Another's Job, and its own.
    assert account.call("PATCH", f"/apis/batch/v1{base}/jobs/other", {"spec": {"suspend": True}}) == 403
    assert account.call("PATCH", f"/apis/batch/v1{base}/jobs/{run.driver}", {"spec": {"suspend": False}}) == 403
    assert account.call("GET", f"/apis/batch/v1{base}/jobs/{run.driver}") == 200


class _Account:
    """Requests with the rights of the driver."""

    def __init__(self, run: Flow) -> None:
        token = run.namespace.kubectl("create", "token", run.driver).strip()
        self._headers = {"Authorization": f"Bearer {token}"}
        self._pool = urllib3.PoolManager(ca_cert_data=issuer().decode())

    def call(self, method: str, path: str, body: Manifest | None = None) -> int:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = self._headers | {"Content-Type": kind}
        content = json.dumps(body) if body else None
        return self._pool.request(method, f"{server()}{path}", body=content, headers=headers).status


# Killed, and twice at once.


# A driver that is gone with each word of a new step, which it says right after the deed.
SUICIDAL = """
import os, pathlib, signal
import osmo_driver.main as program
said, survived = program.say, pathlib.Path({!r})
def say(text):
    said(text)
    known = survived.read_text().splitlines()
    if ("->" in text or text.startswith("start ")) and text not in known:
        survived.write_text(chr(10).join([*known, text]))
        os.kill(os.getpid(), signal.SIGKILL)
program.say = say
"""


def test_killed_after_each_step_it_comes_to_the_same_end(run: Flow, tmp_path: Path) -> None:
    run.apply(diamond(), held=True)
    survived = tmp_path / "survived"
    survived.touch()
    codes = []
    with processes(run, SHORT_LEASE + SUICIDAL.format(str(survived))) as start:
        while not codes or codes[-1] == -signal.SIGKILL:
            codes.append(start().wait()[0])
            assert len(codes) < 30
    assert codes[-1] == 1
    steps = survived.read_text().splitlines()
    assert len(codes) == len(steps) + 1
    assert {f"start flow-1-{name} of {name}-group" for name in "abd"} < set(steps)
    assert_middle_failed(run)


def test_two_at_once_come_to_one_end(run: Flow) -> None:
    run.apply(diamond(), held=True)
    with processes(run, SHORT_LEASE) as start:
        one, two = start(), start()
        (code, said), (other_code, other_said) = one.wait(), two.wait()
    assert code == other_code == 1
    starts = sorted(line for line in said + other_said if line.startswith("start "))
    assert starts == [f"start flow-1-{name} of {name}-group" for name in "abd"]
    assert any("the Lease is held by" in line for line in said + other_said)
    assert_middle_failed(run)


def test_two_that_both_believe_to_hold_the_lease_do_no_harm(run: Flow) -> None:
    run.apply(diamond(), held=True)
    careless = (
        "from osmo_driver.lease import Lease\n"
        "Lease.acquire = lambda self: ''\nLease.renew = Lease.release = lambda self: None"
    )
    with processes(run, careless) as start:
        one, two = start(), start()
        assert (one.wait()[0], two.wait()[0]) == (1, 1)
    assert_middle_failed(run)


# What can never start.


def test_an_image_that_does_not_exist_fails_its_group(run: Flow) -> None:
    text = flow(task("a", image="registry.local/nothing:1"), task("b", "a"))
    run.apply(bare(compiled(text, QUICK, run.id)), held=True)
    assert driven(run) == 1
    assert run.statuses() == {"a": "FAILED_IMAGE_PULL", "b": "FAILED_UPSTREAM"}
    assert "registry.local/nothing:1" in run.state().reason
    assert run.is_suspended("a")
    until(lambda: not run.namespace.pods("a"), 60, run.namespace.describe)


def test_a_group_that_gets_no_node_in_time_fails(run: Flow) -> None:
    head = "  timeout: {queue_timeout: 8s}\n  resources:\n    default: {}\n    huge: {cpu: 1000}\n"
    text = flow(task("a", resource="huge"), task("b", "a"), task("c"), head=head)
    run.apply(bare(compiled(text, QUICK, run.id)), held=True)
    assert driven(run) == 1
    assert run.statuses() == {"a": "FAILED_QUEUE_TIMEOUT", "b": "FAILED_UPSTREAM", "c": "COMPLETED"}
    assert "Insufficient cpu" in run.state().reason
    assert run.is_suspended("a")


def test_a_secret_that_is_missing_fails_its_group(run: Flow) -> None:
    manifests = bare(compiled(flow(task("a")), QUICK, run.id))
    for container in containers(manifests, "a"):
        container["envFrom"] = [{"secretRef": {"name": "nothing"}}]
    run.apply(manifests, held=True)
    limit = "import osmo_driver.verdicts as verdicts; verdicts._CONFIGURATION_LIMIT = verdicts.timedelta(seconds=5)"
    assert driven(run, limit) == 1
    assert run.statuses() == {"a": "FAILED_BACKEND_ERROR"}
    assert 'secret "nothing" not found' in run.state().reason


def test_a_quota_that_admits_no_pod_is_a_queue_timeout(run: Flow) -> None:
    run.namespace.kubectl("create", "quota", "none", "--hard=pods=0")
    text = flow(task("a"), head="  timeout: {queue_timeout: 8s}\n")
    run.apply(bare(compiled(text, QUICK, run.id)), held=True)
    assert driven(run) == 1
    assert run.statuses() == {"a": "FAILED_QUEUE_TIMEOUT"}
    assert run.state().reason.endswith("the cluster has made no pod for it")


# What others do.


def test_a_job_that_a_person_suspends_ends_its_group(run: Flow) -> None:
    run.apply(bare(compiled(DIAMOND, QUICK, run.id), b="sleep 600"), held=True)
    with processes(run) as start:
        driver = start()
        run.wait_for("b-group", Status.RUNNING)
        run.namespace.kubectl("patch", "job", "flow-1-b", "-p", '{"spec":{"suspend":true}}')
        assert driver.wait()[0] == 1
    assert run.statuses() == {"a": "COMPLETED", "b": "FAILED_CANCELED", "c": "FAILED_UPSTREAM", "d": "COMPLETED"}
    assert run.state().reason == "b-group: Job flow-1-b was suspended by someone else"


def test_a_job_that_a_person_deletes_is_canceled(run: Flow) -> None:
    run.apply(bare(compiled(DIAMOND, QUICK, run.id), d="sleep 10"), held=True)
    with processes(run) as start:
        driver = start()
        run.wait_for("d-group", Status.RUNNING)
        run.namespace.kubectl("delete", "job", "flow-1-a", "flow-1-d")
        assert driver.wait()[0] == 1
    assert run.statuses() == {"a": "COMPLETED", "b": "COMPLETED", "c": "COMPLETED", "d": "FAILED_CANCELED"}


def test_a_job_that_was_never_applied_fails_with_its_name(run: Flow) -> None:
    run.apply([manifest for manifest in diamond() if manifest["metadata"]["name"] != "flow-1-d"], held=True)
    assert driven(run, "import osmo_driver.ends as ends; ends.APPLY_LIMIT = ends.timedelta(seconds=15)") == 1
    assert run.statuses() == {"a": "COMPLETED", "b": "FAILED", "c": "FAILED_UPSTREAM", "d": "FAILED_SUBMISSION"}
    assert run.state().reason == "d-group: never applied: flow-1-d"


def test_a_job_that_cannot_be_started_fails_with_the_api_servers_words(run: Flow) -> None:
    run.apply(diamond(), held=True)
    rules = json.loads(run.namespace.kubectl("get", "role", run.driver, "-o", "json"))["rules"]
    kept = [rule for rule in rules if rule.get("resourceNames", [""])[0] != "flow-1-a"]
    run.namespace.kubectl("patch", "role", run.driver, "--type=merge", "-p", json.dumps({"rules": kept}))
    assert driven(run, "import osmo_driver.ends as ends; ends.REFUSAL_LIMIT = ends.timedelta(seconds=5)") == 1
    assert run.statuses()["a"] == "FAILED_START_ERROR"
    assert "cannot patch resource" in run.state().reason


# Argo. No controller is needed for what the driver does there: Workflow and pods are as Argo would have them. One that
# is there leaves a Workflow alone that is suspended.


def test_on_argo_it_ends_the_pods_that_can_never_start(run: Flow) -> None:
    head = "  timeout: {queue_timeout: 8s}\n"
    text = flow(task("a", exitActions={"RESCHEDULE": "75"}), head=head)
    manifests = compiled(text, QUICK | {"target": "argo"}, run.id)
    for manifest in manifests:
        if manifest["kind"] == "Workflow":
            manifest["spec"]["suspend"] = True
    run.apply(manifests, held=True)
    labels = {"osmo.workflow_id": run.id, "osmo.group_name": "a-group", "osmo.task_name": "a"}
    pods = {
        "queued": {"image": BUSYBOX, "resources": {"requests": {"cpu": "1000"}}},
        "no-image": {"image": "registry.local/nothing:1"},
        "running": {"image": BUSYBOX, "command": ["sleep", "600"]},
    }
    for name, container in pods.items():
        spec = {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "main"} | container],
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}
        run.namespace.kubectl("create", "-f", "-", stdin=json.dumps(pod))

    ended: dict[str, str] = {}

    def look() -> set[str]:
        """A kubelet that is at work on a pod may write over its end. Argo acts upon the first sight of it."""
        for pod in run.namespace.pods("a"):
            if pod["status"]["phase"] == "Failed" and pod["status"].get("message"):
                ended[pod["metadata"]["name"]] = pod["status"]["message"]
        return set(ended)

    with processes(run) as start:
        driver = start()
        until(lambda: look() == {"queued", "no-image"}, 60, run.namespace.describe)
        assert "Insufficient cpu" in ended["queued"] and "registry.local/nothing:1" in ended["no-image"]
        marks = ["workflows.argoproj.io/completed=true", "workflows.argoproj.io/phase=Failed"]
        run.namespace.kubectl("label", "--overwrite", "workflow", run.id, *marks)
        code, said = driver.wait()
    assert code == 1, said
    [running] = [pod for pod in run.namespace.pods("a") if pod["metadata"]["name"] == "running"]
    assert running["status"]["phase"] == "Running"


# Nodes.


@pytest.fixture
def ghost(namespace: Namespace, node_address: str) -> Iterator[str]:
    """A node that no kubelet is behind: soon the control plane gives it up. Nothing else is scheduled there.

    Others who use the cluster meanwhile see it, too: it comes last, and has an address, as nodes do.
    """
    name = f"zz-ghost-{uuid.uuid4().hex[:6]}"
    addresses = [{"type": "InternalIP", "address": node_address}]
    node: Manifest = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {"unschedulable": True}}
    node["status"] = {"addresses": addresses}
    kubectl("create", "-f", "-", stdin=json.dumps(node))
    try:
        yield name
    finally:
        kubectl("delete", "node", name)


def test_a_pod_on_a_lost_node_is_given_up(run: Flow, ghost: str) -> None:
    manifests = bare(compiled(flow(task("a")), QUICK, run.id))
    for manifest in manifests:
        if manifest["metadata"]["name"] == "flow-1-a":
            taint: Manifest = {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}
            taint["tolerationSeconds"] = 0
            manifest["spec"]["template"]["spec"] |= {"nodeName": ghost, "tolerations": [taint]}
    run.apply(manifests, held=True)
    limit = "import osmo_driver.decide as decide; decide._LOST_LIMIT = decide.timedelta(seconds=5)"
    with processes(run, limit) as start:
        code, said = start().wait(240)
    assert code == 1
    assert any(line.startswith("give up pod flow-1-a-0-") for line in said)
    assert run.statuses() == {"a": "FAILED_BACKEND_ERROR"}
    found = run.state().groups["a-group"].tasks["a"]
    assert (found.exit, found.reason) == (3001, f"node {ghost} is lost")


def driven(run: Flow, before: str = "") -> int:
    """The exit status of a driver that is left alone."""
    with processes(run, before) as start:
        driver: Process = start()
        code, said = driver.wait()
        print(*said, sep="\n")  # noqa: T201 - for who reads why a test failed
        return code


def containers(manifests: list[Manifest], name: str) -> Iterator[Manifest]:
    for manifest in manifests:
        if manifest["kind"] == "Job" and manifest["metadata"]["name"] == f"flow-1-{name}":
            yield from manifest["spec"]["template"]["spec"]["containers"]
