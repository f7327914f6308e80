"""osmo-ctrl, the user's container, the storage and the network end at each step; what is kept must never be a lie."""

import asyncio
import json
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from runtime.crash_checks import End, problems, read_as_task, read_checkpoint, read_log, read_manifests
from runtime.crash_task import Site, Task
from runtime.crash_wire import Step, Wire
from runtime.dataset_buckets import serve_without_conditions
from runtime.pod import Pod, has_programs, until
from runtime.s3 import Fault, new_bucket

pytestmark = pytest.mark.skipif(not has_programs(), reason="the agent is not built: `make install` does it")

Make = Callable[..., Pod]

STEPS: Final = [
    Step("PUT", "/claims/"),
    Step("PUT", "/claims/", done=True),
    Step("GET", "/given/a"),
    Step("PUT", "/log/"),
    Step("PUT", "/log/", done=True),
    Step("PUT", "/output/"),
    Step("PUT", "/output/", done=True),
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


@pytest.fixture
def wire(s3_port: int) -> Iterator[Wire]:
    with Wire(s3_port).running() as running:
        yield running


@pytest.fixture
def cloud(wire: Wire) -> Site:
    """An S3 at the other end of the wire."""
    bucket = new_bucket(wire.upstream)
    return Site(f"s3://{bucket.bucket}/base", f"http://127.0.0.1:{wire.port}", bucket.endpoint)


@pytest.fixture
def folder(tmp_path: Path) -> Site:
    (tmp_path / "site").mkdir()
    return Site(f"file://{tmp_path}/site")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    pods: list[Pod] = []

    def make(task: Task, site: Site, attempt: int = 0, **changes: Any) -> Pod:
        if not pods:
            asyncio.run(task.give(site))
        pods.append(task.pod(site, tmp_path / f"pod-{len(pods)}", attempt, **changes))
        return pods[-1]

    yield make
    for pod in pods:
        pod.stop()


def check(task: Task, site: Site, *ends: End) -> None:
    assert asyncio.run(problems(task, site, ends)) == [], "\n".join(end.pod.said() for end in ends)
    if ends and ends[-1].code == 0:
        assert asyncio.run(read_as_task(task, site)) == []


def kill_ctrl(pod: Pod) -> None:
    assert pod.ctrl is not None
    pod.ctrl.kill()
    pod.ctrl.wait()


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


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_the_container_killed_at_each_step_is_lost_and_run_again(
    step: Step, wire: Wire, cloud: Site, make: Make
) -> None:
    task = Task()
    gate = wire.hold(step)
    pod = make(task, cloud).start()
    assert gate.reached.wait(20), pod.said()
    if step.part in ("/claims/", "/given/a"):
        pod.until(lambda: has_connected(pod))
    pod.kill_container()
    gate.over.set()
    began = time.monotonic()
    pod.end_ctrl()
    assert time.monotonic() - began < 15
    check(task, cloud, End(pod, -9))
    again = make(task, cloud, 1).start()
    assert again.wait() == 0
    check(task, cloud, End(pod, -9), End(again, 0))


def has_connected(pod: Pod) -> bool:
    """Whether osmo-ctrl has given the agent a key."""
    state = pod.root / "state" / "state.json"
    return state.exists() and bool(json.loads(state.read_text())["key"])


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
    assert [request for request in wire.requests[before:] if request.method != "GET"] == []
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
    pod = make(task, cloud, command=["/bin/sh", "-c", script]).start()
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
    assert task.output.startswith(archived) and len(archived) > 30_000
    said = asyncio.run(read_log(folder.store("storage"), manifest, "stderr")).splitlines()[-1]
    missing = len(task.output) - len(archived)
    assert str(missing) in said


@pytest.mark.parametrize(
    ("step", "wait", "wait_to_read", "code"),
    [
        (None, 60, 1, 240),
        (Step("GET", "/given/a"), 60, 1, 240),
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


@pytest.mark.parametrize("part", ["/claims/", "/given/a", "/log/", "/output/", "/results/", "/versions/", "/manifests/"])
def test_a_storage_that_refuses_ends_a_task_at_once(part: str, wire: Wire, cloud: Site, make: Make) -> None:
    task = Task(wait=60, wait_to_read=60)
    wire.rule = lambda request: Fault(403, "AccessDenied") if part in request.path else None
    began = time.monotonic()
    pod = make(task, cloud).start()
    assert pod.wait() == 246, pod.said()
    assert time.monotonic() - began < 15
    assert pod.termination["code"] == 2014
    wire.rule = lambda request: None
    check(task, cloud, End(pod, 246))


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
