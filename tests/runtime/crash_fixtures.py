"""A plugin of pytest: storages that break, and pods that are gone when a test ends."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from runtime.crash_pods import Make
from runtime.crash_task import Site, Task
from runtime.crash_wire import Wire
from runtime.pod import Pod
from runtime.s3 import new_bucket


@pytest.fixture
def wire(s3_port: int) -> Iterator[Wire]:
    with Wire(s3_port).running() as running:
        yield running


@pytest.fixture
def cloud(wire: Wire) -> Site:
    """An S3 at the other end of the wire."""
    bucket = new_bucket(wire.upstream)
    return Site(f"s3://{bucket.bucket}/base", f"http://127.0.0.1:{wire.port}", bucket.endpoint)


@pytest.fixture
def folder(tmp_path: Path) -> Site:
    (tmp_path / "site").mkdir()
    return Site(f"file://{tmp_path}/site")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    pods: list[Pod] = []

    def make(task: Task, site: Site, attempt: int = 0, document: Mapping[str, Any] = {}) -> Pod:
        if not pods:
            asyncio.run(task.give(site))
        pods.append(task.pod(site, tmp_path / f"pod-{len(pods)}", attempt, **document))
        return pods[-1]

    yield make
    for pod in pods:
        pod.stop()
