"""`osmoc open`: a run as a page in the browser."""

import sys
import webbrowser
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Final

import click

from osmoc.cli.cluster_options import cluster_options, connected
from osmoc.cli.files import write_file
from osmoc.cli.status import find_local, state_of
from osmoc.local.lines import read_lines
from osmoc.local.records import Folder, UnknownRunError
from osmoc.names import kubernetes_name
from osmoc.page.page import Run, Task, page

_LINES: Final = 200


@click.command("open")
@click.argument("run_id", metavar="ID")
@click.option("-o", "--output", metavar="FILE", help="Write the page there, and open nothing.")
@click.option("--no-logs", is_flag=True, help="Without the ends of the logs.")
@cluster_options
def open_command(run_id: str, output: str | None, no_logs: bool, context: str | None, namespace: str | None) -> int:
    """Show a run as a page in the browser: states, times side by side, and the end of each task's log.

    It is one file that needs nothing beside it, and can be sent to somebody. It shows the run as it is now. A run of
    `osmoc run` in this folder is meant if there is one with this ID, else one on the cluster.

    \b
    Examples:
      osmoc open hello-1
      osmoc open train-1f3a09bc --output train.html
    """
    local = None if context or namespace else find_local(run_id)
    run = _of_folder(local, no_logs) if local else _of_cluster(run_id, no_logs, context, namespace)
    path = Path(output) if output else Path(mkdtemp(prefix="osmoc-")) / f"{run_id}.html"
    write_file(path, [page(run)])
    sys.stdout.write(f"{path}\n")
    if output is None and not webbrowser.open(path.absolute().as_uri()):
        sys.stderr.write("there is no browser to open it with\n")
    return 0


def _of_folder(folder: Folder, no_logs: bool) -> Run:
    try:
        run = folder.read()
    except UnknownRunError as error:
        raise click.ClickException(str(error)) from None
    tasks = []
    for name, task in run.tasks.items():
        first, last = (task.attempts[0], task.attempts[-1]) if task.attempts else (None, None)
        lines = read_lines(folder.log(name, last.attempt)) if last and not no_logs else ()
        one = Task(
            group="" if task.group == f"{name}-group" else task.group,
            name=name,
            status=task.state.value,
            exit=(last.exit if last.code is None else last.code) if last else None,
            attempts=len(task.attempts),
            reason=last.reason if last else "",
            started=_moment(first.started_at) if first else None,
            ended=_moment(last.ended_at) if last else None,
            log=_shown(line.text for line in lines),
        )
        tasks.append(one)
    return Run(
        name=run.id,
        status=state_of(folder, run),
        started=_moment(run.started_at),
        ended=_moment(run.ended_at),
        seen=datetime.now(UTC),
        tasks=tasks,
    )


def _of_cluster(run_id: str, no_logs: bool, context: str | None, namespace: str | None) -> Run:
    from osmoc.cluster.client import Client
    from osmoc.cluster.runs import read
    from osmoc.cluster.telling import now

    def logs(client: Client) -> Mapping[str, Iterable[bytes]]:
        from osmoc.cli.archived_logs import open_archive
        from osmoc.cli.cluster_logs import last_lines

        with TemporaryDirectory(prefix="osmoc-logs-", ignore_cleanup_errors=True) as folder:
            return last_lines(client, open_archive(client, run_id, Path(folder)), _LINES)

    with connected(context, namespace) as client:
        state = read(client, run_id)
        written = {} if no_logs else logs(client)
    tasks = [
        Task(
            group="" if group_name == f"{name}-group" else group_name,
            name=name,
            status=task.status,
            exit=task.exit,
            attempts=task.attempts,
            node=task.node,
            reason=task.reason,
            started=task.started,
            ended=task.ended,
            log=_shown(written.get(kubernetes_name(name), ())),
        )
        for group_name, group in state.groups.items()
        for name, task in group.tasks.items()
    ]
    return Run(
        name=state.workflow_id,
        status=state.status,
        reason=state.reason,
        started=state.started,
        ended=state.ended,
        seen=now(),
        tasks=tasks,
    )


def _shown(lines: Iterable[bytes]) -> list[str]:
    from osmoc.local.telling import shown

    return [shown(line) for line in deque(lines, _LINES)]


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
