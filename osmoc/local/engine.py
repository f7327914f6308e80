"""Where the user's command runs: on this machine, or in its own image by podman or docker.

osmo-ctrl always runs on this machine, in a room of its own; the socket of both lies in a directory that both see.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from osmoc.local.programs import Programs
from osmoc.local.room import SYSTEM, TERMINATION, Machine, Room, task_config, write_config

Name = Literal["process", "podman", "docker"]
NAMES: Final[tuple[Name, ...]] = ("process", "podman", "docker")


class EngineError(Exception):
    """The engine that was asked for is not here."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What osmo-room makes, and the environment that it starts it with."""

    config: Mapping[str, Any]
    environment: Mapping[str, str]


class Engine(Protocol):
    @property
    def name(self) -> Name: ...

    @property
    def uses_images(self) -> bool: ...

    def prepare(self, room: Room, machine: Machine, host: Mapping[str, str], declared: Mapping[str, str]) -> Prepared:
        """`host` is for where no image says otherwise, `declared` what the task asks for."""
        ...

    def clean_up(self, room: Room) -> None:
        """After an attempt that was killed."""
        ...


@dataclass(frozen=True, slots=True)
class ProcessEngine:
    name: Name = "process"
    uses_images: bool = False

    def prepare(self, room: Room, machine: Machine, host: Mapping[str, str], declared: Mapping[str, str]) -> Prepared:
        return Prepared(task_config(room, machine), {**host, **declared})

    def clean_up(self, room: Room) -> None:
        pass


@dataclass(frozen=True, slots=True)
class ContainerEngine:
    """One container an attempt, by the command line of podman or docker; the agent is mounted into it."""

    name: Name
    program: str
    gpus: bool = False
    uses_images: bool = True

    def prepare(self, room: Room, machine: Machine, host: Mapping[str, str], declared: Mapping[str, str]) -> Prepared:
        variables = {name: value for name, value in declared.items() if name != "OSMO_CONFIG_FILE_DIR"}
        variables |= {"OSMO_TERMINATION_LOG": TERMINATION, "OSMO_CONFIG_FILE_DIR": f"{SYSTEM}/login/config"}
        command = [self.program, "run", "--rm", "--init=false", "--name", self._container(room), "--network", "host"]
        command += ["--entrypoint", f"{SYSTEM}/bin/osmo-exec", *self._user()]
        for name in variables:
            command += ["--env", name]  # its value comes by our environment: others see command lines
        for source, target, writable in _container_mounts(room):
            command += ["--volume", f"{source}:{target}" + ("" if writable else ":ro")]
        if room.task.shape.privileged:
            command.append("--privileged")
        if room.task.shape.placement.gpu and self.gpus:
            command += ["--gpus", str(room.task.shape.placement.gpu)]
        command.append(room.task.shape.image)
        config = {"namespaces": False, "command": command}
        return Prepared(config, {**os.environ, **variables})

    def clean_up(self, room: Room) -> None:
        subprocess.run([self.program, "rm", "--force", self._container(room)], capture_output=True, check=False)

    def _user(self) -> list[str]:
        """Files that the task writes belong to the caller."""
        who = f"{os.getuid()}:{os.getgid()}"
        return ["--userns", "keep-id", "--user", who] if self.name == "podman" and os.getuid() else ["--user", who]

    def _container(self, room: Room) -> str:
        return f"osmoc-{room.document.workflow_id}-{room.document.task}-{room.attempt}".lower()


# Mounts of a task do not depend on the machine.
_NOWHERE: Final = Machine(
    programs=Programs((), (), Path(), ""), namespaces=False, user_namespace=False, stores=(), hidden=()
)


def _container_mounts(room: Room) -> list[tuple[str, str, bool]]:
    config = task_config(room, _NOWHERE)
    own = {"/tmp", f"{SYSTEM}/home"}  # the image has these
    mounts = [
        (item["source"], item["target"], item["writable"]) for item in config["mounts"] if item["target"] not in own
    ]
    # Without namespaces osmo-ctrl knows the directories by the host's path.
    return mounts if room.is_confined else [*mounts, (str(room.osmo), str(room.osmo), True)]


def find_engine(name: Name) -> Engine:
    """Raises: EngineError."""
    if name == "process":
        return ProcessEngine()
    program = shutil.which(name)
    if program is None:
        raise EngineError(f"{name} is not installed")
    answer = subprocess.run([program, "info"], capture_output=True, check=False, text=True)
    if answer.returncode != 0:
        fault = (answer.stderr or answer.stdout).strip().splitlines()
        raise EngineError(f"{name} does not work: {fault[-1] if fault else answer.returncode}")
    return ContainerEngine(name, program, gpus=shutil.which("nvidia-smi") is not None)


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
