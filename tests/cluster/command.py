"""The command `osmoc` as its users have it: a process, in a folder with a profile, on a cluster."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.kubernetes import Namespace

PROFILE = """\
target: jobs
images: {pull_policy: Never}
storage: {secret: osmo-storage}
credentials: {wandb: {secret: wandb}}
"""

# Ends the process, as `kill -9` does, before the change of this number is sent, or before its answer is read.
_DEADLY = """
import os, sys
from osmoc.cluster.client import Client
asked, last, is_late = Client._request, int(sys.argv.pop(1)), sys.argv.pop(1) == "late"
count = 0
def request(self, method, path, query, *arguments, **more):
    global count
    is_change = method != "GET" and "accessreview" not in path and "dryRun" not in (query or {})
    count += is_change
    is_last = is_change and count == last
    if is_last and not is_late:
        os._exit(137)
    try:
        return asked(self, method, path, query, *arguments, **more)
    finally:
        if is_last:
            os._exit(137)
Client._request = request
from osmoc.cli.main import run
run()
"""


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str

    @property
    def id(self) -> str:
        """What `apply` prints."""
        return self.out.splitlines()[0]


@dataclass(frozen=True)
class Desk:
    folder: Path
    namespace: Namespace

    def write(self, text: str, name: str = "flow.yaml") -> None:
        (self.folder / name).write_text(text)

    def osmoc(self, *words: str, stdin: str = "", seconds: float = 240, env: dict[str, str] | None = None) -> Done:
        process = self.start(*words, env=env)
        try:
            out, err = process.communicate(stdin, timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"{words} within {seconds} s: {out}\n{err}\n{self.namespace.describe()}") from None
        assert "Traceback" not in err, err
        return Done(process.returncode, out, err)

    def local(self, *words: str) -> Done:
        """A command that asks no cluster."""
        words = (sys.executable, "-m", "osmoc", *words)
        done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, timeout=60)
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str, env: dict[str, str] | None = None) -> "subprocess.Popen[str]":
        return self._process(["-m", "osmoc"], words, env)

    def killed_at(self, change: int, *words: str, is_late: bool) -> int:
        """The exit status: 137 if it came as far as that."""
        moment = [str(change), "late" if is_late else "early"]
        process = self._process(["-c", _DEADLY, *moment], words, None)
        process.communicate(timeout=120)
        return process.returncode

    def _process(self, how: list[str], words: tuple[str, ...], env: dict[str, str] | None) -> "subprocess.Popen[str]":
        first = words[:2] if words[0] == "credential" else words[:1]
        return subprocess.Popen(
            [sys.executable, *how, *first, "-n", self.namespace.name, *words[len(first) :]],
            cwd=self.folder,
            env=os.environ | (env or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def state(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.osmoc("status", run_id, "--output", "json").out)
        return found

    def statuses(self, run_id: str) -> dict[str, str]:
        """Of tasks."""
        groups = self.state(run_id)["groups"].values()
        return {name: task["status"] for group in groups for name, task in group["tasks"].items()}

    def left(self, run_id: str) -> list[str]:
        """All objects with the label of the run."""
        kinds = "all,configmap,lease,serviceaccount,role,rolebinding,networkpolicy"
        found = self.namespace.kubectl("get", kinds, "-l", f"osmo.workflow_id={run_id}", "-o", "name")
        return sorted(found.split())
