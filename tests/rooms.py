"""What tests of `osmoc run` share: the programs, who runs them, and whether this machine has namespaces for him."""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from compiled import ROOT

from osmoc.local.engine import Namespaces, probe_namespaces

RUNTIME = ROOT / "runtime"
USERS = ("self", "nobody")


@cache
def room_program() -> Path:
    """osmo-room as the source has it now; the test is skipped without Go."""
    return built("room", "osmo-room")


@cache
def built(folder: str, name: str) -> Path:
    go = shutil.which("go")
    if go is None:
        pytest.skip("there is no Go to build the runtime")
    target = ROOT / "build" / "tests" / f"{name}-linux"
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f"{target.name}.{os.getpid()}")
    subprocess.run(
        [go, "build", "-trimpath", "-o", str(new), "."],
        cwd=RUNTIME / folder,
        env={**os.environ, "CGO_ENABLED": "0"},
        check=True,
    )
    new.replace(target)
    return target


@cache
def runtime_path() -> Path:
    """A folder for PYTHONPATH with the runtime as the source has it now; the test is skipped where it cannot run."""
    for package in ("obstore", "pydantic"):
        if find_spec(package) is None:
            pytest.skip(f"the runtime needs {package}")
    site = ROOT / "build" / "tests" / "site"
    agents = site / "osmo_init" / "agents"
    agents.mkdir(parents=True, exist_ok=True)
    _link(RUNTIME / "ctrl" / "osmo_ctrl", site / "osmo_ctrl")
    for file in (RUNTIME / "init" / "osmo_init").glob("*.py"):
        _link(file, site / "osmo_init" / file.name)
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    _link(built("exec", "osmo-exec"), agents / f"osmo-exec-linux-{machine}")
    _link(room_program(), agents / f"osmo-room-linux-{machine}")
    return site


def _link(to: Path, path: Path) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    new.symlink_to(to)
    new.replace(path)


@cache
def needs_namespaces(user: str) -> Namespaces:
    """Skips the test where the machine refuses them, and says why."""
    if user == "nobody":
        if os.geteuid() != 0 or shutil.which("setpriv") is None:
            pytest.skip("only root can be another user")
        return Namespaces(True, of_user=True)
    found = probe_namespaces(room_program())
    if not found.are_there:
        pytest.skip(f"no namespaces: {found.fault}")
    return found


def as_user(user: str, folder: Path, words: list[str]) -> tuple[int, str, str]:
    """Runs a command as `user`, who owns the folder then: exit code, output, errors."""
    if user == "nobody":
        subprocess.run(["chown", "-R", "65534:65534", str(folder)], check=True)
        words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *words]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


@contextmanager
def public_folder() -> Iterator[Path]:
    """One that every user can get to: those of pytest are private."""
    with TemporaryDirectory(prefix="osmoc-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)
