"""Containers by the command line of podman and docker, as far as that can be seen without them."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from osmoc import compile_workflow
from osmoc.decisions import Local
from osmoc.document import TaskDocument
from osmoc.local.container import ContainerEngine, EngineError
from osmoc.local.engine import find_engine
from osmoc.local.programs import Programs
from osmoc.local.room import Machine, Room
from osmoc.pipeline import Options

FLOW = """\
workflow:
  name: digits
  tasks:
  - name: train
    image: python:3.12
    command: [python3, /opt/train.py]
    files: [{path: /opt/train.py, contents: x}]
    volumeMounts: ["/data:/mnt/data"]
    credentials: {hub: /keys}
"""


def room(folder: Path) -> Room:
    options = Options(target="local", local=Local(storage="file:///s"), workflow_id="digits-1")
    plan = compile_workflow(FLOW, options=options).plan
    assert plan is not None
    [task] = plan.groups["train-group"].tasks
    document = TaskDocument.model_validate_json(task.document)
    return Room(task=task, document=document, attempt=2, path=folder, osmo=folder / "osmo", is_confined=True)


def machine() -> Machine:
    programs = Programs((), (), Path("room"), "")
    return Machine(programs=programs, namespaces=True, user_namespace=True, stores=(), hidden=())


def words(engine: ContainerEngine, here: Room) -> list[str]:
    prepared = engine.prepare(here, machine(), {"HOME": "/h", "PATH": "/p"}, {"KEY": "secret", "A": "b"})
    assert prepared.config["namespaces"] is False
    assert prepared.environment["KEY"] == "secret"
    assert "secret" not in json.dumps(prepared.config)
    command: list[str] = prepared.config["command"]
    return command


def test_a_container_has_the_mounts_of_a_pod(tmp_path: Path) -> None:
    command = words(ContainerEngine("docker", "/bin/docker"), room(tmp_path))
    assert command[:3] == ["/bin/docker", "run", "--rm"]
    assert command[-1] == "python:3.12"
    mounts = [command[n + 1] for n, word in enumerate(command) if word == "--mount"]
    home = [] if os.getuid() == 0 else [f"type=bind,source={tmp_path}/home,target=/osmo/home"]
    assert mounts == [
        *home,
        f"type=bind,source={tmp_path}/termination,target=/osmo/termination-log",
        f"type=bind,source={tmp_path}/osmo/bin,target=/osmo/bin,readonly",
        f"type=bind,source={tmp_path}/osmo/data,target=/osmo/data",
        f"type=bind,source={tmp_path}/osmo/run,target=/osmo/run",
        f"type=bind,source={tmp_path}/osmo/login/user,target=/osmo/login/config,readonly",
        f"type=bind,source={tmp_path}/files/0,target=/opt/train.py,readonly",
        f"type=bind,source={tmp_path}/credentials/0,target=/keys,readonly",
        "type=bind,source=/data,target=/mnt/data",
    ]
    named = [command[n + 1] for n, word in enumerate(command) if word == "--env"]
    home = [] if os.getuid() == 0 else ["HOME=/osmo/home"]
    assert named == ["KEY", "A", "OSMO_TERMINATION_LOG", "OSMO_CONFIG_FILE_DIR", *home]


def test_a_path_with_commas_and_quotes_is_one_field(tmp_path: Path) -> None:
    command = words(ContainerEngine("docker", "docker"), room(tmp_path / 'a,"b'))
    assert f'type=bind,"source={tmp_path}/a,""b/files/0",target=/opt/train.py,readonly' in command


def test_containers_of_two_folders_have_different_names(tmp_path: Path) -> None:
    names = {name_of(words(ContainerEngine("docker", "docker"), room(tmp_path / folder))) for folder in "ab"}
    assert len(names) == 2
    assert all(name.startswith("osmoc-digits-1-train-2-") for name in names)


def name_of(command: list[str]) -> str:
    return command[command.index("--name") + 1]


def test_without_namespaces_the_folder_is_also_where_osmo_ctrl_knows_it(tmp_path: Path) -> None:
    here = replace(room(tmp_path), is_confined=False, in_image=True)
    engine = ContainerEngine("podman", "podman")
    assert f"type=bind,source={tmp_path}/osmo,target={tmp_path}/osmo" in words(engine, here)
    assert f"type=bind,source={tmp_path}/osmo,target=/tmp/s" in words(engine, replace(here, root="/tmp/s"))


def test_files_belong_to_the_caller(tmp_path: Path) -> None:
    command = words(ContainerEngine("docker", "docker"), room(tmp_path))
    assert command[command.index("--user") + 1] == f"{os.getuid()}:{os.getgid()}"


def test_limits_are_those_of_the_task_and_no_more_than_there_is(tmp_path: Path) -> None:
    here = limited(room(tmp_path), cpu=8, memory="16Gi")
    command = words(ContainerEngine("docker", "docker", processors=2), here)
    assert command[command.index("--cpus") + 1] == "2"
    assert command[command.index("--memory") + 1] == "16Gi"
    assert "--cpus" not in words(ContainerEngine("docker", "docker", has_limits=False), here)


def limited(here: Room, **amounts: Any) -> Room:
    shape = here.task.shape._replace(placement=here.task.shape.placement._replace(**amounts))
    return replace(here, task=replace(here.task, shape=shape))


@pytest.mark.parametrize(
    ("name", "devices"),
    [
        ("docker", ["--gpus", '"device=1,3"']),
        ("podman", ["--device", "nvidia.com/gpu=1", "--device", "nvidia.com/gpu=3"]),
    ],
)
def test_a_task_has_its_own_gpus_and_counts_them_itself(tmp_path: Path, name: str, devices: list[str]) -> None:
    here = limited(room(tmp_path), gpu=2)
    declared = {"CUDA_VISIBLE_DEVICES": "1,3", "NVIDIA_VISIBLE_DEVICES": "1,3"}
    command = ContainerEngine(name, name).prepare(here, machine(), {}, declared).config["command"]
    assert command[-1 - len(devices) : -1] == devices
    assert "CUDA_VISIBLE_DEVICES" not in command
    assert "--shm-size" in command


def test_flags_of_the_user_come_last_and_may_change_the_network(tmp_path: Path) -> None:
    engine = ContainerEngine("podman", "podman", flags=("--runtime", "runc", "--network=slirp4netns"))
    command = engine.run_words()
    assert command[-3:] == ["--runtime", "runc", "--network=slirp4netns"]
    assert "host" not in command


def test_a_killed_client_leaves_no_container(tmp_path: Path) -> None:
    prepared = ContainerEngine("podman", "podman").prepare(room(tmp_path), machine(), {}, {})
    name = name_of(prepared.config["command"])
    assert prepared.config["stop"] == ["podman", "kill", "--signal", "TERM", name]
    assert prepared.config["after"] == [["podman", "kill", name], ["podman", "rm", "--force", name]]


@pytest.mark.parametrize(
    ("code", "fault"), [(125, "did not start"), (137, "was killed"), (0, "podman ended before"), (248, "")]
)
def test_an_end_without_a_last_word(code: int, fault: str) -> None:
    said = ContainerEngine("podman", "podman").fault(code)
    assert fault in said and bool(fault) == bool(said)


FAKE = """#!/bin/sh
echo "$@" >> $0.log
case $1 in
import) [ -z "$NO_DAEMON" ] || { echo 'Cannot connect to the Docker daemon' >&2; exit 1; }; echo sha256:1 ;;
run) case "$*" in *--cpus*) [ -z "$NO_LIMITS" ] || { echo 'Error: no cgroups' >&2; exit 125; } ;; esac ;;
esac
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    monkeypatch.setenv("PATH", str(tmp_path))
    runtime = Programs((), (), tmp_path / "osmo-room-linux-amd64", "")
    monkeypatch.setattr("osmoc.local.container.find_programs", lambda: runtime)

    def make(name: str) -> Path:
        (tmp_path / name).write_text(FAKE)
        (tmp_path / name).chmod(0o755)
        return tmp_path / f"{name}.log"

    return make


def test_an_engine_that_is_not_there(fake: Callable[[str], Path]) -> None:
    with pytest.raises(EngineError, match="podman is not installed"):
        find_engine("podman")
    assert find_engine("auto").name == "process"


def test_an_engine_that_does_not_work(fake: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    fake("docker")
    monkeypatch.setenv("NO_DAEMON", "1")
    with pytest.raises(EngineError, match="docker does not work: Cannot connect to the Docker daemon"):
        find_engine("docker")
    assert find_engine("auto").name == "process"


def test_an_engine_is_tried_with_a_container(fake: Callable[[str], Path]) -> None:
    log = fake("docker")
    found = find_engine("auto", {"OSMOC_ENGINE_FLAGS": "--runtime 'my runc'"})
    assert isinstance(found, ContainerEngine)
    assert (found.name, found.has_limits, found.flags) == ("docker", True, ("--runtime", "my runc"))
    calls = [line.split()[0] for line in log.read_text().splitlines()]
    assert calls == ["import", "run", "rmi"]
    assert f"source={log.parent},target=/osmo,readonly" in log.read_text()


def test_an_engine_that_cannot_limit(fake: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    fake("podman")
    monkeypatch.setenv("NO_LIMITS", "1")
    found = find_engine("podman")
    assert isinstance(found, ContainerEngine) and not found.has_limits


def test_flags_that_are_no_words(fake: Callable[[str], Path]) -> None:
    fake("podman")
    with pytest.raises(EngineError, match="OSMOC_ENGINE_FLAGS cannot be read: no closing quotation"):
        find_engine("podman", {"OSMOC_ENGINE_FLAGS": "--runtime 'x"})
