"""Times the barrier of a large group, and what coordinating it costs: `barrier.py [TASKS] [ROUNDS]`.

Each task is a process with the part of osmo-ctrl that speaks to the group, over loopback, all but the last ready and
waiting. Measured is from the last one's word to the start of the slowest, and by how much the lead has grown.
"""

import asyncio
import multiprocessing
import socket
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from osmo_ctrl.attempts import Attempt
from osmo_ctrl.document import TaskDocument
from osmo_ctrl.group.archive import Archive
from osmo_ctrl.group.joining import joined
from osmo_ctrl.settings import Settings
from osmo_ctrl.state import Keeper


def main(tasks: int, rounds: int) -> None:
    figures = [_round(tasks) for _ in range(rounds)]
    seconds, grown = median(item[0] for item in figures), max(item[1] for item in figures)
    sys.stdout.write(
        f"{tasks} tasks: the barrier opens {seconds:.2f} s after the last; the lead grows by {grown:.1f} MiB\n"
    )


def _round(tasks: int) -> tuple[float, float]:
    fork = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as name, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        members, ends = [], []
        for number in range(tasks):
            ours, theirs = fork.Pipe()
            member = fork.Process(target=_member, args=(number, tasks, port, Path(name), theirs))
            member.start()
            members.append(member)
            ends.append(ours)
        for end in ends[:-1]:
            assert end.recv() == "joined"
        time.sleep(1)
        ends[-1].send("go")
        began = time.time()
        words = [_started(end) for end in ends]
        for member in members:
            member.kill()
            member.join()
    return max(when for when, _ in words) - began, words[0][1]


def _started(end: Connection) -> tuple[float, float]:
    """When the task was started, and by how much its process had grown."""
    while not isinstance(word := end.recv(), tuple):
        pass
    return word


def _member(number: int, tasks: int, port: int, folder: Path, pipe: Connection) -> None:
    asyncio.run(_take_part(number, tasks, port, folder / str(number), pipe))


async def _take_part(number: int, tasks: int, port: int, root: Path, pipe: Connection) -> None:
    (root / "group-key").mkdir(parents=True)
    (root / "group-key" / "key").write_bytes(b"k" * 32)
    (root / "state").mkdir()
    settings = Settings(
        root=root, run="1", attempt=0, document_digest="", pod=f"pod-{number}", node="", group_port=port
    )
    document = _document(number, tasks)
    archive = Archive(None, Attempt("bench", "1", document.task, 0, settings.pod), "group")
    before = _memory()
    if number == tasks - 1:
        await asyncio.to_thread(pipe.recv)
    async with joined(document, settings, Keeper(settings.state), archive, lambda text: None) as part:
        pipe.send("joined")
        await part.start()
        pipe.send((time.time(), _memory() - before))
        await asyncio.sleep(60)


def _document(number: int, tasks: int) -> TaskDocument:
    members = [{"task": f"task-{index}", "host": "127.0.0.1"} for index in range(tasks)]
    group = {
        "name": "group", "lead": "task-0", "members": members, "barrier": True, "ignore_nonlead_status": True,
        "publishing": [], "port": 0,
    }  # fmt: skip
    timeouts = {
        "exec": None, "queue": None, "barrier": 60, "settle": 5, "absence": 60, "grace": 30, "upload": 300,
        "storage_upload": 60, "storage_download": 60,
    }  # fmt: skip
    empty: dict[str, Any] = dict.fromkeys(
        ("command", "args", "environment", "credential_variables", "credential_directories", "files", "inputs",
         "outputs", "kpis", "checkpoints", "exit_actions", "access", "buckets"), (),
    )  # fmt: skip
    return TaskDocument.model_validate(
        {
            "workflow_id": "bench", "workflow": "bench", "task": f"task-{number}", "lead": number == 0, "digest": "",
            "group": group, "image": "", "timeouts": timeouts, "storage": None,
            "retry": {"reschedule": 0, "infrastructure": 0}, **empty,
        }
    )  # fmt: skip


def _memory() -> float:
    """MiB of this process alone."""
    pages = Path("/proc/self/smaps_rollup").read_text().split("Private_Dirty:")[1].split()[0]
    return int(pages) / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 64, int(sys.argv[2]) if len(sys.argv) > 2 else 5)
