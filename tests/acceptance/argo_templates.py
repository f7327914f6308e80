"""The templates of a Workflow as written: the named ones and those that stand inline in a DAG."""

from collections.abc import Iterator

from acceptance.manifest import Manifest

TYPES = (
    "container",
    "containerSet",
    "dag",
    "data",
    "http",
    "plugin",
    "resource",
    "script",
    "steps",
    "suspend",
)


def template_type(template: Manifest) -> str:
    """The one type of the template; empty if it has none or several."""
    found = [name for name in TYPES if template.get(name) is not None]
    return found[0] if len(found) == 1 else ""


def dag_tasks(template: Manifest) -> list[Manifest]:
    tasks: list[Manifest] = (template.get("dag") or {}).get("tasks") or []
    return tasks


def named_templates(workflow: Manifest) -> dict[str, Manifest]:
    return {template.get("name", ""): template for template in workflow["spec"].get("templates", ())}


def resolved(template: Manifest, workflow: Manifest) -> Manifest:
    """A named template as the controller finds it: podMetadata stands in its metadata, behind its own."""
    own, everywhere = template.get("metadata") or {}, workflow["spec"].get("podMetadata") or {}
    metadata = {kind: everywhere[kind] | (own.get(kind) or {}) for kind in everywhere}
    return {**template, "metadata": own | metadata} if metadata else template


def located_templates(workflow: Manifest) -> Iterator[tuple[str, Manifest]]:
    """Every template with its path, the inline ones behind the template that holds them."""
    for name, template in named_templates(workflow).items():
        yield name, template
        yield from _inline_of(name, template)


def inline_templates(workflow: Manifest) -> Iterator[tuple[str, Manifest]]:
    for name, template in named_templates(workflow).items():
        yield from _inline_of(name, template)


def unwrap_inline(workflow: Manifest) -> list[Manifest]:
    """The templates that the API server does not look at: to it, `inline` is anything."""
    return [template for _, template in inline_templates(workflow)]


def _inline_of(path: str, template: Manifest) -> Iterator[tuple[str, Manifest]]:
    for task in dag_tasks(template):
        if inline := task.get("inline"):
            below = f"{path}.{task.get('name')}"
            yield below, inline
            yield from _inline_of(below, inline)
