"""What tasks refer to by name: other tasks, and resources.

Needs: names checked. Order and cycles are for checks of the graph: this sees one reference at a time.
"""

from collections import defaultdict

from osmoc import codes
from osmoc.diagnostics import Diagnostics, advice, did_you_mean, listed
from osmoc.names import NAME
from osmoc.spec import Task, TaskInput, Workflow
from osmoc.written import Written
from osmoc.yamltree import Path, Tree


def check_references(written: Written, found: Diagnostics) -> None:
    workflow, tree = written.workflow, written.tree
    group_of = {task.name: n for n, (_, tasks) in enumerate(workflow.walk_groups()) for _, task in tasks}
    for where, task in workflow.walk():
        for n, item in enumerate(task.inputs):
            if isinstance(item, TaskInput):
                path = (*where, "inputs", n, "task")
                if ":" in item.task:
                    _check_earlier(item.task, path, tree, found)
                else:
                    _check_task(task, item.task, path, group_of, workflow, tree, found)
    _check_resources(workflow, tree, found)


def _check_task(
    reader: Task, name: str, path: Path, group_of: dict[str, int], workflow: Workflow, tree: Tree, found: Diagnostics
) -> None:
    if name not in group_of:
        kind = "a group, not a task" if name in {group.name for group in workflow.groups} else "not a task"
        found.report(
            codes.UNKNOWN_TASK,
            tree.span(path),
            f"task `{reader.name}` takes input from `{name}`, which is {kind} of this workflow",
            help=advice(did_you_mean(name, group_of), f"tasks: {listed(group_of)}"),
        )
    elif name == reader.name:
        found.report(codes.SAME_GROUP, tree.span(path), f"task `{name}` reads its own output")
    elif group_of[name] == group_of[reader.name]:
        found.report(
            codes.SAME_GROUP,
            tree.span(path),
            f"task `{reader.name}` reads from `{name}` of its own group, whose tasks all start together",
            help=f"move one of them to another group, or reach `{name}` at `{{{{host:{name}}}}}`",
        )


def _check_earlier(reference: str, path: Path, tree: Tree, found: Diagnostics) -> None:
    parts = reference.split(":")
    if len(parts) != 2 or not all(NAME.fullmatch(part) for part in parts):
        found.report(
            codes.BAD_REFERENCE,
            tree.span(path),
            f"`{reference}` is not a task of an earlier workflow",
            help="write `<workflow id>:<task>`",
        )
        return
    found.report(
        codes.OTHER_WORKFLOW,
        tree.span(path),
        f"whether task `{parts[1]}` of workflow `{parts[0]}` left data is known only when the task starts",
    )


def _check_resources(workflow: Workflow, tree: Tree, found: Diagnostics) -> None:
    users: dict[str, list[str]] = defaultdict(list)
    for where, task in workflow.walk():
        users[task.resource].append(task.name)
        if task.resource in workflow.resources:
            continue
        if "resource" in task.model_fields_set:
            found.report(
                codes.UNKNOWN_RESOURCE,
                tree.span((*where, "resource")),
                f"task `{task.name}` names the resource `{task.resource}`, which the workflow does not declare",
                help=advice(
                    did_you_mean(task.resource, workflow.resources), f"resources: {listed(workflow.resources)}"
                ),
            )
        else:
            known = f"resources: {listed(workflow.resources)}" if workflow.resources else ""
            found.report(
                codes.UNKNOWN_RESOURCE,
                tree.key(where),
                f"task `{task.name}` names no resource, and `resources` has no `default`",
                help=advice("add `resource: <name>` or declare `default`", known),
            )
    for name in workflow.resources:
        if name not in users and "resources" in workflow.model_fields_set:
            found.report(
                codes.UNUSED_RESOURCE, tree.key(("workflow", "resources", name)), f"no task uses the resource `{name}`"
            )
