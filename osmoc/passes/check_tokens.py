"""Special tokens: each stands in a task, has a form that is replaced, and names something that is there."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from osmoc import codes, urls
from osmoc.diagnostics import Diagnostics, advice, did_you_mean, listed
from osmoc.spec import Task, TaskInput
from osmoc.tokens import Token, TokenKind, tokens_in
from osmoc.written import Written
from osmoc.yamltree import Path, Scalar, Tree

_HALF: Final = re.compile(r"\{\{ *(input|host):")


# What is wrong, and help; that takes long where there are many names, and is asked for last.
_Fault = tuple[codes.Code, str, Callable[[], str]]


class _Reach(NamedTuple):
    """What the tokens of a task can name."""

    task: Task
    inputs: frozenset[str]
    peers: Mapping[str, None]  # a set that keeps the order of the file
    every: frozenset[str]


def check_tokens(written: Written, found: Diagnostics) -> None:
    workflow, tree = written.workflow, written.tree
    every = frozenset(task.name for _, task in workflow.walk())
    for _, tasks in workflow.walk_groups():
        peers = dict.fromkeys(task.name for _, task in tasks)
        for where, task in tasks:
            inputs = frozenset(item.task.rpartition(":")[2] for item in task.inputs if isinstance(item, TaskInput))
            reach = _Reach(task, inputs, peers, every)
            _check_task(where, reach, tree, found)
            for path, text in written.local_texts(where, task):
                for token in tokens_in(text):
                    _check_token(token, path, 0, reach, tree, found)
    _check_outside(tree, found)


def _check_task(where: Path, reach: _Reach, tree: Tree, found: Diagnostics) -> None:
    plain: Any = tree.plain
    for step in where:
        plain = plain[step]
    for path, text in _texts(plain, where):
        if "{{" not in text:
            continue
        seen: dict[str, int] = {}
        for token in tokens_in(text):
            _check_token(token, path, seen.get(token.text, 0), reach, tree, found)
            seen[token.text] = seen.get(token.text, 0) + 1
        if len(_HALF.findall(text)) > sum(count for text, count in seen.items() if _HALF.match(text)):
            found.report(
                codes.TOKEN_FORM,
                tree.find(path, "{{" + ("host:" if "{{host:" in text else "input:")),
                "a token that is not closed, or holds another one, is never replaced",
                help="to compute a name write {% raw %}{{host:worker_{% endraw %}{{ i }}{% raw %}}}{% endraw %}",
            )
        if path[-1] == "url" and "{{" in urls.profile_of(text):
            found.report(codes.TOKEN_PLACE, tree.span(path), "a token in a bucket name: no credential is known for it")


def _check_token(token: Token, path: Path, occurrence: int, reach: _Reach, tree: Tree, found: Diagnostics) -> None:
    fault = _fault(token, reach)
    if fault and not found.leaves_out(fault[0]):
        code, message, help = fault
        found.report(code, tree.find(path, token.text, occurrence), message, help=help())


def _fault(token: Token, reach: _Reach) -> _Fault | None:
    name = token.argument
    if token.kind is TokenKind.UUID:
        return codes.TOKEN_FORM, "nothing replaces `{{uuid}}`", lambda: "`{{workflow_id}}` is unique to a run"
    if name != name.strip():
        form = f"`{{{{{token.kind.value}:{name.strip()}}}}}`"
        return codes.TOKEN_FORM, f"`{token.text}` is never replaced", lambda: f"write it without the space: {form}"
    if token.kind is TokenKind.INPUT:
        return _input_fault(name, reach)
    if token.kind is TokenKind.HOST:
        return _host_fault(name, reach)
    return None


def _input_fault(name: str, reach: _Reach) -> _Fault | None:
    count = len(reach.task.inputs)
    if name.isascii() and name.isdigit():
        if name != str(int(name[:9])):
            return (
                codes.TOKEN_FORM,
                f"`{{{{input:{name}}}}}` is never replaced",
                lambda: f"write `{{{{input:{int(name[:9])}}}}}`",
            )
        if int(name) >= count:
            has = f"{count} input{'s' if count > 1 else ''}, counted from 0" if count else "no inputs"
            return codes.TOKEN_INDEX, f"`{{{{input:{name}}}}}`, but task `{reach.task.name}` has {has}", str
    elif name not in reach.inputs:
        message = f"`{name}` is not a task that `{reach.task.name}` takes input from"
        return codes.TOKEN_TASK, message, lambda: _known_inputs(name, reach)
    return None


def _known_inputs(name: str, reach: _Reach) -> str:
    known = f"inputs by name: {listed(sorted(reach.inputs))}" if reach.inputs else "inputs are counted from 0"
    return advice(did_you_mean(name, reach.inputs), known)


def _host_fault(name: str, reach: _Reach) -> _Fault | None:
    if name in reach.every and name not in reach.peers:
        help = "only tasks of one group run at the same time and have names for each other"
        return codes.TOKEN_TASK, f"`{name}` is a task of another group", lambda: help
    if name not in reach.peers:
        message = f"`{name}` is not a task of this group"
        return codes.TOKEN_TASK, message, lambda: _known_peers(name, reach)
    if len(reach.peers) == 1:
        return codes.HOST_ALONE, "a task that is alone in its group has no host name", lambda: "use `localhost`"
    return None


def _known_peers(name: str, reach: _Reach) -> str:
    return advice(did_you_mean(name, reach.peers), f"tasks of this group: {listed(reach.peers)}")


def _check_outside(tree: Tree, found: Diagnostics) -> None:
    plain = tree.plain["workflow"]
    rest = {key: value for key, value in plain.items() if key not in ("tasks", "groups")}
    parts: list[tuple[Path, Any]] = [(("workflow",), rest)]
    groups = plain.get("groups")
    for n, group in enumerate(groups if isinstance(groups, list) else []):
        if isinstance(group, dict):
            parts.append((("workflow", "groups", n), {key: value for key, value in group.items() if key != "tasks"}))
    for path, part in parts:
        for place, text in _texts(part, path):
            for token in tokens_in(text):
                if found.leaves_out(codes.TOKEN_OUTSIDE):
                    continue
                found.report(
                    codes.TOKEN_OUTSIDE,
                    tree.find(place, token.text),
                    f"`{token.text}` stands outside a task, where nothing replaces it",
                )


def _texts(plain: Any, path: Path) -> list[tuple[Path, str]]:
    """Every string within a list or mapping that may hold a token, keys included, with its path."""
    texts: list[tuple[Path, str]] = []
    _collect(plain, path, texts)
    return texts


def _collect(plain: Any, path: Path, texts: list[tuple[Path, str]]) -> None:
    steps: Iterable[tuple[Any, Any]] = plain.items() if type(plain) is dict else enumerate(plain)
    for step, value in steps:
        if type(step) is not int:
            step = step if type(step) is str else step.text if isinstance(step, Scalar) else ""
            if "{{" in step:
                texts.append(((*path, step), step))
        if type(value) is str:
            if "{{" in value:
                texts.append(((*path, step), value))
        elif value and type(value) in _COLLECTIONS:
            _collect(value, (*path, step), texts)


_COLLECTIONS: Final = (dict, list)
