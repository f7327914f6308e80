"""Where the runtime is: the Python packages of osmo-runtime, and the two programs in Go that it brings."""

import importlib.util
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MACHINES: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class MissingError(Exception):
    """A part of the runtime is not installed."""


@dataclass(frozen=True, slots=True)
class Programs:
    """`init` and `ctrl` are commands; `search` is where Python finds their packages."""

    init: tuple[str, ...]
    ctrl: tuple[str, ...]
    room: Path
    search: str


def find_programs() -> Programs:
    """Raises: MissingError."""
    folders = {}
    for package in ("osmo_init", "osmo_ctrl"):
        # Finding does not import: osmoc and its runtime have nothing of each other in one process.
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise MissingError(f"{package} is not installed: `pip install 'osmoc[local]'`")
        folders[package] = Path(spec.origin).parent
    room = folders["osmo_init"] / "agents" / f"osmo-room-linux-{_machine()}"
    if sys.platform != "linux":
        raise MissingError(
            "`osmoc run` starts tasks as processes on Linux only; run it in a virtual machine with Linux"
        )
    if not room.is_file():
        raise MissingError(f"{room} is missing: `pip install 'osmoc[local]'` brings it")
    search = dict.fromkeys(str(folder.parent) for folder in folders.values())
    return Programs(
        init=(sys.executable, "-m", "osmo_init"),
        ctrl=(sys.executable, "-m", "osmo_ctrl"),
        room=room,
        search=os.pathsep.join(filter(None, [*search, os.environ.get("PYTHONPATH", "")])),
    )


def _machine() -> str:
    machine = platform.machine().lower()
    return _MACHINES.get(machine, machine)
