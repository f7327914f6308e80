"""Exit actions: they exist, once each, and every exit code has one of them at most."""

from bisect import bisect_left
from collections.abc import Mapping
from operator import itemgetter

from osmoc import codes
from osmoc.diagnostics import Diagnostics, did_you_mean
from osmoc.exit_codes import EVICTED, OUT_OF_MEMORY, SYSTEM_RANGES, USER_LAST, covers, is_system_only
from osmoc.graph import Action
from osmoc.spec import Task
from osmoc.values import ExitRange
from osmoc.written import Written
from osmoc.yamltree import Path, Tree


def check_exit_actions(written: Written, found: Diagnostics) -> None:
    workflow, tree = written.workflow, written.tree
    for where, task in workflow.walk():
        if task.exit_actions:
            _check_task(task, (*where, "exitActions"), tree, found)


def _check_task(task: Task, path: Path, tree: Tree, found: Diagnostics) -> None:
    spellings: dict[str, str] = {}
    taken: dict[str, list[ExitRange]] = {}  # by action: disjoint, from low to high
    for name, ranges in task.exit_actions.items():
        where = (*path, name)
        action = name.upper()
        if action not in Action.__members__:
            help = "RESTART is called RESCHEDULE" if action == "RESTART" else did_you_mean(action, Action.__members__)
            found.report(
                codes.BAD_ACTION,
                tree.key(where),
                f"`{name}` is not an exit action",
                help=help or "actions: `COMPLETE`, `FAIL`, `RESCHEDULE`",
            )
            continue
        if action in spellings:
            message = f"`{name}` and `{spellings[action]}` are the same action"
            found.report(codes.ACTION_TWICE, tree.key(where), message, help="join their codes with a comma")
            continue
        spellings[action] = name
        _check_codes(action, ranges, where, tree, found)
        if clash := _clash(ranges, taken):
            code, other = clash
            found.report(
                codes.OVERLAPPING_CODES,
                tree.span(where),
                f"exit code {code} belongs to both `{other}` and `{name}`",
                help=f"`{other}` stands first and would count: take the code out of one of them",
            )
        taken[name] = _joined(ranges)


def _clash(ranges: tuple[ExitRange, ...], taken: Mapping[str, list[ExitRange]]) -> tuple[int, str] | None:
    """A code of the ranges that another action has, and that action."""
    for first, last in ranges:
        for name, others in taken.items():
            at = bisect_left(others, first, key=itemgetter(1))
            if at < len(others) and others[at][0] <= last:
                return max(first, others[at][0]), name
    return None


def _joined(ranges: tuple[ExitRange, ...]) -> list[ExitRange]:
    joined: list[ExitRange] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def _check_codes(action: str, ranges: tuple[ExitRange, ...], where: Path, tree: Tree, found: Diagnostics) -> None:
    for first, last in ranges:
        unknown = first > USER_LAST and not any(first <= end and start <= last for start, end in SYSTEM_RANGES)
        if unknown:
            found.report(
                codes.UNKNOWN_EXIT_CODE,
                tree.span(where),
                f"no command and no failure of the system ends with {first}",
                help="commands end with 0 to 255; the codes of the system are in docs/exit-codes.md",
            )
    if action == Action.COMPLETE.value and all(is_system_only(pair) for pair in ranges):
        found.report(
            codes.COMPLETE_SYSTEM,
            tree.span(where),
            "COMPLETE on codes that the command does not choose",
            help="a task whose upload failed or whose node was lost is not complete; RESCHEDULE tries again",
        )
    if action == Action.RESCHEDULE.value and covers(ranges, OUT_OF_MEMORY) and not covers(ranges, EVICTED):
        found.report(
            codes.OUT_OF_MEMORY_CODE,
            tree.span(where),
            "a container that runs out of memory is reported as 3004; add 3004 to reschedule it as well",
        )
