"""The agent in real containers: any image, any user, and nothing of osmo-ctrl's in its reach."""

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from containers.conftest import Make
from containers.container_pod import GROUP, SECRET, ContainerPod
from containers.podman import BUSYBOX, PYTHON, SCRATCH, Podman
from runtime.pod import archived_log, manifests, until

OUTPUT = "/osmo/data/output"
SHELL = f"umask 077; mkdir {OUTPUT}/private; echo secret work > {OUTPUT}/private/file; echo from $0 $(id -u)"

WRITERS = {
    SCRATCH: ("/task", "write", OUTPUT),
    BUSYBOX: ("sh", "-c", SHELL, "busybox"),
    PYTHON: ("bash", "-c", SHELL, "debian"),
}
USERS = ("0:0", "1000:1000", "12345:12345")


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("image", WRITERS)
def test_a_task_of_any_image_and_user(make: Make, image: str, user: str) -> None:
    pod = make(image, *WRITERS[image], user=user, is_read_only=user != "0:0").start()
    assert pod.wait() == 0, pod.said()
    [manifest] = manifests(pod.storage)
    assert manifest["outcome"] == "completed"
    assert [item["path"] for item in manifest["files"]] == ["private/file"]
    [kept] = pod.storage.glob("*/*/work/attempts/*/output/private/file")
    assert kept.read_text() == "secret work\n"
    name = {SCRATCH: "scratch", BUSYBOX: "busybox", PYTHON: "debian"}[image]
    assert pod.output() == f"from {name} {user.split(':')[0]}\n"
    assert archived_log(pod.storage) == pod.output()
    assert pod.termination == {"code": 0, "exit": 0, "phase": "run", "cause": "exited", "outcome": "completed"}


@pytest.mark.parametrize(
    ("image", "command", "code", "exit_", "cause"),
    [
        (SCRATCH, ("/task", "exit", "3"), 3, 3, "exited"),
        (SCRATCH, ("/task", "exit", "250"), 250, 239, "exited"),
        (SCRATCH, ("sh", "-c", "true"), 127, 127, "not_found"),
        (BUSYBOX, ("/etc",), 126, 126, "not_executable"),
        (BUSYBOX, ("sh", "-c", "kill -9 $$$$"), 137, 137, "signaled"),
    ],
)
def test_exit_codes(make: Make, image: str, command: tuple[str, ...], code: int, exit_: int, cause: str) -> None:
    pod = make(image, *command, user="1000:1000").start()
    assert pod.wait() == exit_, pod.said()
    said = pod.termination
    assert (said["code"], said["exit"], said["cause"]) == (code, exit_, cause)
    assert len((pod.folder / "termination-log").read_bytes()) <= 256
    assert manifests(pod.storage)[0]["outcome"] == "failed"


@pytest.mark.parametrize("user", ["0:0", "12345:12345"])
def test_a_container_that_is_stopped(make: Make, user: str) -> None:
    script = f"trap 'echo woken; echo late > {OUTPUT}/late; exit 9' TERM; echo asleep; sleep 60 & wait"
    pod = make(BUSYBOX, "sh", "-c", script, user=user).start()
    pod.until_output("asleep")
    pod.podman.call("stop", "--time", "30", f"{pod.name}-task")
    assert pod.wait() == 248, pod.said()
    assert pod.output() == "asleep\nwoken\n"
    assert (pod.termination["code"], pod.termination["cause"]) == (9, "terminated")
    assert manifests(pod.storage)[0]["outcome"] == "terminated"
    [late] = pod.storage.glob("*/*/work/attempts/*/output/late")
    assert late.read_text() == "late\n"
    assert archived_log(pod.storage) == "asleep\nwoken\n"


EATER = "import sys; print('hungry', flush=True); x = [bytearray(1 << 20) for _ in range(500)]"
LIMITED = ("--memory", "64m", "--memory-swap", "64m")
AGAIN = [{"action": "RESCHEDULE", "codes": [[3004, 3004]]}]


@pytest.mark.parametrize(("actions", "exit_"), [([], 137), (AGAIN, 250)])
def test_the_kernel_ends_a_command_that_is_out_of_memory(make: Make, actions: list[Any], exit_: int) -> None:
    pod = make(
        PYTHON, "python3", "-c", EATER, user="1000:1000", flags=LIMITED, changes={"exit_actions": actions}
    ).start()  # fmt: skip
    assert pod.wait() == exit_, pod.said()
    assert pod.termination["reason"] == "the kernel ended a process: out of memory"
    assert pod.termination["code"] == 137
    assert archived_log(pod.storage) == "hungry\n"


def test_a_container_that_is_killed_as_a_whole(make: Make) -> None:
    """What running out of memory does to it with version 2 of control groups."""
    script = f"echo begun > {OUTPUT}/begun; echo asleep; sleep 60"
    pod = make(BUSYBOX, "sh", "-c", script, user="12345:12345").start()
    pod.until_output("asleep")
    pod.podman.call("kill", f"{pod.name}-task")
    assert pod.processes["task"].wait(20) == 128 + signal.SIGKILL
    until(lambda: manifests(pod.storage), said=pod.said)
    pod.end_ctrl()
    [manifest] = manifests(pod.storage)
    assert manifest["outcome"] == "lost"
    assert archived_log(pod.storage) == "asleep\n"
    assert (pod.folder / "termination-log").read_text() == ""


LOOK = """
import errno, json, os
seen = {"environment": dict(os.environ), "paths": {}, "user": [os.getuid(), os.getgid(), sorted(os.getgroups())]}
for top, folders, files in os.walk("/osmo"):
    for path in (top, *(os.path.join(top, name) for name in folders + files)):
        seen["paths"][path] = oct(os.lstat(path).st_mode)
def attempt(action):
    try:
        return repr(action())
    except OSError as error:
        return errno.errorcode[error.errno]
seen["tried"] = {
    "/proc/1/environ": attempt(lambda: open("/proc/1/environ", "rb").read()),
    "/proc/1/mem": attempt(lambda: open("/proc/1/mem", "rb").read(1)),
    "/proc/1/fd": attempt(lambda: [os.readlink(f"/proc/1/fd/{n}") for n in os.listdir("/proc/1/fd")]),
    "agent": attempt(lambda: open("/osmo/bin/osmo-exec", "ab")),
    "bin": attempt(lambda: open("/osmo/bin/other", "w")),
    "login": attempt(lambda: open("/osmo/login/config/x", "w")),
    "descriptors": attempt(lambda: sorted(os.listdir("/proc/self/fd"))),
    "processes": attempt(lambda: [open(f"/proc/{n}/comm").read().strip() for n in os.listdir("/proc") if n.isdigit()]),
    "token": attempt(lambda: os.listdir("/var/run/secrets")),
}
print(json.dumps(seen))
"""


def look(make: Make, user: str) -> tuple[ContainerPod, dict[str, Any]]:
    pod = make(PYTHON, "python3", "-c", LOOK, user=user).start()
    assert pod.wait() == 0, pod.said()
    seen: dict[str, Any] = json.loads(pod.output())
    return pod, seen


@pytest.mark.parametrize("user", USERS)
def test_what_a_command_sees_of_the_pod(make: Make, user: str) -> None:
    pod, seen = look(make, user)
    assert GROUP in seen["user"][2]
    tops = {"/osmo", *(f"/osmo/{name}" for name in ("bin", "data", "login", "login/config", "run"))}
    below = {"bin/osmo", "bin/osmo-exec", "data/input", "data/output", "run/control.sock", "run/tool.sock"}
    below |= {"run/log", "run/log/000000.log", "run/workspace"}
    assert set(seen["paths"]) <= tops | {f"/osmo/{name}" for name in below}, "no document, state or secrets"
    assert SECRET not in pod.output()
    assert not re.search("OSMO_(RUN|POD|ROOT|TERM)|AWS|TOKEN|PYTHONPATH", json.dumps(seen["environment"]))
    tried = seen["tried"]
    # The agent is not dumpable: not even root of the container may look into it.
    assert [tried[name] for name in ("/proc/1/environ", "/proc/1/mem", "/proc/1/fd")] == ["EACCES"] * 3
    assert {tried["agent"], tried["bin"], tried["login"]} <= {"EROFS", "EACCES", "ETXTBSY"}
    assert tried["token"] == "ENOENT"
    assert sorted(json.loads(tried["processes"].replace("'", '"'))) == ["osmo-exec", "python3"]
    assert tried["descriptors"] == "['0', '1', '2', '3']", "3 is that of listdir itself"


def test_nothing_below_the_volumes_is_open_to_all(make: Make) -> None:
    _, seen = look(make, "12345:12345")
    made_by_kubelet = {f"/osmo/{name}" for name in ("bin", "data", "run", "login/config")}
    for path, mode in seen["paths"].items():
        if path not in made_by_kubelet and not mode.startswith("0o12"):
            assert int(mode, 8) & 0o002 == 0, (path, mode)
    modes = {path.removeprefix("/osmo/"): mode for path, mode in seen["paths"].items()}
    assert modes["data/output"] == modes["run/log"] == "0o42770"
    assert modes["run/control.sock"] == modes["run/tool.sock"] == "0o140660"


THIEF = """
import json, os, socket, time
path = "/osmo/run/control.sock"
def hello(key):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(15)
        peer.connect(path)
        message = {"kind": "hello", "version": 1, "key": key, "state": "waiting", "epoch": 0, "ended": None}
        peer.sendall(json.dumps(message).encode() + b"\\n")
        return peer.recv(1000)
print(hello(""), hello("0" * 64), flush=True)
os.unlink(path)
mine = socket.socket(socket.AF_UNIX)
mine.bind(path)
mine.listen()
mine.settimeout(2)
try:
    mine.accept()
    print("the agent came")
except TimeoutError:
    print("nobody came")
raise SystemExit(7)
"""


@pytest.mark.parametrize("user", ["0:0", "12345:12345"])
def test_a_command_cannot_take_the_place_of_the_agent(make: Make, user: str) -> None:
    pod = make(PYTHON, "python3", "-c", THIEF, user=user).start()
    assert pod.wait() == 7, pod.said()
    assert pod.output() == "b'' b''\nnobody came\n"
    assert pod.termination["outcome"] == "failed"


def test_the_agent_is_small(make: Make, podman: Podman) -> None:
    pod = make(BUSYBOX, "sh", "-c", "seq 100000; echo asleep >&2; sleep 60", user="1000:1000").start()
    until(lambda: "asleep" in pod.output("task.err"), said=pod.said)
    status = Path(f"/proc/{pod.agent_pid()}/status").read_text()
    [resident] = re.findall(r"VmHWM:\s+(\d+) kB", status)
    print(f"the agent had {resident} kB at most")  # noqa: T201
    assert int(resident) <= 12 * 1024
    pod.podman.call("stop", f"{pod.name}-task")
    assert pod.wait() == 248
