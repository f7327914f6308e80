"""What has changed from one run to another, as a user would say it."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final

from osmoc.comparison.tasks import Run, Task

_SHORT: Final = 100  # characters of two values that stand on one line


def tell_changes(before: Run, after: Run) -> Iterator[str]:
    """Lines; none if the tasks are the same."""
    if before.target != after.target:
        yield f"target: {before.target} → {after.target}"
    for name, task in after.tasks.items():
        if name not in before.tasks:
            yield f"{name}: new"
            continue
        lines = list(_of_task(before.tasks[name], task, with_pod=before.target == after.target))
        if lines:
            yield name
            yield from (f"  {line}" for line in lines)
    yield from (f"{name}: gone" for name in before.tasks if name not in after.tasks)
    yield from _anew(before, after)


def _anew(before: Run, after: Run) -> Iterator[str]:
    """A change that its results do not depend on, of resources for instance, makes no task another one."""
    other = [name for name, task in after.tasks.items() if _digest(before, name) != task.digest]
    if not other:
        return
    own = [name for name in other if name not in before.tasks or _has_own(before.tasks[name], after.tasks[name])]
    rest = [name for name in other if name not in own]
    follows = f"; and so what reads it: {', '.join(rest)}" if own and rest else ""
    yield f"computes anew: {', '.join(own or rest)}{follows}"


def _digest(run: Run, name: str) -> str:
    return run.tasks[name].digest if name in run.tasks else ""


def _has_own(before: Task, after: Task) -> bool:
    return any(_of_task(before, after, with_pod=False))


def _of_task(before: Task, after: Task, *, with_pod: bool) -> Iterator[str]:
    for field in dict.fromkeys([*after.fields, *before.fields]):
        if with_pod or field not in ("pod", "resources"):
            yield from _of_field(field, before.fields.get(field, ()), after.fields.get(field, ()))


def _of_field(field: str, before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        gone, come = before[i1:i2], after[j1:j2]
        option = after[j1 - 1] if field == "command" and j1 and after[j1 - 1].startswith("-") else ""
        if len(gone) == len(come) and all(map(_is_other_value, gone, come)):
            yield from (f"{field}: {_value(line, other)}" for line, other in zip(gone, come, strict=True))
        elif len(gone) == len(come) == 1 and len(gone[0]) + len(come[0]) <= _SHORT:
            yield f"{field}: {' '.join(filter(None, (option, gone[0].strip())))} → {come[0].strip()}"
        else:
            yield f"{field}:"
            yield from (f"  - {line}" for line in gone)
            yield from (f"  + {line}" for line in come)


def _is_other_value(before: str, after: str) -> bool:
    """Of one name: `epochs=10`, `epochs=20`."""
    name, equals, _ = before.partition("=")
    return bool(equals) and " " not in name and after.startswith(f"{name}=") and len(before) + len(after) <= _SHORT


def _value(before: str, after: str) -> str:
    name, _, value = before.partition("=")
    return f"{name} {value} → {after.removeprefix(f'{name}=')}"
