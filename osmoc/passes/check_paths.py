"""What is put into a task's container: files, directories of credentials, directories of the node.

Each has a place of its own, none hides another, and none lies where the system keeps its things.
"""

import base64
import binascii
from collections.abc import Mapping

from osmoc import codes
from osmoc.diagnostics import Diagnostics
from osmoc.names import LONGEST_PATH, SAFE_PATH, absolute
from osmoc.spec import File, Task
from osmoc.tokens import OUTPUT_DIRECTORY, stand_in
from osmoc.written import Written
from osmoc.yamltree import Path, Tree

_SYSTEM = "/osmo"
_ELSEWHERE = "choose a directory elsewhere"


def check_paths(written: Written, found: Diagnostics) -> None:
    for where, task in written.workflow.walk():
        mounted: dict[str, str] = {}
        _check_mounts(task, where, mounted, written.tree, found)
        _check_credentials(task, where, mounted, written.tree, found)
        _check_files(task, where, mounted, written, found)


def _check_mounts(task: Task, where: Path, mounted: dict[str, str], tree: Tree, found: Diagnostics) -> None:
    for n, mount in enumerate(task.volume_mounts):
        host, colon, container = mount.partition(":")
        target = _normal(container or host)
        if ":" in container or (colon and not container) or not host:
            fault = "the form is `/host` or `/host:/container`"
        elif not host.startswith("/") or not target.startswith("/"):
            fault = "both paths start with `/`"
        elif ".." in host.split("/") or not SAFE_PATH.fullmatch(host) or not SAFE_PATH.fullmatch(target):
            fault = "a path with characters or `..` that no mount may have"
        elif target.strip("/") == "":
            fault = "it would hide the whole file system of the image"
        elif _is_below(target, _SYSTEM):
            fault = "`/osmo` belongs to the system"
        elif target in mounted:
            fault = f"`{target}` is mounted already"
        else:
            mounted[target] = "a mount"
            continue
        path: Path = (*where, "volumeMounts", n)
        found.report(codes.BAD_MOUNT, tree.span(path), f"`{mount[:80]}` cannot be mounted: {fault}")


def _check_credentials(task: Task, where: Path, mounted: dict[str, str], tree: Tree, found: Diagnostics) -> None:
    for name, directory in task.credentials.items():
        if not isinstance(directory, str):
            continue
        normal = _normal(directory)
        if not directory.startswith("/"):
            message, help = f"`{directory[:60]}` is a relative path", "write the whole path of a directory"
        elif normal == "/" or not SAFE_PATH.fullmatch(normal):
            message, help = f"`{directory[:60]}` cannot be a directory for a credential", ""
        elif _is_below(normal, _SYSTEM):
            message, help = "`/osmo` belongs to the system", f"{_ELSEWHERE}, such as `/credentials`"
        elif normal in mounted:
            message, help = f"`{normal}` is {mounted[normal]} already", "give each a directory of its own"
        else:
            mounted[normal] = f"the directory of credential `{name}`"
            continue
        found.report(codes.BAD_CREDENTIAL, tree.span((*where, "credentials", name)), message, help=help)


def _check_files(task: Task, where: Path, mounted: dict[str, str], written: Written, found: Diagnostics) -> None:
    tree = written.tree
    files: set[str] = set()
    normals = [_normal(stand_in(file.path)) for file in task.files]
    nested = _nested(normals)
    for n, file in enumerate(task.files):
        item: Path = (*where, "files", n)
        path: Path = (*item, "path")
        _check_contents(file, item, written, found)
        normal = normals[n]
        if fault := _path_fault(file.path, normal):
            found.report(codes.BAD_FILE_PATH, tree.span(path), fault[0], help=fault[1])
        elif normal in files:
            found.report(codes.FILE_CLASH, tree.span(path), f"task `{task.name}` has two files at `{normal}`")
        elif n in nested:
            found.report(codes.FILE_CLASH, tree.span(path), f"`{normal}` and another file lie one within the other")
        elif hiding := _hiding(normal, mounted):
            message = f"`{hiding}` is {mounted[hiding]}, which would hide the file"
            found.report(codes.FILE_CLASH, tree.span(path), message, help=_ELSEWHERE)
        files.add(normal)


def _nested(paths: list[str]) -> set[int]:
    """The paths that lie below one that stands further up in the file, or above it."""
    nested: set[int] = set()
    outer: list[int] = []  # those that the current one lies below
    # In this order a directory comes right before all that lies below it: a task may have thousands of files.
    short = [n for n, path in enumerate(paths) if len(path) <= LONGEST_PATH]
    for n in sorted(short, key=lambda n: f"{paths[n]}/"):
        while outer and not _is_below(paths[n], paths[outer[-1]]):
            outer.pop()
        if outer and paths[outer[-1]] == paths[n]:
            continue
        nested.update(max(n, other) for other in outer)
        outer.append(n)
    return nested


def _hiding(path: str, mounted: Mapping[str, str]) -> str:
    """What is mounted over a file."""
    ends = [n for n, character in enumerate(path) if character == "/" and n] if mounted else []
    return next((path[:end] for end in (None, *ends) if path[:end] in mounted), "")


def _path_fault(path: str, normal: str) -> tuple[str, str] | None:
    shown = path[:80]
    if not path.strip("/") or normal == "/":
        return f"`{shown}` is no path of a file", ""
    if len(path) > LONGEST_PATH or len(normal) > LONGEST_PATH:
        return f"a path of {len(path)} characters; at most {LONGEST_PATH} are allowed", ""
    if not normal.startswith("/"):
        return f"`{shown}` is a relative path", f"write the whole path, such as `/{shown}`"
    if path.endswith("/"):
        return f"`{shown}` is a directory", "add the name of the file"
    if _is_below(normal, _SYSTEM) and not normal.startswith(f"{OUTPUT_DIRECTORY}/"):
        return "`/osmo` belongs to the system", f"{_ELSEWHERE}; `{OUTPUT_DIRECTORY}/` is allowed"
    if not SAFE_PATH.fullmatch(normal):
        return f"`{shown}` has a character that no mount may have", "letters, digits, spaces and `._@%+=,~-`"
    return None


def _check_contents(file: File, item: Path, written: Written, found: Diagnostics) -> None:
    tree = written.tree
    if file.contents is None and file.localpath is None:
        found.report(codes.FILE_CONTENTS, tree.key(item), "a file without `contents` or `localpath`")
    elif file.contents is not None and file.localpath is not None:
        message = "`contents` and `localpath` exclude each other"
        found.report(codes.FILE_CONTENTS, tree.key((*item, "localpath")), message)
    key, text = ("contents", file.contents) if file.contents is not None else ("localpath", written.files.get(item))
    if not file.base64 or text is None:
        return
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        help = "`base64 -w0 FILE` writes it"
        found.report(codes.BAD_BASE64, tree.span((*item, key)), "the contents are not base64", help=help)


def _normal(path: str) -> str:
    return absolute(path) if path.startswith("/") else path


def _is_below(path: str, directory: str) -> bool:
    return path == directory or path.startswith(f"{directory}/")
