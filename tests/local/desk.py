"""Where a user works with osmoc: a folder, and what commands print there."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rooms import runtime_path


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str


class Desk:
    """A folder in which a user works with osmoc."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = [sys.executable, "-m", "osmoc"]
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "PYTHONPATH": str(runtime_path()),
            "OSMOC_TRACEBACK": "1",
        }

    def write(self, text: str, name: str = "w.yaml") -> str:
        (self.folder / name).write_text(text)
        return name

    def start(self, *words: str, **more: Any) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*self.program, *words],
            cwd=self.folder,
            env=self.environment | more.pop("env", {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )

    def osmoc(self, *words: str, **more: Any) -> Done:
        with self.start(*words, **more) as process:
            try:
                out, err = process.communicate(timeout=60)
            finally:
                process.kill()
        return Done(process.returncode, out, err)

    def run(self, text: str, *words: str, **more: Any) -> Done:
        return self.osmoc("run", self.write(text), *words, **more)

    def record(self, run_id: str) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((self.folder / ".osmoc/runs" / run_id / "run.json").read_text())
        return read

    def states(self, run_id: str) -> dict[str, str]:
        return {name: task["state"] for name, task in self.record(run_id)["tasks"].items()}

    def result(self, run_id: str, path: str) -> str:
        return (self.folder / ".osmoc/runs" / run_id / "results" / path).read_text()
