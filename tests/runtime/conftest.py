"""Fixtures of the runtime's tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from runtime.s3 import S3, Proxy, new_bucket, serve

from osmo_ctrl.storage import store as storage
from runtime import azure


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A short one: pods have sockets in it, and the path of a socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="osmo-", ignore_cleanup_errors=True) as path:
        yield Path(path)


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    with serve() as port:
        yield port


@pytest.fixture
def s3(s3_port: int) -> S3:
    """A fresh bucket of an S3 that lives as long as the tests."""
    return new_bucket(s3_port)


@pytest.fixture
def proxy(s3_port: int) -> Iterator[Proxy]:
    with Proxy(s3_port).running() as running:
        yield running


@pytest.fixture(scope="session")
def azure_port() -> Iterator[int]:
    azurite = azure.find_azurite()
    if not azurite:
        pytest.skip(azure.MISSING)
    with azure.serve(azurite) as port:
        yield port


@pytest.fixture(params=["s3", "directory", "azure"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> storage.Place:
    """An empty storage of each kind."""
    match request.param:
        case "s3":
            return new_bucket(request.getfixturevalue("s3_port")).place()
        case "azure":
            return azure.new_container(request.getfixturevalue("azure_port"))
        case _:
            return storage.Place(f"file://{tmp_path}/storage")


@pytest.fixture(autouse=True)
def quick_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests make storages fail, and need not wait as long as people."""
    monkeypatch.setattr(storage, "_FIRST_PAUSE", 0.02)
