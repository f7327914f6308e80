"""Builds the programs in Go when the distribution is built or installed from its source."""

import os
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# The agent runs in pods, and on the machine of whoever tries a workflow out; rooms are for the latter, on Linux.
PROGRAMS = {
    "osmo-exec": ("exec", ("linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64")),
    "osmo-room": ("room", ("linux-amd64", "linux-arm64")),
}


class Agents(BuildHookInterface):  # type: ignore[misc]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Also for an editable installation, whose programs then lie beside the source of osmo_init."""
        root = Path(self.root)
        target = root / "init" / "osmo_init" / "agents"
        for program, (folder, platforms) in PROGRAMS.items():
            for platform in platforms:
                build(root / folder, target / f"{program}-{platform}", *platform.split("-"))


def build(source: Path, target: Path, system: str, machine: str) -> None:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOOS": system, "GOARCH": machine, "GOTOOLCHAIN": "local"}
    command = ["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", str(target), "."]
    subprocess.run(command, cwd=source, env=environment, check=True)
