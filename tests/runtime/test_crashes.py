"""osmo-ctrl, the user's container, the storage and the network end at each step; what is kept must never be a lie."""

import asyncio
import os
import resource
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from runtime.crash_checks import End, read_checkpoint, read_log, read_manifests
from runtime.crash_pods import Make, check, end_ctrl, has_connected, kill_ctrl
from runtime.crash_script import play, scenario
from runtime.crash_task import Site, Task
from runtime.crash_wire import Step, Wire
from runtime.dataset_buckets import serve_without_conditions
from runtime.pod import has_programs, until
from runtime.s3 import Fault, Request, new_bucket

from osmo_ctrl.agent import Agent

pytest_plugins = ["runtime.crash_fixtures"]
pytestmark = pytest.mark.skipif(not has_programs(), reason="the agent is not built: `make install` does it")

STEPS: Final = [
    Step("PUT", "/claims/"),
    Step("PUT", "/claims/", done=True),
    Step("GET", "/given/a"),
    Step("PUT", "/log/"),
    Step("PUT", "/output/"),
    Step("PUT", "/results/who"),
    Step("PUT", "/results/.osmo-complete.json"),
    Step("PUT", "/results/.osmo-complete.json", done=True),
    Step("PUT", "/objects/"),
    Step("PUT", "/versions/"),
    Step("PUT", "/versions/", done=True),
    Step("PUT", "/tags/", done=True),
    Step("PUT", "/manifests/"),
    Step("PUT", "/manifests/", done=True),
]
OF_CONTAINERS: Final = [
    Step("GET", "/given/a"),
    Step("PUT", "/log/"),
    Step("PUT", "/output/"),
    Step("PUT", "/results/who"),
    Step("PUT", "/results/.osmo-complete.json", done=True),
    Step("PUT", "/versions/"),
    Step("PUT", "/versions/", done=True),
    Step("PUT", "/manifests/"),
    Step("PUT", "/manifests/", done=True),
]
IN_FOLDERS: Final = ["log/*", "results/who", ".osmo-complete.json", "versions/*", "manifests/*"]


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_osmo_ctrl_killed_at_each_step_goes_on(step: Step, wire: Wire, cloud: Site, make: Make) -> None:
    task = Task()
    gate = wire.hold(step)
    pod = make(task, cloud).start()
    assert gate.reached.wait(20), pod.said()
    kill_ctrl(pod)
    gate.over.set()
    pod.start_ctrl()
    assert pod.wait() == 0, pod.said()
    check(task, cloud, End(pod, 0))


@pytest.mark.parametrize("step", OF_CONTAINERS, ids=str)
def test_the_container_killed_at_each_step_is_lost_and_run_again(
    step: Step, wire: Wire, cloud: Site, make: Make
) -> None:
    task = Task()
    gate = wire.hold(step)
    pod = make(task, cloud).start()
    assert gate.reached.wait(20), pod.said()
    pod.until(lambda: has_connected(pod))
    pod.kill_container()
    gate.over.set()
    end_ctrl(pod)
    check(task, cloud, End(pod, -9))
    again = make(task, cloud, 1).start()
    assert again.wait() == 0
    check(task, cloud, End(pod, -9), End(again, 0))


def test_an_attempt_that_is_superseded_does_not_succeed(folder: Site, make: Make, tmp_path: Path) -> None:
    """Even if all it had to do is done: its files count for nobody."""
    task = Task(url=False, seconds=2)
    old = make(task, folder).start()
    old.until(lambda: old.phase == "run")
    new = make(replace(task, seconds=0), folder, 1).start()
    assert new.wait() == 0
    assert old.wait() == 241
    assert "later attempt" in old.termination["reason"]
    check(task, folder, End(old, 241), End(new, 0))


def test_an_agent_that_was_given_up_does_not_succeed(wire: Wire, cloud: Site, make: Make) -> None:
    """It may only have been frozen; nothing was published by then, and so it must not end with 0."""
    task = Task()
    gate = wire.hold(Step("PUT", "/results/who"))
    pod = make(task, cloud).start()
    assert gate.reached.wait(20), pod.said()
    assert pod.agent is not None
    pod.agent.send_signal(signal.SIGSTOP)
    kill_ctrl(pod)
    gate.over.set()
    gate = wire.hold(Step("PUT", "/versions/"))
    pod.start_ctrl()
    pod.until(lambda: pod.phase == "done")
    pod.agent.send_signal(signal.SIGCONT)
    assert pod.wait() == 247, pod.said()
    check(task, cloud, End(pod, 247))


def test_a_failure_that_was_decided_stays_one(wire: Wire, cloud: Site, make: Make) -> None:
    """osmo-ctrl is killed just before it says so, and then the storage is well again."""
    task = Task()
    wire.rule = lambda request: Fault(403, "AccessDenied") if request.is_of("PUT", "/results/") else None
    gate = wire.hold(Step("PUT", "/manifests/"))
    pod = make(task, cloud).start()
    assert gate.reached.wait(20), pod.said()
    kill_ctrl(pod)
    wire.rule = lambda request: None
    gate.over.set()
    pod.start_ctrl()
    assert pod.wait() == 246, pod.said()
    check(task, cloud, End(pod, 246))


def test_what_is_committed_is_not_touched_again(wire: Wire, cloud: Site, make: Make) -> None:
    """Else a reader of the URL would find it half there, after the task is complete."""
    gate = wire.hold(Step("PUT", "/manifests/", done=True))
    pod = make(Task(), cloud).start()
    assert gate.reached.wait(20), pod.said()
    kill_ctrl(pod)
    gate.over.set()
    before = len(wire.requests)
    pod.start_ctrl()
    assert pod.wait() == 0
    assert {request.method for request in wire.requests[before:]} <= {"GET", "HEAD"}
    check(Task(), cloud, End(pod, 0))


def test_the_last_checkpoint_waits_for_the_agent(wire: Wire, cloud: Site, make: Make) -> None:
    task = Task(checkpoint=True, frequency=1000)
    gate = wire.hold(Step("PUT", "/log/"))
    pod = make(task, cloud).start()
    assert gate.reached.wait(20), pod.said()
    kill_ctrl(pod)
    assert pod.agent is not None
    pod.agent.send_signal(signal.SIGSTOP)
    gate.over.set()
    pod.start_ctrl()
    pod.until(lambda: any(request.is_of("PUT", "/log/") for request in wire.requests[-1:]))
    time.sleep(1)
    pod.agent.send_signal(signal.SIGCONT)
    assert pod.wait() == 0, pod.said()
    assert {path: size for path, size in checkpointed(cloud).items()} == {"state": 2, "more": 5000}
    check(task, cloud, End(pod, 0))


def test_a_checkpoint_is_whole_though_a_request_of_an_earlier_life_comes_late(
    wire: Wire, cloud: Site, make: Make, tmp_path: Path
) -> None:
    script = f"mkdir $W; echo old > $W/state; until [ -e {tmp_path}/go ]; do sleep 0.1; done; echo new > $W/state"
    task = Task(checkpoint=True, url=False, dataset=False, files={}, given={}, lines=0)
    gate = wire.hold(Step("PUT", "/w/files/"), late=True)
    pod = make(task, cloud, document={"command": ["/bin/sh", "-c", script]}).start()
    assert gate.reached.wait(20), pod.said()
    kill_ctrl(pod)
    (tmp_path / "go").touch()
    pod.until(lambda: (pod.root / "w/state").read_text() == "new\n")
    pod.start_ctrl()
    assert pod.wait() == 0, pod.said()
    gate.over.set()
    until(lambda: gate.passed)
    assert checkpointed(cloud) == {"state": 4}


def checkpointed(site: Site) -> dict[str, int]:
    """Sizes of the newest generation's files, each of which was read."""
    return asyncio.run(read_checkpoint(site))


def test_without_room_for_the_log_a_task_completes_and_the_archive_says_so(folder: Site, make: Make) -> None:
    task = Task(lines=20_000, url=False, dataset=False)
    pod = make(task, folder)
    pod.init()
    os.mkfifo(pod.root / "agent.out")
    printed: list[str] = []
    reading = threading.Thread(target=lambda: printed.append((pod.root / "agent.out").read_text()))
    reading.start()
    pod.start_ctrl()
    pod.start_agent()
    assert pod.agent is not None
    resource.prlimit(pod.agent.pid, resource.RLIMIT_FSIZE, (100_000, 100_000))
    assert pod.wait() == 0, pod.output("ctrl.out")
    reading.join()
    assert printed == [task.output]
    [manifest] = asyncio.run(read_manifests(folder))
    archived = asyncio.run(read_log(folder.store("storage"), manifest))
    assert 10_000 < len(archived) < 100_000 and set(archived.splitlines()) <= set(task.output.splitlines())
    *errors, said = asyncio.run(read_log(folder.store("storage"), manifest, "stderr")).splitlines()
    missing = len(task.output) - len(archived) + (0 if errors else len("error\n"))
    assert f"[osmo] {missing} bytes" in said


@pytest.mark.parametrize(
    ("step", "wait", "wait_to_read", "code"),
    [
        (None, 60, 1, 240),
        (Step("PUT", "/log/"), 1, 60, 241),
        (Step("PUT", "/results/who"), 1, 60, 241),
        (Step("PUT", "/versions/", done=True), 1, 60, 241),
    ],
    ids=str,
)
def test_a_storage_that_stays_away_ends_a_task(
    step: Step | None, wait: float, wait_to_read: float, code: int, wire: Wire, cloud: Site, make: Make
) -> None:
    task = Task(wait=wait, wait_to_read=wait_to_read, leave=3)
    pod = make(task, cloud)
    if step is None:
        wire.down()
        pod.start()
    else:
        gate = wire.hold(step)
        pod.start()
        assert gate.reached.wait(20), pod.said()
        wire.down()
        gate.over.set()
    began = time.monotonic()
    assert pod.wait() == code, pod.said()
    assert time.monotonic() - began < 20
    assert "waiting for storage" in pod.output("ctrl.out")
    wire.up()
    check(task, cloud)
    again = make(task, cloud, 1).start()
    assert again.wait() == 0
    check(task, cloud, End(again, 0))


@pytest.mark.parametrize(
    "step", [None, Step("GET", "/given/a"), Step("PUT", "/log/"), Step("PUT", "/results/who"), Step("PUT", "/tags/")],
    ids=str,
)  # fmt: skip
def test_a_storage_that_comes_back_is_waited_for(step: Step | None, wire: Wire, cloud: Site, make: Make) -> None:
    pod = make(Task(), cloud)
    if step is None:
        wire.down()
        pod.start()
        pod.until(lambda: "waiting for storage" in pod.output("ctrl.out"))
    else:
        gate = wire.hold(step)
        pod.start()
        assert gate.reached.wait(20), pod.said()
        wire.down()
        gate.over.set()
    time.sleep(1.5)
    wire.up()
    assert pod.wait() == 0, pod.said()
    check(Task(), cloud, End(pod, 0))


@pytest.mark.parametrize("part", ["/claims/", "/given/a", "/log/", "/results/", "/versions/"])
def test_a_storage_that_refuses_ends_a_task_at_once(part: str, wire: Wire, cloud: Site, make: Make) -> None:
    task = Task(wait=60, wait_to_read=60)
    wire.rule = lambda request: Fault(403, "AccessDenied") if part in request.path else None
    began = time.monotonic()
    pod = make(task, cloud).start()
    assert pod.wait() == 246, pod.said()
    assert time.monotonic() - began < 15
    assert pod.termination["code"] == 2014
    wire.rule = lambda request: None
    check(task, cloud, *([] if part == "/log/" else [End(pod, 246)]))  # its log was refused


def test_a_store_that_overwrites_gets_no_datasets_unless_there_is_one_writer(make: Make) -> None:
    with serve_without_conditions() as port:
        bucket = new_bucket(port)
        site = Site(f"s3://{bucket.bucket}/base", bucket.endpoint, bucket.endpoint)
        pod = make(Task(), site).start()
        assert pod.wait() == 241
        assert "single_writer" in pod.output("ctrl.out")
        check(Task(), site, End(pod, 241))
        alone = Task(single_writer=True)
        again = make(alone, site, 1).start()
        assert again.wait() == 0, again.said()
        check(alone, site, End(pod, 241), End(again, 0))


@pytest.mark.parametrize("seed", range(2))
def test_at_random(seed: int, s3_port: int, tmp_path: Path) -> None:
    """`bench/crashes.py` has more of it."""
    given = scenario(seed)
    assert play(given, tmp_path, s3_port) == [], given


@pytest.mark.parametrize("seen", IN_FOLDERS)
def test_osmo_ctrl_killed_when_a_file_is_seen_goes_on(seen: str, folder: Site, make: Make, tmp_path: Path) -> None:
    """A folder as storage: nobody holds it, so it is killed a moment after what it is waited for."""
    task = Task()
    pod = make(task, folder).start()
    pod.until(lambda: any((tmp_path / "site").rglob(seen)))
    kill_ctrl(pod)
    pod.start_ctrl()
    assert pod.wait() == 0, pod.said()
    check(task, folder, End(pod, 0))


@pytest.mark.parametrize("seen", ["results/*"])
def test_the_container_killed_when_a_file_is_seen_is_run_again(
    seen: str, folder: Site, make: Make, tmp_path: Path
) -> None:
    task = Task(files={"who": 6, "large": 60_000_000})
    pod = make(task, folder).start()
    pod.until(lambda: any((tmp_path / "site").rglob(seen)) and has_connected(pod))
    pod.kill_container()
    end_ctrl(pod)
    again = make(task, folder, 1).start()
    assert again.wait() == 0
    check(task, folder, End(pod, -9), End(again, 0))


@pytest.mark.parametrize("part", ["partNumber=2", "uploadId="])
def test_osmo_ctrl_killed_within_a_large_file_goes_on(part: str, wire: Wire, cloud: Site, make: Make) -> None:
    """Between two parts of it, and when all are there but not yet one object."""
    task = Task(files={"large": 20_000_000}, url=False, dataset=False)
    gate = wire.hold(Step("POST" if part == "uploadId=" else "PUT", part))
    pod = make(task, cloud).start()
    assert gate.reached.wait(20), pod.said()
    check(task, cloud)
    kill_ctrl(pod)
    gate.over.set()
    pod.start_ctrl()
    assert pod.wait() == 0, pod.said()
    check(task, cloud, End(pod, 0))


def test_osmo_ctrl_killed_within_a_large_input_goes_on(wire: Wire, cloud: Site, make: Make) -> None:
    task = Task(given={"a": 20_000_000}, files={}, url=False, dataset=False)
    pod = make(task, cloud)
    gets: list[Request] = []

    def rule(request: Request) -> Fault | None:
        gets.extend([request] if request.is_of("GET", "/given/a") else [])
        return Fault(seconds=3) if len(gets) > 1 and request in gets else None

    wire.rule = rule
    pod.start()
    pod.until(lambda: any((pod.root / "data/input/0").glob(".osmo-partial-*")) and len(gets) > 1)
    kill_ctrl(pod)
    assert not (pod.root / "data/input/0/a").exists()
    wire.rule = lambda request: None
    pod.start_ctrl()
    assert pod.wait() == 0, pod.said()
    check(task, cloud, End(pod, 0))


def test_a_commit_that_comes_late_does_not_count(wire: Wire, cloud: Site, make: Make) -> None:
    """The container is gone when the storage has not answered yet; it is given up, and then the request gets there."""
    task = Task()
    gate = wire.hold(Step("PUT", "/manifests/"), late=True)
    pod = make(task, cloud).start()
    assert gate.reached.wait(20), pod.said()
    pod.kill_container()
    pod.until(lambda: asyncio.run(read_manifests(cloud)))
    gate.over.set()
    pod.until(lambda: gate.passed)
    end_ctrl(pod)
    assert [manifest.outcome for manifest in asyncio.run(read_manifests(cloud))] == ["lost"]
    again = make(task, cloud, 1).start()
    assert again.wait() == 0
    check(task, cloud, End(pod, -9), End(again, 0))


def test_a_task_reads_what_the_last_attempt_left(cloud: Site, make: Make) -> None:
    task = Task(seconds=60)
    lost = make(task, cloud).start()
    lost.until(lambda: "line 3" in lost.output())
    lost.kill_container()
    end_ctrl(lost)
    assert make(replace(task, seconds=0), cloud, 1).start().wait() == 0
    script = ["/bin/sh", "-c", "cd $I; find . -type f | sort; cat who"]
    given = [{"kind": "task", "task": "work"}]
    reader = make(task, cloud, document={"task": "reader", "outputs": [], "inputs": given, "command": script})
    assert reader.start().wait() == 0, reader.said()
    paths = sorted(f"./{path}" for path in task.expected(1))
    assert reader.output() == "\n".join([*paths, task.content("who", 1).decode()])


def test_a_container_that_runs_out_of_memory_keeps_its_log_and_files(wire: Wire, cloud: Site, make: Make) -> None:
    task = Task(seconds=60)
    pod = make(task, cloud).start()
    pod.until(lambda: "line 3" in pod.output())
    pod.kill_container()
    end_ctrl(pod)
    [manifest] = asyncio.run(read_manifests(cloud))
    assert (manifest.outcome, manifest.datasets) == ("lost", ())
    assert {file.path for file in manifest.files} == set(task.expected(0))
    assert asyncio.run(read_log(cloud.store("storage"), manifest)) == "begin\nline 1\nline 2\nline 3\n"
    assert not any(request.is_of("PUT", "/results/") for request in wire.requests)
    check(task, cloud, End(pod, -9))


def test_sigterm_while_uploading_and_osmo_ctrl_killed(wire: Wire, cloud: Site, make: Make) -> None:
    gate = wire.hold(Step("PUT", "/results/who"))
    pod = make(Task(), cloud).start()
    assert gate.reached.wait(20), pod.said()
    assert pod.agent is not None
    pod.agent.terminate()
    kill_ctrl(pod)
    gate.over.set()
    pod.start_ctrl()
    assert pod.wait() == 0, pod.said()
    check(Task(), cloud, End(pod, 0))


def test_sigterm_while_osmo_ctrl_is_away(wire: Wire, cloud: Site, make: Make) -> None:
    """The agent, which waits for its inputs, cannot say so. osmo-ctrl must not wait for it for ever."""
    gate = wire.hold(Step("GET", "/given/a"))
    pod = make(Task(), cloud).start()
    assert gate.reached.wait(20), pod.said()
    pod.until(lambda: has_connected(pod))
    kill_ctrl(pod)
    assert pod.agent is not None
    pod.agent.terminate()
    assert pod.agent.wait(10) == 248
    gate.over.set()
    pod.start_ctrl()
    end_ctrl(pod)
    [manifest] = asyncio.run(read_manifests(cloud))
    assert manifest.outcome == "lost"
    check(Task(), cloud, End(pod, 248))


def test_a_lost_answer_does_not_make_a_store_unsafe(wire: Wire, cloud: Site, make: Make) -> None:
    """The second of two creations, of which one must be refused, is asked twice."""
    asked: list[Request] = []

    def rule(request: Request) -> Fault | None:
        if request.is_of("PUT", ".osmo-create-only.json"):
            asked.append(request)
            return Fault(lose="answer") if len(asked) == 2 else None
        return None

    wire.rule = rule
    pod = make(Task(), cloud).start()
    assert pod.wait() == 0, pod.said()
    assert len(asked) == 3
    check(Task(), cloud, End(pod, 0))


@pytest.mark.parametrize("turns", range(5))
def test_who_waits_for_a_lost_agent_can_be_ended_in_the_moment_in_which_it_comes_back(
    turns: int, tmp_path: Path
) -> None:
    async def scene() -> None:
        agent = Agent(tmp_path / "control.sock", "k" * 64, False, lambda key: None)
        waiting = asyncio.create_task(agent.lost())
        await asyncio.sleep(0.05)
        agent.here.set()
        agent.gone.clear()
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting], timeout=5)
        assert waiting.cancelled()
        await agent.close()

    asyncio.run(scene())
