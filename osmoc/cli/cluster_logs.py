"""The output of tasks on a cluster, printed: at once, or as it is written."""

import heapq
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from queue import Empty
from typing import Final

import click

from osmoc.cluster.client import ApiError, Client
from osmoc.cluster.logs import Following, Line, Source, list_pods, read_lines, sources
from osmoc.cluster.runs import find_owner, follow
from osmoc.local.telling import shown

_TICK: Final = 0.3


def print_logs(
    client: Client, run_id: str, task: str, *, attempt: int | None, timestamps: bool, is_ctrl: bool, seconds: int
) -> None:
    """What there is, by time. Raises: UnknownRunError, ApiError, click.ClickException."""
    find_owner(client, run_id)
    chosen = _chosen(sources(list_pods(client, run_id), task=task, is_ctrl=is_ctrl), attempt)
    if not chosen:
        what = f"`{task}`" if task else "the run"
        raise click.ClickException(f"there is no pod of {what}{f', attempt {attempt}' if attempt else ''}")
    printer = _Printer(max(len(source.task) for source in chosen) if not task else 0, timestamps)
    streams = [_lines(client, source, seconds) for source in chosen if source.has_started]
    for line in heapq.merge(*streams, key=lambda line: line.time):
        printer.print(line)


def _chosen(found: list[Source], attempt: int | None) -> list[Source]:
    """The attempt that was asked for, else the last one of each task."""
    if attempt:
        return [source for source in found if source.attempt == attempt - 1]
    return list({source.task: source for source in found}.values())


def _lines(client: Client, source: Source, seconds: int) -> Iterator[Line]:
    try:
        yield from read_lines(client, source, seconds=seconds)
    except ApiError as error:
        if error.status != HTTPStatus.NOT_FOUND:  # its pod has just gone
            raise


def follow_logs(client: Client, run_id: str, task: str, *, timestamps: bool, is_ctrl: bool) -> None:
    """Until the run has ended. Raises: UnknownRunError, ApiError."""
    following = Following(client, run_id, task=task, is_ctrl=is_ctrl)
    states = follow(client, run_id, rest=_TICK)
    state = next(states)
    printer = _Printer(max(map(len, state.tasks), default=0) if not task else 0, timestamps)
    following.start()
    ended = threading.Event()
    trouble: list[Exception] = []

    def until_end() -> None:
        try:
            for _ in states:
                pass
        except Exception as error:
            trouble.append(error)
        ended.set()

    threading.Thread(target=until_end, daemon=True).start()
    _pump(following, printer, ended)
    if trouble:
        raise trouble[0]


@contextmanager
def beside(client: Client, run_id: str) -> Iterator[None]:
    """Prints what the tasks of a run write while something else is waited for, and the rest afterwards."""
    following = Following(client, run_id)
    following.start()
    ended = threading.Event()
    printing = threading.Thread(target=_pump, args=(following, _Printer(1, False), ended), daemon=True)
    printing.start()
    try:
        yield
    finally:
        ended.set()
        printing.join()


def _pump(following: Following, printer: "_Printer", ended: threading.Event) -> None:
    while True:
        was_over = ended.is_set() and following.is_quiet
        try:
            printer.print(following.lines.get(timeout=_TICK))
        except Empty:
            sys.stdout.flush()
            if was_over:
                return


class _Printer:
    """`width` is that of names before each line; none is printed if it is 0."""

    def __init__(self, width: int, timestamps: bool) -> None:
        self._width = width
        self._timestamps = timestamps

    def print(self, line: Line) -> None:
        self._width = max(self._width, len(line.task)) if self._width else 0
        stamp = f"{line.time} " if self._timestamps else ""
        name = f"{line.task:<{self._width}} | " if self._width else ""
        sys.stdout.write(f"{stamp}{name}{shown(line.text)}\n")
