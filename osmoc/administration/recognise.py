"""Tell the configs of OSMO apart by their keys: whole sets of them, maps of one kind, or a single one.

`osmo config show POOL` prints a set with one member, `… POD_TEMPLATE` a bare map, `… POOL name` a single pool; the
Helm charts have them all below `services.configs` or `configuration`, and their ConfigMap as the text of a file.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any, Final

import yaml

from osmoc.administration.remarks import Kind, Remarks, UnknownConfig, Where
from osmoc.diagnostics import Diagnostics, Severity, listed
from osmoc.profile import unwrapped
from osmoc.source import Source
from osmoc.yamltree import parse

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST: Final = 60


class ConfigKind(Enum):
    """The kinds of config, as `osmo config show` names them."""

    POOL = "POOL"
    POD_TEMPLATE = "POD_TEMPLATE"
    RESOURCE_VALIDATION = "RESOURCE_VALIDATION"
    GROUP_TEMPLATE = "GROUP_TEMPLATE"
    BACKEND = "BACKEND"
    BACKEND_TEST = "BACKEND_TEST"
    ROLE = "ROLE"
    WORKFLOW = "WORKFLOW"
    DATASET = "DATASET"
    SERVICE = "SERVICE"

    @property
    def is_single(self) -> bool:
        """Whether there is one in all, and it has no name."""
        return self in (ConfigKind.WORKFLOW, ConfigKind.DATASET, ConfigKind.SERVICE)


@dataclass(frozen=True, slots=True)
class Config:
    kind: ConfigKind
    name: str
    value: Any
    where: Where


_SECTIONS: Final = {
    "pools": ConfigKind.POOL,
    "podTemplates": ConfigKind.POD_TEMPLATE,
    "pod_templates": ConfigKind.POD_TEMPLATE,
    "resourceValidations": ConfigKind.RESOURCE_VALIDATION,
    "resource_validations": ConfigKind.RESOURCE_VALIDATION,
    "groupTemplates": ConfigKind.GROUP_TEMPLATE,
    "group_templates": ConfigKind.GROUP_TEMPLATE,
    "backends": ConfigKind.BACKEND,
    "backendTests": ConfigKind.BACKEND_TEST,
    "backend_tests": ConfigKind.BACKEND_TEST,
    "roles": ConfigKind.ROLE,
    "workflow": ConfigKind.WORKFLOW,
    "dataset": ConfigKind.DATASET,
    "service": ConfigKind.SERVICE,
}
# What stands beside the sections in Helm values and says nothing about the cluster.
_BESIDE: Final = ("enabled", "extraAnnotations", "secretRefs", "_configmap_mode")

# Keys of which one is enough to know a config by; in the order in which they are tried.
_MARKS: Final = {
    ConfigKind.WORKFLOW: {
        "workflow_data", "workflow_log", "workflow_app", "workflow_info", "workflow_alerts", "backend_images",
        "credential_config", "user_workflow_limits", "plugins_config", "labels_config", "max_num_tasks",
        "max_num_ports_per_task", "max_retry_per_task", "max_retry_per_job", "force_cleanup_delay", "max_log_lines",
        "task_heartbeat_frequency",
    },
    ConfigKind.DATASET: {"buckets", "default_bucket"},
    ConfigKind.SERVICE: {"service_base_url", "service_auth", "cli_config", "max_pod_restart_limit"},
    ConfigKind.BACKEND_TEST: {"cron_schedule", "test_timeout"},
    ConfigKind.POOL: {
        "platforms", "default_platform", "common_pod_template", "common_default_variables",
        "common_resource_validations", "common_group_templates", "topology_keys", "enable_maintenance",
    },
    ConfigKind.BACKEND: {"scheduler_settings", "node_conditions", "k8s_uid", "k8s_namespace", "router_address"},
    ConfigKind.ROLE: {"policies", "external_roles"},
}  # fmt: skip
_PLATFORM: Final = {"host_network_allowed", "privileged_allowed", "allowed_mounts", "override_pod_template"}
_HELM: Final = (("services", "configs"), ("configuration",), ("configs",))


def recognise(file: str, text: str, remarks: Remarks) -> list[Config]:
    """Raises: UnknownConfig."""
    return [
        config
        for document in list(_documents(file, text)) or [None]
        for config in _configs(document, Where(file), remarks)
    ]


def _documents(file: str, text: str) -> Iterator[Any]:
    with suppress(ValueError, RecursionError):
        # Not all JSON is YAML: there are tabs, and escapes in pairs.
        text = json.dumps(json.loads(text), ensure_ascii=False)
    for part, line in _parts(file, text):
        found = Diagnostics(Source(file, part))
        tree = parse(part, found)
        for fault in found:
            if fault.severity is Severity.ERROR:
                message = fault.message.removeprefix("not valid YAML: ")
                at = f" in line {line + fault.place.line}" if fault.place else ""
                raise UnknownConfig(file, f"neither JSON nor YAML: {message}{at}")
        yield unwrapped(tree.plain) if tree else None


def _parts(file: str, text: str) -> list[tuple[str, int]]:
    """The documents of a stream, each with the number of lines before it."""
    parts = []
    start = line = depth = 0
    try:
        for event in yaml.parse(text, _LOADER):
            first: Any = event.start_mark
            last: Any = event.end_mark
            if isinstance(event, yaml.DocumentStartEvent):
                start, line = first.index, first.line
            elif isinstance(event, yaml.DocumentEndEvent):
                parts.append((text[start : last.index], line))
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:  # the time that libyaml takes grows with the square of the depth
                raise UnknownConfig(file, f"neither JSON nor YAML: nested more than {_DEEPEST} deep")
    except yaml.MarkedYAMLError as error:
        if "nesting depth" in (error.problem or ""):  # libyaml's own limit: it looks far ahead for a key
            raise UnknownConfig(file, f"neither JSON nor YAML: nested more than {_DEEPEST} deep") from None
        at = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UnknownConfig(file, f"neither JSON nor YAML: {error.problem or 'a mistake'}{at}") from None
    except (yaml.YAMLError, UnicodeError):
        raise UnknownConfig(file, "neither JSON nor YAML: a character that no YAML file can hold") from None
    return parts


def _configs(value: Any, where: Where, remarks: Remarks) -> Iterator[Config]:
    if value in (None, {}, []):
        remarks.make(Kind.LEFT_OUT, where, "there is nothing in it")
    elif isinstance(value, list):
        yield from _of_list(value, where)
    elif not isinstance(value, dict):
        raise UnknownConfig(where.file, "a config is a mapping or a list")
    elif "apiVersion" in value and "kind" in value and value["kind"] != "Pod":
        yield from _of_object(value, where, remarks)
    elif way := next((way for way in _HELM if isinstance(_at(value, way), dict)), ()):
        yield from _configs(_at(value, way), where.below(*way), remarks)
    elif kind := _kind_of(value):
        yield Config(kind, "" if kind.is_single else _name_of(value, where), value, where)
    elif kind := _common_kind(value):
        yield from (Config(kind, name, item, where.below(name)) for name, item in value.items())
    elif set(value) & set(_SECTIONS) and not _PLATFORM & set(value):
        yield from _of_sections(value, where, remarks)
    else:
        raise UnknownConfig(where.file, _unknown(where, value))


def _at(value: Any, way: tuple[str, ...]) -> Any:
    for key in way:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _unknown(where: Where, value: Mapping[str, Any]) -> str:
    place = f" at `{'.'.join(where.path)}`" if where.path else ""
    if _PLATFORM & set(value) or any(isinstance(item, dict) and _PLATFORM & set(item) for item in value.values()):
        return f"a platform{place} without its pool: `osmo config show POOL <name>` prints both"
    kinds = ", ".join(kind.value for kind in ConfigKind)
    return f"no config of OSMO's{place}: it has the keys {listed(value)}; `osmo config show` prints {kinds}"


def _kind_of(value: Any) -> ConfigKind | None:
    """The kind of a single config, by its keys."""
    if _is_rules(value):
        return ConfigKind.RESOURCE_VALIDATION
    if not isinstance(value, dict) or not value:
        return None
    if "apiVersion" in value and "kind" in value and value["kind"] != "Pod":
        return ConfigKind.GROUP_TEMPLATE
    if set(value) <= {"apiVersion", "kind", "metadata", "spec"}:
        return ConfigKind.POD_TEMPLATE
    if isinstance(value.get("backend"), str):
        return ConfigKind.POOL
    return next((kind for kind, marks in _MARKS.items() if marks & set(value)), None)


def _is_rules(value: Any) -> bool:
    return (
        isinstance(value, list) and bool(value) and all(isinstance(rule, dict) and "operator" in rule for rule in value)
    )


def _common_kind(value: Mapping[str, Any]) -> ConfigKind | None:
    """The kind of a map of named configs, some of which may be empty; None if they are not of one kind."""
    kinds = {_kind_of(item) for item in value.values() if item not in ({}, [])}
    kind = kinds.pop() if len(kinds) == 1 else None
    return None if kind is None or kind.is_single else kind


def _name_of(value: Mapping[str, Any], where: Where) -> str:
    """A pool may know its name; others are called as their file, as `osmo config show POD_TEMPLATE x > x.json` is."""
    name = value.get("name") if isinstance(value, dict) else None
    return name if isinstance(name, str) and name else PurePath(where.file).stem


def _of_list(items: list[Any], where: Where) -> Iterator[Config]:
    if _is_rules(items):
        yield Config(ConfigKind.RESOURCE_VALIDATION, PurePath(where.file).stem, items, where)
        return
    for n, item in enumerate(items):
        kind = _kind_of(item)
        if kind not in (ConfigKind.BACKEND, ConfigKind.ROLE):
            raise UnknownConfig(where.file, "a list is of rules of a resource validation, of backends or of roles")
        yield Config(kind, str(item.get("name", n)), item, where.below(n))


def _of_sections(value: Mapping[str, Any], where: Where, remarks: Remarks) -> Iterator[Config]:
    for key, section in value.items():
        kind, at = _SECTIONS.get(key), where.below(key)
        if kind is None:
            if key not in _BESIDE:
                remarks.make(Kind.UNKNOWN, at, "OSMO is not known to have this config; it is left out")
        elif section in (None, {}, []):
            continue
        elif kind.is_single:
            yield Config(kind, "", section, at)
        elif isinstance(section, dict):
            yield from (Config(kind, name, item, at.below(name)) for name, item in section.items())
        elif isinstance(section, list) and kind in (ConfigKind.BACKEND, ConfigKind.ROLE):
            yield from _of_list(section, at)
        else:
            raise UnknownConfig(where.file, f"`{'.'.join(at.path)}`: a mapping of names is expected")


def _of_object(value: Mapping[str, Any], where: Where, remarks: Remarks) -> Iterator[Config]:
    """An object of Kubernetes: the chart's ConfigMap, a list of objects, else a group template."""
    data = value.get("data")
    if value["kind"] == "ConfigMap" and isinstance(data, dict):
        inner = [(where.below("data", key), text) for key, text in data.items() if isinstance(text, str)]
        configs = [config for at, text in inner for config in _within(at, text, remarks)]
        if configs:
            yield from configs
            return
    if value["kind"] == "List" and isinstance(value.get("items"), list):
        for n, item in enumerate(value["items"]):
            yield from _configs(item, where.below("items", n), remarks)
        return
    yield Config(ConfigKind.GROUP_TEMPLATE, _object_name(value), value, where)


def _object_name(value: Mapping[str, Any]) -> str:
    metadata = value.get("metadata")
    return str(metadata.get("name", "")) if isinstance(metadata, dict) else ""


def _within(where: Where, text: str, remarks: Remarks) -> list[Config]:
    """What a ConfigMap holds as text; nothing if it is no config: then the ConfigMap is some other one."""
    try:
        return [
            config
            for document in _documents(where.file, text)
            if isinstance(document, dict)
            for config in _configs(document, where, remarks)
        ]
    except UnknownConfig:
        return []
