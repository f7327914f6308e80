"""Whether everything that an object names exists: in the output, or declared as an assumption about the cluster."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from acceptance.argo_lint import argo_reference_errors
from acceptance.manifest import Manifest, prefixed, title
from acceptance.pods import all_pods

External = frozenset[tuple[str, str]] | set[tuple[str, str]]

# What every cluster has.
_BUILT_IN = frozenset(
    {
        ("ServiceAccount", "default"),
        ("PriorityClass", "system-cluster-critical"),
        ("PriorityClass", "system-node-critical"),
    }
)
# Kinds that only the compiler creates, so that a Role which names one must find it here.
_ROLE_RESOURCES = {"jobs": "Job", "services": "Service", "workflows": "Workflow"}


def reference_errors(
    objects: list[Manifest], external: External, pods: list[tuple[str, Manifest]] | None = None
) -> list[str]:
    """References to nothing, as (kind, name) pairs that are neither in `objects` nor in `external`.

    `pods` saves building those of `objects` once more.
    """
    known = _Known({(one["kind"], one["metadata"]["name"]): one for one in objects}, external)
    pods = all_pods(objects) if pods is None else pods
    found = argo_reference_errors(objects)
    for owner, pod in pods:
        found += prefixed(f"pod of {owner}", list(_pod_references(pod, known)))
    for manifest in objects:
        found += prefixed(title(manifest), list(_object_references(manifest, known, pods)))
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class _Known:
    objects: dict[tuple[str, str], Manifest]
    external: External
    used: set[tuple[str, str]] = field(default_factory=set)

    def missing(self, kind: str, name: Any) -> Iterator[str]:
        if not {(kind, name)} & (self.objects.keys() | self.external | _BUILT_IN):
            yield f"{kind} `{name}` is neither in the output nor declared"

    def missing_key(self, kind: str, name: Any, key: str) -> Iterator[str]:
        """Nothing for an object from outside: nobody here knows its keys."""
        yield from self.missing(kind, name)
        if found := self.objects.get((kind, name)):
            keys = {
                **(found.get("data") or {}),
                **(found.get("binaryData") or {}),
                **(found.get("stringData") or {}),
            }
            if key not in keys:
                yield f"{kind} `{name}` has no key `{key}`"


def _pod_references(pod: Manifest, known: _Known) -> Iterator[str]:
    spec = pod["spec"]
    if "serviceAccountName" in spec:
        yield from known.missing("ServiceAccount", spec["serviceAccountName"])
    if "priorityClassName" in spec:
        yield from known.missing("PriorityClass", spec["priorityClassName"])
    for secret in spec.get("imagePullSecrets") or ():
        yield from known.missing("Secret", secret.get("name"))
    volumes = {volume["name"]: volume for volume in spec.get("volumes") or ()}
    for volume in volumes.values():
        yield from _volume_references(volume, known)
    for container in [*(spec.get("initContainers") or ()), *spec["containers"]]:
        yield from _container_references(container, volumes, known)
    if "subdomain" in spec:
        yield from _service_of(pod, known)


def _volume_references(volume: Manifest, known: _Known) -> Iterator[str]:
    if claim := volume.get("persistentVolumeClaim"):
        yield from known.missing("PersistentVolumeClaim", claim.get("claimName"))
    for kind, source, name in _sources(volume):
        if not source.get("optional"):
            yield from known.missing(kind, name)
            for item in source.get("items") or ():
                yield from known.missing_key(kind, name, item["key"])


def _sources(volume: Manifest) -> Iterator[tuple[str, Manifest, Any]]:
    """The ConfigMaps and Secrets of a volume, those of a projected one too."""
    for holder in [volume, *((volume.get("projected") or {}).get("sources") or ())]:
        if source := holder.get("configMap"):
            yield "ConfigMap", source, source.get("name")
        if source := holder.get("secret"):
            yield "Secret", source, source.get("secretName", source.get("name"))


def _container_references(container: Manifest, volumes: dict[str, Manifest], known: _Known) -> Iterator[str]:
    place = f"container {container['name']}"
    for one in container.get("envFrom") or ():
        for kind, source in (("ConfigMap", one.get("configMapRef")), ("Secret", one.get("secretRef"))):
            if source and not source.get("optional"):
                yield from prefixed(place, list(known.missing(kind, source.get("name"))))
    for variable in container.get("env") or ():
        value = variable.get("valueFrom") or {}
        for kind, source in (
            ("ConfigMap", value.get("configMapKeyRef")),
            ("Secret", value.get("secretKeyRef")),
        ):
            if source and not source.get("optional"):
                yield from prefixed(place, list(known.missing_key(kind, source.get("name"), source["key"])))
    for mount in container.get("volumeMounts") or ():
        if "subPath" in mount and mount["name"] in volumes:
            yield from prefixed(place, list(_sub_path(mount["subPath"], volumes[mount["name"]], known)))


def _sub_path(path: str, volume: Manifest, known: _Known) -> Iterator[str]:
    """A `subPath` that a ConfigMap does not have keeps the container from starting, for ever."""
    if "projected" in volume:
        return
    for kind, source, name in _sources(volume):
        if items := source.get("items"):
            if path not in {item["path"] for item in items}:
                yield f"subPath `{path}` is not among the items of volume `{volume['name']}`"
        else:
            yield from known.missing_key(kind, name, path)


def _service_of(pod: Manifest, known: _Known) -> Iterator[str]:
    name = pod["spec"]["subdomain"]
    if ("Service", name) in known.external:
        return
    service = known.objects.get(("Service", name))
    if service is None:
        yield f"Service `{name}`, its subdomain, is not in the output"
        return
    if service["spec"].get("clusterIP") != "None":
        yield f"Service `{name}`, its subdomain, is not headless"
    if not _selects(service["spec"].get("selector") or {}, pod):
        yield f"Service `{name}`, its subdomain, does not select it"


def _selects(selector: Manifest, pod: Manifest) -> bool:
    return bool(selector) and selector.items() <= (pod["metadata"].get("labels") or {}).items()


def _object_references(manifest: Manifest, known: _Known, pods: list[tuple[str, Manifest]]) -> Iterator[str]:
    match manifest["kind"]:
        case "Service":
            selector = manifest["spec"].get("selector") or {}
            if not any(_selects(selector, pod) for _, pod in pods):
                yield "selects no pod"
        case "NetworkPolicy":
            selector = (manifest["spec"].get("podSelector") or {}).get("matchLabels") or {}
            if selector and not any(_selects(selector, pod) for _, pod in pods):
                yield "selects no pod"
        case "RoleBinding" | "ClusterRoleBinding":
            role = manifest["roleRef"]
            yield from known.missing(role["kind"], role["name"])
            for subject in manifest.get("subjects") or ():
                if subject["kind"] == "ServiceAccount":
                    yield from known.missing("ServiceAccount", subject["name"])
        case "Role":
            for rule in manifest.get("rules") or ():
                yield from _role_references(rule, known)
        case "Job":
            yield from _failure_policy(manifest)
        case "Workflow":
            yield from _workflow_references(manifest["spec"], known)


def _role_references(rule: Manifest, known: _Known) -> Iterator[str]:
    for resource in rule.get("resources") or ():
        if kind := _ROLE_RESOURCES.get(resource.partition("/")[0]):
            for name in rule.get("resourceNames") or ():
                yield from known.missing(kind, name)


def _failure_policy(job: Manifest) -> Iterator[str]:
    spec = job["spec"]["template"]["spec"]
    names = {one["name"] for one in [*(spec.get("initContainers") or ()), *spec["containers"]]}
    for rule in (job["spec"].get("podFailurePolicy") or {}).get("rules") or ():
        name = (rule.get("onExitCodes") or {}).get("containerName")
        if name is not None and name not in names:
            yield f"podFailurePolicy names the container `{name}`, which the pod does not have"


def _workflow_references(spec: Manifest, known: _Known) -> Iterator[str]:
    for holder in (spec, spec.get("templateDefaults") or {}, *(spec.get("templates") or ())):
        if account := (holder.get("executor") or {}).get("serviceAccountName"):
            yield from known.missing("ServiceAccount", account)
