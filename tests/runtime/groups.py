"""A group of several tasks: a pod of processes each, on one machine."""

import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtime.pod import Pod, document


@dataclass(kw_only=True)
class Group:
    """`tasks` are commands by name, the first is the lead's; `changes` are of the documents, by task or for all (`*`).

    In a command `$O` is the output, `$W` a directory that a restart in place keeps, `$S` one that all pods share.
    """

    root: Path
    tasks: Mapping[str, tuple[str, ...]]
    storage: Path | None = None
    barrier: bool = True
    ignore_nonlead_status: bool = True
    publishing: tuple[str, ...] = ()
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    port: int = 0
    key: bytes = b""
    pods: dict[str, Pod] = field(default_factory=dict)
    all_pods: list[Pod] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.port = self.port or free_port()
        self.key = self.key or secrets.token_bytes(32)

    @property
    def lead(self) -> str:
        return next(iter(self.tasks))

    def start(self, *names: str) -> "Group":
        for name in names or self.tasks:
            self.pod(name).start()
        return self

    def pod(self, name: str, attempt: int = 0) -> Pod:
        """A new pod of a task, not started."""
        root = self.root / f"{name}-{attempt}-{secrets.token_hex(2)}"
        (root / "group-key").mkdir(parents=True)
        (root / "group-key" / "key").write_bytes(self.key)
        pod = Pod(root=root, document=self._document(name), attempt=attempt)
        pod.environment = {
            "O": str(pod.root / "data/output"),
            "W": str(pod.root / "run/workspace"),
            "S": str(self.root),
        }
        self.pods[name] = pod
        self.all_pods.append(pod)
        return pod

    def again(self, name: str) -> Pod:
        """The pod of the next attempt, as the cluster makes it after exit code 250."""
        return self.pod(name, self.pods[name].attempt + 1).start()

    def _document(self, name: str) -> dict[str, Any]:
        group = {
            "name": "crew",
            "lead": self.lead,
            "members": [{"task": task, "host": "127.0.0.1"} for task in self.tasks],
            "barrier": self.barrier,
            "ignore_nonlead_status": self.ignore_nonlead_status,
            "publishing": list(self.publishing),
            "port": self.port,
        }
        changes = {**self.changes.get("*", {}), **self.changes.get(name, {})}
        place = {"task": name, "lead": name == self.lead, "group": group}
        return document(self.storage, *self.tasks[name], **place, **changes)

    def wait(self, seconds: float = 40.0) -> dict[str, int]:
        """The exit codes of all; the lead's last."""
        others = [name for name in self.tasks if name != self.lead]
        return {name: self.pods[name].wait(seconds) for name in (*others, self.lead)}

    def stop(self) -> None:
        for pod in self.all_pods:
            pod.stop()


@contextmanager
def group(root: Path, **tasks: Any) -> Iterator[Group]:
    """Ended whatever happens."""
    made = Group(root=root, **tasks)
    try:
        yield made
    finally:
        made.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
