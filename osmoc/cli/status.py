"""`osmoc status`: the runs on this machine, or one of them."""

import json
import sys
import time
from pathlib import Path

import click

from osmoc.cli.main import FINDINGS
from osmoc.local.records import Folder, Records, Run, UnknownRunError
from osmoc.local.schedule import State

# `osmoc run` was killed before it could say how its run ended.
_KILLED = "KILLED"


@click.command("status")
@click.argument("run_id", required=False, metavar="[ID]")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
def status_command(run_id: str | None, output: str) -> int:
    """Print the state of a run on this machine and of its tasks; without an ID, a line for each run.

    With an ID the exit status is 1 if the run failed.

    \b
    Examples:
      osmoc status
      osmoc status hello-1
    """
    records = Records(Path.cwd())
    try:
        folders = [records.find(run_id)] if run_id else list(records)
        runs = [(folder, folder.read()) for folder in folders]
    except UnknownRunError as error:
        raise click.ClickException(str(error)) from None
    if output == "json":
        shown = [run.model_dump(mode="json") | {"state": _state(folder, run)} for folder, run in runs]
        sys.stdout.write(json.dumps(shown[0] if run_id else shown, indent=2) + "\n")
    elif run_id:
        _print_run(*runs[0])
    else:
        for folder, run in runs:
            began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.started_at))
            sys.stdout.write(f"{run.id:<40} {_state(folder, run):<20} {began}  {run.file}\n")
    failed = run_id and _state(*runs[0]) not in (State.COMPLETED.value, State.RUNNING.value)
    return FINDINGS if failed else 0


def _state(folder: Folder, run: Run) -> str:
    return _KILLED if run.state is State.RUNNING and not folder.is_held() else run.state.value


def _print_run(folder: Folder, run: Run) -> None:
    from osmoc.local.telling import rows, summary

    state = _state(folder, run)
    end = summary(run) if run.ended_at else f"run {run.id}: {state}"
    width = max(map(len, run.tasks), default=0)
    for _, name, told in rows(run, time.time() if state == State.RUNNING.value else run.ended_at or run.started_at, 0):
        sys.stdout.write(f"{name:<{width}}  {told}\n")
    sys.stdout.write(f"{end}\n")
    results = folder.path / "results"
    if results.is_dir():
        sys.stdout.write(f"results: {results}\n")
