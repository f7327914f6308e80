"""Names, labels, annotations and sizes: what the API server refuses and no schema says."""

import re
from collections import Counter
from collections.abc import Iterator

from acceptance.manifest import Manifest, prefixed, title

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
# Kubernetes 1.36 lets a Service start with a digit; older ones do not.
SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
KEY_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
DATA_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
MAX_ANNOTATIONS = 256 * 1024
MAX_DATA = 1024 * 1024

# A Job's name is the value of a label, and with `-0` behind it the host name of its pod.
_LONGEST = {"Job": 61, "Workflow": 63, "Service": 63, "Namespace": 63}
_IS_LABEL = frozenset({"Job", "Namespace"})


def name_errors(objects: list[Manifest]) -> list[str]:
    """What is illegal in names, labels, annotations and keys of the objects and of the pods they hold."""
    found = []
    times = Counter(map(title, objects))
    found += [f"{name}: {count} objects of this kind and name" for name, count in times.items() if count > 1]
    for manifest in objects:
        found += prefixed(title(manifest), list(_object_rules(manifest)))
    return found


def is_subdomain(name: str) -> bool:
    return len(name) <= 253 and bool(SUBDOMAIN.fullmatch(name))


def host_errors(pod_spec: Manifest) -> Iterator[str]:
    for field in ("hostname", "subdomain"):
        if field in pod_spec and not LABEL.fullmatch(str(pod_spec[field])):
            yield f"{field} {pod_spec[field]!r} is not a DNS label"


def metadata_errors(metadata: Manifest) -> Iterator[str]:
    for kind in ("labels", "annotations"):
        for key, value in (metadata.get(kind) or {}).items():
            if not _is_qualified(str(key)):
                yield f"{kind}: key {key!r} is not legal"
            if kind == "labels" and not (isinstance(value, str) and LABEL_VALUE.fullmatch(value)):
                yield f"labels: value {value!r} of `{key}` is not legal"
    annotations = metadata.get("annotations") or {}
    size = sum(len(str(key).encode()) + len(str(value).encode()) for key, value in annotations.items())
    if size > MAX_ANNOTATIONS:
        yield f"annotations of {size} bytes, more than {MAX_ANNOTATIONS}"


def _object_rules(manifest: Manifest) -> Iterator[str]:
    kind, metadata = str(manifest.get("kind")), manifest.get("metadata") or {}
    name = str(metadata.get("name", ""))
    if kind == "Service":
        legal = bool(SERVICE_NAME.fullmatch(name))
    else:
        legal = bool(LABEL.fullmatch(name)) if kind in _IS_LABEL else is_subdomain(name)
    if not legal:
        yield f"the name {name!r} is not legal for a {kind}"
    elif len(name) > _LONGEST.get(kind, 253):
        yield f"the name has {len(name)} characters, at most {_LONGEST[kind]} are allowed"
    yield from metadata_errors(metadata)
    match kind:
        case "Job":
            template = manifest["spec"]["template"]
            yield from prefixed("pod", list(metadata_errors(template.get("metadata") or {})))
            yield from prefixed("pod", list(host_errors(template["spec"])))
        case "Pod":
            yield from host_errors(manifest["spec"])
        case "ConfigMap" | "Secret":
            yield from _data_rules(manifest)


def _data_rules(manifest: Manifest) -> Iterator[str]:
    data, binary = manifest.get("data") or {}, manifest.get("binaryData") or {}
    strings = manifest.get("stringData") or {}
    for key in [*data, *binary, *strings]:
        if not DATA_KEY.fullmatch(str(key)) or key == "." or str(key).startswith(".."):
            yield f"key {key!r} is not legal"
    if both := sorted(data.keys() & binary.keys()):
        yield f"keys {both} stand in data and in binaryData"
    encoded = binary if manifest["kind"] == "ConfigMap" else data
    plain = data if manifest["kind"] == "ConfigMap" else strings
    size = sum(len(str(value).encode()) for value in plain.values())
    size += sum(len(value) * 3 // 4 for value in encoded.values())  # base64
    if size > MAX_DATA:
        yield f"{size} bytes of data, more than {MAX_DATA}"


def _is_qualified(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return bool(KEY_NAME.fullmatch(name)) and (not slash or is_subdomain(prefix))
