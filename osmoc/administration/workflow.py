"""OSMO's workflow config: limits, timeouts, storage and label policies."""

from typing import Any, Final

from osmoc.administration.credentials import secret_of, take_data_credential
from osmoc.administration.fields import Fields, essential
from osmoc.administration.remarks import Kind
from osmoc.profile import LabelPolicy, Retries, Storage, Timeouts

_STORAGE: Final = "osmo-storage"
_REGISTRY: Final = "osmo-registry"
_SERVICE: Final = (
    "max_num_ports_per_task", "max_retry_per_job", "default_schedule_timeout", "force_cleanup_delay", "max_log_lines",
    "max_task_log_lines", "max_error_log_lines", "max_event_log_lines", "task_heartbeat_frequency", "workflow_alerts",
    "credential_config", "user_workflow_limits", "plugins_config", "workflow_info",
)  # fmt: skip


def convert_workflow(fields: Fields) -> dict[str, Any]:
    storage = _storage(fields.below("workflow_data"))
    labels = fields.below("labels_config")
    prefix = labels.text("pod_label_prefix")
    fields.leave_out("logs lie in `storage`, beside the outputs", "workflow_log")
    fields.leave_out("there are no apps", "workflow_app")
    profile = {
        "storage": storage,
        "registries": _images(fields.below("backend_images")),
        "labels": _labels(labels),
        **({"label_prefix": prefix} if prefix else {}),
        "max_tasks": fields.number("max_num_tasks"),
        "retries": _retries(fields),
        "timeouts": essential(
            Timeouts,
            {
                "default_exec": fields.duration("default_exec_timeout"),
                "default_queue": fields.duration("default_queue_timeout"),
                "max_exec": fields.duration("max_exec_timeout"),
                "max_queue": fields.duration("max_queue_timeout"),
            },
        ),
    }
    fields.leave_out("only OSMO's service needs this", *_SERVICE)
    fields.ignore("_configmap_mode")
    fields.end()
    return profile


def _storage(fields: Fields) -> dict[str, Any]:
    storage: dict[str, str] = {}
    if "credential" in fields:
        storage = take_data_credential(fields.below("credential"), _STORAGE, "outputs and logs of tasks")
    base = fields.text("base_url")
    if base and not storage.get("url") and not base.startswith("http"):
        storage["url"] = base
    elif base:
        fields.remarks.make(Kind.LEFT_OUT, fields.where.below("base_url"), "for OSMO's web pages")
    fields.leave_out("only OSMO's service needs this", "websocket_timeout", "data_timeout")
    fields.leave_out("inputs are always downloaded", "download_type")
    fields.end()
    return essential(Storage, storage)


def _images(fields: Fields) -> dict[str, str]:
    """OSMO's own images are of no use here; the login for their registry may be."""
    images = [fields.text("init"), fields.text("client")]
    if any(images):
        message = "osmoc has images of its own: put them into your registry and name it in `images.prefix`"
        fields.remarks.make(Kind.TO_DO, fields.where, message)
    credential = fields.below("credential")
    fields.end()
    source, registry = secret_of(credential), _host(credential.text("registry"))
    has_login = any([credential.take("username"), credential.take("auth")])
    credential.end()
    if not registry or not (has_login or source):
        return {}
    why = f"OSMO reads it from {source}" if source else "the login that stands here was not copied"
    message = f"make the Secret `{_REGISTRY}` of type kubernetes.io/dockerconfigjson for `{registry}`; {why}"
    credential.remarks.make(Kind.TO_DO, credential.where, message)
    return {registry: _REGISTRY}


def _host(registry: str) -> str:
    """Docker's own is written as the URL of its API."""
    host = registry.partition("://")[2] or registry
    host = host.partition("/")[0].lower()
    return "docker.io" if host.endswith(".docker.io") else host


def _retries(fields: Fields) -> dict[str, int]:
    limit = fields.number("max_retry_per_task")
    if limit == 0:
        message = "RESCHEDULE runs nothing again, as in OSMO; without `retries` it would, three times"
        fields.remarks.make(Kind.CHANGED, fields.where.below("max_retry_per_task"), message)
    return {} if limit is None else essential(Retries, {"reschedule": limit})


def _labels(fields: Fields) -> dict[str, Any]:
    policies = {}
    for item in fields.each("policy"):
        mode = item.take("enforcement")
        policy = {
            # YAML reads OSMO's `off` as false, and so does OSMO.
            "mode": mode if mode in ("warn", "enforce") else "off",
            "allow_list": item.texts("allow_list"),
            "assert_message": item.text("assert_message"),
        }
        policies[item.text("key")] = essential(LabelPolicy, policy)
        item.end()
    fields.end()
    return policies
