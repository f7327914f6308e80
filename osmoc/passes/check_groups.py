"""Groups and their leads: either tasks or groups, one lead a group, and settings that have nobody to act on."""

from typing import Final

from osmoc import codes
from osmoc.diagnostics import Diagnostics, listed
from osmoc.spec import Group
from osmoc.written import Written
from osmoc.yamltree import Path, Tree

# What the plan of the driver and a Workflow can hold is less; every task of a group knows of all others.
_MOST_TASKS: Final = 20_000
_MOST_MEMBERS: Final = 1_000


def check_groups(written: Written, found: Diagnostics) -> None:
    workflow, tree = written.workflow, written.tree
    if workflow.tasks and workflow.groups:
        later = max(tree.key(("workflow", key)) for key in ("tasks", "groups"))
        found.report(codes.TASKS_AND_GROUPS, later, "a workflow has either `tasks` or `groups`, not both")
    elif not workflow.tasks and not workflow.groups:
        keys = [key for key in ("tasks", "groups") if key in tree.plain["workflow"]]
        where = tree.key(("workflow", *keys[:1]))
        found.report(codes.TASKS_AND_GROUPS, where, "a workflow without tasks", help="list at least one below `tasks`")
    count = sum(1 for _ in workflow.walk())
    if count > _MOST_TASKS:
        message = f"a workflow of {count} tasks; no target takes more than {_MOST_TASKS}"
        found.report(codes.TARGET_SIZE, tree.heading(), message, help="split the workflow")
    for n, task in enumerate(workflow.tasks):
        if "lead" in task.model_fields_set and not task.lead:
            _report_alone(("workflow", "tasks", n, "lead"), "a task of `tasks` always leads", tree, found)
    for g, group in enumerate(workflow.groups):
        _check_group(group, ("workflow", "groups", g), tree, found)


def _check_group(group: Group, path: Path, tree: Tree, found: Diagnostics) -> None:
    if not group.tasks:
        found.report(codes.EMPTY_LIST, tree.key((*path, "tasks")), f"group `{group.name}` has no tasks")
    elif len(group.tasks) == 1:
        if "lead" in group.tasks[0].model_fields_set and not group.tasks[0].lead:
            _report_alone((*path, "tasks", 0, "lead"), "the only task of a group always leads", tree, found)
        if "barrier" in group.model_fields_set and not group.barrier:
            _report_alone((*path, "barrier"), "a single task waits for nobody", tree, found)
        if "ignore_nonlead_status" in group.model_fields_set:
            _report_alone((*path, "ignoreNonleadStatus"), "a single task has no other tasks to ignore", tree, found)
    elif len(group.tasks) > _MOST_MEMBERS:
        message = f"group `{group.name}` has {len(group.tasks)} tasks; at most {_MOST_MEMBERS} can start together"
        found.report(codes.TARGET_SIZE, tree.key(path), message, help="split the group")
    else:
        leads = [task.name for task in group.tasks if task.lead]
        if len(leads) != 1:
            which = f": {listed(leads)}" if leads else ""
            found.report(
                codes.LEADS,
                tree.key(path),
                f"group `{group.name}` has {len(leads)} leads{which}",
                help="exactly one task of a group has `lead: true`; the group ends when it ends",
            )


def _report_alone(path: Path, message: str, tree: Tree, found: Diagnostics) -> None:
    found.report(codes.NO_CHOICE, tree.key(path), message, help="leave the key out")
