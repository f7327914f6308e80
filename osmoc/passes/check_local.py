"""What this machine cannot run as it is written: only checked for the target `local`.

Where the host refuses namespaces, a task has no root of its own: files and paths at absolute places would be those of
the host. Tokens are bound to the folder of the run, so paths that are written with them are right in any case.
"""

from collections.abc import Iterator

from osmoc import codes
from osmoc.decisions import Local
from osmoc.diagnostics import Diagnostics
from osmoc.graph import Graph, Task
from osmoc.tokens import OUTPUT_DIRECTORY, stand_in
from osmoc.yamltree import Path, Tree

_SYSTEM = "/osmo/"
_NAMESPACES = "this machine has no namespaces for it; run it with `--engine podman` or `--engine docker`"


def check_local(graph: Graph, local: Local, tree: Tree, found: Diagnostics) -> None:
    for _, task in graph.tasks() if local.root else ():
        _check_places(task, tree, found)


def _check_places(task: Task, tree: Tree, found: Diagnostics) -> None:
    for n, file in enumerate(task.files):
        if not stand_in(file.path).startswith(f"{OUTPUT_DIRECTORY}/"):
            at = tree.span((*task.where, "files", n, "path"))
            found.report(codes.UNSUPPORTED, at, f"task `{task.name}` has a file at `{file.path}`", help=_NAMESPACES)
    for name, directory in ((item.credential, item.directory) for item in task.directories):
        at = tree.span((*task.where, "credentials", name))
        message = f"task `{task.name}` has a credential at `{directory}`"
        found.report(codes.UNSUPPORTED, at, message, help=_NAMESPACES)
    for n, mount in enumerate(task.mounts):
        if mount.host != mount.container:
            at = tree.span((*task.where, "volumeMounts", n))
            message = f"task `{task.name}` mounts `{mount.host}` at `{mount.container}`"
            found.report(codes.UNSUPPORTED, at, message, help=_NAMESPACES)
    for path, text in _texts(task):
        if _SYSTEM in text:
            message = f"task `{task.name}` uses a path below `/osmo` that is not written as a token"
            help = f"write `{{{{output}}}}` or `{{{{input:0}}}}`; else {_NAMESPACES}"
            found.report(codes.UNSUPPORTED, tree.find(path, _SYSTEM), message, help=help)


def _texts(task: Task) -> Iterator[tuple[Path, str]]:
    for n, word in enumerate(task.command):
        yield (*task.where, "command", n), word
    for n, word in enumerate(task.args):
        yield (*task.where, "args", n), word
    for name, value in task.environment:
        yield (*task.where, "environment", name), value
    for n, file in enumerate(task.files):
        if isinstance(file.content, str):
            yield (*task.where, "files", n, "contents"), file.content
