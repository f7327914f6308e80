"""A workflow of Jobs on a real cluster, with its driver in its pod or as a process of this machine."""

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cluster.kubernetes import BUSYBOX, LONGEST, Namespace, kubectl, until

from osmo_driver.records import State, Status, from_config_map
from osmoc import compile_workflow
from osmoc.emit.write import to_yaml
from osmoc.pipeline import Options
from osmoc.profile import Profile

Manifest = dict[str, Any]


def compiled(workflow: str, profile: Mapping[str, Any], workflow_id: str) -> list[Manifest]:
    result = compile_workflow(workflow, Profile.model_validate(profile), options=Options(workflow_id=workflow_id))
    assert not result.failed, result.findings
    return list(yaml.load_all(to_yaml(result.manifests), Loader=yaml.CSafeLoader))


def bare(manifests: list[Manifest], **scripts: str) -> list[Manifest]:
    """The same Jobs with pods of one container, which runs a script of its task's name: quick, and without storage."""
    for manifest in manifests:
        if manifest["kind"] == "Job" and "osmo.task_name" in manifest["metadata"]["labels"]:
            pod, task = manifest["spec"]["template"]["spec"], manifest["metadata"]["labels"]["osmo.task_name"]
            [container] = pod["containers"]
            kept = {
                key: container[key] for key in ("name", "image", "imagePullPolicy", "resources") if key in container
            }
            kept["command"] = ["sh", "-c", scripts.get(task, "true")]
            pod.clear()
            pod |= {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [kept]}
            # No other container is there for the rules to name.
            manifest["spec"]["podFailurePolicy"]["rules"] = [
                rule
                for rule in manifest["spec"]["podFailurePolicy"]["rules"]
                if rule.get("onExitCodes", {}).get("containerName") != "osmo-init"
            ]
    return manifests


def flow(*tasks: str, head: str = "") -> str:
    return f"workflow:\n  name: flow\n{head}  tasks:\n" + "".join(tasks)


def task(name: str, *upstream: str, image: str = BUSYBOX, **fields: Any) -> str:
    fields |= {"image": image, "command": ["true"], "inputs": [{"task": one} for one in upstream]}
    return f"  - {json.dumps({'name': name} | fields)}\n"


@dataclass(frozen=True)
class Flow:
    """A workflow in a namespace; its driver's Job waits for `start` if it was applied with `held`."""

    namespace: Namespace
    id: str

    @property
    def driver(self) -> str:
        return f"{self.id}-driver"

    def apply(self, manifests: list[Manifest], held: bool = False) -> None:
        for manifest in manifests:
            if held and manifest["metadata"]["name"] == self.driver and manifest["kind"] == "Job":
                manifest["spec"]["suspend"] = True
        self.namespace.kubectl("create", "-f", "-", stdin=yaml.safe_dump_all(manifests))

    def state(self) -> State:
        found = json.loads(self.namespace.kubectl("get", "configmap", f"{self.driver}-state", "-o", "json"))
        state = from_config_map(found)
        assert state
        return state

    def statuses(self) -> dict[str, str]:
        """Of tasks."""
        return {name: task.status.value for group in self.state().groups.values() for name, task in group.tasks.items()}

    def status_of(self, group: str) -> Status | None:
        found = json.loads(self.namespace.kubectl("get", "configmap", f"{self.driver}-state", "-o", "json"))
        state = from_config_map(found)
        return state.groups[group].status if state else None

    def wait_for(self, group: str, status: Status, seconds: float = LONGEST) -> None:
        until(lambda: self.status_of(group) == status, seconds, self.namespace.describe)

    def job(self, task: str) -> Manifest:
        return self.namespace.job(f"{self.id}-{task}")

    def is_suspended(self, task: str) -> bool:
        return bool(self.job(task)["spec"]["suspend"])

    def run_id(self, task: str) -> str | None:
        annotations: Mapping[str, str] = self.job(task)["spec"]["template"]["metadata"].get("annotations", {})
        return annotations.get("osmo.run_id")

    def log(self) -> str:
        return self.namespace.kubectl("logs", f"job/{self.driver}", check=False)


class Process:
    """The driver on this machine, with the rights of its service account."""

    def __init__(self, flow: Flow, folder: Path, holder: str, before: str = "") -> None:
        self.folder = folder
        self._write_account(flow)
        plan = flow.namespace.kubectl("get", "configmap", f"{flow.driver}-plan", "-o", "jsonpath={.data.plan\\.json}")
        (folder / "plan.json").write_text(plan)
        program = f"{before}\nfrom osmo_driver.__main__ import run\nrun()"
        arguments = ["--plan", str(folder / "plan.json"), "--name", flow.driver, "--server", server()]
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments, "--account", str(folder)],
            env=dict(os.environ, OSMO_NAMESPACE=flow.namespace.name, OSMO_POD_NAME=holder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _write_account(self, flow: Flow) -> None:
        (self.folder / "token").write_text(flow.namespace.kubectl("create", "token", flow.driver))
        (self.folder / "ca.crt").write_bytes(issuer())

    def lines(self) -> Iterator[str]:
        assert self.process.stdout
        for line in self.process.stdout:
            yield line.rstrip().partition(" ")[2]

    def wait(self, seconds: float = LONGEST) -> tuple[int, list[str]]:
        """Its exit status and what it said."""
        said, _ = self.process.communicate(timeout=seconds)
        return self.process.returncode, [line.partition(" ")[2] for line in said.splitlines()]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()


@contextmanager
def processes(flow: Flow, before: str = "") -> Iterator[Callable[[], Process]]:
    """Starts drivers on this machine; none is left."""
    started: list[Process] = []
    with tempfile.TemporaryDirectory() as root:

        def start() -> Process:
            folder = Path(root) / str(len(started))
            folder.mkdir()
            started.append(Process(flow, folder, f"process-{len(started)}", before))
            return started[-1]

        try:
            yield start
        finally:
            for process in started:
                process.kill()


def server() -> str:
    return _cluster()["server"]


def issuer() -> bytes:
    return base64.b64decode(_cluster()["certificate-authority-data"])


def _cluster() -> dict[str, str]:
    found = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
    cluster: dict[str, str] = found["clusters"][0]["cluster"]
    return cluster
