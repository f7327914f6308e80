"""Fixtures of the tests in containers; all are skipped where podman runs nothing."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from compiled import ROOT
from containers.container_pod import ContainerPod, System, has_same_python, system_of_source
from containers.podman import FOLDER, PYTHON, Podman, UnusableError, find_podman, make_scratch
from rooms import public_folder


@pytest.fixture(scope="session")
def podman() -> Podman:
    try:
        return find_podman()
    except UnusableError as error:
        pytest.skip(f"no containers: {error}")


@pytest.fixture(scope="session")
def python(podman: Podman) -> str:
    if not podman.has(PYTHON):
        pytest.skip(f"there is no {PYTHON}: ../shared/tools/cluster makes it")
    return PYTHON


@pytest.fixture(scope="session")
def scratch(podman: Podman) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("there is no Go to build the program of the scratch image")
    program = FOLDER / f"program-{os.getpid()}"
    source = ROOT / "tests" / "containers" / "program"
    environment = {**os.environ, "CGO_ENABLED": "0"}
    subprocess.run([go, "build", "-ldflags", "-s -w", "-o", str(program), "."], cwd=source, env=environment, check=True)
    make_scratch(podman, program)
    program.unlink()


@pytest.fixture(scope="session")
def system(podman: Podman, python: str) -> Iterator[System]:
    if not has_same_python(podman):
        pytest.skip(f"the Python of {python} is not that of the tests")
    system = system_of_source()
    yield system
    shutil.rmtree(FOLDER / f"site-{os.getpid()}")


Make = Callable[..., ContainerPod]


@pytest.fixture
def make(podman: Podman, system: System, scratch: None) -> Iterator[Make]:
    """A pod of containers with an image and a command."""
    pods: list[ContainerPod] = []
    with public_folder() as folder:

        def make(image: str, *command: str, **more: Any) -> ContainerPod:
            own = folder / str(len(pods))
            own.mkdir()
            pod = ContainerPod(podman=podman, system=system, folder=own, image=image, command=command, **more)
            pods.append(pod)
            return pod

        yield make
        for pod in pods:
            pod.stop()
