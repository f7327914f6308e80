"""Pools and their platforms: the same in a profile, but for what only OSMO's service needs."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from osmoc import template_variables
from osmoc.administration.fields import Fields, essential
from osmoc.administration.remarks import Kind
from osmoc.diagnostics import listed
from osmoc.graph import Action
from osmoc.names import LABEL_KEY, is_credential
from osmoc.profile import GpuShare, Platform, Pool
from osmoc.values import parse_exit_codes


@dataclass(frozen=True, slots=True)
class Known:
    """Names that a pool may refer to."""

    pod_templates: Collection[str]
    resource_validations: Collection[str]


def convert_pool(fields: Fields, known: Known) -> dict[str, Any]:
    platforms = fields.named("platforms")
    templates = _names(fields, "common_pod_template", known.pod_templates)
    pool = {
        "description": fields.text("description"),
        "backend": fields.text("backend"),
        "default_platform": _default_platform(fields, platforms),
        "enable_maintenance": fields.flag("enable_maintenance"),
        "download_type": fields.text("download_type"),
        "default_exec_timeout": fields.duration("default_exec_timeout"),
        "default_queue_timeout": fields.duration("default_queue_timeout"),
        "max_exec_timeout": fields.duration("max_exec_timeout"),
        "max_queue_timeout": fields.duration("max_queue_timeout"),
        "default_exit_actions": _exit_actions(fields),
        "resources": _resources(fields.below("resources")),
        "topology_keys": _topology_keys(fields),
        "common_default_variables": _variables(fields, "common_default_variables"),
        "common_pod_template": templates.found,
        "common_resource_validations": _names(fields, "common_resource_validations", known.resource_validations).found,
        "platforms": {name: _platform(item, known, templates.some_missing) for name, item in platforms.items()},
    }
    fields.leave_out("no objects are made for a group", "common_group_templates")
    _end(fields, "name", "status", "last_heartbeat")
    return essential(Pool, pool)


def _platform(fields: Fields, known: Known, lacks_templates: bool) -> dict[str, Any]:
    templates = _names(fields, "override_pod_template", known.pod_templates)
    labels, tolerations = fields.members("labels"), fields.items("tolerations")
    platform: dict[str, Any] = {
        "description": fields.text("description"),
        "host_network_allowed": fields.flag("host_network_allowed"),
        "privileged_allowed": fields.flag("privileged_allowed"),
        "allowed_mounts": fields.texts("allowed_mounts"),
        "default_variables": _variables(fields, "default_variables"),
        "resource_validations": _names(fields, "resource_validations", known.resource_validations).found,
        "override_pod_template": templates.found,
    }
    if (lacks_templates or templates.some_missing) and (labels or tolerations):
        # OSMO has computed them from the templates, and they say at least where the pods go.
        platform["node_selector"] = {key: str(value) for key, value in labels.items() if "{{" not in str(value)}
        platform["tolerations"] = [
            {key: value for key, value in item.items() if value is not None}
            for item in tolerations
            if isinstance(item, dict) and "{{" not in str(item)
        ]
        fields.remarks.make(
            Kind.CHANGED, fields.where, "node selector and tolerations are those that OSMO computed of its templates"
        )
    _end(fields, "default_mounts")
    return essential(Platform, platform)


def _end(fields: Fields, *computed: str) -> None:
    """What OSMO computes of the rest goes without a remark."""
    fields.ignore(*computed, *(key for key in fields.unread() if key.startswith("parsed_")))
    fields.end()


def _default_platform(fields: Fields, platforms: Collection[str]) -> str:
    name = fields.text("default_platform")
    if name and name not in platforms:
        where = fields.where.below("default_platform")
        fields.remarks.make(Kind.LEFT_OUT, where, f"the pool has no platform `{name}`")
        return ""
    return name


@dataclass(frozen=True, slots=True)
class _Names:
    found: list[str]
    some_missing: bool


def _names(fields: Fields, key: str, known: Collection[str]) -> _Names:
    names = fields.texts(key)
    missing = [name for name in names if name not in known]
    if missing:
        what = "POD_TEMPLATE" if "pod_template" in key else "RESOURCE_VALIDATION"
        message = f"none of the files has {listed(missing)}: import `osmo config show {what}` too"
        fields.remarks.make(Kind.TO_DO, fields.where.below(key), message)
    return _Names([name for name in names if name in known], bool(missing))


def _exit_actions(fields: Fields) -> dict[str, Any]:
    actions: dict[str, Any] = {}
    for name, codes in fields.members("default_exit_actions").items():
        where = fields.where.below("default_exit_actions", name)
        try:
            parse_exit_codes(str(codes))
        except ValueError as error:
            fields.remarks.make(Kind.LEFT_OUT, where, str(error))
            continue
        if name.upper() in Action.__members__:
            actions[name] = codes
        else:
            message = f"no exit action: there are {listed(Action.__members__)}"
            fields.remarks.make(Kind.LEFT_OUT, where, message)
    return actions


def _resources(fields: Fields) -> dict[str, Any]:
    gpu = fields.below("gpu")
    share = essential(GpuShare, {key: gpu.number(key) for key in GpuShare.model_fields})
    gpu.end()
    fields.end()
    return {"gpu": share} if share else {}


def _topology_keys(fields: Fields) -> list[dict[str, str]]:
    keys = []
    for item in fields.each("topology_keys"):
        key, label = item.text("key"), item.text("label")
        if LABEL_KEY.fullmatch(label):
            keys.append({"key": key, "label": label})
        else:
            item.remarks.make(Kind.LEFT_OUT, item.where, f"`{label[:80]}` cannot be a node label")
        item.end()
    return keys


def _variables(fields: Fields, key: str) -> dict[str, Any]:
    variables = {}
    for name, value in fields.members(key).items():
        where = fields.where.below(key, name)
        if is_credential(name) and value:
            message = "by its name a credential, and not copied: let the pod template read it from a Secret"
            fields.remarks.make(Kind.TO_DO, where, message)
        elif fault := template_variables.fault_of(name, value):
            fields.remarks.make(Kind.LEFT_OUT, where, fault)
        else:
            variables[name] = value
    return variables
