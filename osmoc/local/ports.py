"""Who listens where: tasks on one machine share its ports, which in a cluster they do not.

By what Linux says in /proc; elsewhere nothing is known of any holder.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_TAIL: Final = 16 * 1024
_LISTENS: Final = "0A"
_CLASH: Final = re.compile(rb"address (is )?already in use|EADDRINUSE|errno:? -?98\b", re.IGNORECASE)
_NUMBER: Final = re.compile(rb"(?<![\d.])\d{2,5}(?![\d.])")


def held_ports(processes: Mapping[str, int]) -> dict[int, str]:
    """Ports on which something listens, by the task below whose process that is; empty for others' ports."""
    listening = dict(_listening())
    if not listening:
        return {}
    owners: dict[int, str] = dict.fromkeys(listening.values(), "")
    children = _children()
    for task, root in processes.items():
        for process in _tree(root, children):
            owners |= {listening[inode]: task for inode in _sockets(process) if inode in listening}
    return owners


def find_clash(log: Path, task: str, held: Mapping[int, str]) -> str:
    """Why a task failed, if it is that it wanted a port of another one; else nothing.

    Of all that wrote to its log only the last words count, and of the ports only such as are named there, if any is.
    """
    tail = _tail(log)
    if not _CLASH.search(tail):
        return ""
    named = {int(number) for number in _NUMBER.findall(tail)}
    others = {port: holder for port, holder in held.items() if holder != task}
    wanted = {port: holder for port, holder in others.items() if port in named}
    if not wanted:
        wanted = {port: holder for port, holder in others.items() if holder}
    help = "on this machine tasks share its ports: give one of them another, or run them with --engine podman"
    if not wanted:
        return f"a port that it wants is taken: {help}"
    held_by = (
        f"port {port} is held by {f'task `{holder}`' if holder else 'a process outside of this run'}"
        for port, holder in sorted(wanted.items())
    )
    return f"{' or '.join(held_by)}, and `{task}` wants it too; {help}"


def _tail(log: Path) -> bytes:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            return file.read()
    except OSError:
        return b""


def _listening() -> Iterator[tuple[str, int]]:
    """Inodes of sockets, with their ports."""
    for name in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == _LISTENS:
                yield fields[9], int(fields[1].rpartition(":")[2], 16)


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                # The name, in parentheses, may hold anything.
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue  # it has just ended
            found.setdefault(parent, []).append(int(entry.name))
    return found


def _tree(root: int, children: Mapping[int, Iterable[int]]) -> Iterator[int]:
    waiting = [root]
    while waiting:
        process = waiting.pop()
        yield process
        waiting += children.get(process, ())


def _sockets(process: int) -> Iterator[str]:
    """Inodes."""
    try:
        with os.scandir(_PROC / str(process) / "fd") as entries:
            targets = [str(Path(entry.path).readlink()) for entry in entries]
    except OSError:
        return  # it has ended, or is not ours to look at
    yield from (target[len("socket:[") : -1] for target in targets if target.startswith("socket:["))
