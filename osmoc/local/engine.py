"""Where the user's command runs: on this machine, or in its own image by podman or docker.

osmo-ctrl always runs on this machine, in a room of its own; the socket of both lies in a directory that both see.
"""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from osmoc.local.container import ContainerEngine, find_container_engine
from osmoc.local.container import EngineError as EngineError
from osmoc.local.network import Network, NetworkError
from osmoc.local.room import Machine, Prepared, Room, task_config, write_config

Name = Literal["auto", "process", "podman", "docker"]
NAMES: Final[tuple[Name, ...]] = ("auto", "process", "podman", "docker")


class Engine(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def uses_images(self) -> bool: ...

    @property
    def network_fault(self) -> str:
        """Why tasks of a group have no network of their own, but that of this machine; empty if they have."""
        ...

    def open_network(self, name: str, hosts: Sequence[str]) -> Network:
        """Raises: NetworkError."""
        ...

    def close_network(self, name: str) -> None: ...

    def prepare(self, room: Room, machine: Machine, host: Mapping[str, str], declared: Mapping[str, str]) -> Prepared:
        """`host` is for where no image says otherwise, `declared` what the task asks for."""
        ...

    def fault(self, code: int) -> str:
        """What the exit code means if the agent left no word; nothing if the engine has no part in it."""
        ...

    def clean_up(self, room: Room) -> None:
        """After an attempt in which the agent left no word."""
        ...


@dataclass(frozen=True, slots=True)
class ProcessEngine:
    name: str = "process"
    uses_images: bool = False
    network_fault: str = "processes have that of this machine"

    def open_network(self, name: str, hosts: Sequence[str]) -> Network:
        raise NetworkError(self.network_fault)

    def close_network(self, name: str) -> None:
        pass

    def prepare(self, room: Room, machine: Machine, host: Mapping[str, str], declared: Mapping[str, str]) -> Prepared:
        return Prepared(task_config(room, machine), {**host, **declared})

    def fault(self, code: int) -> str:
        return ""

    def clean_up(self, room: Room) -> None:
        pass


def find_engine(name: Name, environment: Mapping[str, str] = os.environ, *, for_groups: bool = False) -> Engine:
    """The engine of this name; with `auto` the first container engine that works, else processes.

    `for_groups`: whether it can give a group a network is looked for as well. Raises: EngineError.
    """
    match name:
        case "process":
            return ProcessEngine()
        case "auto":
            return _first_that_works(environment, for_groups) or ProcessEngine()
        case _:
            return find_container_engine(name, environment, for_groups=for_groups)


def _first_that_works(environment: Mapping[str, str], for_groups: bool) -> ContainerEngine | None:
    for name in ("podman", "docker"):
        try:
            return find_container_engine(name, environment, for_groups=for_groups)
        except EngineError:
            continue
    return None


@dataclass(frozen=True, slots=True)
class Namespaces:
    """What this machine allows. `fault` says why there are none."""

    are_there: bool
    of_user: bool = False
    fault: str = ""


def probe_namespaces(room_program: Path) -> Namespaces:
    """Makes an empty room: root without a user namespace if it can, all others with one."""
    fault = ""
    for of_user in (False, True) if os.geteuid() == 0 else (True,):
        with tempfile.TemporaryDirectory(prefix="osmoc-") as name:
            folder = Path(name)
            for part in ("root", "parts"):
                (folder / part).mkdir()
            config = {"namespaces": True, "user": of_user, "root": f"{name}/root", "parts": f"{name}/parts"}
            words = [str(room_program), "-config", str(write_config(folder / "room.json", config))]
            try:
                done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
            except (OSError, subprocess.TimeoutExpired) as error:
                fault = str(error)
                continue
            if done.returncode == 0:
                return Namespaces(True, of_user)
            fault = done.stderr.strip().removeprefix("osmo-room: ")
    return Namespaces(False, fault=fault)
