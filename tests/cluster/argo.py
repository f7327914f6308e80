"""Argo on a real cluster: whether its controller is at work there."""

import json
import time
from typing import Final

from cluster.drivers import Manifest
from cluster.kubernetes import kubectl

_SETTINGS: Final = "metadata.name=workflow-controller-configmap"  # without which a controller does not start
_ANSWER: Final = 20.0  # seconds in which it says something of a new Workflow

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
