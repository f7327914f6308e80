"""What the kubelet and the kernel do to pods, and what is checked afterwards."""

import asyncio
import json
import subprocess
from collections.abc import Callable

from runtime.crash_checks import End, problems, read_as_task
from runtime.crash_task import Site, Task
from runtime.pod import Pod, hears_sigterm

Make = Callable[..., Pod]


def check(task: Task, site: Site, *ends: End) -> None:
    assert asyncio.run(problems(task, site, ends)) == [], "\n".join(end.pod.said() for end in ends)
    if ends and ends[-1].code == 0:
        assert asyncio.run(read_as_task(task, site)) == []


def kill_ctrl(pod: Pod) -> None:
    assert pod.ctrl is not None
    pod.ctrl.kill()
    pod.ctrl.wait()


def has_connected(pod: Pod) -> bool:
    """Whether osmo-ctrl has given the agent a key."""
    state = pod.root / "state" / "state.json"
    return state.exists() and bool(json.loads(state.read_text())["key"])


def end_ctrl(pod: Pod) -> None:
    """As the kubelet does it when the container has ended; it may take as long as an agent may be away, and more."""
    assert pod.ctrl is not None
    pod.until(lambda: pod.ctrl is not None and hears_sigterm(pod.ctrl.pid))
    pod.ctrl.terminate()
    try:
        assert pod.ctrl.wait(20) == 0
    except subprocess.TimeoutExpired:
        raise AssertionError(f"osmo-ctrl does not end; {pod.said()}") from None
