"""The content digest of every task: what decides its result, and nothing of where or when it runs.

Taken before tokens are bound. An upstream task counts by its own digest, a URL and a dataset by their text; to the
latter osmo-ctrl adds the version that it resolved. On it rests running again only what changed.
"""

import json
from collections.abc import Mapping
from graphlib import TopologicalSorter
from hashlib import sha256
from typing import Any, Final

from osmoc.graph import DatasetRead, Graph, Task, TaskRead, UrlRead

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))


def digest_tasks(graph: Graph) -> Mapping[str, str]:
    """SHA-256 in hex by task. Needs: a graph without cycles."""
    digests: dict[str, str] = {}
    for name in TopologicalSorter(graph.upstream()).static_order():
        for task in graph.groups[name].tasks:
            digests[task.name] = _digest(task, digests)
    return digests


def _digest(task: Task, upstream: Mapping[str, str]) -> str:
    content = {
        "image": task.image,
        "command": [*task.command, *task.args],
        "environment": task.environment,
        "credentials": [
            *([item.name, item.credential, item.key] for item in task.variables),
            *([item.directory, item.credential] for item in task.directories),
        ],
        "files": [[file.path, file.digest] for file in task.files],
        "inputs": [_identity(read, upstream) for read in task.reads],
    }
    return sha256(_ENCODER.encode(content).encode()).hexdigest()


def _identity(read: TaskRead | UrlRead | DatasetRead, upstream: Mapping[str, str]) -> list[Any]:
    match read:
        case TaskRead(workflow=""):
            return ["task", upstream[read.task], read.regex]
        case TaskRead():
            return ["task", read.workflow, read.task, read.regex]
        case UrlRead():
            return ["url", read.url, read.regex]
        case DatasetRead():
            return ["dataset", str(read.dataset), read.version, read.regex]
