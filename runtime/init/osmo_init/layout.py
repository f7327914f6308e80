"""Directories of a task, their permissions, and the agent in them. Doing it twice gives the same."""

import os
import shutil
from pathlib import Path
from typing import Final

_AGENT: Final = "osmo-exec"
_TOOL: Final = "osmo"  # the same program under another name
_MACHINES: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}

# Below the volumes that containers of any user write to, through the group that owns them.
_SHARED: Final = ("data/input", "data/output", "run/log", "run/workspace", "login/ctrl", "login/user")
_MODE: Final = 0o2770


class UnknownMachineError(Exception):
    """There is no agent for a processor of this kind."""


def lay_out(root: Path, agents: Path, system: str, machine: str) -> None:
    """Raises: UnknownMachineError, OSError."""
    for name in _SHARED:
        _make_directory(root / name)
    agent = agents / f"{_AGENT}-{system.lower()}-{_MACHINES.get(machine, machine)}"
    if not agent.is_file():
        raise UnknownMachineError(f"there is no agent for {system} on {machine}")
    (root / "bin").mkdir(parents=True, exist_ok=True)
    _install(agent, root / "bin" / _AGENT)
    _link(_AGENT, root / "bin" / _TOOL)


def _make_directory(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    # What the kubelet made belongs to root, with the group and mode that we need.
    if path.stat().st_uid == os.geteuid():
        path.chmod(_MODE)


def _install(source: Path, target: Path) -> None:
    new = target.with_suffix(".new")
    shutil.copyfile(source, new)
    new.chmod(0o755)
    new.replace(target)


def _link(to: str, path: Path) -> None:
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.symlink_to(to)
    new.replace(path)
