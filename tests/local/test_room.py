"""Real rooms: what a command sees, what it cannot touch, and that nothing of it stays."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from rooms import USERS, as_user, needs_namespaces, public_folder, room_program


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


Make = Callable[..., Done]


@pytest.fixture
def place() -> Iterator[Path]:
    with public_folder() as folder:
        yield folder


@pytest.fixture(params=USERS)
def make(request: pytest.FixtureRequest, place: Path) -> Make:
    """Runs a shell script in a room, as root and as an ordinary user."""
    user: str = request.param
    namespaces = needs_namespaces(user)

    numbers = count()

    def make(script: str, *mounts: dict[str, Any], **more: Any) -> Done:
        folder = place / f"run{next(numbers)}"
        for name in ("root", "parts", "tmp"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "file").write_text("#!/bin/sh\necho from the file\n")
        (folder / "file").chmod(0o755)
        own = {"source": str(folder / "tmp"), "target": "/tmp", "writable": True}
        config = {
            "namespaces": True,
            "user": namespaces.of_user,
            "root": str(folder / "root"),
            "parts": str(folder / "parts"),
            "mounts": [own, *({"source": str(folder / "file"), **mount} for mount in mounts)],
            "command": ["sh", "-c", script],
            **more,
        }
        (folder / "room.json").write_text(json.dumps(config))
        return Done(*as_user(user, folder, [str(room_program()), "-config", str(folder / "room.json")]))

    return make


@pytest.mark.parametrize(
    "target",
    ["/opt/tool/run.sh", "/run.sh", "/etc/run.sh", "/usr/bin/run-it", "/bin/run-it", "/tmp/deep/run.sh", "/osmo/x/y"],
)
def test_a_file_lies_at_its_absolute_place(make: Make, target: str) -> None:
    done = make(f"{target}; stat -c %a {target}; echo more >> {target}", {"target": target})
    assert done.out.splitlines() == ["from the file", "755"], done.err
    assert done.code != 0
    assert not Path(target).exists()


def test_a_file_replaces_one_of_the_host(make: Make) -> None:
    assert make("/etc/passwd", {"target": "/etc/passwd"}).out == "from the file\n"


def test_what_lies_beside_a_file_is_still_there(make: Make) -> None:
    beside = [path.name for path in Path("/etc").iterdir()]
    done = make("ls -A /etc", {"target": "/etc/run.sh"})
    assert sorted(done.out.split("\n")[:-1]) == sorted([*beside, "run.sh"])


def test_the_host_is_read_only_and_the_room_is_not(make: Make) -> None:
    done = make(
        "touch /usr/x /etc/x 2>/dev/null; touch /own /tmp/own && mkdir /data && echo x > /dev/null && ls / /tmp"
    )
    assert done.code == 0, done.err
    assert {"own", "data"} <= set(done.out.split())
    assert not any(Path(path).exists() for path in ("/usr/x", "/etc/x", "/own", "/tmp/own", "/data/x"))


def test_hidden_places_are_empty(make: Make) -> None:
    secret = Path(__file__).parent
    done = make(f"ls {secret} | wc -l; cat {Path(__file__)}", hide=[str(secret)])
    assert done.out == "0\n"
    assert done.code != 0
    done = make(f"cat {Path(__file__)} | wc -c", hide=[__file__])
    assert done.out == "0\n"


def test_the_command_is_first_among_its_own_processes(make: Make) -> None:
    done = make("echo $$; ls -d /proc/[0-9]* | wc -l")
    first, count = done.out.split()
    assert first == "1"
    assert int(count) < 6


def test_the_caller_stays_who_he_is(make: Make, request: pytest.FixtureRequest) -> None:
    who = make("id -u; id -g").out.split()
    assert who in (["0", "0"], ["65534", "65534"], [str(os.getuid()), str(os.getgid())])


def test_mounts_cannot_be_undone(make: Make) -> None:
    done = make("umount /tmp || mount -o remount,rw,bind /usr || echo refused")
    assert done.out == "refused\n"


def test_what_comes_before_must_succeed(make: Make) -> None:
    done = make("echo second", before=[["sh", "-c", "echo first"]])
    assert done.out == "first\nsecond\n"
    done = make("echo second", before=[["sh", "-c", "exit 3"]])
    assert (done.code, done.out) == (126, "")


@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -9 $$; sleep 1; exit 0", 0), ("exit 0", 0)])
def test_exit_codes_are_those_of_the_command(make: Make, script: str, code: int) -> None:
    # The first process of a namespace cannot be killed from within.
    assert make(script).code == code


def test_a_room_can_be_made_again_in_its_folder(make: Make, place: Path) -> None:
    assert make("true", {"target": "/opt/x/run.sh"}).code == 0
    again = [str(room_program()), "-config", str(place / "run0" / "room.json")]
    assert as_user("self", place / "run0", again)[0] == 0


def test_a_missing_source_is_an_error_that_names_it(make: Make) -> None:
    done = make("true", {"source": "/does/not/exist", "target": "/opt/x"})
    assert done.code == 125
    assert "/does/not/exist" in done.err


@pytest.mark.parametrize("namespaces", [True, False])
@pytest.mark.parametrize("how", ["leash", "kill"])
def test_nothing_outlives_the_leash(tmp_path: Path, namespaces: bool, how: str) -> None:
    if not namespaces and how == "kill":
        pytest.skip("without namespaces only the command itself ends with osmo-room")
    found = needs_namespaces("self") if namespaces else None
    for name in ("root", "parts"):
        (tmp_path / name).mkdir()
    mark = f"300.{os.getpid()}{int(namespaces)}{len(how)}"
    script = f"(setsid sleep {mark} &) ; nohup sleep {mark} & trap '' TERM HUP; sleep {mark}; sleep {mark}"
    config = {
        "namespaces": namespaces,
        "user": bool(found and found.of_user),
        "root": str(tmp_path / "root"),
        "parts": str(tmp_path / "parts"),
        "command": ["bash", "-c", script],
    }
    (tmp_path / "room.json").write_text(json.dumps(config))
    leash, ours = os.pipe()
    words = [str(room_program()), "-config", str(tmp_path / "room.json"), "-leash", str(leash)]
    with subprocess.Popen(words, pass_fds=(leash,), stderr=subprocess.DEVNULL) as process:
        os.close(leash)
        _wait_for(lambda: _count(mark) >= 3)
        if how == "kill":
            process.kill()
        else:
            os.close(ours)
        process.wait(10)
    if how == "kill":
        os.close(ours)
    _wait_for(lambda: _count(mark) == 0)


@pytest.mark.parametrize(("how", "expected"), [("leash", "second\n"), ("killed", "second\n"), ("ends", "")])
def test_what_comes_after_a_command_that_was_killed(tmp_path: Path, how: str, expected: str) -> None:
    """A container is no child of its client: it is ended by a command of its own."""
    said = tmp_path / "said"
    said.touch()
    script = {"leash": "echo begun; exec sleep 60", "killed": "echo begun; kill -9 $$", "ends": "echo begun; exit 3"}
    config = {
        "namespaces": False,
        "command": ["bash", "-c", script[how]],
        "after": [["/does/not/exist"], ["sh", "-c", f"echo second >> {said}"]],
    }
    (tmp_path / "room.json").write_text(json.dumps(config))
    leash, ours = os.pipe()
    words = [str(room_program()), "-config", str(tmp_path / "room.json"), "-leash", str(leash)]
    with subprocess.Popen(words, pass_fds=(leash,), stdout=subprocess.PIPE, text=True) as process:
        os.close(leash)
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        if how == "leash":
            os.close(ours)
        assert process.wait(10) == (3 if how == "ends" else 137)
    if how != "leash":
        os.close(ours)
    assert said.read_text() == expected


@pytest.mark.parametrize(("stop", "code"), [("touch stopped", 7), ("touch tried; exit 1", 143)])
def test_a_command_may_have_its_own_way_to_be_stopped(tmp_path: Path, stop: str, code: int) -> None:
    command = "echo begun; until test -e stopped; do sleep 0.05; done; exit 7"
    config = {
        "namespaces": False,
        "command": ["sh", "-c", f"cd {tmp_path}; {command}"],
        "stop": ["sh", "-c", f"cd {tmp_path}; {stop}"],
    }
    (tmp_path / "room.json").write_text(json.dumps(config))
    words = [str(room_program()), "-config", str(tmp_path / "room.json")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.terminate()
        assert process.wait(10) == code
    assert (tmp_path / ("stopped" if code == 7 else "tried")).exists()


def _count(mark: str) -> int:
    count = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            count += path.read_bytes() == b"sleep\0" + mark.encode() + b"\0"
        except OSError:
            continue
    return count


def _wait_for(claim: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < end
        time.sleep(0.02)


assert sys.platform == "linux"
