"""What the API server checks in a pod beyond its schema, as far as our pods can break it.

The server itself is asked by the tests marked `cluster`; this finds the same without one. Where servers differ it
holds to 1.33, and it also refuses what a server takes but nobody means: two variables of one name, a volume without
a source, a colon in a path.
"""

from collections import Counter
from collections.abc import Iterator

from acceptance.manifest import Manifest, prefixed
from acceptance.names import LABEL

_SIDECAR_ONLY = ("startupProbe", "readinessProbe", "livenessProbe", "lifecycle")
_PULL_POLICIES = (None, "Always", "IfNotPresent", "Never")


def pod_rule_errors(pod: Manifest) -> list[str]:
    spec = pod["spec"]
    volumes = [volume.get("name") for volume in spec.get("volumes") or ()]
    found = [f"two volumes are called `{name}`" for name in _repeated(volumes)]
    for volume in spec.get("volumes") or ():
        if len(volume) != 2:
            found.append(f"volume `{volume.get('name')}` needs one source, not {sorted(volume.keys() - {'name'})}")
    starting, running = spec.get("initContainers") or [], spec.get("containers") or []
    names = [container.get("name") for container in [*starting, *running]]
    found += [f"two containers are called `{name}`" for name in _repeated(names)]
    found += [f"name {name!r} is not a DNS label" for name in [*volumes, *names] if not LABEL.fullmatch(str(name))]
    for container in starting:
        found += prefixed(f"initContainer {container.get('name')}", list(_init_rules(container)))
    for container in running:
        if "restartPolicy" in container:
            found.append(f"container {container.get('name')}: `restartPolicy` is only for init containers")
    for container in [*starting, *running]:
        found += prefixed(f"container {container.get('name')}", list(_container_rules(container, set(volumes))))
    if spec.get("activeDeadlineSeconds", 1) < 1:
        found.append("activeDeadlineSeconds is not positive")
    return found


def _init_rules(container: Manifest) -> Iterator[str]:
    is_sidecar = container.get("restartPolicy") == "Always"
    if "restartPolicy" in container and not is_sidecar:
        yield "the only `restartPolicy` of an init container is Always"
    if not is_sidecar:
        yield from (f"`{field}` is only for sidecars" for field in _SIDECAR_ONLY if field in container)


def _container_rules(container: Manifest, volumes: set[str]) -> Iterator[str]:
    if not container.get("image"):
        yield "has no image"
    if container.get("imagePullPolicy") not in _PULL_POLICIES:
        yield f"unknown imagePullPolicy {container['imagePullPolicy']!r}"
    mounts = container.get("volumeMounts") or []
    yield from (f"mounts two volumes at {path}" for path in _repeated([mount.get("mountPath") for mount in mounts]))
    yield from (
        f"two variables are called {name}"
        for name in _repeated([one.get("name") for one in container.get("env") or ()])
    )
    for mount in mounts:
        if mount.get("name") not in volumes:
            yield f"mounts `{mount.get('name')}`, which is not a volume of the pod"
        if ":" in mount.get("mountPath", ""):
            yield f"mountPath {mount['mountPath']!r} holds a colon"
        path = mount.get("subPath", "")
        if path.startswith("/") or ".." in path.split("/"):
            yield f"subPath {path!r} leaves its volume"
    resources = container.get("resources") or {}
    for name, amount in (resources.get("requests") or {}).items():
        limit = (resources.get("limits") or {}).get(name)
        if "/" in name and str(limit) != str(amount):
            yield f"requests {amount} of {name} but limits it to {limit}: extended resources cannot be overcommitted"


def _repeated(values: list[str | None]) -> list[str | None]:
    return [value for value, count in Counter(values).items() if count > 1]
