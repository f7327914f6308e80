"""A small task of which every byte is known, and pods for its attempts over a folder or an S3."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from runtime.pod import Pod, document
from runtime.s3 import CREDENTIAL

from osmo_ctrl.storage.store import Patience, Place, Store, open_store

SECRET: Final = "data"
NAME: Final = "work"
DATASET: Final = "cats"


@dataclass(frozen=True)
class Site:
    """Where the data of a test lies. Pods see it at `endpoint`, which may be a wire that breaks; tests at `direct`."""

    base: str
    endpoint: str = ""
    direct: str = ""

    @property
    def is_folder(self) -> bool:
        return not self.endpoint

    @property
    def region(self) -> str:
        return "" if self.is_folder else "us-east-1"

    def place(self, path: str) -> dict[str, Any]:
        secret = "" if self.is_folder else SECRET
        return {"url": f"{self.base}/{path}", "endpoint": self.endpoint, "region": self.region, "secret": secret}

    def store(self, path: str) -> Store:
        credential = {} if self.is_folder else CREDENTIAL
        return open_store(Place(f"{self.base}/{path}", self.direct, self.region, credential), Patience(5))


@dataclass(frozen=True, kw_only=True)
class Task:
    """`files` are paths and sizes. What they hold says which attempt wrote it, and each attempt has a name of its own.

    `code` is what the first attempt's command ends with.
    """

    files: Mapping[str, int] = field(default_factory=lambda: {"who": 6, "deep/file": 70_000, "empty": 0})
    given: Mapping[str, int] = field(default_factory=lambda: {"a": 1000, "b/c": 10})
    url: bool = True
    dataset: bool = True
    checkpoint: bool = False
    frequency: float = 0.3
    single_writer: bool = False
    lines: int = 3
    seconds: float = 0.0
    code: int = 0
    actions: tuple[Mapping[str, Any], ...] = ()
    wait: float = 20.0  # for a storage that is away
    wait_to_read: float = 20.0
    leave: float = 20.0  # for what is kept after the end is known

    def content(self, path: str, attempt: int) -> bytes:
        """Of an output file."""
        size = 2 if path.startswith("only-") else self.files[path]
        return (f"{attempt}\n".encode() * size)[:size]

    def expected(self, attempt: int) -> dict[str, bytes]:
        """All that a complete attempt leaves."""
        copies = {f"copy/{path}": (b"given\n" * size)[:size] for path, size in self.given.items()}
        own = {path: self.content(path, attempt) for path in (*self.files, f"only-{attempt}")}
        return copies | own

    @property
    def script(self) -> str:
        parts = ["echo begin", "echo $A > only-$A"]
        if self.given:
            parts.append("cp -r $I copy")
        for path, size in self.files.items():
            parts.append(f"mkdir -p \"$(dirname '{path}')\"; yes $A | head -c {size} > '{path}'")
        if self.checkpoint:
            parts.append("mkdir -p $W; echo $A > $W/state; yes $A | head -c 5000 > $W/more")
        parts.append(f"for n in $(seq {self.lines}); do echo line $n; done; echo error >&2")
        if self.seconds:
            parts.append(f"sleep {self.seconds}")
        return "; ".join(["cd $O", *parts, "echo end", f"[ $A = 0 ] && exit {self.code}; exit 0"])

    @property
    def output(self) -> str:
        """What it prints."""
        return "".join(f"{line}\n" for line in ("begin", *(f"line {n + 1}" for n in range(self.lines)), "end"))

    def document(self, site: Site, folder: Path, **changes: Any) -> dict[str, Any]:
        outputs: list[dict[str, Any]] = []
        if self.url:
            outputs.append({"kind": "url", "url": f"{site.base}/results", "regex": ""})
        if self.dataset:
            outputs.append(
                {"kind": "dataset", "bucket": "", "name": DATASET, "tag": "done", "path": "", "regex": "",
                 "metadata": [], "labels": []}
            )  # fmt: skip
        given = {"kind": "url", "url": f"{site.base}/given", "regex": ""}
        saved = f"{site.base}/checkpoints"
        checkpoint = {"path": f"{folder}/w", "url": saved, "frequency": self.frequency, "regex": ""}
        access = site.place("") | {"url": site.base}
        patience = {"storage_upload": self.wait, "storage_download": self.wait_to_read}
        wanted: dict[str, Any] = {
            "storage": site.place("storage") | {"claim": "", "publish_on_failure": True},
            "access": [] if site.is_folder else [access],
            "buckets": [{"name": "", **site.place("datasets"), "single_writer": self.single_writer}],
            "inputs": [given] if self.given else [],
            "outputs": outputs,
            "checkpoints": [checkpoint] if self.checkpoint else [],
            "exit_actions": list(self.actions),
            "timeouts": {"upload": self.leave, **patience},
        }
        return document(None, "/bin/sh", "-c", self.script, **(wanted | changes))

    def pod(self, site: Site, root: Path, attempt: int = 0, **changes: Any) -> Pod:
        """Of one attempt; its folders are below `root`."""
        shown = {"O": root / "data/output", "I": root / "data/input/0", "W": root / "w", "A": attempt}
        environment = {name: str(value) for name, value in shown.items()}
        made = Pod(root=root, document=self.document(site, root, **changes), attempt=attempt, environment=environment)
        if not site.is_folder:
            folder = root / "secrets" / SECRET
            folder.mkdir(parents=True)
            for name, value in CREDENTIAL.items():
                (folder / name).write_text(value)
        return made

    async def give(self, site: Site) -> None:
        """Puts its input there."""
        store = site.store("given")
        for path, size in self.given.items():
            await store.write(path, (b"given\n" * size)[:size])
