"""Pod templates of the profile: merged by OSMO's rules, made to fit our pod, rendered with the variables of a task."""

import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from osmoc.template_variables import NAMES, Name

if TYPE_CHECKING:
    from jinja2.nodes import Node

_CTRL: Final = "osmo-ctrl"
_ARRAY: Final = "ARRAY:["
_NODE_TERMS: Final = (
    "spec",
    "affinity",
    "nodeAffinity",
    "requiredDuringSchedulingIgnoredDuringExecution",
    "nodeSelectorTerms",
)


_MAPPINGS: Final = {
    "metadata": ("labels", "annotations"),
    "spec": ("nodeSelector", "affinity", "securityContext"),
}
_LISTS: Final = ("containers", "initContainers", "volumes", "tolerations", "imagePullSecrets")
_OF_CONTAINERS: Final = ("env", "volumeMounts")
# Of no effect, but in what people copy from a manifest.
_HEAD: Final = ("apiVersion", "kind")


class Unset(ValueError):
    """A template writes a variable of OSMO's that has no value; `name` is the variable."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"`{text[:60]}`: '{name}' is undefined")
        self.name = name


def faults_of(template: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where a template of the profile does not have the form of a pod, as far as merging needs it; and why."""
    for key in template:
        if key not in (*_MAPPINGS, *_HEAD):
            yield (key,), f"`{key}` is no part of a pod template: it has `metadata` and `spec`"
    for part, keys in _MAPPINGS.items():
        holder = template.get(part, {})
        if not isinstance(holder, Mapping):
            yield (part,), f"`{part}` must be a mapping"
            continue
        for key in keys:
            if not isinstance(holder.get(key, {}), Mapping):
                yield (part, key), f"`{key}` must be a mapping"
    spec = template.get("spec")
    if isinstance(spec, Mapping):
        yield from _faulty_lists(spec, ("spec",), _LISTS)
        if spec.get("restartPolicy", "Never") != "Never":
            yield ("spec", "restartPolicy"), "`restartPolicy` is always Never: `retries` says what is run again"


def _faulty_lists(
    holder: Mapping[str, Any], path: tuple[str | int, ...], keys: Sequence[str]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for key in keys:
        items = holder.get(key, [])
        if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
            yield (*path, key), f"`{key}` must be a list of mappings"
            continue
        for n, item in enumerate(items if key in ("containers", "initContainers") else ()):
            if not _name(item):
                yield (*path, key, n), "a container of a pod template needs a `name`, to be merged by"
            yield from _faulty_lists(item, (*path, key, n), _OF_CONTAINERS)


def combine(templates: Iterable[Any]) -> Any:
    """Templates merged in order, and made to fit our pod."""
    combined: Any = {}
    for template in templates:
        combined = _merge(combined, template)
    return _fit(combined)


def merge(base: Any, overlay: Any) -> Any:
    """A pod with a rendered template laid over it; neither argument is changed.

    Mappings merge, lists of objects merge by `name`, all else replaces. Objects without a name, or with one that the
    pod does not have, are appended. A path can be mounted once, so a mount of the template takes the place of one at
    the same path; its volume goes too if nothing else mounts it.
    """
    merged = _merge(base, overlay)
    unused = _mounted(base) - _mounted(merged)
    if unused:
        volumes = [volume for volume in merged["spec"]["volumes"] if _name(volume) not in unused]
        merged["spec"] = merged["spec"] | {"volumes": volumes}
    return merged


def _merge(base: Any, overlay: Any) -> Any:
    if isinstance(base, Mapping) and isinstance(overlay, Mapping):
        merged = dict(base)
        for key, value in overlay.items():
            merged[key] = _merge(merged[key], value) if key in merged else value
        mounts, over = base.get("volumeMounts"), overlay.get("volumeMounts")
        if isinstance(mounts, list) and isinstance(over, list):
            merged["volumeMounts"] = _merge_mounts(mounts, over)
        return merged
    if isinstance(base, list) and isinstance(overlay, list):
        return _merge_lists(base, overlay)
    return overlay


def _merge_lists(base: Sequence[Any], overlay: Sequence[Any]) -> list[Any]:
    # Only what `base` has is merged with: a template may mount one volume, so one name, at several paths.
    at = {_name(item): n for n, item in enumerate(base) if _name(item)}
    items = list(base)
    for item in overlay:
        if _name(item) in at:
            items[at[_name(item)]] = _merge(items[at[_name(item)]], item)
        else:
            items.append(item)
    return items


def _name(item: Any) -> str:
    name = item.get("name") if isinstance(item, Mapping) else None
    return name if isinstance(name, str) else ""


def _merge_mounts(base: list[Any], overlay: list[Any]) -> list[Any]:
    taken = {_path(mount) for mount in overlay}
    return _merge_lists([mount for mount in base if _path(mount) not in taken], overlay)


def _path(mount: Any) -> str:
    path = mount.get("mountPath") if isinstance(mount, Mapping) else None
    return posixpath.normpath(path) if isinstance(path, str) else ""


def _mounted(pod: Any) -> set[str]:
    """The volumes that a container of the pod mounts."""
    return {_name(mount) for container in _containers(pod) for mount in _objects(container, "volumeMounts")}


def _containers(pod: Any) -> Iterator[Mapping[str, Any]]:
    spec = pod.get("spec") if isinstance(pod, Mapping) else None
    for key in ("initContainers", "containers"):
        yield from _objects(spec, key)


def _objects(holder: Any, key: str) -> list[Mapping[str, Any]]:
    items = holder.get(key) if isinstance(holder, Mapping) else None
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def _fit(template: Any) -> Any:
    """OSMO's osmo-ctrl is a container of the pod, ours a sidecar among the init containers."""
    spec = template.get("spec")
    ctrl = [item for item in _objects(spec, "containers") if _name(item) == _CTRL]
    if not ctrl:
        return template
    others = [item for item in spec["containers"] if _name(item) != _CTRL]
    fitted = {key: value for key, value in spec.items() if key != "containers"}
    fitted["initContainers"] = _merge_lists(_objects(spec, "initContainers"), ctrl)
    return {**template, "spec": fitted | ({"containers": others} if others else {})}


def mounts_of(template: Any, container: str) -> dict[str, str]:
    """What a rendered template mounts into a container: path to the node's directory, empty if it is none."""
    spec = template.get("spec") if isinstance(template, Mapping) else None
    hosts = {_name(volume): volume.get("hostPath") for volume in _objects(spec, "volumes")}
    found = {}
    for item in _objects(spec, "containers"):
        if _name(item) == container:
            for mount in _objects(item, "volumeMounts"):
                host = hosts.get(_name(mount))
                found[_path(mount)] = str(host.get("path", "")) if isinstance(host, Mapping) else ""
    return found


def keep_off(template: Any, nodes: Sequence[str]) -> Any:
    """The template with these nodes excluded in each of its node selector terms; None if it has no terms.

    A pod may run where any one of its terms holds, so a term of its own beside them would exclude nothing.
    """
    rule = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": list(nodes)}
    terms: Any = template
    for key in _NODE_TERMS:
        terms = terms.get(key) if isinstance(terms, Mapping) else None
    if not isinstance(terms, list) or not terms:
        return None
    kept = [{**term, "matchExpressions": [*_others(term, rule), rule]} for term in terms if isinstance(term, Mapping)]
    return _replaced(template, _NODE_TERMS, kept)


def _others(term: Mapping[str, Any], rule: Mapping[str, Any]) -> list[Any]:
    return [other for other in _objects(term, "matchExpressions") if other != rule]


def _replaced(value: Any, way: Sequence[str], new: Any) -> Any:
    return {**value, way[0]: _replaced(value[way[0]], way[1:], new)} if way else new


def render(template: Any, variables: Mapping[str, Any]) -> Any:
    """Every string value of a template rendered; `ARRAY:[a,b]` becomes a list.

    Raises:
        Unset: a variable has no value.
        ValueError: what else is wrong, in words for the administrator.
    """
    if isinstance(template, str):
        text = _rendered(template, variables) if "{" in template else template
        # An empty list stays a list of one empty text: the operator NotIn does not take an empty one.
        return text[len(_ARRAY) : -1].split(",") if text.startswith(_ARRAY) and text.endswith("]") else text
    if isinstance(template, Mapping):
        return {key: render(value, variables) for key, value in template.items()}
    if isinstance(template, list):
        return [render(value, variables) for value in template]
    return template


def _rendered(text: str, variables: Mapping[str, Any]) -> str:
    from jinja2 import TemplateError, UndefinedError

    try:
        for name in _computed_with(text):
            if isinstance(variables.get(name), Name):
                raise ValueError(f"`{name}` can only be inserted as it is")
        return str(_environment().from_string(text).render(variables))
    except UndefinedError as error:
        name = next((name for name in NAMES if str(error) == f"'{name}' is undefined"), "")
        raise Unset(name, text) if name else ValueError(f"`{text[:60]}`: {error.message}") from None
    except TemplateError as error:
        raise ValueError(f"`{text[:60]}`: {error.message}") from None
    except Exception as error:  # a template can raise whatever Python can
        raise ValueError(f"`{text[:60]}`: {error}") from None


@cache
def _environment() -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    class Strict(StrictUndefined):
        """As in OSMO: what has no value is false, and a mistake where it is written; a strange name is one anywhere."""

        __slots__ = ()

        def __bool__(self) -> bool:  # type: ignore[override]
            if self._undefined_name not in NAMES:
                self._fail_with_undefined_error()
            return False

    return SandboxedEnvironment(undefined=Strict)


def variables_in(text: str) -> frozenset[str]:
    """The variables that a template uses; none if it is not valid."""
    from jinja2 import TemplateSyntaxError, meta

    try:
        return frozenset(meta.find_undeclared_variables(_environment().parse(text)))
    except TemplateSyntaxError:
        return frozenset()


@cache
def _computed_with(text: str) -> frozenset[str]:
    """Variables that a template does anything with but write them: filter, slice, compare, pass on."""
    from jinja2 import nodes

    tree = _environment().parse(text)

    def written(node: "Node") -> Iterator[int]:
        for child in node.iter_child_nodes():
            if isinstance(child, nodes.Name):
                yield id(child)
            elif isinstance(child, nodes.Concat):
                yield from written(child)

    plain = {name for output in tree.find_all(nodes.Output) for name in written(output)}
    return frozenset(node.name for node in tree.find_all(nodes.Name) if id(node) not in plain)


def as_json(template: Any) -> str:
    return json.dumps(template, ensure_ascii=False, separators=(",", ":"))
