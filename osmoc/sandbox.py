"""Render a template in a process of its own that can be killed: a stranger's loop ends, whatever it does."""

import json
import os
import pickle
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from osmoc.rendered import Fault, FaultKind, Rendered

_CPU_SECONDS: Final = 1.0
_WALL_SECONDS: Final = 20.0
_MEMORY_BYTES: Final = 768 * 1024 * 1024
_START: Final = "import sys; sys.path[:] = sys.argv[1:]; from osmoc.sandbox import work; work()"


def render(text: str, values: Mapping[str, Any]) -> Rendered:
    """`templating.render`, limited to a second of processor time and 768 MiB of address space."""
    command = [sys.executable, "-I", "-c", _START, *sys.path]
    try:
        done = subprocess.run(
            command, input=pickle.dumps((text, dict(values))), capture_output=True, timeout=_WALL_SECONDS
        )
    except subprocess.TimeoutExpired:
        return _limit("the template does not end")
    if done.returncode == -signal.SIGPROF:
        return _limit(f"the template needs more than {_CPU_SECONDS:g} s of processor time")
    if done.returncode < 0:
        return _limit(f"the template made its process end by {signal.Signals(-done.returncode).name}")
    if done.returncode > 0:
        # Python prints MemoryError and leaves when not even the answer can be built.
        if b"MemoryError" in done.stderr:
            return _limit("the template needs too much memory")
        raise RuntimeError(done.stderr.decode(errors="replace"))
    answer = json.loads(done.stdout)
    faults = tuple(Fault(**fault | {"kind": FaultKind(fault["kind"])}) for fault in answer["faults"])
    return Rendered(answer["text"], tuple(answer["origin"]), frozenset(answer["used"]), faults)


def _limit(message: str) -> Rendered:
    return Rendered("", (), frozenset(), (Fault(FaultKind.LIMIT, 0, message),))


def work() -> None:
    """The process: limits first, then one template from stdin, the answer to stdout."""
    from osmoc import templating

    text, values = pickle.load(sys.stdin.buffer)
    # No handler: the kernel ends the process even inside one long operation of C code.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, _CPU_SECONDS)
    if sys.platform != "darwin":  # there the kernel refuses address-space limits
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    rendered = templating.render(text, values)
    answer = asdict(rendered) | {
        "used": sorted(rendered.used),
        "faults": [asdict(fault) | {"kind": fault.kind.value} for fault in rendered.faults],
    }
    sys.stdout.buffer.write(json.dumps(answer).encode())
    sys.stdout.flush()
    os._exit(0)  # skip taking down what the kernel takes down faster
