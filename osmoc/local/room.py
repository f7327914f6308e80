"""The folder of one attempt, and the two rooms over it: what osmo-ctrl sees, and what the user's command sees.

With namespaces both find the directories at `/osmo`, as the containers of a pod do; without, at the folder itself.
"""

import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from osmoc.document import TaskDocument
from osmoc.local.credentials import DATA_KEYS, Credentials
from osmoc.local.network import Network
from osmoc.local.programs import Programs
from osmoc.plan import Task
from osmoc.tokens import OUTPUT_DIRECTORY

SYSTEM: Final = "/osmo"
HOME: Final = "/osmo/home"
TERMINATION: Final = "/osmo/termination-log"

# The longest path of a socket is 107 characters.
_LONGEST_ROOT: Final = 107 - len("/run/control.sock")


@dataclass(frozen=True, slots=True)
class Meeting:
    """Where the tasks of a group meet, and the key by which they know each other: the same for all their attempts."""

    port: int
    key: bytes


def arrange_meeting() -> Meeting:
    """At a port that nothing listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Meeting(probe.getsockname()[1], secrets.token_bytes(32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One attempt of a task. `osmo` is what `/osmo` is in a pod; `root`, if it is not there, where programs look.

    `is_confined` says that osmo-ctrl and commands have namespaces, `in_image` that commands run in a container.
    `meeting` and `network` are those of its group, if that has other tasks.
    """

    task: Task
    document: TaskDocument
    attempt: int
    path: Path
    osmo: Path
    is_confined: bool
    in_image: bool = False
    root: str = ""
    meeting: Meeting | None = None
    network: Network | None = None

    @property
    def output(self) -> Path:
        return self.osmo / "data" / "output"

    @property
    def state(self) -> Path:
        return self.osmo / "state" / "state.json"

    @property
    def ctrl_log(self) -> Path:
        return self.path / "ctrl.log"

    @property
    def termination(self) -> Path:
        return self.path / "termination"


def make_room(room: Room, credentials: Credentials) -> None:
    """The directories, the document, the files and the secrets. Raises: CredentialError, OSError."""
    for name in ("tmp", "home", "root", "parts", "ctrl-root", "ctrl-parts", "files", "credentials"):
        (room.path / name).mkdir(parents=True, exist_ok=True)
    (room.path / "tmp").chmod(0o1777)
    for name in ("bin", "data/output", "login/user", "run", "state", "secrets", "home"):
        (room.osmo / name).mkdir(parents=True, exist_ok=True)
    (room.osmo / "task.json").write_text(room.task.document, encoding="utf-8")
    room.termination.touch()
    for secret in room.task.shape.data_secrets:
        _write_secret(room.osmo / "secrets" / secret, credentials.keys(secret, DATA_KEYS))
    if room.meeting:
        _write_key(room.osmo / "group-key", room.meeting.key)
    for n, directory in enumerate(room.task.shape.directories):
        keys = credentials.keys(directory.secret)
        if not keys:
            credentials.required(directory.secret, "…")
        _write_secret(room.path / "credentials" / str(n), keys)
    for n, (file, (_, content)) in enumerate(zip(room.document.files, room.task.files, strict=True)):
        path = _file_source(room, n, file.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(0o755)


def _write_secret(folder: Path, keys: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for key, value in keys.items():
        (folder / key).write_text(value, encoding="utf-8")
        (folder / key).chmod(0o440)


def _write_key(folder: Path, key: bytes) -> None:
    folder.mkdir(exist_ok=True, mode=0o700)
    (folder / "key").unlink(missing_ok=True)
    (folder / "key").write_bytes(key)
    (folder / "key").chmod(0o440)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What osmo-room makes, and the environment that it starts it with."""

    config: Mapping[str, Any]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What all rooms of a run share. Only osmo-ctrl sees `stores`, and no command sees what is `hidden`."""

    programs: Programs
    namespaces: bool
    user_namespace: bool
    stores: tuple[Path, ...]
    hidden: tuple[Path, ...]


def ctrl_config(room: Room, machine: Machine) -> dict[str, Any]:
    """The room in which osmo-init and then osmo-ctrl run: all of `/osmo`, and the storage where it is on the host."""
    mounts = [
        _mount(room.osmo, SYSTEM, writable=True),
        _mount(room.osmo / "secrets", f"{SYSTEM}/secrets"),
        *(_mount(store, str(store), writable=True) for store in machine.stores),
        *_files(room, within_output=True),
    ]
    return {
        **_base(room, machine, "ctrl-", machine.namespaces and room.is_confined),
        "mounts": mounts,
        "before": [list(machine.programs.init)],
        "command": list(machine.programs.ctrl),
    }


def task_config(room: Room, machine: Machine) -> dict[str, Any]:
    """The room of the user's command: what the user's container mounts, and nothing of osmo-ctrl's."""
    mounts = [
        _mount(room.path / "tmp", "/tmp", writable=True),
        _mount(room.path / "home", HOME, writable=True),
        _mount(room.termination, TERMINATION, writable=True),
        *_volumes(room),
        *_files(room),
        *_credentials(room),
        *(_mount(Path(mount.host), mount.container, writable=True) for mount in room.task.shape.mounts),
    ]
    program = f"{SYSTEM}/bin/osmo-exec" if room.is_confined else str(room.osmo / "bin" / "osmo-exec")
    return {
        **_base(room, machine, "", room.is_confined),
        "mounts": mounts,
        "hide": [str(path) for path in machine.hidden],
        "privileged": room.task.shape.privileged,
        "command": [program],
    }


def _base(room: Room, machine: Machine, prefix: str, namespaces: bool) -> dict[str, Any]:
    return {
        "namespaces": namespaces,
        "user": machine.user_namespace,
        "root": str(room.path / f"{prefix}root"),
        "parts": str(room.path / f"{prefix}parts"),
    }


def _mount(source: Path, target: str, *, writable: bool = False) -> dict[str, Any]:
    return {"source": str(source), "target": target, "writable": writable}


def _volumes(room: Room) -> Iterable[dict[str, Any]]:
    yield _mount(room.osmo / "bin", f"{SYSTEM}/bin")
    yield _mount(room.osmo / "data", f"{SYSTEM}/data", writable=True)
    yield _mount(room.osmo / "run", f"{SYSTEM}/run", writable=True)
    yield _mount(room.osmo / "login" / "user", f"{SYSTEM}/login/config")


def _files(room: Room, *, within_output: bool = False) -> Iterable[dict[str, Any]]:
    for n, file in enumerate(room.document.files):
        if not within_output or _is_output(file.path):
            yield _mount(_file_source(room, n, file.path), file.path)


def _file_source(room: Room, n: int, path: str) -> Path:
    """Where the host has the file that the command finds at `path`."""
    if room.is_confined:
        return room.path / "files" / str(n)
    if not room.in_image:
        return Path(path)
    # osmo-ctrl sees the host as it is: what is to be uploaded must really lie in the output directory.
    return room.output / Path(path).relative_to(OUTPUT_DIRECTORY) if _is_output(path) else room.path / "files" / str(n)


def _is_output(path: str) -> bool:
    return path.startswith(f"{OUTPUT_DIRECTORY}/")


def _credentials(room: Room) -> Iterable[dict[str, Any]]:
    for n, directory in enumerate(room.task.shape.directories):
        yield _mount(room.path / "credentials" / str(n), directory.directory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What only the running pod knows."""

    run: str
    number: int
    pod: str
    node: str


def ctrl_environment(room: Room, machine: Machine, attempt: Attempt, host: Mapping[str, str]) -> dict[str, str]:
    return {
        **_plain(host),
        "HOME": "/",
        "PYTHONPATH": machine.programs.search,
        "PYTHONDONTWRITEBYTECODE": "1",
        "OSMO_RUN_ID": attempt.run,
        "OSMO_ATTEMPT": str(attempt.number),
        "OSMO_DOCUMENT_DIGEST": room.task.document_digest,
        "OSMO_POD_UID": attempt.pod,
        "OSMO_NODE_NAME": attempt.node,
        **({"OSMO_GROUP_PORT": str(room.meeting.port)} if room.meeting else {}),
        **_root(room),
    }


def host_environment(room: Room, host: Mapping[str, str]) -> dict[str, str]:
    """What an image would say: a clean environment, nothing of the host's but PATH and the language."""
    is_confined = room.is_confined
    return {
        **_plain(host),
        "HOME": HOME if is_confined else str(room.path / "home"),
        "TMPDIR": "/tmp" if is_confined else str(room.path / "tmp"),
    }


def task_environment(
    room: Room, credentials: Credentials, host: Mapping[str, str], taken: Iterable[str], gpus: Iterable[int]
) -> dict[str, str]:
    """What a pod would say, and what is `taken` from the host by name. Raises: CredentialError."""
    devices = ",".join(map(str, gpus))
    is_confined = room.is_confined
    return {
        "CUDA_VISIBLE_DEVICES": devices,
        "NVIDIA_VISIBLE_DEVICES": devices or "void",
        "OSMO_CONFIG_FILE_DIR": f"{SYSTEM}/login/config" if is_confined else str(room.osmo / "login" / "user"),
        "OSMO_TERMINATION_LOG": TERMINATION if is_confined else str(room.termination),
        **{item.name: credentials.required(item.secret, item.key) for item in room.task.shape.variables},
        **{name: host[name] for name in taken if name in host},
        **_root(room),
    }


def _plain(host: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": host.get("PATH", os.defpath), "LANG": host.get("LANG", "C.UTF-8")}


def _root(room: Room) -> dict[str, str]:
    return {"OSMO_ROOT": room.root} if room.root else {}


def needs_short_root(room: Room) -> bool:
    return len(room.root.encode()) > _LONGEST_ROOT


def write_config(path: Path, config: Mapping[str, Any]) -> Path:
    path.write_text(json.dumps(config, indent=2), encoding="utf-8")
    return path


def keep_results(room: Room, results: Path) -> None:
    """Moves what the task left in its output directory to where people find it."""
    for file, (_, content) in zip(room.document.files, room.task.files, strict=True):
        if room.is_confined and _is_output(file.path):
            stub = room.output / file.path.removeprefix(f"{OUTPUT_DIRECTORY}/")
            stub.write_bytes(content.encode() if isinstance(content, str) else content)
    if room.output.is_dir() and any(room.output.iterdir()):
        shutil.rmtree(results, ignore_errors=True)
        results.parent.mkdir(parents=True, exist_ok=True)
        room.output.rename(results)


def clear_room(room: Room, *, whole: bool) -> None:
    """Secrets always go; all else but logs if `whole`."""
    names = ["credentials"]
    if whole:
        names += ["tmp", "home", "root", "parts", "ctrl-root", "ctrl-parts", "files"]
        remove(room.osmo)
    for name in ("secrets", "group-key"):
        remove(room.osmo / name)
    for name in names:
        remove(room.path / name)


def remove(path: Path) -> None:
    """Also directories that a command has closed to its own user."""

    def open_up(function: Any, name: str, _error: Any) -> None:
        try:
            Path(name).parent.chmod(0o700)
            if not Path(name).is_symlink():
                Path(name).chmod(0o700)
            function(name)
        except OSError:
            pass  # it stays; the folder of the run is the user's to remove

    shutil.rmtree(path, onerror=open_up)
