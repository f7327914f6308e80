"""What a task puts into its container: image, environment, credentials, files, mounts, and keys without effect."""

import base64
import binascii
import posixpath
import re
from collections.abc import Mapping
from typing import Final

from osmoc import codes, images, plan
from osmoc.diagnostics import Diagnostics
from osmoc.names import SAFE_PATH, SECRET_KEY
from osmoc.spec import File, Task, Workflow
from osmoc.tokens import Token, TokenKind, bind
from osmoc.yamltree import Path, Tree

_VARIABLE: Final = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_CREDENTIAL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")
_SYSTEM_VARIABLES: Final = frozenset({"OSMO_CONFIG_FILE_DIR", "NVIDIA_VISIBLE_DEVICES", "PATH"})
_CACHE_SIZE: Final = re.compile(r"(?:100|[0-9]{1,2})%|[0-9]+(?:\.[0-9]+)?(?:[TGMK](?:i|iB)?|B|m)?")


def check_containers(workflow: Workflow, set_env: Mapping[str, str], tree: Tree, found: Diagnostics) -> None:
    for name in set_env:
        if not _VARIABLE.fullmatch(name):
            found.add(codes.BAD_ENVIRONMENT, None, f"--set-env {name}=…: `{name}` cannot be an environment variable")
    for where, task in workflow.walk():
        if fault := images.fault_of(task.image):
            message = f"`{task.image[:80]}` is not an image name: {fault}"
            found.report(codes.BAD_IMAGE, tree.span((*where, "image")), message)
        if not task.command:
            help = 'the image\'s own command is not used: `command: [bash, -c, "…"]`'
            found.report(codes.EMPTY_LIST, tree.key((*where, "command")), "an empty command", help=help)
        _check_environment(task, where, tree, found)
        directories = _check_credentials(task, where, set_env, tree, found)
        targets = _check_mounts(task, where, tree, found)
        _check_files(task, where, directories | targets, tree, found)
        _check_ignored(task, where, tree, found)
    _check_host_network(workflow, tree, found)


def _check_environment(task: Task, where: Path, tree: Tree, found: Diagnostics) -> None:
    for name in task.environment:
        path: Path = (*where, "environment", name)
        if not _VARIABLE.fullmatch(name):
            help = "letters, digits and `_`, and no digit first"
            found.report(
                codes.BAD_ENVIRONMENT, tree.key(path), f"`{name[:60]}` cannot be an environment variable", help=help
            )
        elif name in _SYSTEM_VARIABLES:
            found.report(codes.SYSTEM_VARIABLE, tree.key(path), f"`{name}` replaces what the system sets")


def _check_credentials(task: Task, where: Path, set_env: Mapping[str, str], tree: Tree, found: Diagnostics) -> set[str]:
    """Reports what is wrong; the directories that get files."""
    variables = {**dict.fromkeys(task.environment, "`environment`"), **dict.fromkeys(set_env, "--set-env")}
    directories: dict[str, str] = {}
    for name, use in task.credentials.items():
        path: Path = (*where, "credentials", name)
        if not _CREDENTIAL.fullmatch(name):
            found.report(codes.BAD_CREDENTIAL, tree.key(path), f"`{name[:60]}` cannot be the name of a credential")
        if isinstance(use, str):
            _check_directory(name, use, path, directories, tree, found)
            continue
        for variable, key in use.items():
            place: Path = (*path, variable)
            if not _VARIABLE.fullmatch(variable):
                message = f"`{variable[:60]}` cannot be an environment variable"
                found.report(codes.BAD_ENVIRONMENT, tree.key(place), message)
            elif variable in variables:
                message = f"`{variable}` also has a value from {variables[variable]}"
                found.report(codes.ENVIRONMENT_TWICE, tree.key(place), message, help="take one of them out")
            variables[variable] = f"credential `{name}`"
            if not SECRET_KEY.fullmatch(key):
                found.report(codes.BAD_CREDENTIAL, tree.span(place), f"`{key[:60]}` cannot be a key of a credential")
    return set(directories)


def _check_directory(
    name: str, directory: str, path: Path, directories: dict[str, str], tree: Tree, found: Diagnostics
) -> None:
    normal = posixpath.normpath("/" + directory.lstrip("/")) if directory.startswith("/") else directory
    if not directory.startswith("/"):
        message, help = f"`{directory[:60]}` is a relative path", "write the whole path of a directory"
    elif normal == "/" or not SAFE_PATH.fullmatch(normal):
        message, help = f"`{directory[:60]}` cannot be a directory for a credential", ""
    elif _is_below(normal, "/osmo"):
        message, help = "`/osmo` belongs to the system", "choose a directory elsewhere, such as `/credentials`"
    elif normal in directories:
        message, help = f"credential `{directories[normal]}` is in `{normal}` already", "give each a directory"
    else:
        directories[normal] = name
        return
    found.report(codes.BAD_CREDENTIAL, tree.span(path), message, help=help)


def _check_mounts(task: Task, where: Path, tree: Tree, found: Diagnostics) -> set[str]:
    targets: set[str] = set()
    for n, mount in enumerate(task.volume_mounts):
        path: Path = (*where, "volumeMounts", n)
        host, colon, container = mount.partition(":")
        target = posixpath.normpath(container or host) if container or host else ""
        fault = ""
        if ":" in container or (colon and not container) or not host:
            fault = "the form is `/host` or `/host:/container`"
        elif not host.startswith("/") or not target.startswith("/"):
            fault = "both paths start with `/`"
        elif ".." in host.split("/") or not SAFE_PATH.fullmatch(host) or not SAFE_PATH.fullmatch(target):
            fault = "a path with characters or `..` that no mount may have"
        elif target.strip("/") == "":
            fault = "it would hide the whole file system of the image"
        elif _is_below(target, "/osmo"):
            fault = "`/osmo` belongs to the system"
        elif target in targets:
            fault = f"`{target}` is mounted already"
        if fault:
            found.report(codes.BAD_MOUNT, tree.span(path), f"`{mount[:80]}` cannot be mounted: {fault}")
        targets.add(target)
    return targets


def _check_files(task: Task, where: Path, mounted: set[str], tree: Tree, found: Diagnostics) -> None:
    paths: dict[str, int] = {}
    for n, file in enumerate(task.files):
        path: Path = (*where, "files", n)
        _check_contents(file, path, tree, found)
        bound = bind(file.path, _stand_in)
        normal = posixpath.normpath("/" + bound.lstrip("/")) if bound.startswith("/") else bound
        if fault := _path_fault(file.path, bound, normal):
            found.report(codes.BAD_FILE_PATH, tree.span((*path, "path")), fault[0], help=fault[1])
            continue
        directory = posixpath.dirname(normal)
        if normal in paths:
            found.report(
                codes.FILE_CLASH, tree.span((*path, "path")), f"task `{task.name}` has two files at `{normal}`"
            )
        elif any(_is_below(normal, other) or _is_below(other, normal) for other in paths):
            message = f"`{normal}` and another file lie one within the other"
            found.report(codes.FILE_CLASH, tree.span((*path, "path")), message)
        elif any(_is_below(directory, target) for target in mounted if target != "/"):
            message = f"`{directory}` is a mount, which would hide the file"
            found.report(codes.FILE_CLASH, tree.span((*path, "path")), message, help="choose another directory")
        paths[normal] = n


def _stand_in(token: Token) -> str:
    """What a token of a path will be, as far as it matters for where the path leads."""
    directories = {TokenKind.OUTPUT: plan.OUTPUT_DIRECTORY, TokenKind.INPUT: f"{plan.INPUT_DIRECTORY}/0"}
    return directories.get(token.kind, "token")


def _path_fault(path: str, bound: str, normal: str) -> tuple[str, str] | None:
    if not bound.strip("/"):
        return f"`{path}` is no path of a file", ""
    if not bound.startswith("/"):
        return f"`{path[:80]}` is a relative path", f"write the whole path, such as `/{path[:80]}`"
    if bound.endswith("/"):
        return f"`{path[:80]}` is a directory", "add the name of the file"
    if _is_below(normal, "/osmo") and not normal.startswith(f"{plan.OUTPUT_DIRECTORY}/"):
        return "`/osmo` belongs to the system", f"choose a directory elsewhere; `{plan.OUTPUT_DIRECTORY}/` is allowed"
    if not SAFE_PATH.fullmatch(normal):
        return f"`{path[:80]}` has a character that no mount may have", "letters, digits, spaces and `._@%+=,~-`"
    return None


def _check_contents(file: File, path: Path, tree: Tree, found: Diagnostics) -> None:
    if (file.contents is None) == (file.localpath is None):
        if file.contents is None:
            found.report(codes.FILE_CONTENTS, tree.key(path), "a file without `contents` or `localpath`")
        else:
            message = "`contents` and `localpath` exclude each other"
            found.report(codes.FILE_CONTENTS, tree.key((*path, "localpath")), message)
    if file.base64 and file.contents is not None:
        try:
            base64.b64decode("".join(file.contents.split()), validate=True)
        except (binascii.Error, ValueError):
            message = "the contents are not base64"
            found.report(codes.BAD_BASE64, tree.span((*path, "contents")), message, help="`base64 -w0 FILE` writes it")


def _is_below(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def _check_ignored(task: Task, where: Path, tree: Tree, found: Diagnostics) -> None:
    keys = {
        "resources": ("resources", "name an entry of the workflow's `resources` with `resource`"),
        "backend": ("backend", ""),
        "download_type": ("downloadType", ""),
        "cache_size": ("cacheSize", ""),
    }
    for field, (key, help) in keys.items():
        if field in task.model_fields_set and getattr(task, field) is not None:
            found.report(codes.IGNORED_KEY, tree.key((*where, key)), f"`{key}` of a task has no effect", help=help)
    if task.cache_size is not None and not _CACHE_SIZE.fullmatch(task.cache_size):
        message = f"`{task.cache_size[:60]}` is neither a size nor a percentage"
        found.report(codes.BAD_SIZE, tree.span((*where, "cacheSize")), message)


def _check_host_network(workflow: Workflow, tree: Tree, found: Diagnostics) -> None:
    for _, tasks in workflow.walk_groups():
        users = [(where, task) for where, task in tasks if task.host_network]
        for where, task in users[1:]:
            found.report(
                codes.HOST_NETWORK,
                tree.key((*where, "hostNetwork")),
                f"`{users[0][1].name}` and `{task.name}` share the ports of a node if they come to lie on one",
                help="keep them apart with different platforms or ports",
            )
