"""Objects before a real API server, which knows all rules: `kubectl create --dry-run=server`, in one call."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from acceptance.manifest import Manifest, prefixed

_NEXT_ERROR = re.compile(r"^(?=Error|error|The |Warning)", re.MULTILINE)


def kubectl_env() -> dict[str, str]:
    """The environment for `kubectl`; skips the test where there is no cluster to ask."""
    if "KUBECONFIG" not in os.environ:
        pytest.skip("no cluster: KUBECONFIG is not set (see tools/cluster of the shared folder)")
    return dict(os.environ)


def dry_run(objects: list[Manifest], kubectl_env: Mapping[str, str]) -> list[str]:
    """Every error of the server; objects are neither stored nor seen by each other. Warnings count as errors.

    That an object exists already is none: the server finds out after it has validated it.
    """
    done = _kubectl(["create", "--dry-run=server", "--validate=strict", "-f", "-"], objects, kubectl_env)
    answers = [one.strip() for one in _NEXT_ERROR.split(done.stderr) if one.strip()]
    if done.returncode and not answers:
        return [f"kubectl ended with {done.returncode}: {done.stdout}"]
    return [one for one in answers if "(AlreadyExists)" not in one]


def admission_needs(pods: list[tuple[str, Manifest]]) -> list[Manifest]:
    """What has to stand in the cluster before it looks at these pods at all: their accounts and priorities."""
    specs = [pod["spec"] for _, pod in pods]
    accounts = {spec.get("serviceAccountName", "default") for spec in specs}
    classes = {spec["priorityClassName"] for spec in specs if "priorityClassName" in spec}
    return [
        *({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}} for name in sorted(accounts)),
        *(
            {
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": name},
                "value": 0,
            }
            for name in sorted(classes)
            if not name.startswith("system-")
        ),
    ]


@contextmanager
def existing(objects: list[Manifest], kubectl_env: Mapping[str, str]) -> Iterator[None]:
    """The objects exist inside of the block; those that did not before are gone after it."""
    created = []
    try:
        for manifest in objects:
            done = _kubectl(["create", "-f", "-"], [manifest], kubectl_env)
            if done.returncode == 0:
                created.append(manifest)
            elif "AlreadyExists" not in done.stderr:
                raise RuntimeError("\n".join(prefixed("kubectl create", [done.stderr])))
        yield
    finally:
        if created:
            _kubectl(["delete", "--wait=false", "-f", "-"], created, kubectl_env)


def _kubectl(
    arguments: list[str], objects: list[Manifest], env: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    # One document each, not a List: for a List kubectl validates by itself, and stops before it asks the server.
    text = "\n---\n".join(json.dumps(item, ensure_ascii=False) for item in objects)
    return subprocess.run(
        ["kubectl", *arguments], input=text, env=dict(env), capture_output=True, text=True, timeout=300
    )
