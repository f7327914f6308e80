"""What a GitOps controller is told of a run: its objects are made once, the run changes them, and they are not pruned.

A commit that changes the workflow is another run with other names: what it leaves behind may still be running.
"""

from collections.abc import Mapping
from typing import Final, Literal

from osmoc.emit.manifests import Filled, Form, Manifest, Manifests

Controller = Literal["argocd", "flux"]

# Argo CD has no word for "only if it is not there": its Application names the fields that are the run's own.
_ANNOTATIONS: Final[Mapping[Controller, Mapping[str, str]]] = {
    "argocd": {"argocd.argoproj.io/sync-options": "Prune=false"},
    "flux": {
        "kustomize.toolkit.fluxcd.io/prune": "disabled",
        "kustomize.toolkit.fluxcd.io/ssa": "IfNotPresent",
    },
}


def for_gitops(manifests: Manifests, controller: Controller) -> Manifests:
    forms: dict[Form, Form] = {}

    def annotated(part: Manifest | Filled) -> Manifest | Filled:
        if not isinstance(part, Filled):
            return _annotated(part, controller)
        if part.form not in forms:
            forms[part.form] = Form(_annotated(part.form.manifest, controller))
        return Filled(forms[part.form], part.names)

    return Manifests([annotated(part) for part in manifests.parts])


def _annotated(manifest: Manifest, controller: Controller) -> Manifest:
    """Keys of a manifest keep their order: annotations come after labels."""
    meta = dict(manifest["metadata"])
    meta["annotations"] = meta.get("annotations", {}) | _ANNOTATIONS[controller]
    return manifest | {"metadata": meta}
