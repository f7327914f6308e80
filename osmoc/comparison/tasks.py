"""What manifests say of each task, in the words of a workflow: fields, each with its lines."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from osmoc.cluster.reading import TASK, WORKFLOW_ID
from osmoc.cluster.reading_argo import leaves

Object = Mapping[str, Any]

ID: Final = "<id>"  # in place of that of the run, which is another one with any change

_ENTRIES: Final = {
    "credentials": ("credential_variables", "credential_directories"),
    "inputs": ("inputs",),
    "outputs": ("outputs",),
    "kpis": ("kpis",),
    "checkpoint": ("checkpoints",),
    "exitActions": ("exit_actions",),
}
_SETTINGS: Final = {"timeouts": "timeouts", "retries": "retry", "storage": "storage"}
_OF_GROUP: Final = ("name", "lead", "barrier", "ignore_nonlead_status")
_OF_POD: Final = ("nodeSelector", "tolerations", "affinity", "priorityClassName", "hostNetwork", "podSpecPatch")


@dataclass(frozen=True, slots=True)
class Task:
    """`digest` stands for all that its results depend on, its inputs' digests among it."""

    digest: str
    fields: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Run:
    """`tasks` are by name, in the order of the manifests."""

    id: str
    target: Literal["argo", "jobs"]
    tasks: Mapping[str, Task]


def read_run(manifests: Sequence[Object]) -> Run:
    """Of manifests of one run, as they are compiled or as a cluster gives them back."""
    run_id = manifests[0]["metadata"]["labels"][WORKFLOW_ID]
    pods = dict(_pods(manifests))
    tasks: dict[str, Task] = {}
    for manifest in manifests:
        data = manifest.get("data") or {} if manifest["kind"] == "ConfigMap" else {}
        for key, text in data.items():
            if not key.endswith(".json") or "digest" not in (document := json.loads(text)):
                continue
            fields = _fields(document, manifest, pods.get(key.removesuffix(".json"), {}))
            lines = {name: tuple(line.replace(run_id, ID) for line in found) for name, found in fields}
            tasks[document["task"]] = Task(document["digest"], {name: found for name, found in lines.items() if found})
    is_argo = any(manifest["kind"] == "Workflow" for manifest in manifests)
    return Run(run_id, "argo" if is_argo else "jobs", tasks)


def _pods(manifests: Iterable[Object]) -> Iterator[tuple[str, Object]]:
    """By the label of the task: the spec of its pods, with its container as `main`."""
    for manifest in manifests:
        spec = manifest.get("spec") or {}
        task = manifest["metadata"]["labels"].get(TASK)
        if manifest["kind"] == "Job" and task:
            pod = spec["template"]["spec"]
            yield task, {**pod, "main": next(one for one in pod["containers"] if one["name"] == task)}
        elif manifest["kind"] == "Workflow":
            templates = {template["name"]: template for template in spec["templates"]}
            for leaf in leaves(spec):
                template = templates[leaf["template"]]
                parameters = {one["name"]: one["value"] for one in leaf["arguments"]["parameters"]}
                yield parameters["task"], {**template, "main": template["container"]}


def _fields(document: Object, config_map: Object, pod: Object) -> Iterator[tuple[str, list[str]]]:
    yield "image", [document["image"]]
    yield "command", [line for word in (*document["command"], *document["args"]) for line in word.splitlines() or [""]]
    yield "environment", [f"{one['name']}={one['value']}" for one in document["environment"]]
    for name, keys in _ENTRIES.items():
        yield name, [_line(entry) for key in keys for entry in document[key]]
    for name, key in _SETTINGS.items():
        yield name, _settings(document[key] or {})
    group = document["group"]
    yield "group", _settings({key: group[key] for key in _OF_GROUP} | {"tasks": [m["task"] for m in group["members"]]})
    yield "resources", _settings((pod.get("main") or {}).get("resources") or {})
    yield "pod", _settings({key: pod.get(key) for key in _OF_POD})
    for file in document["files"]:
        text = config_map["data"].get(file["key"])
        yield f"file {file['path']}", text.splitlines() if text is not None else [f"binary, sha256 {file['digest']}"]


def _line(entry: Object) -> str:
    return " ".join(_settings(entry))


def _settings(values: Object, prefix: str = "") -> list[str]:
    """`name=value` of all that is set."""
    found: list[str] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            found += _settings(value, f"{prefix}{key}.")
        elif value not in (None, "", [], ()):
            found.append(f"{prefix}{key}={value if isinstance(value, str) else json.dumps(value)}")
    return found
