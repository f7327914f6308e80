"""Names of workflow, groups and tasks: their form, and whether a cluster can tell them apart.

Tasks and groups share one set of names, in which case and the difference of `-` and `_` do not count.
"""

from osmoc import codes
from osmoc.codes import Code
from osmoc.diagnostics import Diagnostics
from osmoc.names import LONGEST_LABEL, LONGEST_NAME, NAME, kubernetes_name
from osmoc.tokens import tokens_in
from osmoc.written import Written
from osmoc.yamltree import Path, Tree

_RESERVED = frozenset({"osmo-ctrl", "osmo-init", "preflight-test"})
_IMPLICIT_SUFFIX = "-group"


def check_names(written: Written, found: Diagnostics) -> None:
    workflow, tree = written.workflow, written.tree
    if not any(tokens_in(workflow.name)):  # a token outside a task is a finding of its own
        _check_form(workflow.name, ("workflow", "name"), "workflow", LONGEST_NAME, tree, found)
    seen: dict[str, tuple[str, Path]] = {}
    for g, group in enumerate(workflow.groups):
        path: Path = ("workflow", "groups", g, "name")
        _check_form(group.name, path, "group", LONGEST_NAME, tree, found)
        _check_new(group.name, path, seen, tree, found)
    longest = LONGEST_NAME if workflow.groups else LONGEST_NAME - len(_IMPLICIT_SUFFIX)
    for where, task in workflow.walk():
        path = (*where, "name")
        _check_form(task.name, path, "task", longest, tree, found)
        if kubernetes_name(task.name) in _RESERVED:
            found.report(
                codes.RESERVED_NAME, tree.span(path), f"`{task.name}` is the name of a container of the system"
            )
        _check_new(task.name, path, seen, tree, found)
    for n, task in enumerate(workflow.tasks):
        implicit = task.name + _IMPLICIT_SUFFIX
        clash = seen.get(_folded(implicit))
        if clash and clash[1] != ("workflow", "tasks", n, "name"):
            name, path = clash
            # Whichever of the two stands further down has taken the name.
            where = max(path, ("workflow", "tasks", n, "name"))
            found.report(
                codes.NAME_CLASH,
                tree.span(where),
                f"`{name}` is also the name of the group that task `{task.name}` gets",
                help="case does not count, nor `-` against `_`: choose another name",
            )


def _check_form(name: str, path: Path, what: str, longest: int, tree: Tree, found: Diagnostics) -> None:
    code: Code
    if len(name) > longest:
        code, message = codes.NAME_TOO_LONG, f"a {what} name of {len(name)} characters; at most {longest} are allowed"
        help = "its group gets the name with `-group` at the end" if longest < LONGEST_NAME else ""
    elif not NAME.fullmatch(name):
        code, message = codes.BAD_NAME, f"`{_printable(name)}` is not a {what} name"
        help = "a letter, then letters, digits, `-` and `_`, and no dash or underscore at the end"
        if name.endswith("\n"):
            help = "the block scalar `|` puts a line end behind it: write the name on the line of its key"
    else:
        return
    found.report(code, tree.span(path), message, help=help)


def _printable(name: str) -> str:
    return name.replace("\n", "⏎")[:60]


def _check_new(name: str, path: Path, seen: dict[str, tuple[str, Path]], tree: Tree, found: Diagnostics) -> None:
    folded = _folded(name)
    if folded not in seen:
        seen[folded] = (name, path)
        return
    first, first_path = seen[folded]
    if first == name:
        message = f"`{name[:80]}` is the name of two tasks or groups"
    elif len(name) > LONGEST_LABEL and name.lower() != first.lower():
        message = f"`{name}` and `{first}` are equal in their first 63 characters"
    else:
        message = f"`{name[:80]}` and `{first[:80]}` are the same name: case does not count, nor `-` against `_`"
    line = found.source.place(tree.span(first_path))
    found.report(codes.NAME_CLASH, tree.span(path), message, notes=[f"first on line {line.line}"] if line else [])


def _folded(name: str) -> str:
    return kubernetes_name(name)
