"""A real Azure Blob Storage over HTTP: Azurite, Microsoft's own emulator, where the machine has it."""

import base64
import hashlib
import hmac
import itertools
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from pathlib import Path
from typing import Final

from osmo_ctrl.storage.store import Place

# Azurite's only account, known to all.
ACCOUNT: Final = "devstoreaccount1"
KEY: Final = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
MISSING: Final = "no Azurite: `npm install --prefix build/azurite azurite`, or have `azurite-blob` on the path"
_INSTALLED: Final = Path(__file__).parents[2] / "build" / "azurite" / "node_modules" / ".bin"
_names = itertools.count()


def find_azurite() -> str | None:
    return shutil.which("azurite-blob", path=str(_INSTALLED)) or shutil.which("azurite-blob")


@contextmanager
def serve(azurite: str) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        options = ["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--location", folder]
        server = subprocess.Popen([azurite, "--blobPort", str(port), *options], stdout=subprocess.DEVNULL)
        try:
            _wait(port)
            yield port
        finally:
            server.terminate()
            server.wait(20)


def new_container(port: int) -> Place:
    """An empty container of its own for each test. That a container is made is all that obstore cannot ask for."""
    name = f"container-{next(_names)}"
    endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    signed = "".join(f"{header}:{value}\n" for header, value in headers.items())
    text = "PUT" + "\n" * 12 + f"{signed}/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    digest = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
    request = urllib.request.Request(f"{endpoint}/{name}?restype=container", method="PUT", headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 201
    return Place(f"azure://{ACCOUNT}/{name}/base", endpoint, "", {"access_key": KEY})


def _wait(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise AssertionError("Azurite does not answer")
