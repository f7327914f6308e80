"""Argo on a real cluster: whether its controller is at work there, and how a Workflow has ended."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cluster.drivers import Manifest
from cluster.kubernetes import Namespace, kubectl, until

_SETTINGS: Final = "metadata.name=workflow-controller-configmap"  # without which a controller does not start
_ANSWER: Final = 20.0  # seconds in which it says something of a new Workflow
_WORDS: Final = {"Succeeded": "COMPLETED", "Failed": "FAILED", "Error": "FAILED", "Omitted": "FAILED_UPSTREAM"}
_EXEC_TIMEOUT: Final = "243"

# It needs no pod, so whoever gives it a phase is a controller.
_PROBE: Final[Manifest] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {"generateName": "osmoc-is-there-a-controller-"},
    "spec": {"entrypoint": "pause", "templates": [{"name": "pause", "suspend": {"duration": "1s"}}]},
}


def why_not() -> str:
    """Why Workflows are not run on this cluster; empty if they are.

    A controller is a Deployment or a process, with a Lease or without: so it is asked to do something.
    """
    if not kubectl("get", "crd", "workflows.argoproj.io", "--ignore-not-found", "-o", "name"):
        return "the cluster does not know Workflows"
    if not kubectl("get", "configmap", "-A", "--field-selector", _SETTINGS, "-o", "name"):
        return "no Argo controller runs on the cluster"
    name = kubectl("create", "-f", "-", "-o", "name", stdin=json.dumps(_PROBE)).strip()
    try:
        end = time.monotonic() + _ANSWER
        while not kubectl("get", name, "-o", "jsonpath={.status.phase}"):
            if time.monotonic() > end:
                return f"no Argo controller has answered within {_ANSWER:g} s"
            time.sleep(1)
        return ""
    finally:
        kubectl("delete", name, "--wait=false")


@dataclass(frozen=True)
class ArgoFlow:
    """A Workflow in a namespace, in the words of the driver of Jobs."""

    namespace: Namespace
    id: str

    def workflow(self) -> Manifest:
        found: Manifest = json.loads(self.namespace.kubectl("get", "workflow", self.id, "-o", "json"))
        return found

    def wait(self, seconds: float) -> str:
        """COMPLETED or FAILED; Argo does not tell more of a Workflow."""
        until(lambda: self._phase in ("Succeeded", "Failed", "Error"), seconds, self.describe)
        return _WORDS[self._phase]

    def statuses(self, tasks: Iterable[str]) -> dict[str, str]:
        """A node that has its task's name is all of its attempts. Tasks of a group that never began have none."""
        nodes = {node["displayName"]: node for node in self.workflow()["status"]["nodes"].values()}
        return {task: _status(nodes[task]) if task in nodes else "FAILED_UPSTREAM" for task in tasks}

    def describe(self) -> str:
        said = self.workflow().get("status", {})
        return f"{json.dumps(said, indent=1)}\n{self.namespace.describe()}"

    @property
    def _phase(self) -> str:
        return str(self.workflow().get("status", {}).get("phase", ""))


def _status(node: Mapping[str, Any]) -> str:
    if node["phase"] == "Failed" and node.get("outputs", {}).get("exitCode") == _EXEC_TIMEOUT:
        return "FAILED_EXEC_TIMEOUT"
    return _WORDS.get(node["phase"], node["phase"])
