"""Place every task: platform, hardware, nodes; and what the platform does not allow.

Needs: a chosen pool. Leaves: a `Placement` for each task, and what an open world must have for it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from osmoc import codes, pod_templates
from osmoc.diagnostics import Diagnostics, advice, did_you_mean, listed
from osmoc.graph import Graph, Group, Task
from osmoc.passes.choose_pool import Cluster
from osmoc.passes.validate_resources import validate_resources
from osmoc.plan import Mark, Placement, Requirement, TopologyTerm
from osmoc.profile import Platform
from osmoc.spec import Resource
from osmoc.values import Size
from osmoc.yamltree import Path, Tree


@dataclass(frozen=True, slots=True)
class Places:
    by_task: Mapping[str, Placement]
    requirements: tuple[Requirement, ...]


def place_tasks(graph: Graph, cluster: Cluster, tree: Tree, found: Diagnostics) -> Places:
    placements: dict[str, Placement] = {}
    requirements: dict[Requirement, None] = {}
    # Tasks of one resource are placed alike: what is wrong with it is said once.
    by_resource: dict[tuple[int, str], Placement] = {}
    for group, task in graph.tasks():
        key = (id(task.resource), group.name if task.resource.topology else "")
        if key not in by_resource:
            by_resource[key] = _place(task, _resource_path(task, tree), cluster, requirements, tree, found)
        placements[task.name] = by_resource[key]
        _check_allowed(task, placements[task.name].platform, cluster, requirements, tree, found)
    for group in graph.groups.values():
        _check_guarantee(group, placements, cluster, tree, found)
    return Places(placements, tuple(requirements))


def _resource_path(task: Task, tree: Tree) -> Path:
    plain: Any = tree.plain
    for step in task.where:
        plain = plain[step]
    return ("workflow", "resources", str(plain.get("resource", "default")))


def _place(
    task: Task,
    path: Path,
    cluster: Cluster,
    requirements: dict[Requirement, None],
    tree: Tree,
    found: Diagnostics,
) -> Placement:
    resource = task.resource
    name = resource.platform or cluster.pool.default_platform
    platform = _platform(name, task, (*path, "platform"), cluster, tree, found)
    variables = _variables(resource, platform, cluster)
    placement = Placement(
        pool=cluster.pool_name,
        platform=name,
        cpu=_number(resource.cpu, variables.get("USER_CPU")),
        gpu=_number(resource.gpu, variables.get("USER_GPU")),
        memory=_quantity(resource.memory, variables.get("USER_MEMORY")),
        storage=_quantity(resource.storage, variables.get("USER_STORAGE")),
        node_selector=tuple(platform.node_selector.items())
        if not cluster.is_open
        else ((("osmo.platform", name),) if name else ()),
        tolerations=tuple(json.dumps(item, sort_keys=True) for item in platform.tolerations),
        excluded_nodes=resource.nodes_excluded,
        topology=_topology(resource, path, cluster, requirements, tree, found),
        pod_patch=_pod_patch(platform, variables, path, cluster, tree, found),
    )
    if cluster.is_open and name:
        reason = f"platform `{name}`"
        requirements.setdefault(
            Requirement(kind="nodes", name=f"osmo.platform={name}", reason=reason, where=(*path, "platform"))
        )
    if not cluster.is_open:
        validate_resources(variables, platform, cluster, path, tree, found)
    return placement


def _platform(name: str, task: Task, path: Path, cluster: Cluster, tree: Tree, found: Diagnostics) -> Platform:
    known = cluster.pool.platforms
    if cluster.is_open or name in known or not (name or known):
        return known.get(name, Platform())
    pool = cluster.pool_name or "default"
    if name:
        help = f"add it to `pools.{pool}.platforms` of the profile; platforms: {listed(known)}"
        message = f"the pool `{pool}` has no platform `{name}`, which task `{task.name}` asks for"
        found.report(codes.UNKNOWN_PLATFORM, tree.span(path), message, help=advice(did_you_mean(name, known), help))
    else:
        help = f"name one with `platform`, or `default_platform` in the profile; platforms: {listed(known)}"
        message = f"the resource of task `{task.name}` has no platform, and the pool `{pool}` no default"
        found.report(codes.UNKNOWN_PLATFORM, tree.key(path[:-1]), message, help=help)
    return Platform()


def _number(asked: int | None, default: Any) -> int | None:
    value = asked if asked is not None else int(float(default)) if default is not None else None
    return value or None  # 0 asks for nothing


def _quantity(asked: Size | None, default: Any) -> str | None:
    return asked.quantity if asked else str(default) if default else None


_UNITS = {"Ti": 1 << 40, "Gi": 1 << 30, "Mi": 1 << 20, "Ki": 1 << 10, "B": 1, "m": 0.001}


def _variables(resource: Resource, platform: Platform, cluster: Cluster) -> dict[str, Any]:
    """The variables of pod templates and validations, as OSMO has them."""
    variables: dict[str, Any] = {**cluster.pool.common_default_variables, **platform.default_variables}
    for name, asked in (("USER_CPU", resource.cpu), ("USER_GPU", resource.gpu)):
        if asked is not None:
            variables[name] = float(asked) if name == "USER_CPU" else asked
    for name, size in (("USER_MEMORY", resource.memory), ("USER_STORAGE", resource.storage)):
        if size:
            variables[name] = size.quantity
            variables[f"{name}_VAL"] = size.quantity.rstrip("TGMKi")
            variables[f"{name}_UNIT"] = size.quantity.lstrip("0123456789") or "B"
            for unit, factor in _UNITS.items():
                variables[f"{name}_{unit}"] = f"{size.bytes / factor:.10g}"
    variables["USER_EXCLUDED_NODES"] = f"ARRAY:[{','.join(resource.nodes_excluded)}]"
    variables["USER_CONTAINER_NAME"] = Mark.CONTAINER.value
    variables |= {
        "WF_ID": Mark.WORKFLOW.value,
        "WF_UUID": Mark.WORKFLOW.value,
        "WF_GROUP_NAME": Mark.GROUP.value,
        "WF_GROUP_UUID": Mark.GROUP.value,
        "WF_TASK_NAME": Mark.TASK.value,
        "WF_TASK_UUID": Mark.TASK.value,
        "WF_POOL": cluster.pool_name,
        "WF_PLATFORM": resource.platform or cluster.pool.default_platform,
        "WF_PRIORITY": cluster.priority or "NORMAL",
    }
    return variables


def _pod_patch(
    platform: Platform, variables: Mapping[str, Any], path: Path, cluster: Cluster, tree: Tree, found: Diagnostics
) -> str:
    names = (*cluster.pool.common_pod_template, *platform.override_pod_template)
    if not names:
        return ""
    merged: Any = {}
    for name in names:
        merged = pod_templates.merge(merged, cluster.profile.pod_templates[name])
    try:
        rendered = pod_templates.as_json(pod_templates.render(merged, variables))
    except ValueError as error:
        found.report(
            codes.POD_TEMPLATE, tree.key(path), f"the pod templates {listed(names)} cannot be rendered: {error}"
        )
        return ""
    if "{{" in rendered:
        found.report(codes.POD_TEMPLATE, tree.key(path), f"the pod templates {listed(names)} hold braces when rendered")
        return ""
    return rendered


def _topology(
    resource: Resource,
    path: Path,
    cluster: Cluster,
    requirements: dict[Requirement, None],
    tree: Tree,
    found: Diagnostics,
) -> tuple[TopologyTerm, ...]:
    labels = {item.key: item.label for item in cluster.pool.topology_keys}
    terms = []
    for n, item in enumerate(resource.topology):
        where: Path = (*path, "topology", n, "key")
        if not cluster.is_open and item.key not in labels:
            help = advice(
                did_you_mean(item.key, labels), f"add it to `topology_keys` of the pool; keys: {listed(labels)}"
            )
            message = f"the pool `{cluster.pool_name or 'default'}` has no topology key `{item.key}`"
            found.report(codes.UNKNOWN_TOPOLOGY, tree.span(where), message, help=help)
        if cluster.is_open:
            requirement = Requirement(kind="node label", name=item.key, reason="topology", where=where)
            requirements.setdefault(requirement)
        required = item.requirement_type == "required"
        terms.append(TopologyTerm(labels.get(item.key, item.key), item.group, required))
    return tuple(terms)


def _check_allowed(
    task: Task,
    platform_name: str,
    cluster: Cluster,
    requirements: dict[Requirement, None],
    tree: Tree,
    found: Diagnostics,
) -> None:
    platform = cluster.pool.platforms.get(platform_name, Platform())
    where = f"pools.{cluster.pool_name or 'default'}.platforms.{platform_name or 'default'}"
    wishes = (
        (task.privileged, platform.privileged_allowed, "privileged", "privileged_allowed"),
        (task.host_network, platform.host_network_allowed, "hostNetwork", "host_network_allowed"),
    )
    for asked, allowed, key, setting in wishes:
        if asked and cluster.is_open:
            requirement = Requirement(
                kind="namespace", name=key, reason="Pod Security must allow it", where=(*task.where, key)
            )
            requirements.setdefault(requirement)
        elif asked and not allowed:
            message = f"the platform `{platform_name}` does not allow `{key}`"
            help = f"set `{where}.{setting}: true` in the profile"
            found.report(codes.NOT_ALLOWED, tree.key((*task.where, key)), message, help=help)
    for n, mount in enumerate(task.mounts):
        path: Path = (*task.where, "volumeMounts", n)
        if cluster.is_open:
            requirement = Requirement(kind="host directory", name=mount.host, reason="volumeMounts", where=path)
            requirements.setdefault(requirement)
        elif mount.host not in platform.allowed_mounts:
            message = f"the platform `{platform_name}` does not allow to mount `{mount.host}`"
            allowed_mounts = listed(platform.allowed_mounts) or "none"
            help = f"add it to `{where}.allowed_mounts` in the profile; allowed: {allowed_mounts}"
            found.report(codes.NOT_ALLOWED, tree.span(path), message, help=help)


def _check_guarantee(
    group: Group, placements: Mapping[str, Placement], cluster: Cluster, tree: Tree, found: Diagnostics
) -> None:
    guarantee = cluster.pool.resources.gpu.guarantee
    asked = sum(placements[task.name].gpu or 0 for task in group.tasks)
    if guarantee >= 0 and asked > guarantee and cluster.priority != "LOW":
        message = f"group `{group.name}` asks for {asked} GPUs; the pool guarantees {guarantee}"
        found.report(codes.GPU_GUARANTEE, tree.key(group.where), message, help="submit with --priority LOW")
