"""The kinds of objects that runs are made of, and where the API server has them."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

Object = dict[str, Any]


class Reference(NamedTuple):
    """An object; all of the kind if it has no name."""

    api_version: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} `{self.name}`"


class Resource(NamedTuple):
    plural: str
    is_namespaced: bool = True


BATCH: Final = "batch/v1"
ARGO: Final = "argoproj.io/v1alpha1"

_RESOURCES: Final[Mapping[tuple[str, str], Resource]] = {
    ("v1", "ConfigMap"): Resource("configmaps"),
    ("v1", "Event"): Resource("events"),
    ("v1", "Node"): Resource("nodes", is_namespaced=False),
    ("v1", "Pod"): Resource("pods"),
    ("v1", "PersistentVolumeClaim"): Resource("persistentvolumeclaims"),
    ("v1", "ResourceQuota"): Resource("resourcequotas"),
    ("v1", "Secret"): Resource("secrets"),
    ("v1", "Service"): Resource("services"),
    ("v1", "ServiceAccount"): Resource("serviceaccounts"),
    (BATCH, "Job"): Resource("jobs"),
    (ARGO, "Workflow"): Resource("workflows"),
    ("authorization.k8s.io/v1", "SelfSubjectAccessReview"): Resource("selfsubjectaccessreviews", is_namespaced=False),
    ("coordination.k8s.io/v1", "Lease"): Resource("leases"),
    ("networking.k8s.io/v1", "NetworkPolicy"): Resource("networkpolicies"),
    ("rbac.authorization.k8s.io/v1", "Role"): Resource("roles"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): Resource("rolebindings"),
    ("scheduling.k8s.io/v1", "PriorityClass"): Resource("priorityclasses", is_namespaced=False),
}


def resource_of(reference: Reference) -> Resource:
    return _RESOURCES[reference.api_version, reference.kind]


def resource_name(api_version: str, kind: str) -> str:
    """As rights and quotas have it: `jobs.batch`, `secrets`."""
    plural, group = _RESOURCES[api_version, kind].plural, api_version.rpartition("/")[0]
    return f"{plural}.{group}" if group else plural


def reference_to(manifest: Mapping[str, Any]) -> Reference:
    return Reference(manifest["apiVersion"], manifest["kind"], manifest["metadata"].get("name", ""))
