"""Read the plain values of a workflow section into the `Spec` models; all schema errors at once.

Needs: a tree whose root is the mapping `{workflow: …}`. Leaves: a `Workflow` that has the right shape and types.
pydantic finds what does not fit; every word of the findings is ours.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from osmoc import codes
from osmoc.diagnostics import Diagnostics, advice, did_you_mean, listed
from osmoc.passes.repair import broken_part, repair
from osmoc.spec import Workflow
from osmoc.yamltree import Path, Scalar, Tree

# What people write, and what it is called here.
_HINTS: Final = {
    ("task", "env"): "environment variables are `environment`, a mapping of name to value",
    ("task", "platform"): "a platform is a key of `resources.<name>`; the task names that entry with `resource`",
    ("task", "gpu"): "hardware is a key of `resources.<name>`; the task names that entry with `resource`",
    ("task", "cpu"): "hardware is a key of `resources.<name>`; the task names that entry with `resource`",
    ("task", "memory"): "hardware is a key of `resources.<name>`; the task names that entry with `resource`",
    ("task", "storage"): "hardware is a key of `resources.<name>`; the task names that entry with `resource`",
    ("task", "labels"): "labels belong to the workflow",
    ("task", "depends_on"): "a task waits for what it reads: `inputs: [{task: <name>}]`",
    ("task", "dependsOn"): "a task waits for what it reads: `inputs: [{task: <name>}]`",
    ("task", "timeout"): "timeouts belong to the workflow",
    ("task", "retries"): "retries are `exitActions: {RESCHEDULE: <exit codes>}`",
    ("group", "dependsOn"): "a group waits for what its tasks read: `inputs: [{task: <name>}]`",
    ("group", "depends_on"): "a group waits for what its tasks read: `inputs: [{task: <name>}]`",
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
_EXPECTED: Final = {
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "mapping_type": "a mapping",
}


def read_spec(tree: Tree, found: Diagnostics) -> Workflow | None:
    plain = tree.plain.get("workflow") if isinstance(tree.plain, dict) else None
    if not isinstance(plain, dict):
        found.report(codes.NO_WORKFLOW, tree.key(("workflow",)), "the workflow section is not a mapping of keys")
        return None
    try:
        return Workflow.model_validate(plain, context=found)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        for problem in problems:
            _report(problem, plain, tree, found)
        return _repaired(
            plain, [(problem["type"], _path(problem["loc"], plain)[0]) for problem in problems], tree, found
        )


def _repaired(plain: Any, problems: list[tuple[str, Path]], tree: Tree, found: Diagnostics) -> Workflow | None:
    """The rest of a broken workflow, for the checks; None if names are broken, as every reference would seem wrong."""
    for kind, path in problems:
        found.mute(*tree.lines(broken_part(kind, path)))
        if path[-1] in ("tasks", "groups", "name") or (path[-2:-1] == ("tasks",)):
            return None
    try:
        return Workflow.model_validate(repair({"workflow": plain}, problems)["workflow"])
    except ValidationError:
        return None


def _report(problem: Any, plain: Any, tree: Tree, found: Diagnostics) -> None:
    path, on_key = _path(problem["loc"], plain)
    kind, value = problem["type"], problem["input"]
    if kind in codes.TABLE:
        # One of the validators of `osmoc.values`: it brings its own words.
        context = problem["ctx"]
        code = codes.TABLE[kind]
        where = tree.key(path) if on_key or value is None else tree.span(path)
        message = context["message"]
        if value is None and path:
            message = f"`{path[-1]}` has no value" if isinstance(path[-1], str) else "an element without a value"
        found.report(code, where, message, help=context["help"])
    elif kind == "extra_forbidden":
        _unknown_key(path, tree, found)
    elif kind == "missing":
        parent = _described(path[:-1])
        found.report(codes.MISSING_KEY, tree.key(path[:-1]), f"{parent} has no `{path[-1]}`")
    elif kind in ("union_tag_not_found", "union_tag_invalid"):
        _wrong_kind(path, value, tree, found)
    elif kind in _EXPECTED:
        _wrong_shape(path, value, _EXPECTED[kind], tree, found)
    elif kind == "literal_error":
        allowed = str(problem["ctx"]["expected"]).replace("'", "`")
        found.report(codes.WRONG_TYPE, tree.span(path), f"`{_shown(value)}` is not allowed here: {allowed}")
    elif kind == "too_long":
        found.report(codes.BAD_LABEL, tree.key(path), f"{len(value)} labels; at most 16 are allowed")
    else:
        # Keys that are no strings; whatever else pydantic may add one day.
        found.report(codes.WRONG_TYPE, tree.key(path), problem["msg"][:1].lower() + problem["msg"][1:])


def _path(loc: tuple[Any, ...], plain: Any) -> tuple[Path, bool]:
    """The path in the document, and whether the finding is about its last key; pydantic names union members in it."""
    path: list[str | int] = ["workflow"]
    value, on_key = plain, False
    for step in loc:
        if step == "[key]":
            on_key = True
        elif isinstance(value, list) and isinstance(step, int):
            path.append(step)
            value = value[step] if step < len(value) else None
        elif isinstance(value, dict):
            key = next((key for key in value if key == step or repr(key) == step), None)
            if key is None and str(step).startswith("["):
                continue  # the tag of a union
            path.append(str(step))
            value = value.get(key)
    return tuple(path), on_key


def _unknown_key(path: Path, tree: Tree, found: Diagnostics) -> None:
    model, where = _model(path[:-1])
    key = str(path[-1])
    allowed = [field.alias or name for name, field in model.model_fields.items()]
    hint = _HINTS.get((where, key)) or did_you_mean(key, allowed)
    found.report(
        codes.UNKNOWN_KEY,
        tree.key(path),
        f"`{key}` is not a key of {_described(path[:-1])}",
        # Where the key is known the whole list would only hide it.
        help=hint if hint and len(allowed) > 12 else advice(hint, f"keys: {listed(sorted(allowed), 30)}"),
    )


def _wrong_kind(path: Path, value: Any, tree: Tree, found: Diagnostics) -> None:
    side = str(path[-2]) if len(path) > 1 else "inputs"
    kinds = "`task`, `url` or `dataset`" if side == "inputs" else "`url`, `dataset` or `update_dataset`"
    help = f"each item of `{side}` is a mapping with exactly one of {kinds}"
    if isinstance(value, Mapping) and value:
        names = listed(_shown(key) for key in value)
        found.report(codes.WRONG_KIND, tree.key(path), f"an item of `{side}` with {names}", help=help)
    elif isinstance(value, str):
        key = "url" if "://" in value else "task" if side == "inputs" else "dataset"
        help += f": `- {key}: {value}`"
        found.report(codes.WRONG_KIND, tree.span(path), f"an item of `{side}` that is not a mapping", help=help)
    else:
        found.report(codes.WRONG_KIND, tree.key(path), f"an item of `{side}` that says nothing", help=help)


def _wrong_shape(path: Path, value: Any, expected: str, tree: Tree, found: Diagnostics) -> None:
    name = path[-1]
    shown = _shown(value)
    if value is None:
        what = f"`{name}` has no value" if isinstance(name, str) else "an item without a value"
        empty = {"a list": "[]", "a mapping": "{}"}[expected]
        found.report(
            codes.NULL_VALUE, tree.key(path), what, help=f"{expected} is expected: leave the key out or write {empty}"
        )
    elif name in ("dataset", "update_dataset") and isinstance(value, str | Scalar):
        found.report(
            codes.DATASET_STRING,
            tree.span(path),
            f"`{name}` is a mapping, not a name",
            help=advice(
                f"write `{name}: {{name: {shown}}}`",
                f"its files lie in `{{{{input:{path[-2]}}}}}/{shown}/`" if path[-3] == "inputs" else "",
            ),
        )
    else:
        help = f"write `{name}: [{shown}]`" if expected == "a list" and isinstance(value, str | Scalar) else ""
        if name == "command" and isinstance(value, str):
            help = f'wrap it in a list: `command: [bash, -c, "{shown}"]`'
        kind = "a list" if isinstance(value, list) else "a mapping" if isinstance(value, dict) else f"`{shown}`"
        found.report(codes.WRONG_TYPE, tree.span(path), f"`{name}` must be {expected}, not {kind}", help=help)


def _shown(value: Any) -> str:
    text = value.text if isinstance(value, Scalar) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


_PARTS: Final = {
    "tasks": "task", "groups": "group", "resources": "resource", "inputs": "input", "outputs": "output",
    "files": "file", "checkpoint": "checkpoint", "kpis": "kpi", "topology": "topology", "timeout": "timeout",
    "dataset": "dataset", "update_dataset": "update_dataset", "workflow": "workflow",
}  # fmt: skip


def _model(path: Path) -> tuple[type[BaseModel], str]:
    """The model that a path leads to, and its name in the table of hints."""
    names = [step for step in path if isinstance(step, str)]
    if len(names) >= 2 and names[-2] == "resources":
        names.pop()
    from osmoc import spec

    models: dict[str, type[BaseModel]] = {
        "workflow": spec.Workflow, "tasks": spec.Task, "groups": spec.Group, "resources": spec.Resource,
        "files": spec.File, "checkpoint": spec.Checkpoint, "kpis": spec.Kpi, "topology": spec.Topology,
        "timeout": spec.Timeout, "dataset": spec.DatasetFields, "update_dataset": spec.UpdateFields,
        "inputs": spec.UrlInput, "outputs": spec.UrlOutput,
    }  # fmt: skip
    name = names[-1]
    return models.get(name, spec.Task), _PARTS.get(name, name)


def _described(path: Path) -> str:
    """`the workflow`, `a task`, `the resource `default``."""
    names = [step for step in path if isinstance(step, str)]
    if len(names) >= 2 and names[-2] == "resources":
        return f"the resource `{names[-1]}`"
    part = _PARTS.get(names[-1], names[-1])
    if part in ("workflow", "timeout"):
        return f"the {part}"
    return f"{'an' if part[0] in 'aeiou' else 'a'} {part}"
