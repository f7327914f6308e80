"""The nodes that the Argo controller (4.1) makes of a Workflow when everything succeeds at the first attempt.

It walks from the entrypoint as the controller does: templateDefaults are merged into *every* template it comes
by, then arguments, globals and local variables are substituted, then a retry strategy adds `(0)` to the name of
what runs. What our compiler never emits (steps, loops, templateRef, hooks) is a finding, so that a test cannot
pass for want of a model.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from acceptance.argo_tags import TagError, substitute, tags
from acceptance.argo_templates import TYPES, dag_tasks, named_templates, resolved, template_type
from acceptance.kubernetes_schema import definitions
from acceptance.manifest import Manifest
from acceptance.openapi import Schema
from acceptance.strategic_merge import MergeError, strategic_merge

WORKFLOW_UID = "00000000-0000-4000-8000-000000000000"  # the API server gives it; any will do here

_UNMODELLED = ("withItems", "withParam", "withSequence", "templateRef", "hooks", "onExit")
_NEVER_RUN = ("false", "1 == 2")
_MAX_DEPTH = 100  # the controller's own limit of nesting


@dataclass(frozen=True, slots=True)
class Node:
    """One node: `template` is merged and substituted, `boundary` the template of the DAG around it, as written."""

    name: str
    template: Manifest
    boundary: Manifest | None = None


@dataclass(frozen=True, slots=True)
class Nodes:
    nodes: list[Node] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def argo_nodes(workflow: Manifest) -> Nodes:
    """All nodes in the order in which the controller comes by them, and what it would stumble over."""
    found = Nodes()
    spec = workflow["spec"]
    walk = _Walk(workflow, named_templates(workflow), template_variables(workflow), found)
    name = workflow["metadata"]["name"]
    walk.enter(name, {"template": spec.get("entrypoint")}, _values(spec.get("arguments")), None, 0)
    if "onExit" in spec:
        walk.enter(f"{name}.onExit", {"template": spec["onExit"]}, _values(spec.get("arguments")), None, 0)
    return found


def template_variables(workflow: Manifest) -> dict[str, str]:
    """The variables that are defined everywhere in this Workflow."""
    metadata, spec = workflow["metadata"], workflow["spec"]
    variables = {
        "workflow.name": metadata["name"],
        "workflow.namespace": metadata.get("namespace", "default"),
        "workflow.uid": WORKFLOW_UID,
        "workflow.mainEntrypoint": spec.get("entrypoint", ""),
        "workflow.serviceAccountName": spec.get("serviceAccountName", ""),
    }
    if "priority" in spec:
        variables["workflow.priority"] = str(spec["priority"])
    for kind in ("labels", "annotations"):
        variables |= {f"workflow.{kind}.{key}": value for key, value in metadata.get(kind, {}).items()}
    return variables | {f"workflow.parameters.{key}": value for key, value in _values(spec.get("arguments")).items()}


def merged_with_defaults(template: Manifest, defaults: Manifest) -> tuple[Manifest, bool]:
    """The template after `templateDefaults`, and whether it is what was meant.

    Defaults for other types of template fall away, all else merges; then see `decoded_onto`.
    """
    if not defaults:
        return template, True
    own = template_type(template)
    applicable = {name: value for name, value in defaults.items() if name == own or name not in TYPES}
    stated = _without_empty(template)
    meant = strategic_merge(applicable, stated, _TEMPLATE, definitions())
    found: Manifest = decoded_onto(stated, meant)
    return found, found == meant


def _without_empty(value: Any) -> Any:
    """As Go writes it before it merges: what is empty is not there, and so overrides no default."""
    if isinstance(value, dict):
        return {name: _without_empty(below) for name, below in value.items() if below not in ("", [])}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


def decoded_onto(before: Any, value: Any) -> Any:
    """What Go makes of the JSON `value` when it decodes it into the variable that held `before`.

    The controller does so with the merged template, and Go reuses the entries of a list by position: where the
    merge has put another entry first, that keeps the fields of the one that was there and which it does not set.
    """
    if isinstance(before, dict) and isinstance(value, dict):
        return before | {name: decoded_onto(before.get(name), below) for name, below in value.items()}
    if isinstance(before, list) and isinstance(value, list):
        return [decoded_onto(*pair) for pair in zip_longest(before[: len(value)], value)]
    return value


def retry_strategy(template: Manifest, workflow: Manifest) -> Manifest | None:
    found: Manifest | None = template.get("retryStrategy", workflow["spec"].get("retryStrategy"))
    return found


def fnv32a(text: str) -> int:
    digest = 0x811C9DC5
    for byte in text.encode():
        digest = (digest ^ byte) * 0x01000193 & 0xFFFFFFFF
    return digest


def node_id(workflow_name: str, node_name: str) -> str:
    return workflow_name if node_name == workflow_name else f"{workflow_name}-{fnv32a(node_name)}"


def pod_name(workflow_name: str, template_name: str, node_name: str) -> str:
    if node_name == workflow_name:
        return workflow_name
    prefix = f"{workflow_name}-{template_name}" if template_name else workflow_name
    return f"{prefix[:242]}-{fnv32a(node_name)}"


def _list_by(key: str, item: str) -> Schema:
    return {
        "x-kubernetes-patch-strategy": "merge",
        "x-kubernetes-patch-merge-key": key,
        "items": {"$ref": f"io.k8s.api.core.v1.{item}"},
    }


# The patch metadata of Argo's type Template; its CRD does not carry them. Tolerations, which a patch of a pod
# replaces, merge here: two of one key become one, and one without a key is an error.
_TEMPLATE: Schema = {
    "properties": {
        "container": {"$ref": "io.k8s.api.core.v1.Container"},
        "script": {"$ref": "io.k8s.api.core.v1.Container"},
        "initContainers": _list_by("name", "Container"),
        "sidecars": _list_by("name", "Container"),
        "volumes": _list_by("name", "Volume"),
        "tolerations": _list_by("key", "Toleration"),
        "hostAliases": _list_by("ip", "HostAlias"),
        "affinity": {"$ref": "io.k8s.api.core.v1.Affinity"},
        "securityContext": {"$ref": "io.k8s.api.core.v1.PodSecurityContext"},
        "inputs": {"properties": {"parameters": _list_by("name", "EnvVar")}},
    }
}


def _values(arguments: Manifest | None) -> dict[str, str]:
    return {
        parameter["name"]: str(parameter["value"])
        for parameter in (arguments or {}).get("parameters", ())
        if "value" in parameter
    }


@dataclass(frozen=True, slots=True)
class _Walk:
    workflow: Manifest
    templates: dict[str, Manifest]
    variables: dict[str, str]
    found: Nodes
    merged: dict[str, Manifest] = field(default_factory=dict)  # of the named templates

    def enter(
        self, name: str, holder: Manifest, arguments: dict[str, str], boundary: Manifest | None, depth: int
    ) -> None:
        template = holder.get("inline") or self.templates.get(holder.get("template") or "")
        if template is None:
            self.found.errors.append(f"{name}: template `{holder.get('template')}` does not exist")
            return
        if depth >= _MAX_DEPTH:
            self.found.errors.append(f"{name}: templates are nested deeper than {_MAX_DEPTH}")
            return
        try:
            self._run(name, holder, template, arguments, boundary, depth)
        except (MergeError, TagError) as error:
            self.found.errors.append(f"{name}: {error}")

    def _run(
        self,
        name: str,
        holder: Manifest,
        template: Manifest,
        arguments: dict[str, str],
        boundary: Manifest | None,
        depth: int,
    ) -> None:
        merged = self._merged(template, name, is_named="inline" not in holder)
        retry = retry_strategy(merged, self.workflow)
        local = {"node.name": name} | ({"tasks.name": holder["name"]} if "name" in holder else {})
        if retry is None:
            local |= self._pod_variables(name, merged)
        processed = self._substituted(self._with_arguments(merged, arguments), local)
        if retry is not None:
            self.found.nodes.append(Node(name, {"name": merged.get("name", "")}))
            name = f"{name}(0)"
            processed = self._substituted(processed, self._pod_variables(name, merged) | _FIRST_ATTEMPT)
        self.found.nodes.append(Node(name, processed, boundary))
        match template_type(processed):
            case "dag":
                for task in dag_tasks(processed):
                    self._task(name, task, template if "inline" not in holder else None, depth)
            case "container" | "suspend":
                pass
            case other:
                self.found.errors.append(f"{name}: a template of type `{other}` is not modelled here")

    def _task(self, dag: str, task: Manifest, boundary: Manifest | None, depth: int) -> None:
        name = f"{dag}.{task['name']}"
        self.found.errors.extend(f"{name}: `{field}` is not modelled here" for field in _UNMODELLED if field in task)
        # These must be results of other tasks: {{tasks.name}} in an inline template is one that never comes.
        if waiting := [tag for tag in tags(json.dumps(task)) if tag.startswith(("tasks.", "steps."))]:
            self.found.errors.append(f"{name}: waits for ever for {{{{{waiting[0]}}}}}")
        if task.get("when", "").strip() in _NEVER_RUN:
            self.found.nodes.append(Node(name, {"name": ""}))
        else:
            self.enter(name, task, _values(task.get("arguments")), boundary, depth + 1)

    def _merged(self, template: Manifest, node: str, is_named: bool) -> Manifest:
        if is_named and template["name"] in self.merged:
            return self.merged[template["name"]]
        whole = resolved(template, self.workflow) if is_named else template
        merged, is_meant = merged_with_defaults(whole, self.workflow["spec"].get("templateDefaults") or {})
        if not is_meant:
            self.found.errors.append(f"{node}: templateDefaults shift a list of its template: fields get mixed up")
        if is_named:
            self.merged[template["name"]] = merged
        return merged

    def _with_arguments(self, template: Manifest, arguments: dict[str, str]) -> Manifest:
        parameters = []
        for declared in (template.get("inputs") or {}).get("parameters", ()):
            value = arguments.get(declared["name"], declared.get("value", declared.get("default")))
            if value is None:
                raise TagError(f"inputs.parameters.{declared['name']} was not supplied")
            parameters.append({**declared, "value": str(value)})
        return {**template, "inputs": {**(template.get("inputs") or {}), "parameters": parameters}}

    def _substituted(self, template: Manifest, local: dict[str, str]) -> Manifest:
        values = self.variables | local
        first: Manifest = substitute(template, values)  # inputs may hold globals, so those come first
        second: Manifest = substitute(first, values | input_values(first))
        return second

    def _pod_variables(self, node: str, template: Manifest) -> dict[str, str]:
        if template_type(template) != "container":
            return {}
        return {"pod.name": pod_name(self.workflow["metadata"]["name"], template.get("name", ""), node)}


_FIRST_ATTEMPT = {
    "retries": "0",
    "lastRetry.exitCode": "0",
    "lastRetry.duration": "0",
    "lastRetry.status": "",
    "lastRetry.message": "",
}


def input_values(template: Manifest) -> dict[str, str]:
    """The variables that a processed template defines for itself."""
    parameters: Iterator[dict[str, Any]] = iter((template.get("inputs") or {}).get("parameters", ()))
    return {f"inputs.parameters.{parameter['name']}": parameter["value"] for parameter in parameters}
