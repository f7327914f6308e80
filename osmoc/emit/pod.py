"""The pod of a task: osmo-init, osmo-ctrl as a native sidecar, and the user's container under the agent.

The same for both targets. Everything comes from a `Shape`, so nothing here is free text of the user; names that
differ from task to task are given by `Names`, which on Argo are parameters of the template.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from osmoc import pod_templates
from osmoc.plan import Mark, Placement, Plan, Shape

INIT: Final = "osmo-init"
CTRL: Final = "osmo-ctrl"
TASK_ACCOUNT: Final = "osmo-task"
EXECUTOR_ACCOUNT: Final = "osmo-executor"
GROUP_KEY: Final = "osmo-group-key"

# Unprivileged in our images; the group owns the shared volumes, so that any user of an image can work in them.
_USER: Final = 65532

MANAGED_BY: Final = {"app.kubernetes.io/managed-by": "osmoc"}

RESTRICTED: Final = {
    "runAsNonRoot": True,
    "runAsUser": _USER,
    "runAsGroup": _USER,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What differs between the pods of one shape. `run_id` and `attempt` are sources of environment variables."""

    container: str
    task: str
    group: str
    config_map: str
    digest: str
    run_id: Mapping[str, Any]
    attempt: Mapping[str, Any]


def build_pod(shape: Shape, names: Names, plan: Plan) -> dict[str, Any]:
    """`metadata` and `spec` of the pod, the profile's pod template merged in."""
    spec: dict[str, Any] = {
        "serviceAccountName": TASK_ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": round(plan.profile.timeouts.grace + plan.profile.timeouts.upload),
        "securityContext": _pod_security(shape),
        "initContainers": [_init(plan), _ctrl(shape, names, plan)],
        "containers": [_user(shape, names, plan)],
        "volumes": _volumes(shape, names, plan),
    }
    if shape.deadline:
        spec["activeDeadlineSeconds"] = shape.deadline
    if secrets := pull_secrets(plan, shape.pull_secret):
        spec["imagePullSecrets"] = secrets
    if shape.host_network:
        spec |= {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
    if plan.priority_class:
        spec["priorityClassName"] = plan.priority_class
    spec |= _scheduling(shape.placement, names, plan)
    metadata = {
        "labels": _labels(shape, names, plan),
        "annotations": {"osmo.document_digest": names.digest},
    }
    pod = {"metadata": metadata, "spec": spec}
    return _patched(pod, shape.placement, names, plan) if shape.placement.pod_patch else pod


def _pod_security(shape: Shape) -> dict[str, Any]:
    security: dict[str, Any] = {"fsGroup": _USER}
    if shape.claim:
        # Otherwise the kubelet would walk over all that the storage holds before each pod.
        security["fsGroupChangePolicy"] = "OnRootMismatch"
    return security | {"seccompProfile": {"type": "RuntimeDefault"}}


def pull_secrets(plan: Plan, *more: str) -> list[dict[str, str]]:
    """Those of our own images, and more; empty names fall away."""
    return [{"name": name} for name in dict.fromkeys((*more, *plan.pull_secrets)) if name]


def _patched(pod: dict[str, Any], placement: Placement, names: Names, plan: Plan) -> dict[str, Any]:
    patch = placement.pod_patch
    values = {
        Mark.WORKFLOW: plan.workflow_id,
        Mark.GROUP: names.group,
        Mark.TASK: names.task,
        Mark.CONTAINER: names.container,
    }
    for mark, value in values.items():
        patch = patch.replace(mark.value, value)
    overlay = json.loads(patch)
    merged: dict[str, Any] = pod_templates.merge(
        pod, {key: overlay[key] for key in ("metadata", "spec") if key in overlay}
    )
    # The system's labels are what Services and the driver select by: a template cannot change them.
    merged["metadata"]["labels"] |= pod["metadata"]["labels"]
    return merged


def _labels(shape: Shape, names: Names, plan: Plan) -> dict[str, str]:
    labels = dict(plan.labels) | MANAGED_BY | {"osmo.workflow_id": plan.workflow_id}
    labels |= {"osmo.group_name": names.group, "osmo.task_name": names.task}
    if shape.is_lead:
        labels["osmo.lead_container"] = "true"
    if shape.placement.pool:
        labels["osmo.pool"] = shape.placement.pool
    if shape.placement.platform:
        labels["osmo.platform"] = shape.placement.platform
    for n, term in enumerate(shape.placement.topology):
        labels[f"osmo.topology-{n}"] = term.group
    return labels


def _init(plan: Plan) -> dict[str, Any]:
    return {
        "name": INIT,
        "image": plan.init_image,
        "imagePullPolicy": plan.profile.images.pull_policy,
        "command": ["osmo-init"],
        "securityContext": RESTRICTED,
        "resources": _resources({"cpu": "100m", "memory": "64Mi"}, {"cpu": "1", "memory": "256Mi"}),
        "volumeMounts": [
            {"name": "osmo-bin", "mountPath": "/osmo/bin"},
            {"name": "osmo-data", "mountPath": "/osmo/data"},
            {"name": "osmo-login", "mountPath": "/osmo/login"},
            {"name": "osmo-run", "mountPath": "/osmo/run"},
        ],
    }


def _ctrl(shape: Shape, names: Names, plan: Plan) -> dict[str, Any]:
    mounts = [
        {"name": "osmo-data", "mountPath": "/osmo/data"},
        {"name": "osmo-login", "mountPath": "/osmo/login", "subPath": "ctrl", "readOnly": True},
        {"name": "osmo-run", "mountPath": "/osmo/run"},
        {"name": "osmo-state", "mountPath": "/osmo/state"},
        {"name": "osmo-task", "mountPath": "/osmo/task.json", "subPath": f"{names.task}.json", "readOnly": True},
    ]
    mounts += [
        {"name": f"osmo-secret-{n}", "mountPath": f"/osmo/secrets/{secret}", "readOnly": True}
        for n, secret in enumerate(shape.data_secrets)
    ]
    mounts += [mount for mount in _file_mounts(shape, names) if mount["mountPath"].startswith("/osmo/data/output/")]
    if shape.claim:
        mounts.append({"name": "osmo-storage", "mountPath": "/osmo/storage"})
    if shape.is_grouped:
        mounts.append({"name": GROUP_KEY, "mountPath": "/osmo/group-key", "readOnly": True})
    return {
        "name": CTRL,
        "image": plan.ctrl_image,
        "imagePullPolicy": plan.profile.images.pull_policy,
        "restartPolicy": "Always",
        "command": ["osmo-ctrl"],
        "env": [
            {"name": "OSMO_RUN_ID", **names.run_id},
            {"name": "OSMO_ATTEMPT", **names.attempt},
            {"name": "OSMO_DOCUMENT_DIGEST", **_field("metadata.annotations['osmo.document_digest']")},
            {"name": "OSMO_POD_UID", **_field("metadata.uid")},
            {"name": "OSMO_NODE_NAME", **_field("spec.nodeName")},
        ],
        "securityContext": RESTRICTED,
        "resources": _resources({"cpu": "100m", "memory": "256Mi"}, {"cpu": "2", "memory": "1Gi"}),
        "volumeMounts": mounts,
    }


def _user(shape: Shape, names: Names, plan: Plan) -> dict[str, Any]:
    environment: list[dict[str, Any]] = [
        {"name": item.name, "valueFrom": {"secretKeyRef": {"name": item.secret, "key": item.key}}}
        for item in shape.variables
    ]
    environment.append({"name": "OSMO_CONFIG_FILE_DIR", "value": "/osmo/login/config"})
    if not shape.placement.gpu:
        # Images built for GPUs would otherwise be given all of the node's.
        environment.append({"name": "NVIDIA_VISIBLE_DEVICES", "value": ""})
    mounts = [
        {"name": "osmo-bin", "mountPath": "/osmo/bin", "readOnly": True},
        {"name": "osmo-data", "mountPath": "/osmo/data"},
        {"name": "osmo-login", "mountPath": "/osmo/login/config", "subPath": "user", "readOnly": True},
        {"name": "osmo-run", "mountPath": "/osmo/run"},
        *_file_mounts(shape, names),
    ]
    mounts += [
        {"name": f"osmo-credential-{n}", "mountPath": item.directory, "readOnly": True}
        for n, item in enumerate(shape.directories)
    ]
    mounts += [{"name": f"host-mount-{n}", "mountPath": mount.container} for n, mount in enumerate(shape.mounts)]
    if _wants_shared_memory(shape):
        mounts.append({"name": "osmo-shm", "mountPath": "/dev/shm"})
    container: dict[str, Any] = {
        "name": names.container,
        "image": shape.image,
        "command": ["/osmo/bin/osmo-exec"],
        "env": environment,
        "resources": _user_resources(shape.placement),
        "volumeMounts": mounts,
    }
    if shape.privileged:
        container["securityContext"] = {"privileged": True}
    elif plan.profile.security.user == "restricted":
        container["securityContext"] = {
            "runAsNonRoot": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
    return container


def _file_mounts(shape: Shape, names: Names) -> list[dict[str, Any]]:
    return [
        {"name": "osmo-task", "mountPath": path, "subPath": f"{names.task}.file-{n}", "readOnly": True}
        for n, path in enumerate(shape.file_paths)
    ]


def _wants_shared_memory(shape: Shape) -> bool:
    """Data loaders of GPU jobs share memory; a node's 64 MiB end in `bus error`."""
    return bool(shape.placement.gpu) and not any(mount.container == "/dev/shm" for mount in shape.mounts)


def _volumes(shape: Shape, names: Names, plan: Plan) -> list[dict[str, Any]]:
    storage = shape.placement.storage
    volumes: list[dict[str, Any]] = [
        {"name": "osmo-bin", "emptyDir": {}},
        {"name": "osmo-data", "emptyDir": {"sizeLimit": storage} if storage else {}},
        {"name": "osmo-login", "emptyDir": {}},
        {"name": "osmo-run", "emptyDir": {}},
        {"name": "osmo-state", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
        {"name": "osmo-task", "configMap": {"name": names.config_map, "defaultMode": 0o755}},
    ]
    volumes += [
        {"name": f"osmo-secret-{n}", "secret": {"secretName": secret, "defaultMode": 0o440}}
        for n, secret in enumerate(shape.data_secrets)
    ]
    volumes += [
        {"name": f"osmo-credential-{n}", "secret": {"secretName": item.secret}}
        for n, item in enumerate(shape.directories)
    ]
    volumes += [{"name": f"host-mount-{n}", "hostPath": {"path": mount.host}} for n, mount in enumerate(shape.mounts)]
    if shape.claim:
        volumes.append({"name": "osmo-storage", "persistentVolumeClaim": {"claimName": shape.claim}})
    if shape.is_grouped:
        volumes.append({"name": GROUP_KEY, "secret": {"secretName": GROUP_KEY, "defaultMode": 0o440}})
    if _wants_shared_memory(shape):
        volumes.append({"name": "osmo-shm", "emptyDir": {"medium": "Memory"}})
    return volumes


def _user_resources(placement: Placement) -> dict[str, Any]:
    asked = {
        "cpu": str(placement.cpu) if placement.cpu else None,
        "memory": placement.memory,
        "ephemeral-storage": placement.storage,
        "nvidia.com/gpu": str(placement.gpu) if placement.gpu else None,
    }
    amounts = {name: amount for name, amount in asked.items() if amount}
    return _resources(amounts, amounts) if amounts else {}


def _resources(requests: Mapping[str, str], limits: Mapping[str, str]) -> dict[str, Any]:
    return {"requests": dict(requests), "limits": dict(limits)}


def _scheduling(placement: Placement, names: Names, plan: Plan) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    if placement.node_selector:
        parts["nodeSelector"] = dict(placement.node_selector)
    if placement.tolerations:
        parts["tolerations"] = [json.loads(item) for item in placement.tolerations]
    affinity: dict[str, Any] = {}
    if placement.excluded_nodes:
        term = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": list(placement.excluded_nodes)}
        required = {"nodeSelectorTerms": [{"matchExpressions": [term]}]}
        affinity["nodeAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": required}
    if placement.topology:
        affinity["podAffinity"] = _pod_affinity(placement, names, plan)
    if affinity:
        parts["affinity"] = affinity
    return parts


def _pod_affinity(placement: Placement, names: Names, plan: Plan) -> dict[str, Any]:
    required, preferred = [], []
    for n, term in enumerate(placement.topology):
        labels = {
            "osmo.workflow_id": plan.workflow_id,
            "osmo.group_name": names.group,
            f"osmo.topology-{n}": term.group,
        }
        rule = {"labelSelector": {"matchLabels": labels}, "topologyKey": term.label}
        if term.required:
            required.append(rule)
        else:
            preferred.append({"weight": 100, "podAffinityTerm": rule})
    affinity: dict[str, Any] = {}
    if required:
        affinity["requiredDuringSchedulingIgnoredDuringExecution"] = required
    if preferred:
        affinity["preferredDuringSchedulingIgnoredDuringExecution"] = preferred
    return affinity


def _field(path: str) -> dict[str, Any]:
    return {"valueFrom": {"fieldRef": {"fieldPath": path}}}
