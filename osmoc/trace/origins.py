"""Where in the workflow file a part of a manifest comes from.

Rules by place: the pod of a task, its document, the labels, the DAG. They say what `osmoc.emit` and `write_documents`
do; a test changes each value of workflows and looks at what changes in their manifests.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from osmoc import graph, plan
from osmoc.yamlnodes import Path, Scalar

_WORKFLOW: Final[Path] = ("workflow",)


class How(Enum):
    """`VALUE`: it is what stands there. `CHOICE`: what stands there chose it. `NEAR`: nothing nearer is known."""

    VALUE = "value"
    CHOICE = "choice"
    NEAR = "near"


@dataclass(frozen=True, slots=True)
class Origin:
    path: Path
    how: How


class _At(Enum):
    """What a path of a rule begins at."""

    TASK = "task"
    RESOURCE = "resource"
    GROUP = "group"
    WORKFLOW = "workflow"


@dataclass(frozen=True, slots=True)
class _Rule:
    """`pattern` are words of a path, `*` is any; what goes on below it is of the same origin.

    Without a `path` it is there because of the whole, and nothing nearer can be named.
    """

    pattern: str
    at: _At
    path: str


_USER: Final = "containers @user"

# List items go by their names.
_POD: Final = (
    _Rule(f"{_USER} name", _At.TASK, "name"),
    _Rule(f"{_USER} image", _At.TASK, "image"),
    _Rule(f"{_USER} resources * cpu", _At.RESOURCE, "cpu"),
    _Rule(f"{_USER} resources * memory", _At.RESOURCE, "memory"),
    _Rule(f"{_USER} resources * ephemeral-storage", _At.RESOURCE, "storage"),
    _Rule(f"{_USER} resources * nvidia.com/gpu", _At.RESOURCE, "gpu"),
    _Rule(f"{_USER} volumeMounts osmo-shm", _At.RESOURCE, "gpu"),
    _Rule(f"{_USER} securityContext privileged", _At.TASK, "privileged"),
    _Rule("volumes osmo-shm", _At.RESOURCE, "gpu"),
    _Rule("volumes osmo-data emptyDir sizeLimit", _At.RESOURCE, "storage"),
    _Rule("volumes osmo-group-key", _At.GROUP, ""),
    _Rule("initContainers osmo-ctrl volumeMounts osmo-group-key", _At.GROUP, ""),
    _Rule("subdomain", _At.GROUP, "name"),
    _Rule("hostname", _At.TASK, "name"),
    _Rule("hostNetwork", _At.TASK, "hostNetwork"),
    _Rule("dnsPolicy", _At.TASK, "hostNetwork"),
    _Rule("nodeSelector", _At.RESOURCE, "platform"),
    _Rule("tolerations", _At.RESOURCE, "platform"),
    _Rule("affinity nodeAffinity", _At.RESOURCE, "nodesExcluded"),
    _Rule("affinity podAffinity", _At.RESOURCE, "topology"),
    _Rule("imagePullSecrets", _At.TASK, "image"),
    _Rule("activeDeadlineSeconds", _At.WORKFLOW, "timeout exec_timeout"),
)

# What an envelope says beside the pod: a template of Argo, the spec of a Job.
_ENVELOPE: Final = (
    _Rule("retryStrategy", _At.TASK, "exitActions"),
    _Rule("pendingTimeout", _At.WORKFLOW, "timeout queue_timeout"),
    _Rule("backoffLimitPerIndex", _At.TASK, "exitActions"),
    # The other rules are those of every Job.
    _Rule("podFailurePolicy rules 0", _At.TASK, "exitActions"),
)

_LABELS: Final = (
    _Rule("osmo.task_name", _At.TASK, "name"),
    _Rule("osmo.group_name", _At.GROUP, "name"),
    _Rule("osmo.lead_container", _At.TASK, "lead"),
    _Rule("osmo.platform", _At.RESOURCE, "platform"),
    _Rule("osmo.pool", _At.WORKFLOW, "pool"),
    _Rule("osmo.workflow_id", _At.WORKFLOW, "name"),
)

# Of a task document; lists are handled one by one.
_DOCUMENT: Final = (
    _Rule("workflow", _At.WORKFLOW, "name"),
    _Rule("workflow_id", _At.WORKFLOW, "name"),
    _Rule("task", _At.TASK, "name"),
    _Rule("lead", _At.TASK, "lead"),
    _Rule("group name", _At.GROUP, "name"),
    _Rule("group barrier", _At.GROUP, "barrier"),
    _Rule("group ignore_nonlead_status", _At.GROUP, "ignoreNonleadStatus"),
    _Rule("group", _At.GROUP, ""),
    _Rule("image", _At.TASK, "image"),
    _Rule("timeouts exec", _At.WORKFLOW, "timeout exec_timeout"),
    _Rule("timeouts queue", _At.WORKFLOW, "timeout queue_timeout"),
)
# Lists of a document whose items are items of the task, by the key that the task has for them.
_LISTS: Final = {
    "command": "command",
    "args": "args",
    "inputs": "inputs",
    "outputs": "outputs",
    "kpis": "kpis",
    "checkpoints": "checkpoint",
    "files": "files",
    "environment": "environment",
    "exit_actions": "exitActions",
    "credential_variables": "credentials",
    "credential_directories": "credentials",
}


_DATASET_FIELDS: Final = ("path", "regex", "metadata", "labels", "paths")


@dataclass(frozen=True, slots=True)
class _Owner:
    """A task with all that its manifests come from."""

    planned: plan.Task
    lowered: graph.Task
    group: plan.Group


class Origins:
    """`plain` is the workflow file as it was parsed; plan and graph are what was made of it."""

    def __init__(self, made: plan.Plan, lowered: graph.Graph, plain: Any) -> None:
        self._plan = made
        self._plain = plain
        tasks = {task.name: task for _, task in lowered.tasks()}
        self._owners = {
            task.label: _Owner(task, tasks[task.name], group) for group in made.groups.values() for task in group.tasks
        }
        self._jobs = {owner.planned.job: owner for owner in self._owners.values()}
        self._groups = {group.label: group for group in made.groups.values()}
        self._edges: dict[str, list[Path]] = defaultdict(list)
        for edge in lowered.edges:
            self._edges[edge.downstream].append(edge.where)
        self._users: dict[int, dict[str, list[_Owner]]] = {}
        self._asked: frozenset[str] | None = None

    def about(self, labels: Iterable[str]) -> "Origins":
        """The same where templates that thousands of tasks share are looked at for those of these labels alone."""
        narrowed = copy(self)
        narrowed._asked, narrowed._users = frozenset(labels), {}
        return narrowed

    def of(self, manifest: Mapping[str, Any], path: Path) -> tuple[Origin, ...]:
        """What a path of a manifest comes from, each place once; never nothing, for all is made of the workflow."""
        found = dict.fromkeys(self._there(origin) for origin in self._of(manifest, path))
        known = tuple(origin for origin in found if origin.how is not How.NEAR)
        return known or tuple(Origin(near, How.NEAR) for near in self._nearest(origin.path for origin in found))

    def _nearest(self, paths: Iterable[Path]) -> Sequence[Path]:
        """The innermost of them; the whole workflow if they are all its tasks."""
        near = [path for path in dict.fromkeys(paths) if path]
        above = {path[:length] for path in near for length in range(len(path))}
        inner = [path for path in near if path not in above]
        if len(inner) > 1 and {owner.planned.where for owner in self._owners.values()} == set(inner):
            return [_WORKFLOW]
        return inner or [_WORKFLOW]

    def _there(self, origin: Origin) -> Origin:
        """As far as the file goes; what is the file's only by a default is near."""
        value, known = self._plain, 0
        for step in origin.path:
            if not _has(value, step):
                return Origin(origin.path[:known], How.NEAR)
            value, known = _child(value, step), known + 1
        return origin

    def _of(self, manifest: Mapping[str, Any], path: Path) -> Iterator[Origin]:
        labels = manifest.get("metadata", {}).get("labels", {})
        owner = self._owners.get(labels.get("osmo.task_name", ""))
        group = self._groups.get(labels.get("osmo.group_name", ""))
        match manifest.get("kind"), path:
            case "ConfigMap", ("data" | "binaryData", str(key), *rest):
                yield from self._entry(key, tuple(rest), manifest)
            case "Workflow", ("spec", "templates", int(number), *rest):
                template = manifest["spec"]["templates"][number]
                yield from self._template(template, tuple(rest), self._users_of(manifest).get(template["name"], []))
            case "Workflow", ("spec", "templateDefaults", *rest):
                users = [owner for label, owner in self._owners.items() if self._is_asked(label)]
                yield from self._shared(manifest["spec"]["templateDefaults"], tuple(rest), users)
            case "Workflow", ("spec", "podMetadata", "labels", str(key)):
                yield from self._label(key, None, None)
            case "Job", ("spec", "template", "metadata", "labels", str(key)):
                yield from self._label(key, owner, group)
            case "Job", ("spec", "template", "spec", *rest) if owner:
                yield from self._pod(owner, manifest["spec"]["template"]["spec"], tuple(rest))
            case "Job", (*_, "containerName") if owner and _reached(manifest, path) == owner.planned.label:
                yield Origin((*owner.planned.where, "name"), How.VALUE)
            case "Job", ("spec", *rest) if owner:
                yield from self._ruled(_ENVELOPE, rest, owner, owner.group)
            case _, ("metadata", "annotations", "osmo.depends_on", *_) if owner:
                yield from (Origin(where, How.VALUE) for where in self._edges[owner.group.name])
            case _, ("metadata", "labels", str(key)):
                yield from self._label(key, owner, group)
            case _, ("metadata", "name"):
                if owner or group:
                    yield from self._ruled(
                        (_Rule("name", _At.TASK if owner else _At.GROUP, "name"),), path[1:], owner, group
                    )
                yield Origin((*_WORKFLOW, "name"), How.VALUE)
            case "Role", ("rules", int(rule), "resourceNames", int(number)):
                job = self._jobs.get(manifest["rules"][rule]["resourceNames"][number])
                yield Origin((*job.planned.where, "name") if job else (*_WORKFLOW, "name"), How.VALUE)
            case "Service" | "NetworkPolicy", (*_, "osmo.group_name") if group:
                yield Origin((*group.where, "name"), How.VALUE)
        if owner:
            yield Origin(owner.planned.where, How.NEAR)
        elif group:
            yield Origin(group.where, How.NEAR)

    def _entry(self, key: str, rest: Path, manifest: Mapping[str, Any]) -> Iterator[Origin]:
        """An entry of the ConfigMap of documents and files."""
        label, _, what = key.partition(".")
        owner = self._owners.get(label)
        if owner is None:
            return
        if what == "json":
            written = manifest["data"][key]
            yield from self._document(owner, written if isinstance(written, dict) else {}, rest)
        elif what.startswith("file-"):
            where: Path = (*owner.planned.where, "files", int(what.removeprefix("file-")))
            file = self._at(where)
            yield Origin((*where, "localpath" if _has(file, "localpath") else "contents"), How.VALUE)
        yield Origin(owner.planned.where, How.NEAR)

    def _document(self, owner: _Owner, written: Mapping[str, Any], rest: Path) -> Iterator[Origin]:
        match rest:
            case (str(key), int(number), *more) if key in _LISTS:
                yield from self._item(owner, written, key, number, tuple(more))
            case (str(key),) if key in _LISTS and written.get(key):
                yield Origin((*owner.planned.where, _LISTS[key]), How.VALUE)
            case ("group", "members", int(number), key):
                yield Origin((*owner.group.tasks[number].where, "name"), How.VALUE)
                if key == "host" and len(owner.group.tasks) > 1:
                    yield Origin((*owner.group.where, "name"), How.VALUE)
            case ("group", "publishing", int(number)):
                names = {task.name: task for task in owner.group.tasks}
                yield Origin((*names[written["group"]["publishing"][number]].where, "name"), How.VALUE)
            case ("group", "port"):
                yield from (Origin((*task.where, "hostNetwork"), How.VALUE) for task in owner.group.tasks)
            case ("timeouts", "barrier") if self._plan.profile.timeouts.barrier is None:
                yield Origin((*_WORKFLOW, "timeout", "queue_timeout"), How.VALUE)
            case ("group", "lead"):
                yield Origin((*owner.group.lead.where, "name"), How.VALUE)
            case _:
                yield from self._ruled(_DOCUMENT, rest, owner, owner.group)

    def _item(self, owner: _Owner, written: Mapping[str, Any], key: str, number: int, more: Path) -> Iterator[Origin]:
        where = owner.planned.where
        item = written[key][number]
        match key:
            case "environment":
                yield Origin((*where, "environment", item["name"]), How.VALUE)
            case "credential_variables":
                yield from self._variable(owner, item["name"])
            case "credential_directories":
                yield from self._directory(owner, number)
            case "exit_actions":
                names = list(self._at((*where, "exitActions")) or ())
                if number < len(names):
                    yield Origin((*where, "exitActions", _text(names[number])), How.VALUE)
            case "inputs" | "outputs":
                yield Origin((*where, key, number, *_in_item(item, more)), How.VALUE)
            case "files":
                file = self._at((*where, "files", number))
                content = "localpath" if _has(file, "localpath") else "contents"
                yield Origin((*where, "files", number, content if more == ("digest",) else "path"), How.VALUE)
            case _:
                yield Origin((*where, _LISTS[key], number, *more), How.VALUE)

    def _template(self, template: Mapping[str, Any], rest: Path, users: Sequence[_Owner]) -> Iterator[Origin]:
        """A template by its name: a DAG, or the pods of its users."""
        match rest:
            case ("dag", "tasks", int(number), *more):
                yield from self._dag_task(template["dag"]["tasks"][number], tuple(more))
            case _ if "dag" in template:
                group = self._groups.get(str(template.get("name", "")).removeprefix("group-"))
                yield Origin((*group.where, "name") if group else _WORKFLOW, How.VALUE if group else How.NEAR)
            case _:
                yield from self._shared(template, rest, users)

    def _dag_task(self, task: Mapping[str, Any], rest: Path) -> Iterator[Origin]:
        owner = self._owner_of(task)
        group = owner.group if owner else self._groups.get(_group_label(task))
        match rest:
            case ("depends", *_) if group:
                yield from (Origin(where, How.VALUE) for where in self._edges[group.name])
            case ("inline", *more):
                yield from self._template(task["inline"], tuple(more), [owner] if owner else [])
            case ("arguments", "parameters", int(number), "value") if owner:
                parameter = task["arguments"]["parameters"][number]["name"]
                if parameter in ("task", "group"):
                    named = owner.group.where if parameter == "group" else owner.planned.where
                    yield Origin((*named, "name"), How.VALUE)
            case ("name",) if group:
                yield Origin((*(owner.planned.where if owner else group.where), "name"), How.VALUE)
            case ("template",) if group and not owner:
                yield Origin((*group.where, "name"), How.VALUE)
        if owner or group:
            yield Origin(owner.planned.where if owner else group.where if group else (), How.NEAR)

    def _users_of(self, workflow: Mapping[str, Any]) -> dict[str, list[_Owner]]:
        """Tasks by the template that they share."""
        if id(workflow) not in self._users:
            users: dict[str, list[_Owner]] = defaultdict(list)
            for task in _dag_tasks(workflow["spec"]["templates"]):
                owner = self._owner_of(task)
                if owner and "template" in task and self._is_asked(owner.planned.label):
                    users[task["template"]].append(owner)
            self._users[id(workflow)] = users
        return self._users[id(workflow)]

    def _is_asked(self, label: str) -> bool:
        return self._asked is None or label in self._asked

    def _owner_of(self, dag_task: Mapping[str, Any]) -> _Owner | None:
        parameters = dag_task.get("arguments", {}).get("parameters", ())
        label = next((item["value"] for item in parameters if item["name"] == "task"), "")
        return self._owners.get(label)

    def _shared(self, template: Mapping[str, Any], rest: Path, users: Iterable[_Owner]) -> Iterator[Origin]:
        for owner in users:
            match rest:
                case ("metadata", "labels", str(key)):
                    yield from self._label(key, owner, owner.group)
                case ("container", *more):
                    spec = {"containers": [{"name": owner.planned.label, **template["container"]}]}
                    yield from self._pod(owner, spec, ("containers", 0, *more))
                case ("podSpecPatch", *more) if more:
                    yield from self._pod(owner, template["podSpecPatch"], tuple(more))
                case _:
                    yield from self._ruled(_ENVELOPE, rest, owner, owner.group)
                    yield from self._pod(owner, template, rest)
            yield Origin(owner.planned.where, How.NEAR)

    def _pod(self, owner: _Owner, spec: Any, rest: Path) -> Iterator[Origin]:
        words = _named(spec, rest)
        if words[:2] == ("containers", owner.planned.label):
            words = ("containers", "@user", *words[2:])
        match words:
            case ("containers", "@user", "env", name, *_):
                yield from self._variable(owner, name)
            case ("containers", "@user", "volumeMounts", "osmo-task", *_) | (
                "initContainers",
                "osmo-ctrl",
                "volumeMounts",
                "osmo-task",
                *_,
            ):
                yield from self._mount(owner, str(_reached(spec, rest[:4]).get("subPath", "")), words[-1])
            case ("containers", "@user", "volumeMounts", volume, *_) | ("volumes", volume, *_) if volume[-1:].isdigit():
                yield from self._volume(owner, volume)
        yield from self._ruled(_POD, words, owner, owner.group)

    def _mount(self, owner: _Owner, key: str, field: str) -> Iterator[Origin]:
        """Of an entry of the ConfigMap: the document of the task, or one of its files."""
        number = key.rpartition(".file-")[2]
        if number.isdigit():
            yield Origin((*owner.planned.where, "files", int(number), "path"), How.VALUE)
        elif field == "subPath":
            yield Origin((*owner.planned.where, "name"), How.VALUE)

    def _volume(self, owner: _Owner, volume: str) -> Iterator[Origin]:
        kind, _, number = volume.rpartition("-")
        if kind == "osmo-credential":
            yield from self._directory(owner, int(number))
        elif kind == "host-mount":
            yield Origin((*owner.planned.where, "volumeMounts", int(number)), How.VALUE)

    def _variable(self, owner: _Owner, name: str) -> Iterator[Origin]:
        for item in owner.lowered.variables:
            if item.name == name:
                yield Origin((*owner.planned.where, "credentials", item.credential, name), How.VALUE)

    def _directory(self, owner: _Owner, number: int) -> Iterator[Origin]:
        if number < len(owner.lowered.directories):
            credential = owner.lowered.directories[number].credential
            yield Origin((*owner.planned.where, "credentials", credential), How.VALUE)

    def _label(self, key: str, owner: _Owner | None, group: plan.Group | None) -> Iterator[Origin]:
        if key.startswith("osmo.topology-") and owner:
            number = int(key.rpartition("-")[2])
            yield from self._at_resource(owner, ("topology", number, "group"))
        yield from self._ruled(_LABELS, (key,), owner, group)
        yield Origin((*_WORKFLOW, "labels", key.removeprefix(self._plan.profile.label_prefix)), How.VALUE)

    def _ruled(
        self, rules: Iterable[_Rule], words: Sequence[str | int], owner: _Owner | None, group: plan.Group | None
    ) -> Iterator[Origin]:
        """By the first rule that fits."""
        rule = next((rule for rule in rules if _fits(rule.pattern, words)), None)
        if rule is None:
            return
        path = tuple(rule.path.split())
        match rule.at:
            case _At.TASK if owner:
                yield Origin((*owner.planned.where, *path), How.VALUE)
            case _At.GROUP if group:
                yield Origin((*group.where, *path), How.VALUE if path else How.NEAR)
            case _At.RESOURCE if owner:
                yield from self._at_resource(owner, path)
            case _At.WORKFLOW:
                yield Origin((*_WORKFLOW, *path), How.VALUE)

    def _at_resource(self, owner: _Owner, path: Path) -> Iterator[Origin]:
        chosen = _text(_child(self._at(owner.planned.where), "resource") or "default")
        yield Origin((*_WORKFLOW, "resources", chosen, *path), How.VALUE)
        yield Origin((*owner.planned.where, "resource"), How.CHOICE)

    def _at(self, path: Path) -> Any:
        return _reached(self._plain, path)


def _has(value: Any, step: str | int) -> bool:
    match value:
        case dict():
            return any(_text(key) == str(step) for key in value) if step not in value else True
        case list():
            return isinstance(step, int) and step < len(value)
        case _:
            return False


def _child(value: Any, step: str | int) -> Any:
    match value:
        case dict():
            return (
                value[step] if step in value else next((v for key, v in value.items() if _text(key) == str(step)), None)
            )
        case list() if isinstance(step, int) and step < len(value):
            return value[step]
        case _:
            return None


def _text(value: Any) -> str:
    return value.text if isinstance(value, Scalar) else str(value)


def _fits(pattern: str, words: Sequence[str | int]) -> bool:
    parts = pattern.split(" ")
    return len(parts) <= len(words) and all(part in ("*", str(word)) for part, word in zip(parts, words, strict=False))


def _named(value: Any, path: Path) -> tuple[str, ...]:
    """The path with the names of list items for their numbers."""
    words = []
    for step in path:
        value = _child(value, step)
        name = value.get("name") if isinstance(step, int) and isinstance(value, dict) else None
        words.append(str(step if name is None else name))
    return tuple(words)


def _reached(value: Any, path: Path) -> Any:
    for step in path:
        value = _child(value, step)
    return value


def _in_item(item: Mapping[str, Any], more: Path) -> Path:
    """Where the file has a field of an input or output of a document: that of a dataset below its kind."""
    kind = str(item.get("kind", ""))
    if kind in ("task", "url"):
        return ("regex",) if more == ("regex",) else (kind,)
    return (kind, *more) if more[:1] and more[0] in _DATASET_FIELDS else (kind, "name")


def _dag_tasks(templates: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for template in templates:
        for task in template.get("dag", {}).get("tasks", ()):
            yield task
            if "inline" in task:
                yield from _dag_tasks([task["inline"]])


def _group_label(dag_task: Mapping[str, Any]) -> str:
    template = str(dag_task.get("template", ""))
    return template.removeprefix("group-") if template.startswith("group-") else str(dag_task.get("name", ""))
