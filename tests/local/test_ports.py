"""Tasks that want the same port of this machine: `osmoc.local.ports`."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from local.desk import Desk

from osmoc.local.ports import find_clash, held_ports

SERVER = "import socket,time; s=socket.create_server(('127.0.0.1', {port})); time.sleep({wait})"
CLASH = b"2026-11-26T10:00:00Z stderr F OSError: [Errno 98] Address already in use\n"


def test_ports_are_those_of_the_tasks_below_whose_process_they_are() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as ours,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as six,
    ):
        program = (
            "import socket; s=socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
        )
        child = subprocess.Popen(
            ["sh", "-c", f'{sys.executable} -c "$0"; true', program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout
        theirs = int(child.stdout.readline())
        held = held_ports({"child": child.pid})
        child.communicate("\n")
        assert held[theirs] == "child", "a process below that of the task"
        assert held[ours.getsockname()[1]] == "" and held[six.getsockname()[1]] == ""
        assert held_ports({"us": os.getpid()})[ours.getsockname()[1]] == "us"


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (CLASH, "port 80 is held by task `a` or port 8000 is held by task `b`, and `me` wants it too"),
        (CLASH + b"x while binding 0.0.0.0:8000", "port 8000 is held by task `b`, and `me` wants it too"),
        (CLASH + b"x on port 9000", "port 9000 is held by a process outside of this run, and"),
        (b"listen tcp :8000: bind: address already in use", "port 8000 is held by task `b`, and"),
        (b"Error: listen EADDRINUSE: address already in use :::80", "port 80 is held by task `a`, and"),
        (b"bind failed: 8000", ""),
        (CLASH + b"." * 20_000, ""),
    ],
)
def test_the_last_words_of_a_task_name_the_port(log: bytes, expected: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(log)
    held = {80: "a", 8000: "b", 9000: "", 7000: "me"}
    found = find_clash(tmp_path / "log", "me", held)
    assert found.startswith(expected) if expected else found == ""


def test_a_clash_with_nobody_known_is_said_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(CLASH)
    assert find_clash(tmp_path / "log", "me", {}).startswith("a port that it wants is taken: ")
    assert find_clash(tmp_path / "none", "me", {}) == ""


def workflow(port: int) -> str:
    def task(name: str, before: str, wait: int) -> str:
        program = f"import time; {before}; {SERVER.format(port=port, wait=wait)}"
        return f'    - {{name: {name}, image: python, command: [python3, -c, "{program}"]'

    return f"""\
workflow:
  name: clash
  groups:
  - name: pair
    ignoreNonleadStatus: false
    tasks:
{task("server", "0", 30)}, lead: true}}
{task("metrics", "time.sleep(1.5)", 30)}}}
"""


def test_two_tasks_that_want_one_port_are_both_named(desk: Desk) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    done = desk.run(workflow(port))
    assert done.status == 1
    assert f"metrics: FAILED: port {port} is held by task `server`, and `metrics` wants it too" in done.err


def test_a_port_of_a_stranger_is_no_tasks(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        done = desk.run(workflow(port))
    assert done.status == 1
    assert f"port {port} is held by a process outside of this run" in done.err
