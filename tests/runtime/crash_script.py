"""Scenarios at random: what is ended when, of which task, by a seed alone. And their play, to the last attempt."""

import asyncio
import json
import random
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from runtime.crash_checks import End, problems, read_as_task, read_manifests
from runtime.crash_task import Site, Task
from runtime.crash_wire import Wire
from runtime.pod import Pod, hears_sigterm
from runtime.s3 import new_bucket

What = Literal["ctrl", "container", "term", "down", "flaky"]

_BOUND: Final = 60.0  # seconds to the end of a container when nothing more happens to it
_LEAVE: Final = 45.0  # and then of its osmo-ctrl
_AGAIN: Final = (248, 250, -9)  # what runs the task again
_RESCHEDULE: Final = {"action": "RESCHEDULE", "codes": [[75, 75]]}


@dataclass(frozen=True)
class Event:
    """What happens so long after the one before; `seconds` is until it is well again."""

    after: float
    what: What
    seconds: float = 0.0


@dataclass(frozen=True)
class Scenario:
    """`attempts` is what happens to each; nothing does to the one behind them."""

    seed: int
    in_cloud: bool
    task: Task
    attempts: tuple[tuple[Event, ...], ...]


def scenario(seed: int) -> Scenario:
    dice = random.Random(seed)
    in_cloud = dice.random() < 0.6
    sizes = [0, 1, 1000, 70_000, 1_000_000] + ([] if in_cloud else [20_000_000, 50_000_000])
    names = dice.sample(["a", "b c", "deep/er/x", "ü#x", "%41", "z.txt"], dice.randint(1, 5))
    task = Task(
        files={name: dice.choice(sizes) for name in names},
        given={} if dice.random() < 0.3 else {f"given {n}": dice.choice([0, 10, 100_000]) for n in range(3)},
        url=dice.random() < 0.6,
        dataset=dice.random() < 0.6,
        checkpoint=dice.random() < 0.4,
        lines=dice.choice([0, 3, 3000]),
        seconds=dice.choice([0.0, 0.0, 0.5, 1.5]),
        code=dice.choice([0, 0, 0, 0, 3, 75]),
        actions=(_RESCHEDULE,),
    )
    whats: list[What] = ["ctrl", "ctrl", "ctrl", "container", "term"]
    if in_cloud:
        whats += ["down", "flaky"]
    attempts = [
        tuple(Event(dice.uniform(0, 1.5), dice.choice(whats), dice.uniform(0, 2.5)) for _ in range(dice.randint(1, 4)))
        for _ in range(dice.randint(1, 2))
    ]
    return Scenario(seed, in_cloud, task, tuple(attempts))


def play(given: Scenario, root: Path, s3_port: int) -> list[str]:
    """Everything that was not as it must be."""
    with Wire(s3_port).running() as wire:
        if given.in_cloud:
            bucket = new_bucket(s3_port)
            site = Site(f"s3://{bucket.bucket}/base", f"http://127.0.0.1:{wire.port}", bucket.endpoint)
        else:
            (root / "site").mkdir(parents=True)
            site = Site(f"file://{root}/site")
        asyncio.run(given.task.give(site))
        return _play(given, root, site, wire)


def _play(given: Scenario, root: Path, site: Site, wire: Wire) -> list[str]:
    ends: list[End] = []
    for attempt, events in enumerate([*given.attempts, ()]):
        task = given.task
        pod = task.pod(site, root / f"pod-{attempt}", attempt)
        try:
            wrong = _attempt(pod, events, wire)
            ends.append(End(pod, pod.agent.returncode if pod.agent and pod.agent.returncode is not None else 247))
            wrong += _of_code(task, ends[-1], events)
            wrong += asyncio.run(problems(task, site, ends))
            wrong += asyncio.run(_of_last_word(pod, site))
        finally:
            pod.stop()
        if wrong:
            return [f"attempt {attempt}: {one}" for one in wrong] + [_said(pod, wire)]
        if ends[-1].code not in _AGAIN:
            break
    return asyncio.run(read_as_task(given.task, site)) if ends[-1].code == 0 else []


def _said(pod: Pod, wire: Wire) -> str:
    asked = [f"{request.method} {request.path}" for request in wire.requests[-5:]]
    said = [f"--- {name}\n{pod.output(name)[-2000:]}" for name in ("ctrl.out", "ctrl.err", "agent.err")]
    return "\n".join([f"last requests: {asked}", *said])


def _attempt(pod: Pod, events: Sequence[Event], wire: Wire) -> list[str]:
    pod.start()
    assert pod.agent is not None and pod.ctrl is not None
    for event in events:
        if _has_ended(pod.agent, event.after):
            break
        _happen(event, pod, wire)
    if not _has_ended(pod.agent, _BOUND):
        return ["the container has no end"]
    began = time.monotonic()
    while not hears_sigterm(pod.ctrl.pid) and time.monotonic() - began < _LEAVE:
        time.sleep(0.02)
    pod.ctrl.terminate()
    if not _has_ended(pod.ctrl, _LEAVE):
        return ["osmo-ctrl has no end"]
    return [f"osmo-ctrl ended with {pod.ctrl.returncode}"] if pod.ctrl.returncode else []


def _happen(event: Event, pod: Pod, wire: Wire) -> None:
    assert pod.agent is not None and pod.ctrl is not None
    match event.what:
        case "ctrl":
            pod.ctrl.kill()
            pod.ctrl.wait()
            time.sleep(event.seconds)
            pod.start_ctrl()
        case "container":
            pod.kill_container()
        case "term":
            pod.agent.terminate()
        case "down":
            wire.down()
            time.sleep(event.seconds)
            wire.up()
        case "flaky":
            wire.flaky = 0.3
            _has_ended(pod.agent, event.seconds)
            wire.flaky = 0.0


def _has_ended(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _of_code(task: Task, end: End, events: Sequence[Event]) -> list[str]:
    own = {0: 0, 75: 250}.get(task.code, task.code) if end.pod.attempt == 0 else 0
    allowed = {own}
    for event in events:
        allowed |= {"container": {-9}, "term": {248}}.get(event.what, set())
    return [] if end.code in allowed else [f"it ended with {end.code}, and not with one of {sorted(allowed)}"]


async def _of_last_word(pod: Pod, site: Site) -> list[str]:
    """Once osmo-ctrl knew the agent, it has left word of the attempt."""
    state = pod.root / "state" / "state.json"
    if not state.exists() or not json.loads(state.read_text())["key"]:
        return []
    known = {manifest.attempt for manifest in await read_manifests(site)}
    return [] if pod.attempt in known else ["there is no manifest of it"]
