"""Times transfers of osmo-ctrl beside rclone and awscli, on one S3 server, in turn: `transfers.py [ROUNDS] [SCALE]`.

SERVER is `versitygw` on PATH (a Go tool: github.com/versity/versitygw/cmd/versitygw), which keeps objects in a folder.
Peers that are not on PATH are left out. SCALE 1 is 10,000 files of 4 KiB, and 4 of 1 GiB. Every command is a whole
process; peers are given the concurrency that their manuals recommend for such files.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from osmo_ctrl.document import UrlInput, UrlOutput
from osmo_ctrl.inputs import Origin, fetch
from osmo_ctrl.outputs import upload_url
from osmo_ctrl.storage.store import Patience, Place, Store, open_store
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.transfers import Limits

KEYS = {"access_key_id": "bench", "access_key": "bench-secret"}
SETS = {"small": (10_000, 4 * 1024), "large": (4, 1 << 30)}


def main(rounds: int, scale: float) -> None:
    room = os.environ.get("TMPDIR", Path(__file__).parents[1] / "build")
    with tempfile.TemporaryDirectory(dir=room) as name, _server(Path(name)) as endpoint:
        folder = Path(name)
        figures: dict[tuple[str, str, str], list[float]] = {}
        for kind, (count, size) in SETS.items():
            _fill(
                folder / kind,
                max(1, round(count * scale)) if kind == "small" else count,
                size if kind == "small" else max(1 << 20, round(size * scale)),
            )
            for number in range(rounds):
                for peer, commands in _peers(endpoint, folder, kind, number).items():
                    for way, command in commands.items():
                        seconds = _timed(command, endpoint, folder)
                        figures.setdefault((kind, way, peer), []).append(seconds)
                        sys.stderr.write(f"{kind} {way} {peer}: {seconds:.1f}\n")
                    for kept in (folder / "store" / "bench").iterdir():  # or each round took room for three more copies
                        shutil.rmtree(kept)
        sys.stdout.write("| files | way | by | seconds |\n|---|---|---|---|\n")
        for (kind, way, peer), values in sorted(figures.items()):
            sys.stdout.write(f"| {kind} | {way} | {peer} | {median(values):.1f} |\n")


def _peers(endpoint: str, folder: Path, kind: str, number: int) -> dict[str, dict[str, list[str]]]:
    source, bucket = folder / kind, f"bench/{kind}-{number}"
    target = folder / "down"
    own = [sys.executable, __file__, "--own"]
    peers = {
        "osmo-ctrl": {
            way: [*own, way, endpoint, f"{bucket}-ours", str(source if way == "up" else target)]
            for way in ("up", "down")
        }
    }
    if shutil.which("rclone"):
        flags = ["--transfers", "32" if kind == "small" else "4", "--s3-upload-concurrency", "5", "--quiet"]
        place = f":s3:{bucket}-rclone"
        peers["rclone"] = {
            "up": ["rclone", "copy", str(source), place, *flags],
            "down": ["rclone", "copy", place, str(target), *flags],
        }
    if shutil.which("aws"):
        aws = ["aws", "--endpoint-url", endpoint, "s3", "cp", "--recursive", "--only-show-errors"]
        place = f"s3://{bucket}-aws"
        peers["awscli"] = {"up": [*aws, str(source), place], "down": [*aws, place, str(target)]}
    return peers


def _timed(command: list[str], endpoint: str, folder: Path) -> float:
    shutil.rmtree(folder / "down", ignore_errors=True)
    (folder / "down").mkdir()
    started = time.perf_counter()
    subprocess.run(command, check=True, env=_environment(endpoint))
    return time.perf_counter() - started


def _environment(endpoint: str) -> Mapping[str, str]:
    keys = {"AWS_ACCESS_KEY_ID": KEYS["access_key_id"], "AWS_SECRET_ACCESS_KEY": KEYS["access_key"]}
    rclone = {
        "RCLONE_S3_PROVIDER": "Other",
        "RCLONE_S3_ENV_AUTH": "true",
        "RCLONE_S3_ENDPOINT": endpoint,
        "RCLONE_S3_REGION": "us-east-1",
        "RCLONE_CONFIG": os.devnull,
    }
    given = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}  # rclone stumbles over it
    return {**given, **keys, **rclone, "AWS_DEFAULT_REGION": "us-east-1"}


def _fill(folder: Path, count: int, size: int) -> None:
    for number in range(count):
        path = folder / f"{number % 100:02}" / f"{number:05}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for start in range(0, size, 1 << 20):
                file.write(os.urandom(min(1 << 20, size - start)))


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """With one bucket, `bench`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "store" / "bench").mkdir(parents=True)
    keys = {"ROOT_ACCESS_KEY": KEYS["access_key_id"], "ROOT_SECRET_KEY": KEYS["access_key"]}
    command = ["versitygw", "--port", f"127.0.0.1:{port}", "posix", str(folder / "store")]
    server = subprocess.Popen(command, env={**os.environ, **keys}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _wait(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the server does not answer")


async def _own(way: str, endpoint: str, place: str, folder: str) -> None:
    """As osmo-ctrl does it for a URL."""
    store: Store = open_store(Place(f"s3://{place}", endpoint, "us-east-1", KEYS), Patience(60))
    if way == "up":
        output = UrlOutput(url=store.url)
        await upload_url(store, output, Path(folder), "bench", Progress(), Limits())
        return
    origin = Origin(storage=None, workflow_id="", run="", store_of=lambda url: store)
    await fetch(UrlInput(url=store.url), Path(folder) / "0", origin, Progress(), Limits())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--own"]:
        asyncio.run(_own(*sys.argv[2:]))
    else:
        arguments = [*sys.argv[1:], *["3", "1"][len(sys.argv) - 1 :]]
        main(int(arguments[0]), float(arguments[1]))
