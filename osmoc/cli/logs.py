"""`osmoc logs`: what the tasks of a run wrote, on this machine or on a cluster."""

import heapq
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from osmoc.cli.cluster_options import cluster_options, connected
from osmoc.cli.status import find_local
from osmoc.local.lines import Line, read_lines
from osmoc.local.records import Folder, UnknownRunError
from osmoc.names import kubernetes_name


@click.command("logs")
@click.argument("run_id", metavar="ID")
@click.argument("task", required=False)
@click.option("-f", "--follow", is_flag=True, help="As it is written, until the run has ended; on a cluster.")
@click.option("--attempt", type=click.IntRange(1), help="Which attempt of the task, from 1. [the last one]")
@click.option("--since", type=click.IntRange(1), metavar="SECONDS", help="Only the last seconds; on a cluster.")
@click.option("--timestamps", is_flag=True, help="Begin each line with its time.")
@click.option("--ctrl", is_flag=True, help="What osmo-ctrl said instead.")
@click.option("--storage", default="", metavar="URL", help="Where runs keep their logs. [as the run was told]")
@click.option("--endpoint", default="", metavar="URL", help="Of that storage, as it is reached from here.")
@cluster_options
def logs_command(
    run_id: str,
    task: str | None,
    follow: bool,
    attempt: int | None,
    since: int | None,
    timestamps: bool,
    ctrl: bool,
    storage: str,
    endpoint: str,
    context: str | None,
    namespace: str | None,
) -> int:
    """Print the output of a task; of all tasks of the run, by time, without a TASK.

    A run of `osmoc run` in this folder is meant if there is one with this ID, else one on the cluster. Where a pod is
    gone, or all of the run, its log is read from the storage: by the Secret of the namespace, or else by a key in
    OSMO_ACCESS_KEY_ID and OSMO_ACCESS_KEY.

    \b
    Examples:
      osmoc logs hello-1
      osmoc logs hello-1 greet --attempt 2
      osmoc logs train-1f3a09bc --follow
      osmoc logs train-1f3a09bc --endpoint http://localhost:9000
    """
    if attempt and not task:
        raise click.UsageError("--attempt needs a TASK")
    local = None if context or namespace else find_local(run_id)
    if local:
        return _print_local(local, task, attempt, timestamps, ctrl)
    if follow and (attempt or since):
        raise click.UsageError("--follow shows all that is written from now on: not with --attempt or --since")
    from osmoc.cli.archived_logs import open_archive
    from osmoc.cli.cluster_logs import Asked, follow_logs, print_logs
    from osmoc.cluster.logs import Wanted

    wanted = Wanted(kubernetes_name(task or ""), attempt - 1 if attempt else None, every=follow)
    asked = Asked(wanted, timestamps=timestamps, is_ctrl=ctrl, seconds=since or 0)
    with (
        connected(context, namespace) as client,
        TemporaryDirectory(prefix="osmoc-logs-", ignore_cleanup_errors=True) as folder,
    ):
        archive = open_archive(client, run_id, Path(folder), storage, endpoint)
        (follow_logs if follow else print_logs)(client, archive, asked)
    return 0


def _print_local(folder: Folder, task: str | None, attempt: int | None, timestamps: bool, ctrl: bool) -> int:
    try:
        run = folder.read()
    except UnknownRunError as error:
        raise click.ClickException(str(error)) from None
    if task and task not in run.tasks:
        raise click.ClickException(f"the run `{folder.id}` has no task `{task}`")
    names = [task] if task else list(run.tasks)
    if attempt and attempt > len(run.tasks[names[0]].attempts):
        raise click.ClickException(f"`{task}` has {len(run.tasks[names[0]].attempts)} attempts")
    chosen = {name: attempt - 1 if attempt else len(run.tasks[name].attempts) - 1 for name in names}
    if ctrl:
        _print_ctrl(folder, chosen)
    else:
        _print(folder, chosen, timestamps)
    return 0


def _print(folder: Folder, chosen: dict[str, int], timestamps: bool) -> None:
    from osmoc.local.telling import shown

    width = max(map(len, chosen), default=0)
    for name, line in _merged(folder, chosen):
        label = f"{name:<{width}} | " if len(chosen) > 1 else ""
        stamp = f"{line.time} " if timestamps else ""
        sys.stdout.write(f"{stamp}{label}{shown(line.text)}" + ("\n" if line.is_whole else ""))


def _merged(folder: Folder, chosen: dict[str, int]) -> Iterator[tuple[str, Line]]:
    def of(name: str, attempt: int) -> Iterator[tuple[str, Line]]:
        return ((name, line) for line in read_lines(folder.log(name, attempt)))

    streams = [of(name, attempt) for name, attempt in chosen.items() if attempt >= 0]
    return heapq.merge(*streams, key=lambda pair: pair[1].time)


def _print_ctrl(folder: Folder, chosen: dict[str, int]) -> None:
    for name, attempt in chosen.items():
        path = folder.attempt(name, attempt) / "ctrl.log"
        if path.is_file():
            sys.stdout.write(path.read_text(encoding="utf-8", errors="replace"))
