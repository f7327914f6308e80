"""Credentials are never copied: a profile names the Secrets that must be made in their place."""

import re
from typing import Any

from osmoc import pod_templates
from osmoc.administration.fields import Fields
from osmoc.administration.remarks import Kind
from osmoc.diagnostics import listed
from osmoc.names import is_credential, kubernetes_name


def secret_name(*parts: str) -> str:
    """A name for a Secret that tells what it is for."""
    return re.sub("[^a-z0-9]+", "-", kubernetes_name("-".join(parts))).strip("-")


def take_data_credential(fields: Fields, secret: str, purpose: str) -> dict[str, str]:
    """What of a storage credential is not secret: `url`, `endpoint` and `region`. `secret` is to be made."""
    source = secret_of(fields)
    has_keys = any([fields.take("access_key_id"), fields.take("access_key")])
    place = {"url": fields.text("endpoint"), "endpoint": fields.text("override_url"), "region": fields.text("region")}
    fields.leave_out("the runtime finds out", "addressing_style")
    fields.end()
    why = "OSMO has no keys here, and uses the identity of its pods"
    if has_keys or source:
        why = f"OSMO reads them from {source}" if source else "the values that stand here were not copied"
    message = f"make the Secret `{secret}` with the keys `access_key_id` and `access_key`, for {purpose}; {why}"
    fields.remarks.make(Kind.TO_DO, fields.where, message)
    return {key: value for key, value in place.items() if value}


def secret_of(fields: Fields) -> str:
    """The Secret that OSMO reads a credential from, in words; empty if it names none."""
    name, file = fields.text("secretName"), fields.text("secret_file")
    fields.take("secretKey")
    return f"the Secret `{name}` in its own namespace" if name else f"the file `{file}`" if file else ""


def hide_values(template: dict[str, Any], fields: Fields, secret: str) -> dict[str, Any]:
    """A pod template whose credentials in `env` are read from a Secret, which is to be made."""
    spec = template.get("spec")
    if not isinstance(spec, dict):
        return template
    hidden: list[str] = []
    changed = dict(spec)
    for key in ("containers", "initContainers"):
        if isinstance(spec.get(key), list):
            changed[key] = [_hide(container, secret, hidden) for container in spec[key]]
    if hidden:
        keys = listed(dict.fromkeys(hidden))
        message = f"make the Secret `{secret}`, which the template reads now, with {keys}; the values were not copied"
        fields.remarks.make(Kind.TO_DO, fields.where, message)
    return {**template, "spec": changed}


def _hide(container: Any, secret: str, hidden: list[str]) -> Any:
    if not isinstance(container, dict) or not isinstance(container.get("env"), list):
        return container
    return {**container, "env": [_hide_variable(item, secret, hidden) for item in container["env"]]}


def _hide_variable(item: Any, secret: str, hidden: list[str]) -> Any:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str) or not item.get("value"):
        return item
    name, used = item["name"], pod_templates.variables_in(str(item["value"]))
    if any(map(is_credential, used)) or (is_credential(name) and not used):
        hidden.append(name)
        return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": name}}}
    return item
