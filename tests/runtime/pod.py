"""A pod of processes: osmo-init, osmo-ctrl and the agent over one root directory, as a kubelet would run them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

LONGEST: Final = 30.0
_SEED: Final[dict[str, Any]] = {
    "version": 1,
    "workflow_id": "flow-1",
    "workflow": "flow",
    "task": "work",
    "lead": True,
    "digest": "d" * 64,
    "group": {
        "name": "work-group",
        "lead": "work",
        "members": [{"task": "work", "host": ""}],
        "barrier": False,
        "ignore_nonlead_status": True,
        "publishing": ["work"],
        "port": 7443,
    },
    "image": "busybox",
    "args": [],
    "environment": [],
    "credential_variables": [],
    "credential_directories": [],
    "files": [],
    "inputs": [],
    "outputs": [],
    "kpis": [],
    "checkpoints": [],
    "exit_actions": [],
    "timeouts": {
        "exec": None, "queue": None, "barrier": 60, "settle": 1, "absence": 5,
        "grace": 2, "upload": 20, "storage_upload": 20, "storage_download": 20,
    },
    "retry": {"reschedule": 3, "infrastructure": 0},
    "access": [],
    "buckets": [],
}  # fmt: skip


def document(storage: Path | None, /, *command: str, **changes: Any) -> dict[str, Any]:
    """A task document: one task that runs a command, and keeps its output below a folder. Other timeouts stay."""
    place = {"endpoint": "", "region": "", "secret": "", "claim": "", "publish_on_failure": True}
    kept = None if storage is None else {"url": f"file://{storage}", **place}
    timeouts = {**_SEED["timeouts"], **changes.pop("timeouts", {})}
    return {**_SEED, "command": list(command), "storage": kept, **changes, "timeouts": timeouts}


@dataclass(kw_only=True)
class Pod:
    """`root` stands for `/osmo`; what the containers print goes to files beside it."""

    root: Path
    document: Mapping[str, Any]
    run: str = "run-1"
    attempt: int = 0
    uid: str = field(default_factory=lambda: uuid.uuid4().hex)
    environment: Mapping[str, str] = field(default_factory=dict)
    ctrl: "subprocess.Popen[bytes] | None" = None
    agent: "subprocess.Popen[bytes] | None" = None

    def start(self) -> "Pod":
        self.init()
        self.start_ctrl()
        self.start_agent()
        return self

    def init(self) -> None:
        (self.root / "state").mkdir(parents=True, exist_ok=True)
        (self.root / "task.json").write_text(json.dumps(self.document))
        subprocess.run([sys.executable, "-m", "osmo_init"], env=self._environment(), check=True)

    def start_ctrl(self) -> None:
        own = {"OSMO_RUN_ID": self.run, "OSMO_ATTEMPT": str(self.attempt), "OSMO_POD_UID": self.uid}
        self.ctrl = self._start("ctrl", [sys.executable, "-m", "osmo_ctrl"], own)

    def start_agent(self) -> None:
        own = {"OSMO_TERMINATION_LOG": str(self.root / "termination-log"), **self.environment}
        (self.root / "termination-log").touch()
        self.agent = self._start("agent", [str(self.root / "bin" / "osmo-exec")], own)

    def _start(self, name: str, command: list[str], own: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        with (self.root / f"{name}.out").open("ab") as output, (self.root / f"{name}.err").open("ab") as errors:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=self._environment() | own,
                start_new_session=True,
            )  # fmt: skip

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
        return kept | {"OSMO_ROOT": str(self.root), "PYTHONWARNINGS": "error"}

    def wait(self, seconds: float = LONGEST) -> int:
        """The exit code of the user's container; osmo-ctrl is then told to end, and must do so with 0."""
        assert self.agent is not None and self.ctrl is not None
        try:
            code = self.agent.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the agent is still there; {self.said()}") from None
        self.end_ctrl()
        return code

    def end_ctrl(self) -> None:
        """As the kubelet does it in the end. Only process 1 of a container ignores SIGTERM until it has a handler."""
        assert self.ctrl is not None
        until(lambda: hears_sigterm(self.ctrl.pid) if self.ctrl else True, said=self.said)
        self.ctrl.terminate()
        assert self.ctrl.wait(10) == 0, self.said()

    def stop(self) -> None:
        """Whatever is left of it, without a word."""
        if self.agent is not None and self.agent.poll() is None:
            self.kill_container()
        for process in (self.agent, self.ctrl):
            if process is not None and process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def kill_container(self) -> None:
        """SIGKILL to all processes of the user's container, as the kernel does that is out of memory."""
        assert self.agent is not None
        for pid in [self.agent.pid, *descendants(self.agent.pid)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.agent.wait()

    def until(self, condition: Callable[[], Any], seconds: float = LONGEST) -> None:
        until(condition, seconds, self.said)

    @property
    def phase(self) -> str:
        try:
            return str(json.loads((self.root / "state" / "state.json").read_text())["phase"])
        except FileNotFoundError:
            return ""

    @property
    def termination(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads((self.root / "termination-log").read_text())
        return said

    def output(self, name: str = "agent.out") -> str:
        return (self.root / name).read_text(errors="replace")

    def said(self) -> str:
        names = ("ctrl.out", "ctrl.err", "agent.out", "agent.err")
        return "\n".join(f"--- {name}\n{self.output(name)[-3000:]}" for name in names if (self.root / name).exists())


def until(condition: Callable[[], Any], seconds: float = LONGEST, said: Callable[[], str] = str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s\n{said()}"
        time.sleep(0.02)


def hears_sigterm(pid: int) -> bool:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return bool((int(fields["SigCgt"], 16) | int(fields["SigBlk"], 16)) >> (signal.SIGTERM - 1) & 1)


def descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(folder.name))
    found = list(children.get(pid, []))
    for child in found:
        found += children.get(child, [])
    return found


def manifests(storage: Path, task: str = "work") -> list[dict[str, Any]]:
    """What attempts have committed, in order."""
    return [json.loads(path.read_text()) for path in sorted(storage.glob(f"*/*/{task}/manifests/*.json"))]


def archived_log(storage: Path, task: str = "work") -> str:
    """The text of the archived log of the last attempt, without its stamps."""
    attempts = sorted(storage.glob(f"*/*/{task}/attempts/*"))
    lines = [
        line.split(" ", 3)
        for path in sorted((attempts[-1] / "log").glob("*.log"))
        for line in path.read_text(errors="replace").split("\n")
        if line
    ]
    return "".join(text + ("\n" if kind == "F" else "") for _, _, kind, text in lines)


def has_programs() -> bool:
    """Whether the runtime is installed with its agent; it is by `make install`."""
    from importlib.util import find_spec

    spec = find_spec("osmo_init")
    return (
        spec is not None and spec.origin is not None and any((Path(spec.origin).parent / "agents").glob("osmo-exec-*"))
    )


def copy_tree(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
