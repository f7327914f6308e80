"""The pods that the Argo controller (4.1, with its default settings) creates for a Workflow.

Written after `workflow/controller/workflowpod.go`, in its order, because the order decides: volumes are looked
up before `podSpecPatch` is applied, the patch before commands are wrapped. What the controller would refuse to
build is a finding.
"""

import json
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from acceptance.argo_nodes import (
    WORKFLOW_UID,
    Node,
    argo_nodes,
    input_values,
    node_id,
    pod_name,
    template_variables,
)
from acceptance.argo_tags import TagError, substitute
from acceptance.argo_templates import located_templates, template_type
from acceptance.kubernetes_schema import definitions
from acceptance.manifest import Manifest
from acceptance.openapi import Schema
from acceptance.strategic_merge import MergeError, strategic_merge

EXECUTOR_IMAGE = "quay.io/argoproj/argoexec:v4.1.2"
POD_SPEC: Schema = {"$ref": "io.k8s.api.core.v1.PodSpec"}

_VAR_RUN_ARGO = {"name": "var-run-argo", "mountPath": "/var/run/argo"}
_TOKEN_MOUNT = {
    "name": "exec-sa-token",
    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
    "readOnly": True,
}
_LOG_OPTIONS = ["--loglevel", "info", "--log-format", "text", "--gloglevel", "0"]
_EMISSARY = ["/var/run/argo/argoexec", "emissary", *_LOG_OPTIONS, "--"]
_MAX_ENV = 128 * 1024  # what is longer is moved to a ConfigMap of the pod's name


class PodError(Exception):
    """The controller cannot build the pod; the node would end in phase Error."""


@dataclass(frozen=True, slots=True)
class ArgoPods:
    """Pods by the name of their node, and why others could not be built or would not be what was meant."""

    pods: list[tuple[str, Manifest]]
    errors: list[str]


def argo_pods(workflow: Manifest) -> list[tuple[str, Manifest]]:
    return build_argo_pods(workflow).pods


def build_argo_pods(workflow: Manifest) -> ArgoPods:
    """The pod of every leaf as it is created at the first attempt, with all that keeps it from being what was meant."""
    found = argo_nodes(workflow)
    pods, errors = [], [*found.errors, *lost_default_patches(workflow)]
    for node in found.nodes:
        if template_type(node.template) != "container":
            continue
        try:
            pod = build_pod(workflow, node)
        except (PodError, TagError, MergeError) as error:
            errors.append(f"{node.name}: {error}")
            continue
        pods.append((node.name, pod))
        errors.extend(f"{node.name}: unresolved `{left}`" for left in _unresolved(pod))
    return ArgoPods(pods, errors)


def lost_default_patches(workflow: Manifest) -> Iterator[str]:
    """A template's own `podSpecPatch` replaces the one of templateDefaults whole: it must contain it."""
    default = (workflow["spec"].get("templateDefaults") or {}).get("podSpecPatch")
    for path, template in located_templates(workflow):
        own = template.get("podSpecPatch")
        if not default or not own or template_type(template) != "container":
            continue
        try:
            patch = _parse_patch(own)
            contains = strategic_merge(_parse_patch(default), patch, POD_SPEC, definitions()) == patch
        except (PodError, MergeError) as error:
            yield f"templates.{path}: {error}"
            continue
        if not contains:
            yield f"templates.{path}: its podSpecPatch replaces that of templateDefaults, and lacks some of it"


def build_pod(workflow: Manifest, node: Node) -> Manifest:
    spec, template = workflow["spec"], node.template
    name = pod_name(workflow["metadata"]["name"], template.get("name", ""), node.name)
    pod: Manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _metadata(workflow, node, name),
        "spec": {
            "restartPolicy": "Never",
            **_settings(spec, template, node.boundary or {}),
            "volumes": _volumes(spec, template),
            "initContainers": _init_containers(spec, template),
            "containers": _containers(spec, template),
        },
    }
    _add_argo_environment(pod["spec"], workflow, node)
    variables = template_variables(workflow) | {"pod.name": name} | input_values(template)
    pod = substitute(pod, variables)
    for patch in (spec.get("podSpecPatch"), template.get("podSpecPatch")):
        if patch:
            pod["spec"] = _patched(pod["spec"], substitute(patch, variables))
    _wrap_commands(pod["spec"])
    _offload_template(pod)
    return pod


def _metadata(workflow: Manifest, node: Node, name: str) -> Manifest:
    metadata, spec = workflow["metadata"], workflow["spec"]
    labels = {"workflows.argoproj.io/workflow": metadata["name"], "workflows.argoproj.io/completed": "false"}
    annotations = {
        "workflows.argoproj.io/node-name": node.name,
        "workflows.argoproj.io/node-id": node_id(metadata["name"], node.name),
        "kubectl.kubernetes.io/default-container": "main",
    }
    for extra in (spec.get("podMetadata") or {}, node.template.get("metadata") or {}):
        labels |= extra.get("labels") or {}
        annotations |= extra.get("annotations") or {}
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": metadata["name"]}
    found = {
        "name": name,
        "labels": labels,
        "annotations": annotations,
        "ownerReferences": [owner | {"uid": WORKFLOW_UID, "controller": True, "blockOwnerDeletion": True}],
    }
    return found | ({"namespace": metadata["namespace"]} if "namespace" in metadata else {})


def _settings(spec: Manifest, template: Manifest, boundary: Manifest) -> Manifest:
    """The fields of the pod's spec that are taken whole: from the template, the DAG around it, or the Workflow."""
    found = {
        "activeDeadlineSeconds": _deadline(spec, template),
        "imagePullSecrets": spec.get("imagePullSecrets"),
        "hostNetwork": spec.get("hostNetwork"),
        "dnsPolicy": spec.get("dnsPolicy"),
        "dnsConfig": spec.get("dnsConfig"),
        "serviceAccountName": template.get("serviceAccountName") or spec.get("serviceAccountName"),
        "automountServiceAccountToken": False if not _mounts_token(spec, template) else None,
        "schedulerName": template.get("schedulerName") or spec.get("schedulerName"),
        "priorityClassName": template.get("priorityClassName") or spec.get("podPriorityClassName"),
        "hostAliases": [*(spec.get("hostAliases") or ()), *(template.get("hostAliases") or ())] or None,
        "securityContext": template.get("securityContext", spec.get("securityContext")),
        "resources": template.get("podResources", spec.get("podResources")),
        "resourceClaims": template.get("resourceClaims") or spec.get("resourceClaims"),
    }
    for name in ("nodeSelector", "affinity", "tolerations"):
        found[name] = template.get(name) or boundary.get(name) or spec.get(name)
    return {name: value for name, value in found.items() if value is not None}


def _deadline(spec: Manifest, template: Manifest) -> int | None:
    if "timeout" in template:
        raise PodError("`timeout` is not modelled here: it counts from the node's creation")
    own, whole = template.get("activeDeadlineSeconds"), spec.get("activeDeadlineSeconds")
    try:
        return min((int(seconds) for seconds in (own, whole) if seconds is not None), default=None)
    except ValueError as error:
        raise PodError(f"activeDeadlineSeconds: {error}") from error


def _mounts_token(spec: Manifest, template: Manifest) -> bool:
    mounts = template.get("automountServiceAccountToken", spec.get("automountServiceAccountToken", True))
    if not mounts and not _executor_account(spec, template):
        raise PodError("executor.serviceAccountName is needed where automountServiceAccountToken is false")
    return bool(mounts)


def _executor_account(spec: Manifest, template: Manifest) -> str:
    for holder in (template, spec):
        if account := (holder.get("executor") or {}).get("serviceAccountName"):
            return str(account)
    return ""


def _volumes(spec: Manifest, template: Manifest) -> list[Manifest]:
    """The template's volumes all; the Workflow's only where a mount names them, before any patch."""
    own: list[Manifest] = template.get("volumes") or []
    volumes: list[Manifest] = [
        {"name": "var-run-argo", "emptyDir": {}},
        {"name": "tmp-dir-argo", "emptyDir": {}},
        *own,
    ]
    if account := _executor_account(spec, template):
        volumes.append({"name": "exec-sa-token", "secret": {"secretName": f"{account}.service-account-token"}})
    known = {volume["name"]: volume for volume in [*(spec.get("volumes") or ()), *own]}
    known |= {
        claim["metadata"]["name"]: {
            "name": claim["metadata"]["name"],
            "persistentVolumeClaim": {"claimName": "later"},
        }
        for claim in spec.get("volumeClaimTemplates") or ()
    }
    for container in _user_containers(template):
        for mount in container.get("volumeMounts") or ():
            if mount["name"] not in known:
                raise PodError(f"volume `{mount['name']}` is neither in the template nor in the Workflow")
            if all(volume["name"] != mount["name"] for volume in volumes):
                volumes.append(known[mount["name"]])
    return volumes


def _user_containers(template: Manifest) -> list[Manifest]:
    return [template["container"], *(template.get("initContainers") or ()), *(template.get("sidecars") or ())]


def _executor_container(name: str, spec: Manifest, template: Manifest) -> Manifest:
    return {
        "name": name,
        "image": EXECUTOR_IMAGE,
        "command": ["argoexec", name, *_LOG_OPTIONS],
        "env": [
            {
                "name": "ARGO_POD_NAME",
                "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}},
            },
            {
                "name": "ARGO_POD_UID",
                "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.uid"}},
            },
            {"name": "ARGO_WORKFLOW_UID", "value": WORKFLOW_UID},
        ],
        "volumeMounts": [dict(_TOKEN_MOUNT)] if _executor_account(spec, template) else [],
    }


def _init_containers(spec: Manifest, template: Manifest) -> list[Manifest]:
    user = [_user_container(container) for container in template.get("initContainers") or ()]
    return [_mounting(container, _VAR_RUN_ARGO) for container in [_executor_container("init", spec, template), *user]]


def _containers(spec: Manifest, template: Manifest) -> list[Manifest]:
    main = template["container"] | {"name": "main"}
    wait = _executor_container("wait", spec, template)
    for mount in main.get("volumeMounts") or ():  # for output artifacts, whether there are any or not
        path = posixpath.join("/mainctrfs", posixpath.normpath(mount["mountPath"]).lstrip("/"))
        if all(existing["mountPath"] != path for existing in wait["volumeMounts"]):
            wait["volumeMounts"].append({**mount, "mountPath": path, "readOnly": False})
    return [wait, main, *(_user_container(sidecar) for sidecar in template.get("sidecars") or ())]


def _user_container(container: Manifest) -> Manifest:
    if container.get("mirrorVolumeMounts"):
        raise PodError("`mirrorVolumeMounts` is not modelled here")
    return {name: value for name, value in container.items() if name != "mirrorVolumeMounts"}


def _mounting(container: Manifest, mount: Manifest) -> Manifest:
    return container | {"volumeMounts": [*(container.get("volumeMounts") or ()), dict(mount)]}


def _add_argo_environment(pod_spec: Manifest, workflow: Manifest, node: Node) -> None:
    """Argo's variables come behind the user's; init containers, ours too, carry the whole template among them."""
    template: Manifest = {"outputs": {}, "metadata": {}} | node.template | {"inputs": {}}
    common = [
        {"name": "ARGO_NODE_ID", "value": node_id(workflow["metadata"]["name"], node.name)},
        {"name": "ARGO_INCLUDE_SCRIPT_OUTPUT", "value": "false"},
        {"name": "ARGO_DEADLINE", "value": "0001-01-01T00:00:00Z"},
        {"name": "ARGO_WORKFLOW_NAME", "value": workflow["metadata"]["name"]},
        {"name": "ARGO_PROGRESS_FILE", "value": "/var/run/argo/progress"},
    ]
    whole = {"name": "ARGO_TEMPLATE", "value": json.dumps(template, separators=(",", ":"))}
    for role, extra in (("initContainers", [whole]), ("containers", [])):
        for container in pod_spec[role]:
            name = {"name": "ARGO_CONTAINER_NAME", "value": container["name"]}
            container["env"] = [*(container.get("env") or ()), name, *extra, *common]


def _parse_patch(text: str) -> Manifest:
    """JSON if it starts with a brace, else YAML: a patch in YAML's flow style would be refused as JSON."""
    try:
        patch = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, Loader=yaml.CSafeLoader)
    except (ValueError, yaml.YAMLError) as error:
        raise PodError(f"podSpecPatch is neither JSON nor YAML: {error}") from error
    if not isinstance(patch, dict):
        raise PodError("podSpecPatch is not a map")
    return patch


def _patched(pod_spec: Manifest, text: str) -> Manifest:
    patch = _parse_patch(text)
    for role in ("initContainers", "containers"):
        present = {container["name"] for container in pod_spec[role]}
        for container in patch.get(role) or ():
            # Argo would add it, without what its own containers and ours get from it: no variables, no mount.
            if container.get("name") not in present:
                raise PodError(f"podSpecPatch names `{container.get('name')}`, which is not one of the {role}")
    return strategic_merge(pod_spec, patch, POD_SPEC, definitions())


def _wrap_commands(pod_spec: Manifest) -> None:
    grace: Any = pod_spec.get("terminationGracePeriodSeconds")
    for place, container in enumerate(pod_spec["containers"]):
        if container["name"] == "wait":
            container |= _mounting(container, {"name": "tmp-dir-argo", "mountPath": "/tmp", "subPath": str(place)})
        elif container.get("command"):
            container["command"] = [*_EMISSARY, *container["command"]]
        else:
            raise PodError(f"container `{container['name']}` has no command; Argo would ask a registry for it")
        container |= _mounting(container, _VAR_RUN_ARGO)
        if grace is not None:
            variable = {"name": "ARGO_TERMINATION_GRACE_PERIOD_SECONDS", "value": str(grace)}
            container["env"] = [*container["env"], variable]


def _offload_template(pod: Manifest) -> None:
    for container in pod["spec"]["initContainers"]:
        for variable in container["env"]:
            if variable["name"] == "ARGO_TEMPLATE" and len(variable["value"].encode()) > _MAX_ENV:
                raise PodError("the template is longer than 128 KiB: Argo would move it to a ConfigMap")


def _unresolved(pod: Manifest) -> Iterator[str]:
    """The places of a pod where a `{{` is left; Argo would create the pod so."""
    text = json.dumps(pod, ensure_ascii=False)
    start = text.find("{{")
    while start >= 0:
        yield text[start : start + 60].partition("}}")[0] + "}}"
        start = text.find("{{", start + 2)
