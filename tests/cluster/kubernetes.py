"""A namespace of a real cluster, as tests use it: kubectl, and what a user would apply."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from osmoc import compile_workflow
from osmoc.emit.write import to_yaml
from osmoc.pipeline import Options
from osmoc.profile import Profile

LONGEST: Final = 120.0

# What the tests' pods run. Elsewhere than on the throwaway cluster any busybox and Python do.
BUSYBOX: Final = os.environ.get("OSMOC_TEST_BUSYBOX", "busybox:1.36")
PYTHON: Final = os.environ.get("OSMOC_TEST_PYTHON", "python:3.12-slim")


def kubectl(*arguments: str, stdin: str = "", check: bool = True) -> str:
    done = subprocess.run(["kubectl", *arguments], input=stdin, capture_output=True, text=True, timeout=LONGEST)
    assert not check or done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Namespace:
    name: str

    def kubectl(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        return kubectl("--namespace", self.name, *arguments, stdin=stdin, check=check)

    def apply(self, workflow: str, profile: Mapping[str, Any], workflow_id: str) -> None:
        """As `osmoc compile | kubectl create`."""
        result = compile_workflow(workflow, Profile.model_validate(profile), options=Options(workflow_id=workflow_id))
        assert not result.failed, result.findings
        self.kubectl("create", "-f", "-", stdin=to_yaml(result.manifests))

    def job(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", "job", name, "-o", "json"))
        return found

    def pods(self, task: str) -> list[dict[str, Any]]:
        """Of a task, the oldest attempt first."""
        found = json.loads(self.kubectl("get", "pods", "-l", f"osmo.task_name={task}", "-o", "json"))["items"]
        return sorted(found, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def evict(self, pod: str, grace: int) -> None:
        """As a node does that is drained: only so Kubernetes says that it was not the pod's own end."""
        options = {"gracePeriodSeconds": grace}
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}, "deleteOptions": options}
        path = f"/api/v1/namespaces/{self.name}/pods/{pod}/eviction"
        kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body))

    def is_being_killed(self, pod: Mapping[str, Any]) -> bool:
        """Its containers have got SIGTERM, or are about to."""
        which = f"reason=Killing,involvedObject.uid={pod['metadata']['uid']}"
        return bool(self.kubectl("get", "events", "--field-selector", which, "-o", "name"))

    def wait_for_job(self, name: str, seconds: float = LONGEST) -> str:
        """`Complete` or `Failed`."""
        ends: list[str] = []

        def has_ended() -> bool:
            conditions = self.job(name)["status"].get("conditions", [])
            ends[:] = [one["type"] for one in conditions if one["status"] == "True"]
            return bool({"Complete", "Failed"} & set(ends))

        until(has_ended, seconds, self.describe, pause=1.0)
        return "Complete" if "Complete" in ends else "Failed"

    def describe(self) -> str:
        """What a person would look at."""
        texts = [self.kubectl("get", "pods,jobs", "-o", "wide", check=False)]
        for pod in json.loads(self.kubectl("get", "pods", "-o", "json"))["items"]:
            name = pod["metadata"]["name"]
            texts.append(self.kubectl("logs", name, "--all-containers", "--prefix", "--tail=30", check=False))
        texts.append(self.kubectl("get", "events", check=False)[-3000:])
        return "\n".join(texts)


def until(condition: Callable[[], Any], seconds: float, said: Callable[[], str], pause: float = 0.3) -> None:
    """A kubectl in the condition takes a fourth of a second of a processor that pods need, too."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s\n{said()}")
        time.sleep(pause)


def terminated(pod: Mapping[str, Any], container: str) -> dict[str, Any]:
    """How a container ended."""
    statuses = [*pod["status"].get("containerStatuses", []), *pod["status"].get("initContainerStatuses", [])]
    [status] = [status for status in statuses if status["name"] == container]
    ended: dict[str, Any] = status["state"].get("terminated", {})
    return ended
