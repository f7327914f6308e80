"""`osmoc run --engine podman`: commands in their images, with the machine's network and the task's limits."""

import hashlib
import http.server
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from compiled import ROOT
from containers.podman import PYTHON, Podman
from local.test_run import REFUSED, Desk, processes_of, wait_for
from rooms import needs_namespaces


@pytest.fixture
def desk(tmp_path: Path, podman: Podman, python: str) -> Desk:
    needs_namespaces("self")
    return desk_with(Desk(tmp_path), podman)


def desk_with(desk: Desk, podman: Podman) -> Desk:
    storage = podman.environment["CONTAINERS_STORAGE_CONF"]
    flags = " ".join([*podman.flags, "--label", label_of(desk)])
    desk.environment |= {"OSMOC_ENGINE_FLAGS": flags, "CONTAINERS_STORAGE_CONF": storage}
    return desk


def task(command: str, *more: str) -> str:
    """A workflow of one task, which a shell runs."""
    lines = (
        "workflow:",
        "  name: lab",
        "  tasks:",
        "  - name: work",
        f"    image: {PYTHON}",
        f"    command: [bash, -c, {json.dumps(command)}]",
        *more,
    )
    return "\n".join([*lines, ""])


def limited(cpu: int, memory: str) -> str:
    return f"  resources: {{default: {{cpu: {cpu}, memory: {memory}}}}}"


def last(desk: Desk, run_id: str = "lab-1") -> dict[str, object]:
    attempt: dict[str, object] = desk.record(run_id)["tasks"]["work"]["attempts"][-1]
    return attempt


def label_of(desk: Desk) -> str:
    """Tests run beside each other."""
    return f"desk={hashlib.sha256(str(desk.folder).encode()).hexdigest()}"


def containers(podman: Podman, desk: Desk) -> list[str]:
    return podman.call("ps", "--all", "--quiet", "--filter", f"label={label_of(desk)}").split()


def test_the_digits_in_their_images(desk: Desk) -> None:
    text = (ROOT / "examples" / "digits.yaml").read_text().replace("python:3.12-slim", PYTHON)
    done = desk.run(text, "--engine", "podman", "--set", "samples=200")
    assert done.status == 0, done.err
    assert "warning" not in done.err
    assert set(desk.states("digits-1").values()) == {"COMPLETED"}
    assert desk.record("digits-1")["engine"] == "podman"
    assert "prepare  | 200 samples" in done.out


def test_what_a_command_sees(desk: Desk) -> None:
    script = (
        "hostname; id -u; head -1 /etc/os-release; cat /opt/given {{output}}/also; echo made > {{output}}/made; "
        "chmod 600 {{output}}/made; cat /osmo/task.json /osmo/state/* /osmo/secrets/*; echo $KEY; "
        "ls /proc | grep -c '^[0-9]'"
    )
    files = "    files: [{path: /opt/given, contents: g}, {path: '{{output}}/also', contents: a}]"
    text = task(script, files, "    credentials: {wandb: {KEY: api_key}}")
    done = desk.run(text, "--engine", "podman", env={"OSMOC_CREDENTIAL_WANDB_API_KEY": "k3y"})
    assert done.status == 0, done.err
    lines = [line.removeprefix("work | ") for line in done.out.splitlines() if "No such file" not in line]
    assert lines[:4] == [os.uname().nodename, str(os.getuid()), 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"', "gak3y"]
    assert int(lines[4]) < 8, "only the container's own processes"
    assert desk.result("lab-1", "work/made") == "made\n"
    assert desk.result("lab-1", "work/also") == "a"
    assert (desk.folder / ".osmoc/runs/lab-1/results/work/made").stat().st_uid == os.getuid()


def test_cpu_and_memory_are_limited(desk: Desk) -> None:
    script = (
        "cat /sys/fs/cgroup/memory.max || cat /sys/fs/cgroup/memory/memory.limit_in_bytes; "
        "cat /sys/fs/cgroup/cpu.max || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us"
    )
    done = desk.run(task(script, limited(1, "96Mi")), "--engine", "podman")
    lines = [line.removeprefix("work | ") for line in done.out.splitlines()]
    assert [line.split()[0] for line in lines if line[0].isdigit()] == [str(96 << 20), "100000"], done.err


@pytest.fixture
def web() -> Iterator[int]:
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"a page of this machine\n")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_the_network_is_that_of_the_machine(desk: Desk, web: int) -> None:
    done = desk.run(task(f"curl -s http://localhost:{web}/"), "--engine", "podman")
    assert done.out == "work | a page of this machine\n", done.err


CREW = """\
workflow:
  name: crew
  groups:
  - name: pair
    tasks:
    - name: client
      lead: true
      image: IMAGE
      command: [python3, -c, "CLIENT"]
    - {name: server_1, image: IMAGE, command: [python3, -u, -c, "SERVER"]}
    - {name: server_2, image: IMAGE, command: [python3, -u, -c, "SERVER"]}
"""
SERVER = (
    "import os, socket; s = socket.create_server(('0.0.0.0', 8123));"
    " [s.accept()[0].sendall(socket.gethostbyname(socket.gethostname()).encode()) for _ in range(9)]"
)
CLIENT = r"""import json, socket, time\n
def ask(host):\n
  while True:\n
    try: return socket.create_connection((host, 8123)).recv(99).decode()\n
    except ConnectionRefusedError: time.sleep(0.1)\n
print(json.dumps([ask('{{host:server_1}}'), ask('{{host:server_2}}')]))""".replace("\n", "")


def networks(podman: Podman) -> list[str]:
    return podman.call("network", "ls", "--quiet", "--filter", "label=osmoc").split()


def test_tasks_of_a_group_have_a_network_and_names(desk: Desk, podman: Podman) -> None:
    """So that two of them may listen at the same port."""
    text = CREW.replace("IMAGE", PYTHON).replace("CLIENT", CLIENT).replace("SERVER", SERVER)
    before = networks(podman)
    done = desk.run(text, "--engine", "podman")
    if "no network of their own" in done.err:
        pytest.skip(done.err)
    assert done.status == 0, done.err
    assert set(desk.states("crew-1").values()) == {"COMPLETED"}, done.out
    told = next(line for line in done.out.splitlines() if "| [" in line)
    first, second = json.loads(told.partition("| ")[2])
    assert first != second, "each has an address of its own"
    assert networks(podman) == before, "nothing is left"


def test_no_network_is_left_when_osmoc_is_killed(desk: Desk, podman: Podman) -> None:
    text = CREW.replace("IMAGE", PYTHON).replace("CLIENT", "print('up'); import time; time.sleep(600)")
    before = networks(podman)
    path = desk.write(text.replace("python3, -c", "python3, -u, -c").replace("SERVER", "import time; time.sleep(600)"))
    with desk.start("run", path, "--engine", "podman") as process:
        try:
            assert process.stdout is not None
            if "up" not in (said := process.stdout.readline()):
                _, err = process.communicate()
                assert "no network of their own" in err, said + err
                pytest.skip(err)
            assert len(networks(podman)) == len(before) + 1
        finally:
            process.kill()
    wait_for(lambda: networks(podman) == before and not containers(podman, desk), 30)


def test_flags_may_name_a_network_for_all(desk: Desk) -> None:
    flags = f"{desk.environment['OSMOC_ENGINE_FLAGS']} --network host"
    text = CREW.replace("IMAGE", PYTHON).replace("CLIENT", "print('{{host:server_1}}')").replace("SERVER", "0")
    done = desk.run(text, "--engine", "podman", env={"OSMOC_ENGINE_FLAGS": flags})
    assert done.status == 0, done.err
    assert "have no network of their own, but that of this machine: OSMOC_ENGINE_FLAGS names one" in done.err
    assert "client   | 127.0.0.1" in done.out


@pytest.mark.parametrize(("code", "exit_"), [(3, 3), (125, 125), (250, 239)])
def test_exit_codes(desk: Desk, code: int, exit_: int) -> None:
    done = desk.run(task(f"exit {code}"), "--engine", "podman")
    assert done.status == 1
    attempt = last(desk)
    assert (attempt["code"], attempt["exit"], attempt["reason"]) == (code, exit_, "")


def test_retries(desk: Desk) -> None:
    script = "echo try; test {{workflow_id}} = lab-1 && exit 75"
    done = desk.run(task(script, "    exitActions: {RESCHEDULE: 75}"), "--engine", "podman")
    assert (done.status, done.out) == (1, "work | try\n" * 4)
    assert len(desk.record("lab-1")["tasks"]["work"]["attempts"]) == 4


def test_out_of_memory_is_a_reason_to_run_it_again(desk: Desk) -> None:
    script = "echo try; python3 -c 'x = [bytearray(1 << 20) for _ in range(500)]'"
    text = task(script, "    exitActions: {RESCHEDULE: 3004}", limited(1, "64Mi"))
    done = desk.run(text, "--engine", "podman")
    assert done.out.count("work | try\n") == 4, done.err
    assert last(desk)["reason"] == "the kernel ended a process: out of memory"


def test_an_image_that_is_not_there(desk: Desk, podman: Podman) -> None:
    done = desk.run(task("true").replace(PYTHON, "localhost/nothing:1"), "--engine", "podman")
    assert done.status == 1
    assert last(desk)["reason"] == "podman did not start the container: its log says why"
    assert "localhost/nothing:1" in desk.osmoc("logs", "lab-1", "work").out
    assert not containers(podman, desk)


def test_much_output_is_all_there(desk: Desk) -> None:
    done = desk.run(task("seq 50000; seq 50000 >&2"), "--engine", "podman")
    assert done.status == 0
    lines = desk.osmoc("logs", "lab-1", "work").out.splitlines()
    assert sorted(map(int, lines)) == sorted(2 * list(range(1, 50001)))


SLEEPER = "trap 'echo woken; echo late > {{output}}/late; exit 9' TERM; echo asleep; sleep 600 & wait"


@pytest.fixture
def sleeping(desk: Desk, podman: Podman) -> Iterator["subprocess.Popen[str]"]:
    with desk.start("run", desk.write(task(SLEEPER)), "--engine", "podman", start_new_session=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "work | asleep\n"
            assert len(containers(podman, desk)) == 1
            yield process
        finally:
            process.kill()


def test_ctrl_c_ends_containers_as_a_cluster_would(
    desk: Desk, podman: Podman, sleeping: "subprocess.Popen[str]"
) -> None:
    os.killpg(sleeping.pid, signal.SIGINT)
    out, err = sleeping.communicate(timeout=40)
    assert (sleeping.returncode, out) == (130, "work | woken\n"), err
    assert desk.states("lab-1") == {"work": "FAILED_CANCELED"}
    assert not containers(podman, desk)
    wait_for(lambda: not processes_of(desk.folder))


def test_ctrl_c_twice_ends_containers_at_once(desk: Desk, podman: Podman) -> None:
    text = task(SLEEPER.replace("'echo woken; echo late > {{output}}/late; exit 9'", "''"))
    with desk.start("run", desk.write(text), "--engine", "podman") as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "work | asleep\n"
            process.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=15)
        finally:
            process.kill()
    assert process.returncode == 130
    assert not containers(podman, desk)
    wait_for(lambda: not processes_of(desk.folder))


def test_nothing_is_left_when_osmoc_is_killed(desk: Desk, podman: Podman, sleeping: "subprocess.Popen[str]") -> None:
    sleeping.kill()
    sleeping.wait(10)
    wait_for(lambda: not containers(podman, desk) and not processes_of(desk.folder), 15)
    assert "KILLED" in desk.osmoc("status", "lab-1").out
    mounted = Path("/proc/self/mountinfo").read_text()
    assert str(desk.folder) not in mounted


def test_a_client_that_is_killed(desk: Desk, podman: Podman, sleeping: "subprocess.Popen[str]") -> None:
    [client] = [pid for pid, line in processes_of(desk.folder).items() if line.startswith("/usr/bin/podman run")]
    os.kill(client, signal.SIGKILL)
    _, err = sleeping.communicate(timeout=40)
    assert sleeping.returncode == 1, err
    assert last(desk)["reason"] == "the container was killed, or ran out of memory"
    assert not containers(podman, desk)
    wait_for(lambda: not processes_of(desk.folder))


def test_auto_takes_an_engine_that_works(desk: Desk) -> None:
    done = desk.run(task("test -e /run/.containerenv && echo within"), "--engine", "auto")
    assert (done.status, done.out) == (0, "work | within\n"), done.err
    assert desk.record("lab-1")["engine"] == "podman"


def test_auto_takes_processes_where_no_engine_works(desk: Desk) -> None:
    broken = {"OSMOC_ENGINE_FLAGS": "--runtime /bin/false"}
    done = desk.run(task("test -e /run/.containerenv || echo outside"), "--engine", "auto", env=broken)
    assert (done.status, done.out) == (0, "work | outside\n"), done.err
    assert "commands run on this machine" in done.err
    done = desk.run(task("true"), "--engine", "podman", env=broken)
    assert done.status == 2
    assert "podman does not work: " in done.err and "OSMOC_ENGINE_FLAGS" in done.err


def test_without_namespaces_nothing_is_written_to_the_machine(tmp_path: Path, podman: Podman, python: str) -> None:
    folder = tmp_path / ("long" * 25)
    folder.mkdir()
    desk = desk_with(Desk(folder), podman)
    desk.program[1:] = ["-c", REFUSED]
    files = f"    files: [{{path: {tmp_path}/given, contents: g}}, {{path: '{{{{output}}}}/also', contents: a}}]"
    done = desk.run(
        task(f"cat {tmp_path}/given {{{{output}}}}/also > {{{{output}}}}/made", files), "--engine", "podman"
    )
    assert done.status == 0, done.err
    assert not (tmp_path / "given").exists()
    assert desk.result("lab-1", "work/made") == "ga"
    assert desk.result("lab-1", "work/also") == "a"
