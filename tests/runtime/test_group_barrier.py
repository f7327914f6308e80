"""`osmo barrier` in groups of processes: who waits, who goes on, and what a restart of osmo-ctrl changes: nothing."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from runtime.groups import Group
from runtime.pod import Pod, document, has_programs

pytestmark = pytest.mark.skipif(not has_programs(), reason="the agent is not built: `make install` does it")

Made = list[Group | Pod]
UNTIL_END = "until test -e $S/end; do sleep 0.05; done"
# The lead's end is that of all: before it everybody has done what the test looks at.
TOGETHER = "osmo barrier over"
MARKED = "arrived() { date +%s%N > $S/arrived-$1; }; passed() { date +%s%N > $S/passed-$1; }"


@pytest.fixture
def made() -> Iterator[Made]:
    """Whatever is in it is stopped in the end."""
    made: Made = []
    yield made
    for one in made:
        one.stop()


def group(made: Made, root: Path, script: str = UNTIL_END, **changes: Any) -> Group:
    """Of three tasks that run the same script. In it `$N` is the task's name and `osmo` the tool."""
    tasks = {name: ("/bin/sh", "-ec", f"N={name}; {MARKED}; {script}") for name in ("lead", "one", "two")}
    group = Group(root=root, tasks=tasks, **changes)
    made.append(group)
    for name in tasks:
        start(group, name)
    return group


def start(group: Group, name: str, attempt: int = 0) -> None:
    pod = group.pod(name, attempt)
    pod.environment = {**pod.environment, "PATH": f"{pod.root}/bin{os.pathsep}{os.environ['PATH']}"}
    pod.start()


def running(made: Made, root: Path) -> Group:
    """A group in the midst of its commands, which do nothing: the test calls `osmo` itself."""
    running = group(made, root)
    for pod in running.pods.values():
        pod.until(lambda pod=pod: pod.phase == "run")
    return running


def finish(group: Group) -> None:
    (group.root / "end").touch()
    assert set(group.wait().values()) == {0}
    for pod in group.pods.values():
        assert "Traceback" not in pod.output("ctrl.out"), pod.said()


def call(pod: Pod, *arguments: str) -> "subprocess.Popen[str]":
    command = [str(pod.root / "bin" / "osmo"), "barrier", *arguments]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def end(process: "subprocess.Popen[str]", seconds: float = 20) -> tuple[int, str]:
    said, _ = process.communicate(timeout=seconds)
    return process.returncode, said


def restart(pod: Pod, meanwhile: float = 0.0) -> None:
    """osmo-ctrl is killed, and started again as the kubelet does it."""
    assert pod.ctrl is not None
    os.killpg(pod.ctrl.pid, signal.SIGKILL)
    pod.ctrl.wait()
    time.sleep(meanwhile)
    pod.start_ctrl()


def still_waits(*processes: "subprocess.Popen[str]", seconds: float = 0.7) -> bool:
    time.sleep(seconds)
    return all(process.poll() is None for process in processes)


def test_all_go_on_when_the_last_has_come_again_and_again(made: Made, tmp_path: Path) -> None:
    script = "for i in 1 2; do sleep $PAUSE; arrived $i-$N; osmo barrier x --count 3; passed $i-$N; done"
    script = f"{script}; {TOGETHER}"
    pauses = "case $N in lead) PAUSE=0.5;; one) PAUSE=0;; two) PAUSE=1;; esac"
    assert set(group(made, tmp_path, f"{pauses}; {script}").wait().values()) == {0}
    for number in (1, 2):
        arrived, passed = (
            [int((tmp_path / f"{what}-{number}-{name}").read_text()) for name in ("lead", "one", "two")]
            for what in ("arrived", "passed")
        )
        assert max(arrived) < min(passed) and max(passed) - max(arrived) < 5e9


def test_many_rounds_follow_each_other_without_a_pause(made: Made, tmp_path: Path) -> None:
    """Who is fast must not take a call of the round before for one of its own round."""
    script = "for i in $(seq 20); do arrived $i-$N; osmo barrier; ls $S | grep -c arrived-$i- >> $S/seen-$N; done"
    script = f"{script}; {TOGETHER}"
    assert set(group(made, tmp_path, script).wait().values()) == {0}
    for name in ("lead", "one", "two"):
        assert (tmp_path / f"seen-{name}").read_text().split() == ["3"] * 20


def test_processes_of_a_task_count_each_and_names_are_apart(made: Made, tmp_path: Path) -> None:
    crew = running(made, tmp_path)
    lead, one, two = crew.pods.values()
    early = [call(lead, "x", "--count", "4"), call(lead, "x", "--count", "4"), call(one, "x", "--count", "4")]
    other = call(two, "y", "--count", "2")
    assert still_waits(*early, other)
    late = call(one, "x", "--count", "4")
    assert [end(process) for process in (*early, late)] == [(0, "")] * 4
    assert still_waits(other, seconds=0.2)
    assert end(call(lead, "y", "--count", "2")) == end(other) == (0, "")
    finish(crew)


def test_who_counts_on_more_is_waited_for_by_all(made: Made, tmp_path: Path) -> None:
    crew = running(made, tmp_path)
    lead, one, two = crew.pods.values()
    more = call(lead, "--count", "3")
    fewer = call(one, "--count", "2")
    assert still_waits(more, fewer)
    assert end(call(two, "--count", "1")) == end(more) == end(fewer) == (0, "")
    finish(crew)


def test_a_timeout_has_a_status_of_its_own_and_takes_the_call_back(made: Made, tmp_path: Path) -> None:
    crew = running(made, tmp_path)
    lead, one, two = crew.pods.values()
    assert end(call(one, "x", "--timeout", "0.5")) == (3, 'osmo: barrier "x" was not open within 500ms\n')
    waiting = [call(lead, "x"), call(two, "x")]
    assert still_waits(*waiting)
    assert [end(process) for process in (call(one, "x", "--timeout", "20s"), *waiting)] == [(0, "")] * 3
    finish(crew)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_call_that_is_killed_is_taken_back(number: int, made: Made, tmp_path: Path) -> None:
    crew = running(made, tmp_path)
    lead, one, two = crew.pods.values()
    killed = call(one, "x")
    assert still_waits(killed)
    killed.send_signal(number)
    assert end(killed)[0] == -number
    waiting = [call(lead, "x"), call(two, "x")]
    assert still_waits(*waiting)
    assert [end(process) for process in (call(one, "x"), *waiting)] == [(0, "")] * 3
    finish(crew)


@pytest.mark.parametrize("names", [("one",), ("lead",), ("lead", "one", "two")])
def test_a_restart_of_osmo_ctrl_is_not_seen(names: tuple[str, ...], made: Made, tmp_path: Path) -> None:
    crew = running(made, tmp_path)
    lead, one, two = crew.pods.values()
    waiting = [call(lead, "x"), call(one, "x"), call(one, "y", "--count", "2")]
    assert still_waits(*waiting)
    for name in names:
        restart(crew.pods[name], meanwhile=0.3)
    assert still_waits(*waiting, seconds=3)
    assert end(call(two, "x")) == end(waiting[0]) == end(waiting[1]) == (0, "")
    assert end(call(two, "y", "--count", "2")) == end(waiting[2]) == (0, "")
    finish(crew)


def test_what_was_opened_while_osmo_ctrl_was_away_is_open(made: Made, tmp_path: Path) -> None:
    """Its tool has not heard it, and must not wait for a round that the others are not in."""
    crew = running(made, tmp_path)
    lead, one, two = crew.pods.values()
    waiting = call(one, "x")
    assert still_waits(waiting)
    assert one.ctrl is not None
    os.kill(one.ctrl.pid, signal.SIGSTOP)  # the coordinator counts its call, and it hears nothing
    others = [call(lead, "x"), call(two, "x")]
    assert [end(process) for process in others] == [(0, "")] * 2
    assert still_waits(waiting, seconds=0.2)
    restart(one)
    assert end(waiting) == (0, "")
    finish(crew)


def test_a_call_whose_process_ended_while_osmo_ctrl_was_away_opens_nothing(made: Made, tmp_path: Path) -> None:
    crew = running(made, tmp_path)
    lead, one, two = crew.pods.values()
    gone = call(one, "x")
    assert still_waits(gone)
    assert one.ctrl is not None
    os.kill(one.ctrl.pid, signal.SIGSTOP)
    gone.kill()
    assert end(gone)[0] == -signal.SIGKILL
    restart(one)
    waiting = [call(lead, "x"), call(two, "x")]
    assert still_waits(*waiting, seconds=2)
    assert [end(process) for process in (call(one, "x"), *waiting)] == [(0, "")] * 3
    finish(crew)


def test_calls_of_a_start_that_is_over_count_no_more(made: Made, tmp_path: Path) -> None:
    script = "test $N != one -o -e $S/again || { touch $S/again; sleep 1; exit 75; }; osmo barrier x; passed $N"
    script = f"{script}; {TOGETHER}"
    retry = {"exit_actions": [{"action": "RESCHEDULE", "codes": [[75, 75]]}]}
    crew = group(made, tmp_path, script, ignore_nonlead_status=False, changes={"*": retry})
    assert crew.pods["one"].wait() == 250
    assert not list(tmp_path.glob("passed-*"))
    start(crew, "one", attempt=1)
    assert set(crew.wait().values()) == {0}
    assert len(list(tmp_path.glob("passed-*"))) == 3


def test_a_task_alone_has_barriers_for_its_processes(made: Made, tmp_path: Path) -> None:
    pod = Pod(root=tmp_path, document=document(None, "/bin/sh", "-c", f"S={tmp_path}; {UNTIL_END}"))
    made.append(pod)
    pod.start().until(lambda: pod.phase == "run")
    assert end(call(pod)) == (0, ""), "it is all of the group"
    waiting = [call(pod, "x", "--count", "3"), call(pod, "x", "--count", "2")]
    assert still_waits(*waiting)
    restart(pod)
    assert still_waits(*waiting, seconds=2)
    waiting[0].kill()
    assert end(waiting[0])[0] == -signal.SIGKILL
    assert still_waits(waiting[1])
    assert end(call(pod, "x", "--count", "2")) == end(waiting[1]) == (0, "")
    (tmp_path / "end").touch()
    assert pod.wait() == 0
