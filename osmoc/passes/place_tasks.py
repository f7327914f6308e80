"""Place every task: platform, hardware, nodes; and what the platform does not allow.

Needs: a chosen pool. Leaves: a `Placement` for each task, and what an open world must have for it. What is wrong
with a resource is said once, however many tasks use it; a resource that none uses must have a platform too.
"""

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from osmoc import codes, pod_templates
from osmoc.decisions import Cluster, Places
from osmoc.diagnostics import Diagnostics, advice, did_you_mean, listed
from osmoc.graph import Graph, Group, Mount, Task
from osmoc.plan import Mark, Placement, Requirement, TopologyTerm
from osmoc.profile import Platform
from osmoc.spec import Resource
from osmoc.template_variables import Amounts, amounts_of, variables_of
from osmoc.validations import validate_resources
from osmoc.yamltree import Path, Tree

_RESOURCES: Path = ("workflow", "resources")


def place_tasks(graph: Graph, cluster: Cluster, tree: Tree, found: Diagnostics) -> Places:
    if cluster.lacks_pool:
        return Places({}, ())  # has been said; what follows from it would only hide it
    placer = _Placer(cluster, tree, found)
    spots = {task.name: placer.spot(task) for _, task in graph.tasks()}
    for _, task in graph.tasks():
        placer.check_allowed(task, spots[task.name])
    for name, resource in _unused(graph, tree):
        placer.platform(resource, (*_RESOURCES, name), "")
    placements = {name: spot.placement for name, spot in spots.items()}
    for group in graph.groups.values():
        placer.check_guarantee(group, placements)
    return Places(placements, tuple(placer.requirements))


def _unused(graph: Graph, tree: Tree) -> list[tuple[str, Resource]]:
    """Resources of the file that no task names; the graph has only the others."""
    used = {_resource_path(task, tree)[-1] for _, task in graph.tasks()}
    declared = tree.plain["workflow"].get("resources", {})
    return [(str(name), Resource.model_validate(plain)) for name, plain in declared.items() if str(name) not in used]


def _resource_path(task: Task, tree: Tree) -> Path:
    plain: Any = tree.plain
    for step in task.where:
        plain = plain[step]
    return (*_RESOURCES, str(plain.get("resource", "default")))


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where the tasks of a resource go. `platform` is None if there is no such one, which has been reported.

    `mounts` is what the pod template mounts into the user's container: path to the node's directory, if it is one.
    """

    placement: Placement
    platform: Platform | None
    mounts: Mapping[str, str]


class _Placer:
    def __init__(self, cluster: Cluster, tree: Tree, found: Diagnostics) -> None:
        self._cluster = cluster
        self._tree = tree
        self._found = found
        self._spots: dict[tuple[Path, bool], _Spot] = {}
        self.requirements: dict[Requirement, None] = {}

    def _require(self, kind: str, name: str, reason: str, where: Path) -> None:
        self.requirements.setdefault(Requirement(kind=kind, name=name, reason=reason, where=where))

    def spot(self, task: Task) -> _Spot:
        """The same for all tasks of one resource, but that templates may tell leads from others."""
        path = _resource_path(task, self._tree)
        key = (path, task.is_lead)
        if key not in self._spots:
            self._spots[key] = self._place(task, path)
        return self._spots[key]

    def _place(self, task: Task, path: Path) -> _Spot:
        resource, cluster = task.resource, self._cluster
        platform = self.platform(resource, path, task.name)
        if platform is None:
            return _Spot(Placement(), None, {})
        name = resource.platform or cluster.pool.default_platform
        defaults = pod_templates.merge(cluster.pool.common_default_variables, platform.default_variables)
        try:
            amounts = amounts_of(resource, defaults)
        except ValueError as error:
            self._found.add(codes.PROFILE_SHAPE, None, f"default variables of the pool `{cluster.pool_name}`: {error}")
            return _Spot(Placement(), None, {})
        variables = variables_of(resource, amounts, defaults)
        variables |= {"WF_POOL": cluster.pool_name, "WF_PLATFORM": name, "WF_PRIORITY": cluster.priority or "NORMAL"}
        variables |= {"WF_LEAD_CONTAINER": "true"} if task.is_lead else {}
        hardware = self._hardware(resource, amounts, platform, name)
        placement = hardware._replace(topology=self._topology(resource, path))
        if cluster.is_open and name:
            self._require("nodes", f"osmo.platform={name}", f"platform `{name}`", (*path, "platform"))
        if not cluster.is_open:
            validate_resources(variables, platform, cluster, path, self._tree, self._found)
        template = self._template(platform, variables, path)
        excluding = pod_templates.keep_off(template, resource.nodes_excluded) if resource.nodes_excluded else None
        if excluding:
            template, placement = excluding, placement._replace(excluded_nodes=())
        mounts = pod_templates.mounts_of(template, Mark.CONTAINER.value)
        patch = pod_templates.as_json(template) if template else ""
        return _Spot(placement._replace(pod_patch=patch), platform, mounts)

    def platform(self, resource: Resource, path: Path, task: str) -> Platform | None:
        """The platform of a resource; None, reported, if the pool does not have it. `task` is empty if none uses it."""
        name = resource.platform or self._cluster.pool.default_platform
        known = self._cluster.pool.platforms
        if self._cluster.is_open or name in known or not (name or known):
            return known.get(name, Platform.default())
        pool = self._cluster.pool_name or "default"
        platforms = f"platforms: {listed(known)}" if known else ""
        if name:
            user = f"task `{task}`" if task else f"the resource `{path[-1]}`, which no task uses,"
            message = f"the pool `{pool}` has no platform `{name}`, which {user} asks for"
            help = advice(did_you_mean(name, known), f"add it to `pools.{pool}.platforms` of the profile", platforms)
            self._found.report(codes.UNKNOWN_PLATFORM, self._tree.span((*path, "platform")), message, help=help)
        else:
            user = f"of task `{task}`" if task else f"`{path[-1]}`"
            message = f"the resource {user} has no platform, and the pool `{pool}` no default"
            help = advice("name one with `platform`, or `default_platform` in the profile", platforms)
            self._found.report(codes.UNKNOWN_PLATFORM, self._tree.key(path), message, help=help)
        return None

    def _hardware(self, resource: Resource, amounts: Amounts, platform: Platform, name: str) -> Placement:
        open_selector = (("osmo.platform", name),) if name else ()
        return Placement(
            pool=self._cluster.pool_name,
            platform=name,
            cpu=amounts.cpu,
            gpu=amounts.gpu,
            memory=amounts.memory.quantity if amounts.memory else None,
            storage=amounts.storage.quantity if amounts.storage else None,
            node_selector=open_selector if self._cluster.is_open else tuple(platform.node_selector.items()),
            tolerations=tuple(json.dumps(item, sort_keys=True) for item in platform.tolerations),
            excluded_nodes=resource.nodes_excluded,
        )

    def _topology(self, resource: Resource, path: Path) -> tuple[TopologyTerm, ...]:
        labels = {item.key: item.label for item in self._cluster.pool.topology_keys}
        terms = []
        for n, item in enumerate(resource.topology):
            where: Path = (*path, "topology", n, "key")
            if self._cluster.is_open:
                self._require("node label", item.key, "topology", where)
            elif item.key not in labels:
                keys = f"keys: {listed(labels)}" if labels else ""
                help = advice(did_you_mean(item.key, labels), "add it to `topology_keys` of the pool", keys)
                message = f"the pool `{self._cluster.pool_name or 'default'}` has no topology key `{item.key}`"
                self._found.report(codes.UNKNOWN_TOPOLOGY, self._tree.span(where), message, help=help)
            required = item.requirement_type == "required"
            terms.append(TopologyTerm(labels.get(item.key, item.key), item.group, required))
        return tuple(terms)

    def _template(self, platform: Platform, variables: Mapping[str, Any], path: Path) -> Any:
        """The pod templates of pool and platform in one, rendered; an empty one, reported, if that fails."""
        names = (*self._cluster.pool.common_pod_template, *platform.override_pod_template)
        merged = pod_templates.combine(self._cluster.profile.pod_templates[name] for name in names)
        fault, help = "", ""
        try:
            rendered = pod_templates.render(merged, variables)
            if "{{" not in pod_templates.as_json(rendered):
                return rendered
            fault = f"the pod templates {listed(names)} hold braces when rendered"
        except pod_templates.Unset as error:
            fault = f"the pod templates {listed(names)} cannot be rendered: {error}"
            help = f"give `{error.name}` a value in `common_default_variables` of the profile"
        except ValueError as error:
            fault = f"the pod templates {listed(names)} cannot be rendered: {error}"
        self._found.report(codes.POD_TEMPLATE, self._tree.key(path), fault, help=help)
        return {}

    def check_allowed(self, task: Task, spot: _Spot) -> None:
        wishes = (
            (task.privileged, "privileged", "privileged_allowed"),
            (task.host_network, "hostNetwork", "host_network_allowed"),
        )
        for asked, key, setting in wishes:
            if asked and self._cluster.is_open:
                self._require("namespace", key, "Pod Security must allow it", (*task.where, key))
            elif asked and spot.platform and not getattr(spot.platform, setting):
                message = f"{self._named(spot)} does not allow `{key}`"
                help = f"set `{setting}: true` {self._within(spot)}"
                self._found.report(codes.NOT_ALLOWED, self._tree.key((*task.where, key)), message, help=help)
        for n, mount in enumerate(task.mounts):
            path: Path = (*task.where, "volumeMounts", n)
            if self._cluster.is_open:
                self._require("host directory", mount.host, "volumeMounts", path)
            elif spot.platform:
                self._check_mount(mount, spot, spot.platform, path)

    def _check_mount(self, mount: Mount, spot: _Spot, platform: Platform, path: Path) -> None:
        host = posixpath.normpath(mount.host)
        allowed = {posixpath.normpath(directory) for directory in platform.allowed_mounts}
        if mount.container in spot.mounts:
            # The template has mounted it already, and its mount will be the one that stays.
            if mount.container == host or spot.mounts[mount.container] == host:
                return
            message = f"{self._named(spot)} mounts something else at `{mount.container}`"
            help = "choose another path in the container"
        elif host in allowed:
            return
        else:
            message = f"{self._named(spot)} does not allow to mount `{mount.host}`"
            help = advice(
                f"add it to `allowed_mounts` {self._within(spot)}",
                f"allowed: {listed(platform.allowed_mounts) or 'none'}",
                f"it is mounted at `{host}` without asking for it" if host in spot.mounts else "",
            )
        self._found.report(codes.NOT_ALLOWED, self._tree.span(path), message, help=help)

    def _named(self, spot: _Spot) -> str:
        return f"the platform `{spot.placement.platform}`" if spot.placement.platform else "the profile"

    def _within(self, spot: _Spot) -> str:
        """Where a setting of the platform belongs."""
        if spot.placement.platform:
            return f"in `pools.{self._cluster.pool_name}.platforms.{spot.placement.platform}` of the profile"
        return "in a platform of the profile's pool, and name it as `default_platform`"

    def check_guarantee(self, group: Group, placements: Mapping[str, Placement]) -> None:
        guarantee = self._cluster.pool.resources.gpu.guarantee
        asked = sum(placements[task.name].gpu or 0 for task in group.tasks)
        if guarantee >= 0 and asked > guarantee and self._cluster.priority != "LOW":
            message = f"group `{group.name}` asks for {asked} GPUs; the pool guarantees {guarantee}"
            help = "submit with --priority LOW"
            self._found.report(codes.GPU_GUARANTEE, self._tree.key(group.where), message, help=help)
