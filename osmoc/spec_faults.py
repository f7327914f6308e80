"""What pydantic finds wrong with a workflow, in our codes and words, at its place in the file."""

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from pydantic import BaseModel

from osmoc import codes, spec
from osmoc.diagnostics import MOST_OF_A_CODE, Diagnostics, advice, did_you_mean, listed
from osmoc.yamltree import Path, Scalar, Tree

_HARDWARE: Final = "hardware is a key of `resources.<name>`; the task names that entry with `resource`"
_WAITING: Final = "it waits for what its tasks read: `inputs: [{task: <name>}]`"

# What people write, and what it is called here.
_HINTS: Final = {
    ("task", "env"): "environment variables are `environment`, a mapping of name to value",
    ("task", "platform"): _HARDWARE,
    ("task", "gpu"): _HARDWARE,
    ("task", "cpu"): _HARDWARE,
    ("task", "memory"): _HARDWARE,
    ("task", "storage"): _HARDWARE,
    ("task", "labels"): "labels belong to the workflow",
    ("task", "depends_on"): "a task waits for what it reads: `inputs: [{task: <name>}]`",
    ("task", "dependsOn"): "a task waits for what it reads: `inputs: [{task: <name>}]`",
    ("task", "timeout"): "timeouts belong to the workflow",
    ("task", "retries"): "retries are `exitActions: {RESCHEDULE: <exit codes>}`",
    ("group", "dependsOn"): _WAITING,
    ("group", "depends_on"): _WAITING,
    ("group", "inputs"): "inputs belong to the tasks of the group",
    ("group", "resource"): "each task of the group names its own `resource`",
    ("group", "timeout"): "timeouts belong to the workflow",
    ("workflow", "priority"): "the priority is an option: `--priority HIGH`",
    ("workflow", "default-values"): "`default-values` is a section of its own, at the start of a line",
    ("resource", "gpus"): "the key is `gpu`",
    ("resource", "cpus"): "the key is `cpu`",
    ("resource", "limits"): "cpu, gpu, memory and storage stand in the resource itself",
    ("resource", "requests"): "cpu, gpu, memory and storage stand in the resource itself",
    ("update_dataset", "path"): "the key is `paths`, a list",
    ("update_dataset", "regex"): "an update takes `paths`, a list, and no regex",
    ("checkpoint", "interval"): "the key is `frequency`",
}

# Keys on the way to a value, what each holds is called, and the model that says which keys it may have.
_PARTS: Final[Mapping[str, tuple[str, type[BaseModel]]]] = {
    "workflow": ("workflow", spec.Workflow),
    "tasks": ("task", spec.Task),
    "groups": ("group", spec.Group),
    "resources": ("resource", spec.Resource),
    "inputs": ("input", spec.UrlInput),
    "outputs": ("output", spec.UrlOutput),
    "dataset": ("dataset", spec.DatasetFields),
    "update_dataset": ("update_dataset", spec.UpdateFields),
    "files": ("file", spec.File),
    "checkpoint": ("checkpoint", spec.Checkpoint),
    "kpis": ("kpi", spec.Kpi),
    "topology": ("topology", spec.Topology),
    "timeout": ("timeout", spec.Timeout),
}
_KINDS: Final[Mapping[tuple[str, str], type[BaseModel]]] = {
    ("inputs", "task"): spec.TaskInput,
    ("inputs", "dataset"): spec.DatasetInput,
    ("outputs", "dataset"): spec.DatasetOutput,
    ("outputs", "update_dataset"): spec.UpdateDatasetOutput,
}

_LIST, _MAPPING = "a list", "a mapping"
_CODES: Final = {"extra_forbidden": codes.UNKNOWN_KEY.id, "missing": codes.MISSING_KEY.id}
_SHAPES: Final = {
    "tuple_type": _LIST,
    "list_type": _LIST,
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "mapping_type": _MAPPING,
}
_LISTS_OF_TEXT: Final = frozenset({"command", "args", "volumeMounts", "nodesExcluded", "metadata", "labels", "paths"})
_FORMS: Final = {
    "environment": "`environment: {NAME: value}`",
    "credentials": "`credentials: {name: {VARIABLE: key}}`, or `credentials: {name: /directory}`",
    "resources": "`resources: {default: {cpu: 1}}`",
    "files": "`files: [{path: /opt/run.sh, contents: …}]`",
    "tasks": "`tasks: [{name: …, image: …, command: […]}]`",
}


class Paths:
    """Paths in the file for those of pydantic, which writes keys that are no strings as their `repr`."""

    def __init__(self, plain: Any) -> None:
        """`plain` is what was validated."""
        self.plain = plain
        self._spelled: dict[int, dict[str, Any]] = {}

    def of(self, loc: tuple[Any, ...]) -> tuple[Path, bool]:
        """The path in the file of a finding of pydantic, and whether it is about the last key itself.

        pydantic puts the tags of unions into its path; ours are in brackets, which no key of the language is.
        """
        path: list[str | int] = ["workflow"]
        value, on_key = self.plain, False
        for step in loc:
            if step == "[key]":
                on_key = True
            elif isinstance(value, list) and isinstance(step, int):
                path.append(step)
                value = value[step] if step < len(value) else None
            elif isinstance(value, dict):
                key = self._key(step, value)
                if key is None and str(step).startswith("["):
                    continue
                path.append(str(step))
                value = value.get(key)
        return tuple(path), on_key

    def _key(self, step: Any, mapping: dict[Any, Any]) -> Any:
        if step in mapping:
            return step
        if id(mapping) not in self._spelled:
            self._spelled[id(mapping)] = {repr(key): key for key in mapping if not isinstance(key, str)}
        return self._spelled[id(mapping)].get(step)


def report_fault(problem: Any, paths: Paths, tree: Tree, found: Diagnostics) -> None:
    """Report one of the errors of a `ValidationError`."""
    kind, value = problem["type"], problem["input"]
    code = codes.TABLE.get(_CODES.get(kind, kind))
    if code and found.leaves_out(code):
        return
    path, on_key = paths.of(problem["loc"])
    if kind in codes.TABLE:
        _own(problem["ctx"], codes.TABLE[kind], value, path, on_key, tree, found)
    elif kind == "extra_forbidden":
        _unknown_key(path, _value_at(paths.plain, path[1:-1]), tree, found)
    elif kind == "missing":
        if not _is_misspelt(path, value):
            found.report(codes.MISSING_KEY, tree.key(path[:-1]), f"{_described(path[:-1])} has no `{path[-1]}`")
    elif kind in ("union_tag_not_found", "union_tag_invalid"):
        _wrong_kind(path, value, tree, found)
    elif kind in _SHAPES:
        _wrong_shape(path, value, _SHAPES[kind], tree, found)
    elif kind == "literal_error":
        allowed = str(problem["ctx"]["expected"]).replace("'", "`")
        message = f"`{path[-1]}` cannot be `{_shown(value)}`: {allowed}"
        found.report(codes.WRONG_TYPE, tree.span(path), message)
    elif kind == "too_long":
        found.report(codes.BAD_LABEL, tree.key(path), f"{len(value)} labels; at most 16 are allowed")
    else:
        # Keys that are no strings; whatever else pydantic may add one day.
        found.report(codes.WRONG_TYPE, tree.key(path), problem["msg"][:1].lower() + problem["msg"][1:])


def _own(
    context: Mapping[str, str], code: codes.Code, value: Any, path: Path, on_key: bool, tree: Tree, found: Diagnostics
) -> None:
    """A finding of a validator of `osmoc.values`, which brings its words."""
    message, help = context["message"], context["help"]
    if value is None and on_key:
        message, help = "a key that is empty, or `null`", "put it into quotes"
    elif value is None:
        message = f"`{path[-1]}` has no value" if isinstance(path[-1], str) else "an element without a value"
        if path[-2:-1] == ("exitActions",) or (len(path) > 2 and path[-2] == "exitActions"):
            help = 'codes with a comma need quotes in a mapping on one line: {RESCHEDULE: "1-10,42"}'
    elif code is codes.WRONG_TYPE and isinstance(path[-1], str) and not on_key:
        message = f"`{path[-1]}`: {message}"
    found.report(code, tree.key(path) if on_key or value is None else tree.span(path), message, help=help)


def _unknown_key(path: Path, holder: Any, tree: Tree, found: Diagnostics) -> None:
    part, model = _part(path[:-1], holder)
    key = str(path[-1])
    allowed = sorted(field.alias or name for name, field in model.model_fields.items())
    hint = _HINTS.get((part, key), "")
    inner = next((kind for kind in ("dataset", "update_dataset") if isinstance(holder, dict) and kind in holder), "")
    if not hint and part in ("input", "output") and inner and key in spec.DatasetFields.model_fields:
        hint = f"it belongs into `{inner}: {{…}}`"
    hint = hint or did_you_mean(key, allowed)
    # Where the key is known, a long list of keys would only hide it.
    help = hint if hint and len(allowed) > 12 else advice(hint, f"keys: {listed(allowed, 30)}")
    found.report(codes.UNKNOWN_KEY, tree.key(path), f"`{key}` is not a key of {_described(path[:-1])}", help=help)


def _is_misspelt(path: Path, holder: Any) -> bool:
    """Whether a key is missing because another one, which is reported, was meant to be it."""
    if not isinstance(holder, dict):
        return False
    allowed = sorted(field.alias or name for name, field in _part(path[:-1], holder)[1].model_fields.items())
    # Those after them are not reported.
    unknown = islice((key for key in holder if isinstance(key, str) and key not in allowed), MOST_OF_A_CODE)
    name = str(path[-1])
    near = (key for key in unknown if did_you_mean(key, [name]))  # only these can be nearest to it
    return any(f"`{name}`" in did_you_mean(key, allowed) for key in near)


def _wrong_kind(path: Path, value: Any, tree: Tree, found: Diagnostics) -> None:
    side = str(path[-2]) if len(path) > 1 else "inputs"
    kinds = "`task`, `url` or `dataset`" if side == "inputs" else "`url`, `dataset` or `update_dataset`"
    help = f"each item of `{side}` is a mapping with exactly one of {kinds}"
    if isinstance(value, Mapping) and value:
        names = listed(_shown(key) for key in value)
        found.report(codes.WRONG_KIND, tree.key(path), f"an item of `{side}` with {names}", help=help)
    elif isinstance(value, str):
        key = "url" if "://" in value else "task" if side == "inputs" else "dataset"
        help += f": `- {key}: {_shown(value)}`"
        found.report(codes.WRONG_KIND, tree.span(path), f"an item of `{side}` that is not a mapping", help=help)
    else:
        found.report(codes.WRONG_KIND, tree.key(path), f"an item of `{side}` that says nothing", help=help)


def _wrong_shape(path: Path, value: Any, expected: str, tree: Tree, found: Diagnostics) -> None:
    name = str(path[-1]) if isinstance(path[-1], str) else f"an item of {path[-2]}"
    shown = _shown(value)
    if value is None:
        empty = "[]" if expected == _LIST else "{}"
        is_needed = name in ("tasks", "groups", "command", "dataset", "update_dataset")
        help = f"{expected} is expected" + ("" if is_needed else f": leave the key out or write {empty}")
        what = f"`{name}` has no value" if isinstance(path[-1], str) else "an item without a value"
        found.report(codes.NULL_VALUE, tree.key(path), what, help=help)
        return
    if name in ("dataset", "update_dataset") and isinstance(value, str | Scalar):
        lie = f"its files lie in `{{{{input:{path[-2]}}}}}/{shown}/`" if path[-3] == "inputs" else ""
        help = advice(f"write `{name}: {{name: {shown}}}`", lie)
        found.report(codes.DATASET_STRING, tree.span(path), f"`{name}` is a mapping, not a name", help=help)
        return
    help = f"write {_FORMS[name]}" if name in _FORMS else ""
    if name == "command" and isinstance(value, str):
        help = f"wrap it in a list: `command: [bash, -c, {json.dumps(value, ensure_ascii=False)[:80]}]`"
    elif name in _LISTS_OF_TEXT and isinstance(value, str | Scalar):
        help = f"write `{name}: [{shown}]`"
    kind = _LIST if isinstance(value, list) else _MAPPING if isinstance(value, dict) else f"`{shown}`"
    named = f"`{name}`" if isinstance(path[-1], str) else name
    found.report(codes.WRONG_TYPE, tree.span(path), f"{named} must be {expected}, not {kind}", help=help)


def _shown(value: Any) -> str:
    text = (value.text if isinstance(value, Scalar) else str(value)).rstrip("\n").replace("\n", "⏎")
    return text if len(text) <= 60 else text[:57] + "..."


def _value_at(plain: Any, path: Path) -> Any:
    for step in path:
        plain = plain[step]
    return plain


def _part(path: Path, holder: Any) -> tuple[str, type[BaseModel]]:
    """What a path leads to is called, and which keys it may have."""
    names = [step for step in path if isinstance(step, str)]
    if len(names) >= 2 and names[-2] == "resources":
        names.pop()  # the name of a resource
    name, model = _PARTS.get(names[-1], ("task", spec.Task))
    for (side, kind), other in _KINDS.items():
        if side == names[-1] and isinstance(holder, dict) and kind in holder:
            return name, other
    return name, model


def _described(path: Path) -> str:
    """`the workflow`, `a task`. No names: a value that several parts share by an alias has one finding."""
    names = [step for step in path if isinstance(step, str)]
    if len(names) >= 2 and names[-2] == "resources":
        return "a resource"
    part = _PARTS[names[-1]][0] if names[-1] in _PARTS else names[-1]
    if part in ("workflow", "timeout"):
        return f"the {part}"
    return f"{'an' if part[0] in 'aeiou' else 'a'} {part}"
