"""What `argo lint` refuses, what it lets through although it fails at run time, and rules of our own.

Argo validates only the first of all inline templates that have no name, never looks at templateDefaults, and
lets `{{retries}}` pass where nothing defines it; so this looks everywhere.
"""

import ast
import json
import re
from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter

from acceptance.argo_nodes import argo_nodes, node_id, retry_strategy
from acceptance.argo_tags import tags
from acceptance.argo_templates import TYPES, dag_tasks, located_templates, named_templates, resolved, template_type
from acceptance.manifest import Manifest, of_kind, prefixed

NAME = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]{0,127}")
PARAMETER_NAME = re.compile(r"[-a-zA-Z0-9_]+")
_RESULTS = {"Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned", "AnySucceeded", "AllFailed"}
_DEPENDS_TOKEN = re.compile(r"\s*(?:(&&|\|\||!|\(|\))|([a-zA-Z0-9][-a-zA-Z0-9]*)(?:\.([A-Z][a-zA-Z]+))?)")
# Words of the language that `depends` is evaluated in (expr-lang): a task of such a name is a syntax error,
# at run time, for whoever depends on it. Argo's lint lets it pass.
EXPRESSION_WORDS = {
    *("in", "not", "and", "or", "matches", "contains", "startsWith", "endsWith"),
    *("let", "if", "else", "nil", "true", "false"),
}
_RESERVED_CONTAINERS = {"wait", "supervisor", "init"}
_LEAF_ONLY = ("activeDeadlineSeconds", "timeout", "pendingTimeout")
_DAG_ONLY = ("parallelism", "failFast")
MAX_TEMPLATES = MAX_TASKS = 200
MAX_WORKFLOW_BYTES = 1 << 20
STATUS_BYTES_PER_NODE = 100  # of a compressed status, measured


def argo_lint_errors(workflow: Manifest, allowed_tags: Sequence[str]) -> list[str]:
    """All that is wrong with the Workflow as Argo's input; a tag must match one of `allowed_tags` as a whole."""
    found = [
        *_workflow_rules(workflow),
        *_tag_rules(workflow, allowed_tags),
        *argo_reference_errors([workflow]),
    ]
    templates = named_templates(workflow)
    for path, template in located_templates(workflow):
        place = f"templates.{path}"
        is_inline = template is not templates.get(path)
        whole = template if is_inline else resolved(template, workflow)
        found += prefixed(place, list(_template_rules(workflow, whole)))
        if template_type(template) == "dag":
            found += prefixed(place, list(_dag_rules(templates, template, is_inline)))
    return found or list(_node_rules(workflow))  # nodes exist only for a Workflow that makes sense


def argo_reference_errors(objects: list[Manifest]) -> list[str]:
    """Names of templates and of DAG tasks that nothing bears."""
    found = []
    for workflow in of_kind(objects, "Workflow"):
        spec, templates = workflow["spec"], named_templates(workflow)
        for field in ("entrypoint", "onExit"):
            if (field == "entrypoint" or field in spec) and spec.get(field) not in templates:
                found.append(f"{field}: template `{spec.get(field)}` does not exist")
        for path, template in located_templates(workflow):
            names = {task.get("name") for task in dag_tasks(template)}
            for task in dag_tasks(template):
                place = f"templates.{path}.{task.get('name')}"
                if "inline" not in task and task.get("template") not in templates:
                    found.append(f"{place}: template `{task.get('template')}` does not exist")
                found += [
                    f"{place}: depends on `{name}`, which is not a task of this DAG"
                    for name in sorted(_dependencies(task) - names)
                ]
    return found


def _workflow_rules(workflow: Manifest) -> Iterator[str]:
    spec = workflow["spec"]
    names = [template.get("name", "") for template in spec.get("templates", ())]
    if len(names) > MAX_TEMPLATES:
        yield f"{len(names)} templates, at most {MAX_TEMPLATES} are allowed"
    yield from _name_rules("template", names)
    if sorted(set(names)) != sorted(names):
        yield "two templates have the same name"
    if retry_strategy(spec.get("templateDefaults") or {}, workflow):
        yield "a retryStrategy for all templates applies to DAGs and joins as well; it belongs to a leaf"
    if (spec.get("templateDefaults") or {}).get("inputs"):
        yield "templateDefaults.inputs: every template would have to be given these, DAGs and joins too"


def _name_rules(what: str, names: Sequence[str]) -> Iterator[str]:
    yield from (f"{what} name {name!r} is not legal" for name in names if not NAME.fullmatch(name))


def _tag_rules(workflow: Manifest, allowed: Sequence[str]) -> Iterator[str]:
    for tag in dict.fromkeys(tags(json.dumps(workflow, ensure_ascii=False))):
        if not any(re.fullmatch(pattern, tag) for pattern in allowed):
            yield f"the tag `{{{{{tag}}}}}` is not one of ours"


def _template_rules(workflow: Manifest, template: Manifest) -> Iterator[str]:
    kind = template_type(template)
    if not kind:
        given = [name for name in TYPES if template.get(name) is not None]
        yield f"one of {', '.join(TYPES)} is needed, not {given}"
    parameters = [parameter["name"] for parameter in _parameters(template)]
    if sorted(set(parameters)) != sorted(parameters):
        yield "two input parameters have the same name"
    yield from (f"parameter name {name!r} is not legal" for name in parameters if not PARAMETER_NAME.fullmatch(name))
    if kind in ("dag", "suspend"):
        yield from (f"`{field}` is only for leaves" for field in _LEAF_ONLY if field in template)
    if kind != "dag":
        yield from (f"`{field}` is only for DAGs" for field in _DAG_ONLY if field in template)
        yield from _leaf_rules(workflow, template)


def _parameters(template: Manifest) -> list[Manifest]:
    return list((template.get("inputs") or {}).get("parameters", ()))


def _parameter_names(template: Manifest) -> set[str]:
    return {parameter["name"] for parameter in _parameters(template)}


def _scoped_tags(value: Manifest) -> dict[str, None]:
    return dict.fromkeys(re.findall(r"\{\{\s*((?:inputs|pod)\.[^}]*?)\s*\}\}", json.dumps(value)))


def _leaf_rules(workflow: Manifest, template: Manifest) -> Iterator[str]:
    text = json.dumps(template, ensure_ascii=False)
    declared = _parameter_names(template)
    for tag in _scoped_tags(template):
        name = tag.removeprefix("inputs.parameters.")
        if name != tag and name not in declared:
            yield f"uses the parameter `{name}`, which it does not declare itself"
        if tag == "pod.name" and template_type(template) != "container":
            yield "uses {{pod.name}} and makes no pod"
    defaults = workflow["spec"].get("templateDefaults") or {}
    if "{{retries}}" in text and not retry_strategy(defaults | template, workflow):
        yield "uses {{retries}}, which nothing defines without a retryStrategy"
    if template_type(template) == "container":
        if not (template["container"].get("image") or (defaults.get("container") or {}).get("image")):
            yield "container.image is missing"
        paths = [mount.get("mountPath") for mount in template["container"].get("volumeMounts") or ()]
        if len(set(paths)) != len(paths):
            yield "two mounts of the container have one path"
    for role in ("initContainers", "sidecars"):
        for container in template.get(role) or ():
            if container.get("name") in _RESERVED_CONTAINERS or not container.get("name"):
                yield f"{role}: the name {container.get('name')!r} is Argo's own, or none"
    if "pendingTimeout" in template and retry_strategy(defaults | template, workflow):
        yield "pendingTimeout never fires under a retryStrategy"


def _dag_rules(templates: dict[str, Manifest], template: Manifest, is_inline: bool) -> Iterator[str]:
    tasks = dag_tasks(template)
    names = [str(task.get("name")) for task in tasks]
    if template["dag"].get("failFast") is not False:
        yield "dag.failFast is not false: branches that have not started could be lost"
    if not tasks:
        yield "a DAG needs a task"
    if len(tasks) > MAX_TASKS and not is_inline:
        yield f"{len(tasks)} tasks, at most {MAX_TASKS} are allowed outside of inline templates"
    yield from _name_rules("task", names)
    if len(set(names)) != len(names):
        yield "two tasks have the same name"
    yield from _mixture_rules(tasks)
    yield from _inline_rules(template)
    for task in tasks:
        yield from prefixed(str(task.get("name")), list(_task_rules(templates, task)))
    if cycle := _cycle({str(task.get("name")): _dependencies(task) for task in tasks}):
        yield f"tasks wait for each other: {' -> '.join(cycle)}"


def _inline_rules(template: Manifest) -> Iterator[str]:
    """Argo resolves what stands inline from outside as well, where it knows the inputs of one level only."""
    known = _parameter_names(template)
    for task in dag_tasks(template):
        if inline := task.get("inline"):
            for tag in _scoped_tags(inline):
                name = tag.removeprefix("inputs.parameters.")
                if tag == "pod.name" or (name != tag and name not in known | _parameter_names(inline)):
                    yield f"{task.get('name')}: `{{{{{tag}}}}}` cannot be resolved this deep in inline templates"


def _mixture_rules(tasks: list[Manifest]) -> Iterator[str]:
    if not any("depends" in task for task in tasks):
        return
    for field in ("dependencies", "continueOn"):
        if any(field in task for task in tasks):
            yield f"`{field}` and `depends` do not go together in one DAG"
    for name in sorted(str(task.get("name")) for task in tasks):
        if name[:1].isdigit():
            yield f"task name `{name}` starts with a digit, which `depends` cannot parse"
    waited_for = set[str]().union(*map(_dependencies, tasks))
    for name in sorted(waited_for & EXPRESSION_WORDS):
        yield f"task name `{name}` is a word of the language of `depends`"


def _task_rules(templates: dict[str, Manifest], task: Manifest) -> Iterator[str]:
    if ("template" in task) + ("inline" in task) + ("templateRef" in task) != 1:
        yield "either `template` or `inline` is needed"
    if "depends" in task:
        yield from _depends_rules(task["depends"])
    template = task.get("inline") or templates.get(task.get("template", ""))
    if template is None:
        return
    given = (task.get("arguments") or {}).get("parameters", ())
    names = [argument["name"] for argument in given]
    if len(set(names)) != len(names):
        yield "two arguments have the same name"
    yield from (f"argument `{one['name']}` has no value" for one in given if "value" not in one)
    declared = {one["name"]: one for one in _parameters(template)}
    for name, parameter in declared.items():
        if name not in names and "value" not in parameter and "default" not in parameter:
            yield f"argument `{name}` is missing"
    yield from (f"argument `{name}` is not an input of its template" for name in names if name not in declared)


def _dependencies(task: Manifest) -> set[str]:
    named = {match[2] for match in _DEPENDS_TOKEN.finditer(task.get("depends") or "") if match[2]}
    return named | set(task.get("dependencies") or ())


def _depends_rules(depends: str) -> Iterator[str]:
    """`X.Result` joined by `&&`, `||`, `!` and parentheses: checked as the Python expression of the same shape."""
    words, position = [], 0
    while position < len(depends.rstrip()):
        token = _DEPENDS_TOKEN.match(depends, position)
        if not token:
            yield f"depends: cannot read {depends[position:]!r}"
            return
        position = token.end()
        operator, name, result = token.groups()
        words.append({"&&": "and", "||": "or", "!": "not"}.get(operator, operator or "task"))
        if name and result not in _RESULTS:
            yield f"depends: `{name}` needs a result such as `{name}.Succeeded`, not {result!r}"
    try:
        tree = ast.parse(" ".join(words), mode="eval")
    except SyntaxError:
        yield f"depends: {depends!r} is not an expression"
        return
    boolean = (ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.Name, ast.Load)
    if not all(isinstance(node, boolean) for node in ast.walk(tree)):
        yield f"depends: {depends!r} is not an expression"


def _cycle(dependencies: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(dependencies).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        return cycle
    return []


def _node_rules(workflow: Manifest) -> Iterator[str]:
    """Nodes are identified by a hash of 32 bits of their names."""
    names = []
    limits = {}
    for node in argo_nodes(workflow).nodes:
        names.append(node.name)
        if node.name.endswith("(0)") and (retry := retry_strategy(node.template, workflow)):
            limits[node.name] = int(retry.get("limit") or 0)
    for name, limit in limits.items():
        names += [f"{name[:-3]}({attempt})" for attempt in range(1, limit + 1)]
    nodes: dict[str, str] = {}
    for name in names:
        other = nodes.setdefault(node_id(workflow["metadata"]["name"], name), name)
        if other != name:
            yield f"nodes `{other}` and `{name}` have the same id"
    size = len(json.dumps(workflow, separators=(",", ":")).encode()) + STATUS_BYTES_PER_NODE * len(nodes)
    if size > MAX_WORKFLOW_BYTES:
        yield f"{size} bytes with the status of {len(nodes)} nodes, more than etcd takes from Argo"
