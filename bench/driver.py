"""The driver with a thousand Jobs: its requests, its memory, its time.

    KUBECONFIG=… .venv/bin/python bench/driver.py [TASKS] [LEVELS]

Needs an API server and nothing else: no pod runs. This script plays the Job controller and the kubelets: as soon as a
Job is unsuspended it makes its pod, lets it get a node, run, and end.
"""

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import urllib3
import yaml

from osmoc import compile_workflow
from osmoc.emit.write import to_yaml
from osmoc.pipeline import Options
from osmoc.profile import Profile

Manifest = dict[str, Any]
NAMESPACE = f"bench-{uuid.uuid4().hex[:6]}"
MANAGER = "osmoc.bench/nobody"


def kubectl(*arguments: str, stdin: str = "") -> str:
    done = subprocess.run(["kubectl", *arguments], input=stdin, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def workflow(tasks: int, levels: int) -> str:
    """Levels of equal width; each task reads what its predecessor wrote."""
    width = tasks // levels
    lines = ["workflow:", "  name: bench", "  tasks:"]
    for n in range(tasks):
        inputs = [{"task": f"t{n - width}"}] if n >= width else []
        lines.append(f"  - {json.dumps({'name': f't{n}', 'image': 'none', 'command': ['true'], 'inputs': inputs})}")
    return "\n".join(lines) + "\n"


def manifests(tasks: int, levels: int) -> list[Manifest]:
    profile = Profile.model_validate({"target": "jobs"})
    result = compile_workflow(workflow(tasks, levels), profile, options=Options(workflow_id="bench"))
    if result.failed:
        sys.exit(str(result.findings))
    found: list[Manifest] = list(yaml.load_all(to_yaml(result.manifests), Loader=yaml.CSafeLoader))
    for manifest in found:
        if manifest["kind"] == "Job":
            manifest["spec"]["managedBy"] = MANAGER
            manifest["spec"].setdefault("suspend", False)
    return found


class Api:
    """Requests with all rights in the namespace."""

    def __init__(self) -> None:
        shown = kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json")
        cluster = json.loads(shown)["clusters"][0]["cluster"]
        self.server: str = cluster["server"]
        self.issuer = base64.b64decode(cluster["certificate-authority-data"])
        rule = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
        role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "all"}}
        kubectl("-n", NAMESPACE, "create", "-f", "-", stdin=json.dumps(role | {"rules": [rule]}))
        kubectl("-n", NAMESPACE, "create", "serviceaccount", "all")
        kubectl("-n", NAMESPACE, "create", "serviceaccount", "osmo-task")
        kubectl("-n", NAMESPACE, "create", "rolebinding", "all", "--role=all", f"--serviceaccount={NAMESPACE}:all")
        self._headers = {"Authorization": f"Bearer {kubectl('-n', NAMESPACE, 'create', 'token', 'all').strip()}"}
        self._pool = urllib3.PoolManager(ca_cert_data=self.issuer.decode(), maxsize=8, block=True)

    def call(self, method: str, path: str, body: Manifest | None = None) -> Manifest:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = self._headers | {"Content-Type": kind}
        answer = self._pool.request(
            method, self.server + path, body=json.dumps(body) if body else None, headers=headers
        )
        found: Manifest = json.loads(answer.data)
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {found.get('message')}")
        return found

    def watch(self, path: str) -> Any:
        answer = self._pool.request(
            "GET", self.server + path, headers=self._headers, preload_content=False, timeout=600
        )
        rest = b""
        for chunk in answer.stream(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (json.loads(line) for line in lines if line)


PLURALS = {
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "Lease": "/apis/coordination.k8s.io/v1/namespaces/{}/leases",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
}


class Cluster:
    """The Job controller, the scheduler and the kubelets."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._work = ThreadPoolExecutor(4)
        self._begun: set[str] = set()

    def live(self) -> None:
        for event in self._api.watch(f"{PLURALS['Job'].format(NAMESPACE)}?watch=1&labelSelector=osmo.task_name"):
            job = event["object"]
            name = job["metadata"]["name"]
            if event["type"] != "DELETED" and not job["spec"]["suspend"] and name not in self._begun:
                self._begun.add(name)
                self._work.submit(self._run, job)

    def park(self, name: str) -> None:
        path = f"{PLURALS['Job'].format(NAMESPACE)}/{name}/status"
        self._api.call("PATCH", path, {"status": {"conditions": [condition("Suspended", "True")]}})

    def _run(self, job: Manifest) -> None:
        try:
            self._attempt(job)
        except Exception as error:
            sys.stderr.write(f"{job['metadata']['name']}: {error}\n")

    def _attempt(self, job: Manifest) -> None:
        name, template = job["metadata"]["name"], job["spec"]["template"]
        status = f"{PLURALS['Job'].format(NAMESPACE)}/{name}/status"
        begun = {"startTime": now(), "active": 1, "ready": 0, "conditions": [condition("Suspended", "False")]}
        self._api.call("PATCH", status, {"status": begun})
        labels = template["metadata"]["labels"] | {"batch.kubernetes.io/job-name": name}
        pod = {"metadata": {"name": f"{name}-0", "labels": labels}, "spec": template["spec"]}
        pod["spec"] |= {"schedulerName": "nobody"}
        pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
        self._api.call("POST", pods, {"apiVersion": "v1", "kind": "Pod"} | pod)
        running = {"running": {"startedAt": now()}}
        self._pod(name, "Running", job, running)
        ended = {"terminated": {"exitCode": 0, "startedAt": now(), "finishedAt": now(), "message": '{"code":0}'}}
        self._pod(name, "Succeeded", job, ended)
        met = [condition(kind, "True") for kind in ("SuccessCriteriaMet", "Complete")]
        conditions = [condition("Suspended", "False"), *met]
        end = {"active": 0, "succeeded": 1, "completedIndexes": "0", "completionTime": now(), "conditions": conditions}
        self._api.call("PATCH", status, {"status": end})

    def _pod(self, name: str, phase: str, job: Manifest, state: Manifest) -> None:
        container = job["spec"]["template"]["spec"]["containers"][0]["name"]
        main = {"name": container, "image": "none", "imageID": "", "ready": True, "restartCount": 0, "state": state}
        status = {"phase": phase, "conditions": [condition("PodScheduled", "True")], "containerStatuses": [main]}
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{name}-0/status"
        self._api.call("PATCH", path, {"status": status})


def condition(kind: str, status: str) -> Manifest:
    return {"type": kind, "status": status, "lastTransitionTime": now()}


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def drive(api: Api, folder: Path) -> None:
    (folder / "token").write_text(kubectl("-n", NAMESPACE, "create", "token", "bench-driver"))
    (folder / "ca.crt").write_bytes(api.issuer)
    shown = kubectl("-n", NAMESPACE, "get", "configmap", "bench-driver-plan", "-o", "jsonpath={.data.plan\\.json}")
    (folder / "plan.json").write_text(shown)
    program = [sys.executable, "-m", "osmo_driver", "--plan", str(folder / "plan.json"), "--name", "bench-driver"]
    environment = dict(os.environ, OSMO_NAMESPACE=NAMESPACE, OSMO_POD_NAME="bench")
    start = time.monotonic()
    with subprocess.Popen(
        [*program, "--server", api.server, "--account", str(folder)], env=environment, stdout=subprocess.PIPE, text=True
    ) as driver:
        peak, last, said, processor = "", "", Counter[str](), 0.0
        for line in driver.stdout or ():
            last = line.partition(" ")[2].strip()
            said[last.partition(" ")[0]] += 1
            if last.startswith(("refused", "waiting")):
                sys.stderr.write(f"{last}\n")
            status = Path(f"/proc/{driver.pid}/status").read_text()
            peak = (re.search(r"VmHWM:\s*(\d+)", status) or [peak, peak])[1]
            fields = Path(f"/proc/{driver.pid}/stat").read_text().rsplit(")", 1)[1].split()
            processor = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    found = kubectl("-n", NAMESPACE, "get", "configmap", "bench-driver-state", "-o", "jsonpath={.data.state\\.json}")
    sys.stdout.write(
        f"{last}\nexit {driver.returncode}, {time.monotonic() - start:.0f} s, peak {int(peak) / 1024:.0f} MiB, "
        f"{processor:.1f} s of CPU, state {len(found) / 1024:.0f} KiB, {said['start']} starts\n"
    )


def main() -> None:
    tasks, levels = (int(word) for word in (sys.argv[1:] + ["1000", "10"][len(sys.argv) - 1 :]))
    kubectl("create", "namespace", NAMESPACE)
    try:
        api = Api()
        found = manifests(tasks, levels)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda one: api.call("POST", PLURALS[one["kind"]].format(NAMESPACE), one), found))
        sys.stdout.write(f"{len(found)} objects are there\n")
        cluster = Cluster(api)
        with ThreadPoolExecutor(4) as pool:
            jobs = [one for one in found if one["kind"] == "Job" and one["spec"]["suspend"]]
            list(pool.map(cluster.park, [job["metadata"]["name"] for job in jobs]))
        threading.Thread(target=cluster.live, daemon=True).start()
        with tempfile.TemporaryDirectory() as folder:
            drive(api, Path(folder))
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    sys.stdout.flush()
    os._exit(0)  # the watch goes on


if __name__ == "__main__":
    main()
