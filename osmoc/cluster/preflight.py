"""What a run needs of the cluster, asked before anything is made. A finding says which line of the file needs it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

from osmoc import codes
from osmoc.cluster.client import ApiError, Client
from osmoc.cluster.kinds import ARGO, Object, Reference, resource_name
from osmoc.codes import Code
from osmoc.emit.jobs import emit_jobs
from osmoc.plan import Placement, Plan, Task
from osmoc.yamltree import Path

_OLDEST: Final = 33  # of Kubernetes 1: Jobs that count failures by index
_GPU: Final = "nvidia.com/gpu"
_MOST_PROBES: Final = 20
# What is no fault of a pod: we may not ask, or it has to wait for room.
_PASSING: Final = ("cannot create resource", "exceeded quota")


@dataclass(frozen=True, slots=True)
class Finding:
    code: Code
    where: Path | None
    message: str
    help: str = ""


def preflight(client: Client, plan: Plan, manifests: Sequence[Object]) -> list[Finding]:
    """Raises: ApiError, if the cluster cannot be asked at all. What may not be read is taken on trust."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        lambda: _versions(client, plan),
        lambda: _secrets(client, plan),
        lambda: _classes(client, plan),
        lambda: _claims(client, plan),
        lambda: _rights(client, manifests),
        lambda: _quotas(client, plan, manifests),
        lambda: _nodes(client, plan),
        lambda: _pods(client, plan, manifests),
    )
    return [finding for check in checks for finding in check()]


def _versions(client: Client, plan: Plan) -> Iterator[Finding]:
    version = client.get_path("/version")
    minor = int("".join(filter(str.isdigit, version.get("minor", ""))) or _OLDEST)
    if plan.target == "jobs" and minor < _OLDEST:
        message = f"the cluster runs Kubernetes 1.{minor}; Jobs that run a task again need 1.{_OLDEST}"
        yield Finding(codes.CLUSTER_LACKS, None, message)
    if plan.target == "argo" and not has_argo(client):
        help = "install Argo Workflows 4.1, or give --target jobs, which needs nothing but Kubernetes"
        yield Finding(codes.CLUSTER_LACKS, None, "the cluster has no Argo Workflows", help)


def has_argo(client: Client) -> bool:
    try:
        client.get_path(f"/apis/{ARGO}")
    except ApiError as error:
        if error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN):
            return False
        raise
    return True


def _secrets(client: Client, plan: Plan) -> Iterator[Finding]:
    """Those that the file and the profile name, with the keys that variables are made of."""
    keys: dict[str, dict[str, Path]] = {}
    for task in _tasks(plan):
        for variable in task.shape.variables:
            keys.setdefault(variable.secret, {}).setdefault(variable.key, task.where)
    for need in plan.requirements:
        if need.kind != "Secret":
            continue
        found = _look(client, Reference("v1", "Secret", need.name))
        if found is None:
            help = f"`osmoc credential set {need.name}` makes it"
            message = f"the namespace `{client.namespace}` has no Secret `{need.name}`: {need.reason}"
            yield Finding(codes.CLUSTER_LACKS, need.where, message, help)
            continue
        missing = [key for key in keys.get(need.name, ()) if key not in (found.get("data") or {})] if found else []
        if missing:
            few = ", ".join(f"`{key}`" for key in missing)
            there = ", ".join(f"`{key}`" for key in sorted(found.get("data") or {})) or "none"
            yield Finding(codes.SECRET_KEY, need.where, f"the Secret `{need.name}` lacks {few}", f"it has {there}")


def _classes(client: Client, plan: Plan) -> Iterator[Finding]:
    for need in plan.requirements:
        if need.kind == "PriorityClass":
            reference = Reference("scheduling.k8s.io/v1", "PriorityClass", need.name)
            if _look(client, reference) is None:
                message = f"the cluster has no PriorityClass `{need.name}`: {need.reason}"
                yield Finding(codes.CLUSTER_LACKS, need.where, message)


def _claims(client: Client, plan: Plan) -> Iterator[Finding]:
    claims = {task.shape.claim: task.where for task in _tasks(plan) if task.shape.claim}
    for claim, where in claims.items():
        if _look(client, Reference("v1", "PersistentVolumeClaim", claim)) is None:
            message = f"the namespace `{client.namespace}` has no PersistentVolumeClaim `{claim}`"
            yield Finding(codes.CLUSTER_LACKS, where, message)


def _rights(client: Client, manifests: Sequence[Object]) -> Iterator[Finding]:
    """Whether whoever calls may make each kind of object; the API server would say so only after some were made."""
    for api_version, kind in dict.fromkeys((one["apiVersion"], one["kind"]) for one in manifests):
        resource = resource_name(api_version, kind)
        plural, _, group = resource.partition(".")
        asked = {"namespace": client.namespace, "verb": "create", "group": group, "resource": plural}
        review = client.create(
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "metadata": {},
                "spec": {"resourceAttributes": asked},
            }
        )
        if not review["status"]["allowed"]:
            message = f"you may not create {resource} in the namespace `{client.namespace}`"
            yield Finding(codes.NOT_PERMITTED, None, message, "ask for a Role that allows it, or give another -n")


def _quotas(client: Client, plan: Plan, manifests: Sequence[Object]) -> Iterator[Finding]:
    """What can never fit: more objects than are left, or one task that asks for more than all there is."""
    counts: dict[str, int] = {}
    for manifest in manifests:
        resource = resource_name(manifest["apiVersion"], manifest["kind"])
        for name in (f"count/{resource}", resource.partition(".")[0]):
            counts[name] = counts.get(name, 0) + 1
    for quota in _all(client, "v1", "ResourceQuota"):
        hard, used = quota.get("status", {}).get("hard", {}), quota.get("status", {}).get("used", {})
        named = f"the quota `{quota['metadata']['name']}`"
        for resource, count in counts.items():
            if resource in hard and (left := int(hard[resource]) - int(used.get(resource, 0))) < count:
                yield Finding(codes.QUOTA, None, f"{named} leaves room for {left} {resource}; this makes {count}")
        gpus = hard.get(f"requests.{_GPU}")
        for task in _tasks(plan):
            if gpus is not None and (task.shape.placement.gpu or 0) > int(gpus):
                message = f"{named} allows {gpus} GPUs; `{task.name}` asks for {task.shape.placement.gpu}"
                yield Finding(codes.QUOTA, task.where, message)


def _nodes(client: Client, plan: Plan) -> Iterator[Finding]:
    """A warning, since some clusters make nodes when they are asked for."""
    nodes = _all(client, "v1", "Node")
    seen: set[Placement] = set()
    for task in _tasks(plan):
        placement = task.shape.placement
        if not nodes or placement in seen:
            continue
        seen.add(placement)
        fitting = [node for node in nodes if _has_labels(node, placement)]
        if not fitting:
            labels = ",".join(f"{key}={value}" for key, value in placement.node_selector)
            yield Finding(codes.NO_NODE, task.where, f"no node has the labels {labels} that `{task.name}` asks for")
        elif placement.gpu and not any(_gpus(node) >= placement.gpu for node in fitting):
            most = max(map(_gpus, fitting))
            message = f"`{task.name}` asks for {placement.gpu} GPUs; no node it may run on has more than {most}"
            yield Finding(codes.NO_NODE, task.where, message)


def _pods(client: Client, plan: Plan, manifests: Sequence[Object]) -> Iterator[Finding]:
    """Whether the namespace takes pods like these: of a Job or Workflow it takes they are refused later, one by one.

    Argo makes its pods itself. What the user and the profile ask for is in them as it is in those of Jobs.
    """
    if plan.target == "argo":
        manifests = emit_jobs(replace(plan, target="jobs"))
    first = {task.shape: task for task in reversed(list(_tasks(plan)))}
    tasks = {task.job: task for task in list(first.values())[:_MOST_PROBES]}
    for manifest in manifests:
        task = tasks.get(manifest["metadata"]["name"]) if manifest["kind"] == "Job" else None
        refusal = _refusal_of_pod(client, manifest["spec"]["template"]) if task else ""
        if task and refusal:
            restricted = "set `security: {user: restricted}` in the profile if its image can do with that"
            help = restricted if "PodSecurity" in refusal and f'"{task.label}"' in refusal else ""
            yield Finding(codes.REFUSED, task.where, f"the cluster refuses pods of `{task.name}`: {refusal}", help)


def _refusal_of_pod(client: Client, template: Object) -> str:
    """The service account is left out, for it may not have been made yet."""
    spec = {key: value for key, value in template["spec"].items() if key != "serviceAccountName"}
    meta = template["metadata"] | {"generateName": "osmoc-probe-"}
    try:
        client.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}, dry_run=True)
    except ApiError as error:
        text = str(error)
        is_refusal = error.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY)
        return text if is_refusal and not any(words in text for words in _PASSING) else ""
    return ""


def _has_labels(node: Object, placement: Placement) -> bool:
    labels: Mapping[str, Any] = node["metadata"].get("labels", {})
    is_excluded = labels.get("kubernetes.io/hostname") in placement.excluded_nodes
    return not is_excluded and all(labels.get(key) == value for key, value in placement.node_selector)


def _gpus(node: Object) -> int:
    return int(node.get("status", {}).get("allocatable", {}).get(_GPU, 0))


def _tasks(plan: Plan) -> Iterator[Task]:
    for group in plan.groups.values():
        yield from group.tasks


def _look(client: Client, reference: Reference) -> Object | None:
    """None if it is not there; empty if it may not be read."""
    try:
        return client.find(reference)
    except ApiError as error:
        if error.status == HTTPStatus.FORBIDDEN:
            return {}
        raise


def _all(client: Client, api_version: str, kind: str) -> list[Object]:
    try:
        return client.list_of(api_version, kind)[0]
    except ApiError as error:
        if error.status == HTTPStatus.FORBIDDEN:
            return []
        raise
