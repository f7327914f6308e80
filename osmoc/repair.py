"""Make a document with schema errors readable, so that the checks can find what else is wrong in the same run.

Every part that does not fit is left out or filled in, and what is said later about the lines of a repaired item is
dropped: it would be about the repair.
"""

import copy
from collections.abc import Iterable
from typing import Any, Final

from osmoc.yamltree import Path

_FILL: Final = {
    "image": "repaired",
    "command": ["repaired"],
    "tasks": None,
    "contents": "",
    "url": "s3://repaired/repaired",
    "frequency": "1h",
}
_OPTIONAL: Final = frozenset(
    """regex metadata labels localpath contents base64 args lead environment credentials inputs outputs files resource
    resources exitActions checkpoint volumeMounts privileged hostNetwork kpis downloadType cacheSize backend barrier
    ignoreNonleadStatus timeout pool exec_timeout queue_timeout cpu gpu memory storage platform nodesExcluded topology
    group requirementType paths""".split()  # noqa: SIM905 - a list of words reads better as one
)
# Keys of a task that no check of another key looks at.
_APART: Final = frozenset(
    {"exitActions", "checkpoint", "volumeMounts", "kpis", "privileged", "cacheSize", "downloadType"}
)


def repair(plain: Any, problems: Iterable[tuple[str, Path]]) -> Any:
    """A copy of `plain` in which each problem, a kind of pydantic's and a path, is mended as far as it can be."""
    mended = copy.deepcopy(plain)
    for kind, path in sorted(problems, key=lambda problem: len(problem[1]), reverse=True):
        _mend(mended, kind, path)
    return mended


def broken_part(kind: str, path: Path) -> Path:
    """The key, task or resource that a problem makes untrustworthy."""
    if kind == "extra_forbidden":
        return path
    for n, step in enumerate(path):
        if step == "tasks" and len(path) > n + 1:
            return path[: n + 3] if path[n + 2 : n + 3] and path[n + 2] in _APART else path[: n + 2]
    return path[:3] if path[1:2] == ("resources",) else path


def _mend(root: Any, kind: str, path: Path) -> None:
    holder: Any = root
    key = path[-1]
    for step in path[:-1]:
        steps: Any = range(len(holder)) if isinstance(holder, list) else holder if isinstance(holder, dict) else ()
        if step not in steps:
            return  # an outer part was mended already
        holder = holder[step]
    if isinstance(holder, list) and isinstance(key, int):
        inside = next((step for step in reversed(path[:-1]) if isinstance(step, str)), "")
        holder[key] = {"url": _FILL["url"]} if inside in ("inputs", "outputs") else "repaired"
    elif not isinstance(holder, dict):
        return
    elif path[-2:-1] == ("resources",):
        holder[key] = {}
    elif kind == "missing" or key not in _OPTIONAL:
        known = next((name for name in holder if name == key or repr(name) == key), None)
        if kind != "missing" and known is not None and key not in ("name", *_FILL, "path", "key", "index", "task"):
            del holder[known]
        else:
            holder[key] = _FILL.get(str(key), f"repaired-{'-'.join(map(str, path))}".replace("_", "-")[:60].rstrip("-"))
    else:
        holder.pop(key, None)
