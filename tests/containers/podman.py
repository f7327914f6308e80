"""podman with a store of its own, its images, and the flags that this machine needs. Nothing is pulled."""

import fcntl
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from compiled import ROOT

FOLDER: Final = ROOT / "build" / "tests" / "containers"
CACHE: Final = Path(os.environ.get("OSMOC_CLUSTER_HOME", Path.home() / ".cache" / "osmoc-cluster")) / "images"

SCRATCH: Final = "localhost/scratch:1"
BUSYBOX: Final = "registry.local/busybox:1"
PYTHON: Final = "registry.local/python:3.11"

# With none, then for a root that may not raise limits.
_FLAGS: Final = ((), ("--runtime", "runc", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"))


class UnusableError(Exception):
    """There is no podman, or it runs nothing here."""


@dataclass(frozen=True)
class Podman:
    flags: tuple[str, ...]
    environment: Mapping[str, str]

    def words(self, *words: str) -> list[str]:
        """Of `podman run`, with the flags that it needs."""
        return ["podman", "run", "--rm", *self.flags, *words]

    def run(self, *words: str) -> str:
        return self.call(*self.words(*words)[1:])

    def call(self, *words: str, given: bytes = b"") -> str:
        done = subprocess.run(
            ["podman", *words], input=given, env=self.environment, capture_output=True, check=False, timeout=120
        )
        if done.returncode != 0:
            raise UnusableError(f"podman {words[0]}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode()

    def has(self, image: str) -> bool:
        return subprocess.run(["podman", "image", "exists", image], env=self.environment, check=False).returncode == 0


def find_podman() -> Podman:
    """Raises: UnusableError."""
    if shutil.which("podman") is None:
        raise UnusableError("podman is not installed")
    if os.geteuid() != 0:
        raise UnusableError("containers of other users need root")
    with _alone():
        environment = {**os.environ, "CONTAINERS_STORAGE_CONF": str(_store())}
        unprobed = Podman((), environment)
        _load_busybox(unprobed)
        podman = _probed(unprobed)
        if not podman.has(PYTHON) and (CACHE / "base.tar").is_file():
            podman.call("pull", "--quiet", f"oci-archive:{CACHE / 'base.tar'}")
        return podman


def _store() -> Path:
    FOLDER.mkdir(parents=True, exist_ok=True)
    lines = ("[storage]", 'driver = "overlay"', f'graphroot = "{FOLDER}/store"', f'runroot = "{FOLDER}/run"')
    path = FOLDER / "storage.conf"
    path.write_text("\n".join([*lines, ""]))
    return path


def _probed(podman: Podman) -> Podman:
    faults = []
    for flags in _FLAGS:
        candidate = Podman(flags, podman.environment)
        try:
            candidate.run("--network", "host", BUSYBOX, "true")
            return candidate
        except UnusableError as error:
            faults.append(str(error))
    raise UnusableError(faults[-1])


def _load_busybox(podman: Podman) -> None:
    if podman.has(BUSYBOX):
        return
    if (CACHE / "busybox.tar").is_file():
        podman.call("pull", "--quiet", f"oci-archive:{CACHE / 'busybox.tar'}")
        return
    busybox = shutil.which("busybox")
    if busybox is None:
        raise UnusableError("there is no busybox to make an image of: `apt-get install busybox-static`")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    links = {f"bin/{name}": "busybox" for name in applets if name != "busybox"}
    podman.call("import", "-", BUSYBOX, given=archive({"bin/busybox": Path(busybox)}, links))


def archive(files: Mapping[str, Path], links: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, path in files.items():
            tar.add(path, name)
        for name, target in links.items():
            item = tarfile.TarInfo(name)
            item.type, item.linkname = tarfile.SYMTYPE, target
            tar.addfile(item)
    return buffer.getvalue()


def make_scratch(podman: Podman, program: Path) -> None:
    with _alone():
        podman.call("import", "-", SCRATCH, given=archive({"task": program}, {}))


@contextmanager
def _alone() -> Iterator[None]:
    """Tests may run in several processes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
