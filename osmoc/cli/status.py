"""`osmoc status`: a run on this machine or on a cluster; without an id, the runs on this machine."""

import json
import sys
import time
from pathlib import Path

import click

from osmoc.cli.cluster_options import cluster_options, connected
from osmoc.cli.main import FINDINGS
from osmoc.local.records import Folder, Records, Run, UnknownRunError
from osmoc.local.schedule import State

# `osmoc run` was killed before it could say how its run ended.
_KILLED = "KILLED"


@click.command("status")
@click.argument("run_id", required=False, metavar="[ID]")
@click.option("--output", type=click.Choice(["text", "wide", "json", "yaml"]), default="text", help="How to print it.")
@click.option("-w", "--watch", is_flag=True, help="Again and again until it has ended; on a cluster.")
@cluster_options
def status_command(run_id: str | None, output: str, watch: bool, context: str | None, namespace: str | None) -> int:
    """Print the state of a run and of its tasks; without an ID, a line for each run on this machine.

    A run of `osmoc run` in this folder is meant if there is one with this ID, else one on the cluster. With an ID
    the exit status is 1 if the run has failed.

    \b
    Examples:
      osmoc status
      osmoc status hello-1
      osmoc status train-1f3a09bc --watch
    """
    if run_id is None:
        return print_local_runs(Path.cwd(), output)
    local = None if context or namespace else find_local(run_id)
    if local:
        return _print_local_run(local, output)
    return _print_run_of_cluster(run_id, output, watch, context, namespace)


def find_local(run_id: str) -> Folder | None:
    try:
        return Records(Path.cwd()).find(run_id)
    except UnknownRunError:
        return None


def print_local_runs(folder: Path, output: str) -> int:
    runs = [(item, item.read()) for item in Records(folder)]
    if output in ("json", "yaml"):
        _write([run.model_dump(mode="json") | {"state": state_of(item, run)} for item, run in runs], output)
        return 0
    for item, run in runs:
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.started_at))
        sys.stdout.write(f"{run.id:<40} {state_of(item, run):<20} {began}  {run.file}\n")
    return 0


def _print_local_run(folder: Folder, output: str) -> int:
    try:
        run = folder.read()
    except UnknownRunError as error:
        raise click.ClickException(str(error)) from None
    state = state_of(folder, run)
    if output in ("json", "yaml"):
        _write(run.model_dump(mode="json") | {"state": state}, output)
    else:
        _print_run(folder, run, state)
    return 0 if state in (State.COMPLETED.value, State.RUNNING.value) else FINDINGS


def state_of(folder: Folder, run: Run) -> str:
    return _KILLED if run.state is State.RUNNING and not folder.is_held() else run.state.value


def _print_run(folder: Folder, run: Run, state: str) -> None:
    from osmoc.local.telling import rows, summary

    end = summary(run) if run.ended_at else f"run {run.id}: {state}"
    width = max(map(len, run.tasks), default=0)
    for _, name, told in rows(run, time.time() if state == State.RUNNING.value else run.ended_at or run.started_at, 0):
        sys.stdout.write(f"{name:<{width}}  {told}\n")
    sys.stdout.write(f"{end}\n")
    results = folder.path / "results"
    if results.is_dir():
        sys.stdout.write(f"results: {results}\n")


def _print_run_of_cluster(run_id: str, output: str, watch: bool, context: str | None, namespace: str | None) -> int:
    from osmoc.cli.waiting import exit_status, tell_json, tell_tables, wait_for_end
    from osmoc.cluster.runs import read
    from osmoc.cluster.telling import now, summary, table, task_rows

    with connected(context, namespace) as client:
        if watch:
            tell = tell_json if output == "json" else tell_tables(is_wide=output == "wide")
            return wait_for_end(client, run_id, tell)
        state = read(client, run_id)
    if output in ("json", "yaml"):
        _write(state.model_dump(mode="json"), output)
    else:
        if state.tasks:
            sys.stdout.write(table(task_rows(state, now(), is_wide=output == "wide")))
        sys.stdout.write(f"{summary(state, now())}\n")
    return exit_status(state) if state.status.has_ended else 0


def _write(value: object, output: str) -> None:
    if output == "json":
        sys.stdout.write(json.dumps(value, indent=2) + "\n")
        return
    import yaml

    yaml.dump(value, sys.stdout, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)
