"""Every line in which the manifests of two runs differ, as a unified diff of YAML."""

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from typing import Any, Final

from osmoc.cluster.reading import DIGEST, PENDING, WORKFLOW_ID
from osmoc.comparison.tasks import ID

# What a cluster adds to an object, or the run itself does.
_OF_CLUSTER: Final = (
    "creationTimestamp",
    "finalizers",
    "generation",
    "managedFields",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
)
_MARKS: Final = (
    PENDING,
    DIGEST,
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "batch.kubernetes.io/job-tracking",
    "controller-uid",
    "job-name",
    "osmo.ended",
    "osmo.run_id",
)
_ARGO: Final = "workflows.argoproj.io/"  # what its controller writes
# Where the driver keeps the state of the run.
_KEPT: Final = "-driver-state"


def unified(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Lines, with the id of both runs as a placeholder. Both are what a cluster would store, or both as compiled."""
    old, new = _texts(before), _texts(after)
    for name in sorted(old.keys() | new.keys()):
        yield from unified_diff(old.get(name, []), new.get(name, []), f"a/{name}", f"b/{name}", lineterm="")


def _texts(manifests: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    from osmoc.emit.write import to_yaml

    found: dict[str, list[str]] = {}
    for manifest in manifests:
        run_id = manifest["metadata"]["labels"][WORKFLOW_ID]
        if manifest["metadata"]["name"].endswith(_KEPT):
            continue
        in_order = json.loads(json.dumps(_bare(manifest), sort_keys=True))
        text = to_yaml([in_order]).replace(run_id, ID)
        found[f"{manifest['kind']}/{manifest['metadata']['name']}".replace(run_id, ID)] = text.splitlines()
    return found


def _bare(manifest: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in manifest.items() if key != "status"}
    found["metadata"] = _metadata(manifest["metadata"])
    spec = dict(manifest.get("spec") or {})
    spec.pop("suspend", None)
    spec.pop("ttlSecondsAfterFinished", None)
    match manifest["kind"]:
        case "Workflow":
            common = (spec.get("podMetadata") or {}).get("labels") or {}
            spec["templates"] = [_without_labels(template, common) for template in spec["templates"]]
            spec = _without_empty(spec)
        case "Lease":
            spec = {}
        case "Job":
            spec.pop("selector", None)
            template = spec["template"]
            spec["template"] = {**template, "metadata": _metadata(template.get("metadata") or {})}
    return found | {"spec": spec} if spec else {key: value for key, value in found.items() if key != "spec"}


def _without_labels(template: Mapping[str, Any], common: Mapping[str, str]) -> dict[str, Any]:
    """Argo writes the labels of all pods into each template, too."""
    metadata = template.get("metadata") or {}
    labels = {name: value for name, value in (metadata.get("labels") or {}).items() if common.get(name) != value}
    return {**template, "metadata": {**metadata, "labels": labels}}


def _without_empty(value: Any) -> Any:
    """Argo writes fields that nobody has set."""
    if isinstance(value, Mapping):
        found = {key: _without_empty(item) for key, item in value.items()}
        return {key: item for key, item in found.items() if item not in ("", None, {}, [])}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


def _is_mark(name: str) -> bool:
    return name in _MARKS or name.startswith(_ARGO)


def _metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in metadata.items() if key not in _OF_CLUSTER}
    for key in ("labels", "annotations"):
        kept = {name: value for name, value in (metadata.get(key) or {}).items() if not _is_mark(name)}
        found.pop(key, None)
        if kept:
            found[key] = kept
    return found
