"""Environment variables: legal names, one value each, and those that the system sets itself."""

import re
from typing import Final

from osmoc import codes
from osmoc.diagnostics import Diagnostics
from osmoc.names import SECRET_KEY, VARIABLE
from osmoc.spec import Task
from osmoc.written import Written
from osmoc.yamltree import Path, Tree

_CREDENTIAL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")
_SYSTEM: Final = frozenset({"OSMO_CONFIG_FILE_DIR", "NVIDIA_VISIBLE_DEVICES", "PATH"})


def check_environment(written: Written, found: Diagnostics) -> None:
    for name in written.set_env:
        if not VARIABLE.fullmatch(name):
            found.add(codes.BAD_ENVIRONMENT, None, f"--set-env {name}=…: `{name}` cannot be an environment variable")
        elif name in _SYSTEM:
            found.add(codes.SYSTEM_VARIABLE, None, f"--set-env {name}=… replaces what the system sets")
    for where, task in written.workflow.walk():
        for name in task.environment:
            _check_name(name, (*where, "environment", name), written.tree, found)
        _check_credentials(task, where, written, found)


def _check_name(name: str, path: Path, tree: Tree, found: Diagnostics) -> None:
    if not VARIABLE.fullmatch(name):
        message, help = (
            f"`{name[:60]}` cannot be an environment variable",
            "letters, digits and `_-.`, and no digit first",
        )
        found.report(codes.BAD_ENVIRONMENT, tree.key(path), message, help=help)
    elif name in _SYSTEM:
        found.report(codes.SYSTEM_VARIABLE, tree.key(path), f"`{name}` replaces what the system sets")


def _check_credentials(task: Task, where: Path, written: Written, found: Diagnostics) -> None:
    tree = written.tree
    origins = {**dict.fromkeys(task.environment, "`environment`"), **dict.fromkeys(written.set_env, "--set-env")}
    for name, use in task.credentials.items():
        path: Path = (*where, "credentials", name)
        if not _CREDENTIAL.fullmatch(name):
            found.report(codes.BAD_CREDENTIAL, tree.key(path), f"`{name[:60]}` cannot be the name of a credential")
        for variable, key in use.items() if isinstance(use, dict) else ():
            place: Path = (*path, variable)
            _check_name(variable, place, tree, found)
            if variable in origins:
                message = f"`{variable}` also has a value from {origins[variable]}"
                found.report(codes.ENVIRONMENT_TWICE, tree.key(place), message, help="take one of them out")
            origins[variable] = f"credential `{name}`"
            if not SECRET_KEY.fullmatch(key):
                found.report(codes.BAD_CREDENTIAL, tree.span(place), f"`{key[:60]}` cannot be a key of a credential")
