"""Following a run on a cluster to its end: what `apply --wait`, `wait` and `status --watch` do."""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Final

import click

from osmoc.cli.main import FINDINGS
from osmoc.cluster.client import Client
from osmoc.cluster.runs import follow
from osmoc.cluster.state import State, Status
from osmoc.cluster.telling import changes, now, summary, table, task_rows

# Without news the clock is looked at, and a table drawn anew.
_REST: Final = 15.0

Tell = Callable[[State | None, State], None]


def wait_for_end(client: Client, workflow_id: str, tell: Tell, timeout: float | None = None) -> int:
    """The exit status of the run: 0 if it is complete. Raises: UnknownRunError, ApiError, click.ClickException."""
    end = None if timeout is None else time.monotonic() + timeout
    last: State | None = None
    for state in follow(client, workflow_id, rest=_REST if timeout is None else min(_REST, timeout)):
        if state != last:
            tell(last, state)
        last = state
        if end is not None and time.monotonic() >= end and not state.status.has_ended:
            raise click.ClickException(f"{workflow_id} has not ended within {timeout:g} s: it is {state.status}")
    assert last is not None
    return exit_status(last)


def exit_status(state: State) -> int:
    return 0 if state.status is Status.COMPLETED else FINDINGS


def tell_lines(before: State | None, state: State) -> None:
    for line in changes(before, state):
        sys.stderr.write(f"{line}\n")
    if state.status.has_ended:
        sys.stderr.write(f"{summary(state, now())}\n")
    sys.stderr.flush()


def tell_tables(is_wide: bool) -> Tell:
    """The table of tasks at each change; on a terminal over the one before."""
    is_terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    height = 0

    def tell(before: State | None, state: State) -> None:
        nonlocal height
        text = table(task_rows(state, now(), is_wide=is_wide)) + f"{summary(state, now())}\n"
        sys.stdout.write((f"\x1b[{height}F\x1b[J" if is_terminal and height else "") + text)
        sys.stdout.flush()
        height = text.count("\n")

    return tell


def tell_json(before: State | None, state: State) -> None:
    sys.stdout.write(json.dumps(state.model_dump(mode="json")) + "\n")
    sys.stdout.flush()
