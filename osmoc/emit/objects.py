"""Objects that both targets have: ConfigMaps of documents and files, Services, NetworkPolicies, the driver."""

import base64
from collections.abc import Iterable
from typing import Final

from osmoc.emit.manifests import Manifest
from osmoc.emit.pod import EXECUTOR_ACCOUNT, GROUP_KEY, MANAGED_BY, RESTRICTED, TASK_ACCOUNT, pull_secrets
from osmoc.plan import Group, Plan, Task

# Where the driver finds its plan; the state it leaves for `osmoc status`.
_PLAN_KEY: Final = "plan.json"
_PLAN_BYTES: Final = 1000 * 1024


class TooLarge(Exception):
    """The cluster cannot store what was compiled: `str()` says why, with the numbers."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.help = help


def metadata(name: str, plan: Plan, **labels: str) -> Manifest:
    meta: Manifest = {"name": name}
    if plan.profile.namespace:
        meta["namespace"] = plan.profile.namespace
    meta["labels"] = dict(plan.labels) | MANAGED_BY | {"osmo.workflow_id": plan.workflow_id} | labels
    return meta


def config_map_name(plan: Plan, shard: int | str) -> str:
    return f"{plan.workflow_id}-tasks-{shard}"


def task_config_maps(plan: Plan) -> list[Manifest]:
    return [_task_config_map(tasks, n, plan) for n, tasks in enumerate(plan.shards)]


def _task_config_map(tasks: Iterable[Task], shard: int, plan: Plan) -> Manifest:
    data: dict[str, str] = {}
    binary: dict[str, str] = {}
    for task in tasks:
        data[f"{task.label}.json"] = task.document
        for key, content in task.files:
            if isinstance(content, str):
                data[key] = content
            else:
                binary[key] = base64.b64encode(content).decode()
    manifest: Manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(config_map_name(plan, shard), plan),
        "immutable": True,
        "data": data,
    }
    return manifest | ({"binaryData": binary} if binary else {})


def group_objects(plan: Plan) -> list[Manifest]:
    """A headless Service and a NetworkPolicy for each group of several tasks."""
    objects = []
    for group in plan.groups.values():
        if len(group.tasks) > 1:
            objects += [_service(group, plan), _network_policy(group, plan)]
    return objects


def service_name(group: Group, plan: Plan) -> str:
    return f"{plan.workflow_id}-{group.label}"


def _selector(group: Group, plan: Plan) -> dict[str, str]:
    return {"osmo.workflow_id": plan.workflow_id, "osmo.group_name": group.label}


def _service(group: Group, plan: Plan) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(service_name(group, plan), plan, **{"osmo.group_name": group.label}),
        "spec": {
            "clusterIP": "None",
            # Members find each other before they are ready: the barrier is what makes them so.
            "publishNotReadyAddresses": True,
            "selector": _selector(group, plan),
        },
    }


def _network_policy(group: Group, plan: Plan) -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(service_name(group, plan), plan, **{"osmo.group_name": group.label}),
        "spec": {
            "podSelector": {"matchLabels": _selector(group, plan)},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {"matchLabels": _selector(group, plan)}}]}],
        },
    }


def retention(plan: Plan) -> Manifest:
    """What the profile says about finished Jobs, as a part of their spec.

    With a driver only its own Job has it: the driver gives it to the others when all is over. One that went earlier
    would be missed by a driver that was away when it finished.
    """
    return _retention(plan) if plan.driver is None else {}


def _retention(plan: Plan) -> Manifest:
    return {"ttlSecondsAfterFinished": round(plan.profile.retention.seconds)} if plan.profile.retention else {}


def driver_objects(plan: Plan) -> list[Manifest]:
    """The driver's Job with what it may do, its plan, and the state it keeps; nothing where no driver is needed.

    On Argo it keeps none: the state of the run is the Workflow's.
    """
    if plan.driver is None:
        return []
    name = f"{plan.workflow_id}-driver"
    text = plan.driver.model_dump_json(exclude_defaults=True) + "\n"
    if len(text) > _PLAN_BYTES:
        raise TooLarge(
            f"the driver's plan takes {len(text) // 1024} KiB; a ConfigMap holds {_PLAN_BYTES // 1024} KiB",
            help="split the workflow",
        )
    # Without data: what the driver writes there is its own, whoever applies this again.
    meta = metadata(f"{name}-state", plan, **{"osmo.driver": "true"})
    state: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata(name, plan), "spec": {}}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(name, plan)},
        _driver_role(name, plan),
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": metadata(name, plan),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name}],
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata(f"{name}-plan", plan),
            "immutable": True,
            "data": {_PLAN_KEY: text},
        },
        *([state] if plan.target == "jobs" else []),
        lease,
        _driver_job(name, plan),
    ]


def _driver_role(name: str, plan: Plan) -> Manifest:
    """By name wherever a name is known at compile time and the verb allows it: a list is of all that are there."""
    rules = [
        _rule("coordination.k8s.io", "leases", "get", "update", names=[name]),
        # Its own, whose uid is the run's.
        _rule("batch", "jobs", "get", names=[name]),
        _rule("", "pods", "get", "list", "watch", "delete"),
        _rule("", "pods/status", "patch"),
    ]
    if plan.target == "jobs":
        jobs = [task.job for group in plan.groups.values() for task in group.tasks]
        rules += [
            _rule("", "configmaps", "get", "patch", names=[f"{name}-state"]),
            _rule("batch", "jobs", "list", "watch"),
            _rule("batch", "jobs", "patch", names=jobs),
        ]
    else:
        rules.append(_rule("argoproj.io", "workflows", "get", names=[plan.workflow_id]))
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": metadata(name, plan),
        "rules": rules,
    }


def _rule(group: str, resource: str, *verbs: str, names: list[str] | None = None) -> Manifest:
    rule: Manifest = {"apiGroups": [group], "resources": [resource]}
    if names is not None:
        rule["resourceNames"] = names
    return rule | {"verbs": list(verbs)}


def _driver_job(name: str, plan: Plan) -> Manifest:
    labels = dict(plan.labels) | MANAGED_BY | {"osmo.workflow_id": plan.workflow_id, "osmo.driver": "true"}
    container = {
        "name": "driver",
        "image": plan.ctrl_image,
        "imagePullPolicy": plan.profile.images.pull_policy,
        "command": ["osmo-driver"],
        "args": ["--plan", f"/osmo/plan/{_PLAN_KEY}", "--name", name],
        "env": [
            {"name": "OSMO_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
            {"name": "OSMO_POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
        "securityContext": RESTRICTED,
        "resources": {
            "requests": {"cpu": "50m", "memory": "96Mi"},
            "limits": {"cpu": "1", "memory": "256Mi"},
        },
        "volumeMounts": [{"name": "plan", "mountPath": "/osmo/plan", "readOnly": True}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(name, plan, **{"osmo.driver": "true"}),
        "spec": {
            # The driver is made to be killed: it derives all from the cluster. Only its own verdict ends it.
            "backoffLimit": 1000,
            **_retention(plan),
            "podFailurePolicy": {
                "rules": [
                    {
                        "action": "FailJob",
                        "onExitCodes": {"containerName": "driver", "operator": "In", "values": [1, 2]},
                    },
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                ]
            },
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "serviceAccountName": name,
                    "enableServiceLinks": False,
                    "restartPolicy": "Never",
                    "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
                    "containers": [container],
                    "volumes": [{"name": "plan", "configMap": {"name": f"{name}-plan"}}],
                }
                | ({"imagePullSecrets": pull_secrets(plan)} if plan.pull_secrets else {}),
            },
        },
    }


def bootstrap_objects(namespace: str, group_key: str | None) -> list[Manifest]:
    """What a namespace needs once. `group_key` is base64 of 32 bytes that the caller drew; None leaves it out."""
    meta: Manifest = {"labels": MANAGED_BY} | ({"namespace": namespace} if namespace else {})
    role_of = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": EXECUTOR_ACCOUNT}
    objects: list[Manifest] = [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": TASK_ACCOUNT} | meta,
            "automountServiceAccountToken": False,
        },
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": EXECUTOR_ACCOUNT} | meta,
            "automountServiceAccountToken": False,
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": f"{EXECUTOR_ACCOUNT}.service-account-token"}
            | meta
            | {"annotations": {"kubernetes.io/service-account.name": EXECUTOR_ACCOUNT}},
            "type": "kubernetes.io/service-account-token",
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": EXECUTOR_ACCOUNT} | meta,
            "rules": [
                {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": EXECUTOR_ACCOUNT} | meta,
            "roleRef": role_of,
            "subjects": [{"kind": "ServiceAccount", "name": EXECUTOR_ACCOUNT}],
        },
    ]
    if group_key is not None:
        objects.append(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": GROUP_KEY} | meta,
                # A key that changes would cut running groups in two: applying this again is refused.
                "immutable": True,
                "data": {"key": group_key},
            }
        )
    return objects
