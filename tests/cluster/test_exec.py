"""`osmoc exec` in real containers."""

import os
import pty
import random
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.command import PROFILE, Desk
from cluster.kubernetes import BUSYBOX, Namespace, until

pytestmark = pytest.mark.cluster

FLOW = f"""\
workflow:
  name: flow
  tasks:
  - {{name: my_task, image: {BUSYBOX}, command: [sh, -c, "trap 'exit 0' TERM; sleep 600 & wait"]}}
  - {{name: short, image: {BUSYBOX}, command: ["true"]}}
"""


@pytest.fixture(params=["jobs", "argo"])
def running(namespace: Namespace, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Desk, str]]:
    """A run with a task that runs, and one that has ended."""
    if request.param == "argo":
        request.getfixturevalue("argo_controller")
    desk = Desk(tmp_path, namespace)
    desk.write(PROFILE.replace("target: jobs", f"target: {request.param}"), "osmoc.yaml")
    desk.write(FLOW)
    run_id = desk.osmoc("apply", "flow.yaml").id
    until(lambda: sorted(desk.statuses(run_id).values()) == ["COMPLETED", "RUNNING"], 90, namespace.describe)
    yield desk, run_id
    desk.osmoc("delete", run_id)


def test_a_command_in_a_task_is_as_one_here(running: tuple[Desk, str]) -> None:
    desk, run_id = running
    done = desk.osmoc("exec", run_id, "my_task", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.status, done.out, done.err) == (7, "out\n", "err\n")
    done = desk.osmoc("exec", run_id, "my_task", "tr", "a-z", "A-Z", stdin="half a close\n")
    assert (done.status, done.out) == (0, "HALF A CLOSE\n")
    assert desk.osmoc("exec", run_id, "my_task", stdin="echo a shell\n").out == "a shell\n"
    # Ten megabytes there and back, while each side waits for the other.
    sent = random.Random(7).randbytes(10_000_000)
    words = [sys.executable, "-m", "osmoc", "exec", "-n", desk.namespace.name, run_id, "my_task", "cat"]
    assert subprocess.run(words, input=sent, capture_output=True, timeout=120, check=True).stdout == sent

    missing = desk.osmoc("exec", run_id, "my_task", "no-such-program")
    assert missing.status == 2 and "no-such-program" in missing.err
    ended = desk.osmoc("exec", run_id, "short", "true")
    assert ended.status == 2 and "`short` does not run: it is COMPLETED" in ended.err
    unknown = desk.osmoc("exec", run_id, "my_tsk", "true")
    assert unknown.status == 2 and "has no task `my_tsk`: do you mean `my" in unknown.err
    _assert_terminal(desk, run_id)


def _assert_terminal(desk: Desk, run_id: str) -> None:
    """On a terminal the command has one, too, of the same size, which follows it."""
    script = "for size in '40 100' '50 120'; do until stty size | grep \"$size\"; do sleep 0.1; done; done; exit 3"
    words = [sys.executable, "-m", "osmoc", "exec", "-n", desk.namespace.name, run_id, "my_task", "sh", "-c", script]
    terminal, its_end = pty.openpty()
    termios.tcsetwinsize(terminal, (40, 100))
    with subprocess.Popen(words, stdin=its_end, stdout=its_end, stderr=its_end) as process:
        os.close(its_end)
        said = _read_until(terminal, b"40 100")
        termios.tcsetwinsize(terminal, (50, 120))
        process.send_signal(signal.SIGWINCH)
        said += _read_until(terminal, b"50 120")
        assert process.wait(30) == 3, said
    os.close(terminal)


def _read_until(terminal: int, wanted: bytes) -> bytes:
    said = b""
    while wanted not in said:
        try:
            data = os.read(terminal, 1024)
        except OSError:
            data = b""
        assert data, said
        said += data
    return said
