"""Argo knows the nodes of a run by a 32-bit hash of their names: two of 1,000 tasks clash once in 10,000 workflows.

One of the two would then never run, so such an id is not used.
"""

from collections.abc import Iterator

from osmoc.emit.argo import dag_name, is_inline
from osmoc.plan import Plan

_OFFSET = 0x811C9DC5
_PRIME = 0x01000193


def find_clash(plan: Plan, workflow_id: str) -> tuple[str, str] | None:
    """Two nodes of the plan, were it run under this id, that Argo would take for one."""
    seen: dict[int, str] = {}
    root = _hash(workflow_id.encode(), _OFFSET)
    for name in _node_names(plan):
        key = _hash(name.encode(), root)
        if key in seen:
            return seen[key], name
        seen[key] = name
    return None


def _node_names(plan: Plan) -> Iterator[str]:
    """What follows the workflow's id in the names of its nodes: DAG tasks, and each attempt at a task."""
    outer = ""
    if is_inline(plan):
        outer = ".groups"
        yield outer
    for group in plan.groups.values():
        within = f"{outer}.{dag_name(group)}"
        if len(group.tasks) > 1:
            yield within
        for task in group.tasks:
            name = f"{within}.{task.label}" if len(group.tasks) > 1 else within
            yield name
            if task.shape.retry:
                yield from (f"{name}({attempt})" for attempt in range(task.shape.retry.limit + 1))


def _hash(text: bytes, state: int) -> int:
    """FNV-1a of 32 bits, continued from `state`."""
    for byte in text:
        state = (state ^ byte) * _PRIME & 0xFFFFFFFF
    return state
