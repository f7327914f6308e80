"""Read the plain values of a workflow section into the `Spec` models; all schema errors at once.

Needs: a tree whose root is the mapping `{workflow: …}`. Leaves: a `Workflow` that has the right shape and types; if
there are errors, the rest of it, so that the checks find in the same run what else is wrong.
"""

from typing import Any, Final

from pydantic import ValidationError

from osmoc import codes
from osmoc.diagnostics import Diagnostics
from osmoc.repair import broken_part, repair
from osmoc.spec import Workflow
from osmoc.spec_faults import Paths, report_fault
from osmoc.yamltree import Path, Tree

# With more errors than these nobody misses what the checks would find.
_MOST_REPAIRED: Final = 500


def read_spec(tree: Tree, found: Diagnostics) -> Workflow | None:
    plain = tree.plain.get("workflow") if isinstance(tree.plain, dict) else None
    if not isinstance(plain, dict):
        found.report(codes.NO_WORKFLOW, tree.key(("workflow",)), "the workflow section is not a mapping of keys")
        return None
    tree.refuse_disputed(found)
    try:
        return Workflow.model_validate(plain, context=found)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        paths = Paths(plain)
        for problem in problems:
            report_fault(problem, paths, tree, found)
        if len(problems) > _MOST_REPAIRED:
            return None
        return _repaired(plain, [(problem["type"], paths.of(problem["loc"])[0]) for problem in problems], tree, found)


def _repaired(plain: Any, problems: list[tuple[str, Path]], tree: Tree, found: Diagnostics) -> Workflow | None:
    """The rest of a broken workflow; None if names are broken, as every reference would seem wrong."""
    for kind, path in problems:
        found.mute(*tree.lines(broken_part(kind, path)))
        if path[-1] in ("tasks", "groups", "name") or path[-2:-1] == ("tasks",):
            return None
    try:
        return Workflow.model_validate(repair({"workflow": plain}, problems)["workflow"])
    except ValidationError:
        return None
