"""Containers by the command line of podman and docker, as far as that can be seen without them."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from osmoc import compile_workflow
from osmoc.decisions import Local
from osmoc.document import TaskDocument
from osmoc.local.engine import ContainerEngine, EngineError, find_engine
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
    mounts = [command[n + 1] for n, word in enumerate(command) if word == "--volume"]
    assert mounts == [
        f"{tmp_path}/termination:/osmo/termination-log",
        f"{tmp_path}/osmo/bin:/osmo/bin:ro",
        f"{tmp_path}/osmo/data:/osmo/data",
        f"{tmp_path}/osmo/run:/osmo/run",
        f"{tmp_path}/osmo/login/user:/osmo/login/config:ro",
        f"{tmp_path}/files/0:/opt/train.py:ro",
        f"{tmp_path}/credentials/0:/keys:ro",
        "/data:/mnt/data",
    ]
    named = [command[n + 1] for n, word in enumerate(command) if word == "--env"]
    assert named == ["KEY", "A", "OSMO_TERMINATION_LOG", "OSMO_CONFIG_FILE_DIR"]
    assert "osmoc-digits-1-train-2" in command


def test_without_namespaces_the_folder_is_also_where_osmo_ctrl_knows_it(tmp_path: Path) -> None:
    command = words(ContainerEngine("podman", "podman"), replace(room(tmp_path), is_confined=False))
    assert f"{tmp_path}/osmo:{tmp_path}/osmo" in command


def test_files_belong_to_the_caller(tmp_path: Path) -> None:
    command = words(ContainerEngine("docker", "docker"), room(tmp_path))
    assert command[command.index("--user") + 1] == f"{os.getuid()}:{os.getgid()}"


def test_an_engine_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="podman is not installed"):
        find_engine("podman")
    (tmp_path / "docker").write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2; exit 1\n")
    (tmp_path / "docker").chmod(0o755)
    with pytest.raises(EngineError, match="docker does not work: Cannot connect"):
        find_engine("docker")
    (tmp_path / "docker").write_text("#!/bin/sh\n")
    assert find_engine("docker").uses_images
