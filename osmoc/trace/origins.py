"""Where in the workflow file a part of a manifest comes from.

A manifest says of which task, group or template it is; the rest is known by its path.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from typing import Any

from osmoc import graph, plan
from osmoc.trace.documents import of_entry
from osmoc.trace.owners import WORKFLOW, Owner, Owners
from osmoc.trace.pods import of_pod
from osmoc.trace.reach import child, has, mapping_at, reached, text_at
from osmoc.trace.rules import ENVELOPE, NAMES, PARAMETERS, At, How, Origin
from osmoc.yamlnodes import Path


class Origins:
    """`plain` is the workflow file as it was parsed; plan and graph are what was made of it."""

    def __init__(self, made: plan.Plan, lowered: graph.Graph, plain: Any) -> None:
        self._owners = Owners(made, lowered, plain)
        self._tasks = {owner.where for owner in self._owners.by_label.values()}
        self._users: dict[int, dict[str, list[Owner]]] = {}
        self._asked: frozenset[str] | None = None

    def about(self, labels: Iterable[str]) -> "Origins":
        """The same where templates that thousands of tasks share are looked at for those of these labels alone."""
        narrowed = copy(self)
        narrowed._asked, narrowed._users = frozenset(labels), {}
        return narrowed

    def of(self, manifest: Mapping[str, Any], path: Path) -> tuple[Origin, ...]:
        """What a path of a manifest comes from, each place once; never nothing, for all is made of the workflow."""
        found = dict.fromkeys(self._there(origin) for origin in self._of_object(manifest, path))
        known = tuple(origin for origin in found if origin.how is not How.NEAR)
        return known or tuple(Origin(near, How.NEAR) for near in self._nearest(origin.path for origin in found))

    def _there(self, origin: Origin) -> Origin:
        """As far as the file goes; what is the file's only by a default is near."""
        value = self._owners.plain
        for known, step in enumerate(origin.path):
            if not has(value, step):
                return Origin(origin.path[:known], How.NEAR)
            value = child(value, step)
        return origin

    def _nearest(self, paths: Iterable[Path]) -> Sequence[Path]:
        """The innermost of them; the whole workflow if they are all its tasks."""
        near = [path for path in dict.fromkeys(paths) if path]
        above = {path[:length] for path in near for length in range(len(path))}
        inner = [path for path in near if path not in above]
        return inner if inner and (len(inner) == 1 or self._tasks != set(inner)) else [WORKFLOW]

    def _of_object(self, manifest: Mapping[str, Any], path: Path) -> Iterator[Origin]:
        owner = self._owners.by_label.get(text_at(manifest, ("metadata", "labels", "osmo.task_name")))
        group = self._owners.groups.get(text_at(manifest, ("metadata", "labels", "osmo.group_name")))
        match manifest.get("kind"), path:
            case _, ("metadata", *rest):
                yield from self._of_metadata(tuple(rest), owner, group)
            case "ConfigMap", ("data" | "binaryData", str(key), *rest):
                yield from of_entry(self._owners, key, tuple(rest), reached(manifest, path[:2]))
            case "Workflow", ("spec", *rest):
                yield from self._of_workflow(manifest, tuple(rest))
            case "Job", ("spec", "template", "metadata", "labels", str(key)):
                yield from self._owners.label(key, owner, group)
            case "Job", ("spec", *rest) if owner:
                yield from self._of_job(owner, manifest, tuple(rest))
            case "Role", (*_, "resourceNames", int(_)):
                job = self._owners.by_job.get(text_at(manifest, path))
                yield Origin((*(job.where if job else WORKFLOW), "name"))
            case "Service" | "NetworkPolicy", (*_, "osmo.group_name") if group:
                yield Origin((*group.where, "name"))
        yield from _near(owner, group)

    def _of_metadata(self, rest: Path, owner: Owner | None, group: plan.Group | None) -> Iterator[Origin]:
        match rest:
            case ("name",):
                yield from self._owners.ruled(NAMES[At.TASK if owner else At.GROUP], rest, owner, group)
                yield Origin((*WORKFLOW, "name"))
            case ("labels", str(key)):
                yield from self._owners.label(key, owner, group)
            case ("annotations", "osmo.depends_on") if group:
                yield from self._owners.waits(group)

    def _of_job(self, owner: Owner, manifest: Mapping[str, Any], rest: Path) -> Iterator[Origin]:
        match rest:
            case ("template", "spec", *more):
                yield from of_pod(self._owners, owner, reached(manifest, ("spec", "template", "spec")), tuple(more))
            case (*_, "containerName") if text_at(manifest, ("spec", *rest)) == owner.planned.label:
                yield Origin((*owner.where, "name"))
            case _:
                yield from self._owners.ruled(ENVELOPE, rest, owner, owner.group)

    def _of_workflow(self, manifest: Mapping[str, Any], rest: Path) -> Iterator[Origin]:
        match rest:
            case ("templates", int(number), *more):
                template = mapping_at(manifest, ("spec", "templates", number))
                users = self._users_of(manifest).get(text_at(template, ("name",)), [])
                yield from self._of_template(template, tuple(more), users)
            case ("templateDefaults", *more):
                users = [owner for label, owner in self._owners.by_label.items() if self._is_asked(label)]
                yield from self._of_leaf(mapping_at(manifest, ("spec", "templateDefaults")), tuple(more), users)
            case ("podMetadata", "labels", str(key)):
                yield from self._owners.label(key, None, None)

    def _of_template(self, template: Mapping[str, Any], rest: Path, users: Iterable[Owner]) -> Iterator[Origin]:
        """A DAG, or the pods of its users."""
        match rest:
            case ("dag", "tasks", int(_), *more):
                yield from self._of_dag_task(mapping_at(template, rest[:3]), tuple(more))
            case _ if "dag" in template:
                group = self._owners.groups.get(text_at(template, ("name",)).removeprefix("group-"))
                yield from self._owners.ruled(NAMES[At.GROUP], rest, None, group)
                yield from _near(None, group)
            case _:
                yield from self._of_leaf(template, rest, users)

    def _of_dag_task(self, task: Mapping[str, Any], rest: Path) -> Iterator[Origin]:
        owner = self._owner_of(task)
        group = owner.group if owner else self._owners.groups.get(_group_label(task))
        match rest:
            case ("depends",) if group:
                yield from self._owners.waits(group)
            case ("inline", *more):
                yield from self._of_template(mapping_at(task, ("inline",)), tuple(more), [owner] if owner else [])
            case ("arguments", "parameters", int(_), "value") if owner:
                parameter = text_at(task, (*rest[:3], "name"))
                yield from self._owners.ruled(PARAMETERS, (parameter,), owner, group)
            case ("name",):
                yield from self._owners.ruled(NAMES[At.TASK if owner else At.GROUP], rest, owner, group)
            case ("template",) if group and not owner:
                yield Origin((*group.where, "name"))
        yield from _near(owner, group)

    def _of_leaf(self, template: Mapping[str, Any], rest: Path, users: Iterable[Owner]) -> Iterator[Origin]:
        for owner in users:
            match rest:
                case ("metadata", "labels", str(key)):
                    yield from self._owners.label(key, owner, owner.group)
                case ("container", *more):
                    container = {**mapping_at(template, ("container",)), "name": owner.planned.label}
                    yield from of_pod(self._owners, owner, {"containers": [container]}, ("containers", 0, *more))
                case ("podSpecPatch", *more) if more:
                    yield from of_pod(self._owners, owner, reached(template, ("podSpecPatch",)), tuple(more))
                case _:
                    yield from self._owners.ruled(ENVELOPE, rest, owner, owner.group)
                    yield from of_pod(self._owners, owner, template, rest)
            yield Origin(owner.where, How.NEAR)

    def _users_of(self, workflow: Mapping[str, Any]) -> dict[str, list[Owner]]:
        """Tasks by the template that they share."""
        if id(workflow) not in self._users:
            users: dict[str, list[Owner]] = defaultdict(list)
            for task in _dag_tasks(reached(workflow, ("spec", "templates"))):
                owner = self._owner_of(task)
                if owner and self._is_asked(owner.planned.label):
                    users[text_at(task, ("template",))].append(owner)
            self._users[id(workflow)] = users
        return self._users[id(workflow)]

    def _is_asked(self, label: str) -> bool:
        return self._asked is None or label in self._asked

    def _owner_of(self, dag_task: Mapping[str, Any]) -> Owner | None:
        parameters = reached(dag_task, ("arguments", "parameters")) or ()
        values = {text_at(item, ("name",)): text_at(item, ("value",)) for item in parameters}
        return self._owners.by_label.get(values.get("task", ""))


def _near(owner: Owner | None, group: plan.Group | None) -> Iterator[Origin]:
    if owner:
        yield Origin(owner.where, How.NEAR)
    elif group:
        yield Origin(group.where, How.NEAR)


def _dag_tasks(templates: Any) -> Iterator[Mapping[str, Any]]:
    for template in templates if isinstance(templates, list) else ():
        for task in reached(template, ("dag", "tasks")) or ():
            yield task
            yield from _dag_tasks([reached(task, ("inline",))])


def _group_label(dag_task: Mapping[str, Any]) -> str:
    template = text_at(dag_task, ("template",))
    return template.removeprefix("group-") if template.startswith("group-") else text_at(dag_task, ("name",))
