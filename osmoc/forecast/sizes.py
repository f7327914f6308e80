"""How large the objects of a run are, against what a cluster stores and what Argo's CRDs count."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from osmoc.emit.argo import MOST_BYTES, MOST_DAG_TASKS, MOST_TEMPLATES, STATUS_BYTES
from osmoc.emit.manifests import BLANKS, Filled, Form, Manifest, Manifests

# What the values of a ConfigMap may take together; and a request, by the defaults of etcd.
_CONFIG_MAP_BYTES: Final = 1 << 20
_REQUEST_BYTES: Final = 3 << 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """The objects of one kind. Of the `largest` its bytes count against the `limit`, its status included."""

    kind: str
    count: int
    bytes: int
    largest: str
    largest_bytes: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """Of a Workflow. `dag_tasks` are those of its largest DAG; an inline DAG is counted by no schema."""

    count: int
    limit: int = MOST_TEMPLATES
    dag_tasks: int
    dag_limit: int = MOST_DAG_TASKS
    is_inline: bool


def kinds(manifests: Sequence[Manifest], tasks: int) -> tuple[Kind, ...]:
    """In the order in which each kind is applied first."""
    by_kind: dict[str, list[tuple[int, int]]] = defaultdict(list)
    whole = _Sizes()
    for number, part in enumerate(_parts(manifests)):
        by_kind[_form(part)["kind"]].append((whole.size(part), number))
    return tuple(_kind(kind, sizes, manifests, tasks) for kind, sizes in by_kind.items())


def resources(manifests: Sequence[Manifest]) -> dict[str, int]:
    """How many objects there are of each resource, by the name that quotas have for it: `count/jobs.batch`."""
    counts: Counter[str] = Counter()
    for part in _parts(manifests):
        group, _, _ = _form(part)["apiVersion"].rpartition("/")
        kind = _form(part)["kind"].lower()
        plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
        counts[f"count/{plural}.{group}" if group else f"count/{plural}"] += 1
    return dict(counts)


def _parts(manifests: Sequence[Manifest]) -> Sequence[Manifest | Filled]:
    return manifests.parts if isinstance(manifests, Manifests) else manifests


def _form(part: Manifest | Filled) -> Manifest:
    return part.form.manifest if isinstance(part, Filled) else part


def _kind(kind: str, sizes: list[tuple[int, int]], manifests: Sequence[Manifest], tasks: int) -> Kind:
    size, number = max(sizes, key=lambda pair: (pair[0], -pair[1]))
    largest: Manifest = manifests[number]
    counted, limit = size, _REQUEST_BYTES
    if kind == "Workflow":
        counted, limit = size + STATUS_BYTES * tasks, MOST_BYTES
    elif kind == "ConfigMap":
        counted, limit = _value_bytes(largest), _CONFIG_MAP_BYTES
    return Kind(
        kind=kind,
        count=len(sizes),
        bytes=sum(size for size, _ in sizes),
        largest=largest["metadata"]["name"],
        largest_bytes=counted,
        limit=limit,
    )


def _value_bytes(config_map: Manifest) -> int:
    texts = sum(len(text.encode()) for text in config_map.get("data", {}).values())
    return texts + sum(len(text) * 3 // 4 for text in config_map.get("binaryData", {}).values())


class _Sizes:
    """Bytes of objects as JSON without spaces. Those of one form differ by the names in its blanks."""

    def __init__(self) -> None:
        self._forms: dict[Form, tuple[int, list[int]]] = {}

    def size(self, part: Manifest | Filled) -> int:
        if not isinstance(part, Filled):
            return len(_compact(part).encode())
        if part.form not in self._forms:
            text = _compact(part.form.manifest)
            uses = [text.count(blank) for blank in BLANKS]
            self._forms[part.form] = len(text.encode(errors="ignore")), uses
        base, uses = self._forms[part.form]
        return base + sum(count * len(name.encode()) for count, name in zip(uses, part.names, strict=False))


def _compact(manifest: Manifest) -> str:
    return json.dumps(manifest, ensure_ascii=False, separators=(",", ":"))


def templates(manifests: Sequence[Manifest]) -> Templates | None:
    """None where there is no Workflow."""
    workflow = next((_form(part) for part in _parts(manifests) if _form(part)["kind"] == "Workflow"), None)
    if workflow is None:
        return None
    own = workflow["spec"]["templates"]
    return Templates(
        count=len(own),
        dag_tasks=max(len(dag["tasks"]) for template in own for dag in _dags(template)),
        is_inline=any(
            "dag" in task.get("inline", {})
            for template in own
            if "dag" in template
            for task in template["dag"]["tasks"]
        ),
    )


def _dags(template: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "dag" in template:
        yield template["dag"]
        for task in template["dag"]["tasks"]:
            yield from _dags(task.get("inline", {}))
