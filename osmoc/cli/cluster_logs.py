"""The output of tasks on a cluster, printed: at once, or as it is written."""

import heapq
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from queue import Empty
from typing import Final

import click

from osmoc.cli.archived_logs import Archive
from osmoc.cluster.archive import NoArchiveError
from osmoc.cluster.client import ApiError, Client
from osmoc.cluster.logs import Following, Line, Source, Wanted, choose, list_pods, read_lines, sources, without_pod
from osmoc.cluster.runs import UnknownRunError, follow, read
from osmoc.cluster.telling import now
from osmoc.local.telling import shown
from osmoc.logs_client import KeptLog
from osmoc.names import kubernetes_name
from osmoc.report.printable import printable

_TICK: Final = 0.3


@dataclass(frozen=True, slots=True)
class Asked:
    """`seconds` and `last`, a number of lines, are 0 for all that there is."""

    wanted: Wanted
    timestamps: bool = False
    is_ctrl: bool = False
    seconds: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True)
class _Found:
    """`width` is that of the longest name of a task, and `why_not` says what is missing."""

    run: str
    width: int
    chosen: list[Source | KeptLog]
    why_not: str = ""
    is_deleted: bool = False


def print_logs(client: Client, archive: Archive, asked: Asked) -> None:
    """What there is, by time. Raises: UnknownRunError, NoArchiveError, ApiError, click.ClickException."""
    found = _find(client, archive, asked)
    if not found.chosen:
        attempt = asked.wanted.attempt
        what = f"`{asked.wanted.task}`" if asked.wanted.task else "the run"
        which = "" if attempt is None else f", attempt {attempt + 1}"
        raise click.ClickException(found.why_not or f"there is no pod of {what}{which}, and no log in its storage")
    _warn(found.why_not)
    printer = _Printer(0 if asked.wanted.task else found.width, asked.timestamps)
    for line in _merged(client, archive, asked, found):
        printer.print(line)


def last_lines(client: Client, archive: Archive, most: int) -> dict[str, deque[bytes]]:
    """The end of the last attempt of each task that has one. Raises: UnknownRunError, NoArchiveError, ApiError."""
    asked = Asked(Wanted(), last=most)
    found = _find(client, archive, asked)
    _warn(found.why_not)
    lines: dict[str, deque[bytes]] = {}
    for line in _merged(client, archive, asked, found):
        lines.setdefault(line.task, deque(maxlen=most)).append(line.text)
    return lines


def follow_logs(client: Client, archive: Archive, asked: Asked) -> None:
    """Until the run has ended. Raises: UnknownRunError, NoArchiveError, ApiError."""
    found = _find(client, archive, asked)
    _warn(found.why_not)
    printer = _Printer(0 if asked.wanted.task else found.width, asked.timestamps)
    kept = [one for one in found.chosen if isinstance(one, KeptLog)]
    for line in heapq.merge(*archive.read(found.run, kept), key=_time):
        printer.print(line)
    if found.is_deleted:
        return
    following = Following(client, archive.workflow_id, task=asked.wanted.task, is_ctrl=asked.is_ctrl)
    following.start()
    ended = threading.Event()
    trouble: list[Exception] = []

    def until_end() -> None:
        try:
            for _ in follow(client, archive.workflow_id, rest=_TICK):
                pass
        except Exception as error:
            trouble.append(error)
        ended.set()

    threading.Thread(target=until_end, daemon=True).start()
    _pump(following, printer, ended)
    if trouble:
        raise trouble[0]


def _find(client: Client, archive: Archive, asked: Asked) -> _Found:
    wanted = asked.wanted
    try:
        state = read(client, archive.workflow_id)
    except UnknownRunError as unknown:
        return _find_deleted(archive, asked, unknown)
    pods = sources(list_pods(client, archive.workflow_id), task=wanted.task, is_ctrl=asked.is_ctrl)
    kept, why_not = _kept(archive, state.run, without_pod(state, pods, wanted), asked)
    return _Found(state.run, max(map(len, state.tasks), default=1), choose(pods, kept, wanted), why_not)


def _kept(archive: Archive, run: str, tasks: Sequence[str], asked: Asked) -> tuple[Sequence[KeptLog], str]:
    """Logs of tasks that have no pod any more, or why there are none."""
    names = ", ".join(f"`{task}`" for task in tasks)
    if not tasks:
        return (), ""
    if asked.is_ctrl:
        return (), f"what osmo-ctrl said is gone with the pods of {names}"
    try:
        return [log for log in archive.find(run).logs if kubernetes_name(log.task) in tasks], ""
    except NoArchiveError as error:
        return (), f"{names}: no pod any more, and {error}"


def _find_deleted(archive: Archive, asked: Asked, unknown: UnknownRunError) -> _Found:
    """What the newest run of this id has left in the storage, if anything."""
    try:
        kept = archive.find("")
    except NoArchiveError as error:
        raise UnknownRunError(f"{unknown}. Of a deleted one nothing can be said: {error}") from None
    if asked.is_ctrl or not kept.logs:
        raise unknown
    width = max(len(log.task) for log in kept.logs)
    return _Found(kept.run, width, choose((), kept.logs, asked.wanted), is_deleted=True)


def _merged(client: Client, archive: Archive, asked: Asked, found: _Found) -> Iterator[Line]:
    pods = [one for one in found.chosen if isinstance(one, Source) and one.has_started]
    kept = [one for one in found.chosen if isinstance(one, KeptLog)]
    # Of what is kept there is all; the kubelet knows itself what the last seconds are.
    since = f"{now() - timedelta(seconds=asked.seconds):%Y-%m-%dT%H:%M:%S}" if asked.seconds else ""
    of_pods = [_lines(client, archive, found.run, source, asked) for source in pods]
    for line in heapq.merge(*of_pods, *archive.read(found.run, kept), key=_time):
        if line.time >= since:
            yield line


def _lines(client: Client, archive: Archive, run: str, source: Source, asked: Asked) -> Iterator[Line]:
    """Of a pod; if it goes this very moment, or its node is out of reach, what is kept of it."""
    is_begun = False
    try:
        for line in read_lines(client, source, seconds=asked.seconds, last=asked.last):
            is_begun = True
            yield line
        return
    except ApiError as error:
        is_gone = error.status == HTTPStatus.NOT_FOUND or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        if is_begun or not is_gone:
            raise
        trouble = error
    if asked.is_ctrl:
        _warn(f"the log of the pod `{source.pod}` cannot be read: {trouble}")
        return
    try:
        kept = [log for log in archive.find(run).logs if source.uid.startswith(log.pod)]
        yield from (line for some in archive.read(run, kept) for line in some)
    except NoArchiveError as error:
        _warn(f"the log of the pod `{source.pod}` cannot be read: {trouble}; and {error}")


def _time(line: Line) -> str:
    return line.time


def _warn(text: str) -> None:
    if text:
        sys.stderr.write(f"warning: {printable(text)}\n")


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
