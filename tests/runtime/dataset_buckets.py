"""For tests of datasets: files to publish, a bucket as a mapping, and an S3 that ignores conditions."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from osmo_ctrl.dataset.bucket import DatasetBucket
from osmo_ctrl.dataset.catalog import read_version
from osmo_ctrl.dataset.contents import Local
from osmo_ctrl.dataset.publish import Publication, Published, publish
from osmo_ctrl.dataset.records import Pin, Version
from osmo_ctrl.files.tree import Stamp
from osmo_ctrl.transfer.transfers import Limits

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _Quiet(WSGIRequestHandler):
    def log_request(self, *args: Any) -> None:
        pass


@contextmanager
def serve_without_conditions() -> Iterator[int]:
    """The port of an S3 that overwrites where it was asked to create, as old stores do."""
    known: Application = DomainDispatcherApplication(create_backend_app)

    def forgetful(environment: dict[str, Any], start: Any) -> Iterable[bytes]:
        environment.pop("HTTP_IF_NONE_MATCH", None)
        return known(environment, start)

    server = make_server("127.0.0.1", 0, forgetful, threaded=True, request_handler=_Quiet)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def now(days: float = 0) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def local(folder: Path, path: str, content: bytes) -> Local:
    """A file with that content somewhere in the folder, for that path of a dataset."""
    file = folder / uuid4().hex
    file.write_bytes(content)
    return local_file(file, path)


def local_file(file: Path, path: str) -> Local:
    status = file.stat()
    stamp = Stamp(status.st_size, status.st_mtime_ns, status.st_ino)
    return Local(path, stamp, lambda: os.open(file, os.O_RDONLY))


async def put(bucket: DatasetBucket, folder: Path, files: Mapping[str, bytes], **rest: Any) -> Published:
    """Publishes those files as a version of `cats`."""
    given = {"name": "cats", "writer": uuid4().hex, "now": now()} | rest
    locals_ = [local(folder, path, content) for path, content in files.items()]
    return await publish(bucket, Publication(files=locals_, **given), Limits())


async def version(bucket: DatasetBucket, number: int, name: str = "cats") -> Version:
    return await read_version(bucket.store, Pin(name=name, version=number))


async def contents(bucket: DatasetBucket, number: int, name: str = "cats") -> dict[str, bytes]:
    """Path to content, read from the objects themselves."""
    files = (await version(bucket, number, name)).files or ()
    return {file.path: await bucket.store.read(f"{name}/objects/{file.sha256}") for file in files}


async def keys(bucket: DatasetBucket, prefix: str = "") -> list[str]:
    return sorted([found.path async for found in bucket.store.list(prefix)])
