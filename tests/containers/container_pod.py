"""A pod of containers, as the kubelet makes it: osmo-init, osmo-ctrl and the user's container over common volumes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from containers.podman import FOLDER, PYTHON, Podman
from rooms import runtime_path
from runtime.pod import document, until

GROUP: Final = 65532
SECRET: Final = "nobody-must-see-this"

# What docs/pod.md says of the containers of the system.
_SYSTEM: Final = (
    *("--user", f"{GROUP}:{GROUP}", "--read-only", "--read-only-tmpfs=false"),
    *("--cap-drop", "all", "--security-opt", "no-new-privileges"),
)


@dataclass(frozen=True)
class System:
    """How osmo-init and osmo-ctrl are run: by images of their own, or by the source in an image with Python."""

    init: tuple[str, ...]
    ctrl: tuple[str, ...]


def system_of_source() -> System:
    """The packages are copied: what the tests use are links to places that no container has."""
    site = FOLDER / f"site-{os.getpid()}"
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(runtime_path(), site, ignore=shutil.ignore_patterns("__pycache__"))
    obstore = find_spec("obstore")
    assert obstore is not None and obstore.origin is not None
    packages = Path(obstore.origin).parent.parent
    flags = (
        *("--volume", f"{site}:/site:ro", "--volume", f"{packages}:/packages:ro"),
        *("--env", "PYTHONPATH=/site:/packages", "--env", "PYTHONDONTWRITEBYTECODE=1", PYTHON, "python3", "-m"),
    )
    return System((*flags, "osmo_init"), (*flags, "osmo_ctrl"))


def has_same_python(podman: Podman) -> bool:
    """Compiled packages of this machine are for one version."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return podman.run("--network", "none", PYTHON, "python3", "--version").split()[1].startswith(f"{version}.")


@dataclass(kw_only=True)
class ContainerPod:
    """`folder` holds the volumes, what the containers print, and the storage."""

    podman: Podman
    system: System
    folder: Path
    image: str
    command: tuple[str, ...]
    user: str = "0:0"
    is_read_only: bool = False
    flags: tuple[str, ...] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)
    name: str = field(default_factory=lambda: f"pod-{uuid.uuid4().hex[:8]}")
    processes: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)

    def start(self) -> "ContainerPod":
        self.make_volumes()
        self.init()
        self.start_ctrl()
        self.start_task()
        return self

    def make_volumes(self) -> None:
        for volume in ("bin", "data", "run", "login", "state"):
            self._directory(volume, 0o2777)  # as a kubelet with fsGroup makes an emptyDir
        self._directory("secrets/storage", 0o2750)
        self._directory("storage", 0o2770)
        secret = self.folder / "secrets" / "storage" / "access_key"
        secret.write_text(SECRET)
        os.chown(secret, 0, GROUP)
        secret.chmod(0o440)
        task = document(Path("/storage"), *self.command, **self.changes)
        (self.folder / "task.json").write_text(json.dumps(task))
        (self.folder / "termination-log").touch()
        (self.folder / "termination-log").chmod(0o666)

    def _directory(self, name: str, mode: int) -> None:
        path = self.folder / name
        path.mkdir(parents=True)
        os.chown(path, 0, GROUP)
        path.chmod(mode)

    def init(self) -> None:
        volumes = self._volumes(("bin", "bin"), ("data", "data"), ("run", "run"), ("login", "login"))
        self.podman.run(*_SYSTEM, "--network", "none", *volumes, *self.system.init)

    def start_ctrl(self) -> None:
        volumes = self._volumes(
            *(("data", "data"), ("run", "run"), ("login/ctrl", "login", "ro"), ("state", "state")),
            *(("task.json", "task.json", "ro"), ("secrets", "secrets", "ro")),
        )
        variables = {"OSMO_RUN_ID": "run-1", "OSMO_ATTEMPT": "0", "OSMO_POD_UID": self.name}
        environment = [word for item in variables.items() for word in ("--env", "=".join(item))]
        storage = ("--volume", f"{self.folder}/storage:/storage")
        self._run("ctrl", *_SYSTEM, "--network", "host", *volumes, *storage, *environment, *self.system.ctrl)

    def start_task(self) -> None:
        volumes = self._volumes(
            ("bin", "bin", "ro"), ("data", "data"), ("run", "run"), ("login/user", "login/config", "ro")
        )
        termination = ("--volume", f"{self.folder}/termination-log:/dev/termination-log")
        user = ("--user", self.user, "--group-add", str(GROUP), "--entrypoint", "/osmo/bin/osmo-exec")
        root = ("--read-only", "--read-only-tmpfs=false") if self.is_read_only else ()
        self._run("task", *user, *root, "--network", "host", *volumes, *termination, *self.flags, self.image)

    def _volumes(self, *mounts: tuple[str, ...]) -> list[str]:
        words = []
        for source, target, *options in mounts:
            words += ["--volume", ":".join([f"{self.folder}/{source}", f"/osmo/{target}", *options])]
        return words

    def _run(self, name: str, *words: str) -> None:
        with (self.folder / f"{name}.out").open("ab") as out, (self.folder / f"{name}.err").open("ab") as errors:
            self.processes[name] = subprocess.Popen(
                self.podman.words("--name", f"{self.name}-{name}", *words),
                env=self.podman.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
            )

    def wait(self, seconds: float = 60) -> int:
        """The exit code of the user's container; osmo-ctrl is then told to end, and must do so with 0."""
        try:
            code = self.processes["task"].wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the agent is still there\n{self.said()}") from None
        self.end_ctrl()
        return code

    def end_ctrl(self) -> None:
        self.podman.call("stop", "--time", "20", f"{self.name}-ctrl")
        assert self.processes["ctrl"].wait(30) == 0, self.said()

    def until_output(self, text: str) -> None:
        until(lambda: text in self.output(), said=self.said)

    def agent_pid(self) -> int:
        return int(self.podman.call("inspect", "--format", "{{.State.Pid}}", f"{self.name}-task"))

    def output(self, name: str = "task.out") -> str:
        return (self.folder / name).read_text(errors="replace")

    @property
    def storage(self) -> Path:
        return self.folder / "storage"

    @property
    def termination(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads((self.folder / "termination-log").read_text())
        return said

    def said(self) -> str:
        names = ("ctrl.out", "ctrl.err", "task.out", "task.err")
        return "\n".join(f"--- {name}\n{self.output(name)[-3000:]}" for name in names if (self.folder / name).exists())

    def stop(self) -> None:
        for name, process in self.processes.items():
            if process.poll() is None:
                self.podman.call("rm", "--force", "--time", "0", f"{self.name}-{name}")
                process.send_signal(signal.SIGKILL)
                process.wait()
