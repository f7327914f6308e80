"""Commands in their own images, by the command line of podman or docker; the agent is mounted into each container.

An engine counts as one that works when it has run a container with a directory of this machine in it. Many hosts have
the program and yet no rights, no daemon, or one on another machine.
"""

import hashlib
import io
import os
import shlex
import shutil
import subprocess
import tarfile
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from osmoc.local import network
from osmoc.local.network import Network, NetworkError
from osmoc.local.programs import Programs, find_programs
from osmoc.local.room import HOME, SYSTEM, TERMINATION, Machine, Prepared, Room, task_config

FLAGS: Final = "OSMOC_ENGINE_FLAGS"

_AGENT: Final = f"{SYSTEM}/bin/osmo-exec"
_PATIENCE: Final = 60.0
# Exit codes of `podman run` and `docker run` for containers that were never started.
_NOT_STARTED: Final = (125, 126, 127)
_KILLED: Final = 137


class EngineError(Exception):
    """The engine that was asked for is not here."""


@dataclass(frozen=True, slots=True)
class ContainerEngine:
    """One container an attempt. `flags` come from the user, `has_limits` says that CPU and memory can be limited.

    `network_fault` says why groups have no network of their own; it is empty if they have.
    """

    name: str
    program: str
    flags: tuple[str, ...] = ()
    processors: int = 1
    has_limits: bool = True
    uses_images: bool = True
    network_fault: str = ""

    def open_network(self, name: str, hosts: Sequence[str]) -> Network:
        """Raises: NetworkError."""
        return network.open_network(self.program, self.name, name, hosts)

    def close_network(self, name: str) -> None:
        network.close_network(self.program, name)

    def prepare(self, room: Room, machine: Machine, host: Mapping[str, str], declared: Mapping[str, str]) -> Prepared:
        variables = self._variables(declared)
        name = _name(room)
        own = room.network.words(room.task.label) if room.network and not room.task.shape.host_network else []
        command = [*self.run_words(own), "--name", name, "--entrypoint", _AGENT, *self._user(), *self._resources(room)]
        for variable in variables:
            command += ["--env", variable]  # its value comes by our environment: others see command lines
        if os.getuid():
            command += ["--env", f"HOME={HOME}"]  # no image has one for this user; the client needs its own
        for source, target, is_writable in _mounts(room):
            command += ["--mount", _mount(source, target, is_writable)]
        if room.task.shape.privileged:
            command.append("--privileged")
        command += [*self._devices(declared), room.task.shape.image]
        config = {
            "namespaces": False,
            "command": command,
            # podman of an ordinary user ends itself by SIGTERM, with 0, and leaves the container behind.
            "stop": [self.program, "kill", "--signal", "TERM", name],
            "after": [*self._removal(name), *self._network_removal(room)],
        }
        return Prepared(config, {**os.environ, **variables})

    def clean_up(self, room: Room) -> None:
        for words in self._removal(_name(room)):
            subprocess.run(words, capture_output=True, check=False)

    def _removal(self, name: str) -> list[list[str]]:
        """Of what runs, then of what a client left half made: a container is no child of its client."""
        return [[self.program, "kill", name], [self.program, "rm", "--force", name]]

    def _network_removal(self, room: Room) -> list[list[str]]:
        """Of the network of its group, which fails as long as another task is in it."""
        return [[self.program, "network", "rm", room.network.name]] if room.network else []

    def run_words(self, own_network: Sequence[str] = ()) -> list[str]:
        """What every container has; the agent is process 1, and archives the log itself."""
        words = [self.program, "run", "--rm", "--init=false", "--log-driver", "none"]
        words += ["--security-opt", "label=disable"]  # SELinux keeps containers from directories of the host
        if not self._has_flag_of_network:
            words += own_network or ["--network", "host"]
        return [*words, *self.flags]

    @property
    def _has_flag_of_network(self) -> bool:
        return any(flag.split("=")[0] in ("--network", "--net") for flag in self.flags)

    def with_networks(self, image: str) -> "ContainerEngine":
        """The engine, with the reason if it cannot give groups a network: tried with an empty image."""
        if self._has_flag_of_network:
            return replace(self, network_fault=f"{FLAGS} names one")
        network.remove_leftovers(self.program)
        name = f"osmoc-{uuid.uuid4().hex[:12]}"
        try:
            tried = self.open_network(name, ["x"])
            fault = _probe(self, image, tried.words("x"))
        except NetworkError as error:
            return replace(self, network_fault=str(error))
        finally:
            self.close_network(name)
        return replace(self, network_fault=fault)

    def fault(self, code: int) -> str:
        if code in _NOT_STARTED:
            return f"{self.name} did not start the container: its log says why"
        if code == _KILLED:
            return "the container was killed, or ran out of memory"
        return f"{self.name} ended before the container" if code == 0 else ""

    def _variables(self, declared: Mapping[str, str]) -> dict[str, str]:
        variables = {**declared, "OSMO_TERMINATION_LOG": TERMINATION, "OSMO_CONFIG_FILE_DIR": f"{SYSTEM}/login/config"}
        if _gpus(declared):
            # In the container there are only its own, counted from 0.
            del variables["CUDA_VISIBLE_DEVICES"], variables["NVIDIA_VISIBLE_DEVICES"]
        return variables

    def _user(self) -> list[str]:
        """Files that the task writes belong to the caller."""
        who = f"{os.getuid()}:{os.getgid()}"
        return ["--userns", "keep-id", "--user", who] if self.name == "podman" and os.getuid() else ["--user", who]

    def _resources(self, room: Room) -> list[str]:
        placement, words = room.task.shape.placement, []
        if placement.gpu:
            words += ["--shm-size", str(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)]
        if self.has_limits and placement.cpu:
            words += ["--cpus", str(min(placement.cpu, self.processors))]  # docker refuses more than there are
        if self.has_limits and placement.memory:
            words += ["--memory", placement.memory]
        return words

    def _devices(self, declared: Mapping[str, str]) -> list[str]:
        gpus = _gpus(declared)
        if self.name == "podman":
            return [word for gpu in gpus for word in ("--device", f"nvidia.com/gpu={gpu}")]
        return ["--gpus", f'"device={",".join(gpus)}"'] if gpus else []


def _gpus(declared: Mapping[str, str]) -> list[str]:
    return list(filter(None, declared.get("CUDA_VISIBLE_DEVICES", "").split(",")))


def _name(room: Room) -> str:
    """Two folders may both have the run `digits-1`."""
    place = hashlib.sha256(str(room.path).encode()).hexdigest()[:8]
    return f"osmoc-{room.document.workflow_id}-{room.document.task}-{room.attempt}-{place}".lower()


# Mounts of a task do not depend on the machine.
_NOWHERE: Final = Machine(
    programs=Programs((), (), Path(), ""), namespaces=False, user_namespace=False, stores=(), hidden=()
)


def _mounts(room: Room) -> Iterable[tuple[str, str, bool]]:
    images_have = {"/tmp"} if os.getuid() else {"/tmp", HOME}
    for item in task_config(room, _NOWHERE)["mounts"]:
        if item["target"] not in images_have:
            yield item["source"], item["target"], item["writable"]
    if not room.is_confined:
        # osmo-ctrl then knows the directories by the host's path.
        yield str(room.osmo), room.root or str(room.osmo), True


def _mount(source: str, target: str, is_writable: bool) -> str:
    """A record of CSV, to both engines."""
    fields = ["type=bind", f"source={source}", f"target={target}", *([] if is_writable else ["readonly"])]
    return ",".join(f'"{field.replace(chr(34), chr(34) * 2)}"' if set(field) & set(',"') else field for field in fields)


def find_container_engine(name: str, environment: Mapping[str, str], *, for_groups: bool) -> ContainerEngine:
    """`for_groups`: whether it can make networks is looked for too, which takes a second. Raises: EngineError."""
    program = shutil.which(name)
    if program is None:
        raise EngineError(f"{name} is not installed")
    try:
        flags = tuple(shlex.split(environment.get(FLAGS, "")))
    except ValueError as error:
        raise EngineError(f"{FLAGS} cannot be read: {str(error).lower()}") from None
    try:
        return _tried(ContainerEngine(name, program, flags, processors=os.cpu_count() or 1), for_groups)
    except _CallError as error:
        raise EngineError(f"{name} does not work: {error}. {FLAGS} may hold more flags for `{name} run`") from None


def _tried(engine: ContainerEngine, for_groups: bool) -> ContainerEngine:
    """The engine, without limits where it can run containers, but not limit them. Raises: _CallError."""
    image = _call([engine.program, "import", "-"], _empty_archive()).splitlines()[-1]
    without = replace(engine, has_limits=False)
    try:
        fault = _probe(engine, image)
        if fault and _probe(without, image):
            raise _CallError(fault)
        works = without if fault else engine
        return works.with_networks(image) if for_groups else works
    finally:
        subprocess.run([engine.program, "rmi", "--force", image], capture_output=True, check=False)


def _probe(engine: ContainerEngine, image: str, own_network: Sequence[str] = ()) -> str:
    """Runs a program of this machine in an empty image; says why that was not possible, or nothing."""
    program = find_programs().room.resolve()
    words = [*engine.run_words(own_network), *(["--cpus", "1", "--memory", "64m"] if engine.has_limits else [])]
    words += ["--mount", _mount(str(program.parent), SYSTEM, False), "--entrypoint", f"{SYSTEM}/{program.name}"]
    try:
        _call([*words, image, "-help"])
    except _CallError as error:
        return str(error)
    return ""


class _CallError(Exception):
    """What the program said last."""


def _call(words: list[str], standard_input: bytes = b"") -> str:
    """Raises: _CallError."""
    try:
        done = subprocess.run(words, input=standard_input, capture_output=True, check=False, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _CallError(str(error)) from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise _CallError(said[-1].removeprefix("Error: ") if said else f"exit code {done.returncode}")
    return done.stdout.decode(errors="replace").strip()


def _empty_archive() -> bytes:
    buffer = io.BytesIO()
    tarfile.open(fileobj=buffer, mode="w").close()
    return buffer.getvalue()
