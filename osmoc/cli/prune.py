"""`osmoc prune`: manifests of runs that are over from a repository, or such runs from a cluster."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from osmoc.cli.cluster_options import cluster_options, connected
from osmoc.report.printable import printable

if TYPE_CHECKING:
    from osmoc.cluster.client import Client
    from osmoc.cluster.pruning import Decision
    from osmoc.cluster.state import State


class _Age(click.ParamType[timedelta]):
    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        from pydantic import TypeAdapter, ValidationError

        from osmoc.values import Duration

        try:
            return timedelta(seconds=TypeAdapter[float](Duration).validate_python(value))
        except (ValidationError, OverflowError):
            self.fail(f"`{value}` is not a duration, such as 7d or 12h", param, ctx)


@click.command("prune")
@click.argument("folder", metavar="[DIR]", required=False)
@click.option("--older-than", type=_Age(), metavar="DURATION", help="Only what ended that long ago, such as 7d.")
@click.option("--all", "all_", is_flag=True, help="With a DIR: also the newest run of each workflow.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@cluster_options
def prune_command(
    folder: str | None,
    older_than: timedelta | None,
    all_: bool,
    dry_run: bool,
    context: str | None,
    namespace: str | None,
) -> int:
    """Remove the manifests of runs that have ended from DIR, a folder of a GitOps repository, and all below it.

    The cluster is asked for each run. What it does not know is kept, for it may be about to start; so is what runs,
    and the newest run of each workflow. Files that osmoc did not write stay.

    Without a DIR the runs themselves are removed from the namespace, with all their objects: those that ended longer
    ago than --older-than. A GitOps controller runs them again if their manifests are still in its repository.

    \b
    Examples:
      osmoc prune deploy --dry-run
      osmoc prune deploy --older-than 7d
      osmoc prune --older-than 30d -n robots
    """
    if folder is None and (older_than is None or all_):
        raise click.UsageError(
            "without a DIR runs are removed from the cluster: --older-than says which, and not --all"
        )
    with connected(context, namespace) as client:
        if folder is not None:
            _prune_folder(client, Path(folder), older_than or timedelta(), all_, dry_run)
        elif older_than is not None:
            _prune_cluster(client, older_than, dry_run)
    return 0


def _prune_folder(client: "Client", folder: Path, older_than: timedelta, all_: bool, dry_run: bool) -> None:
    from osmoc.cli.written_runs import find_runs, naming_index, remove_run
    from osmoc.cluster.pruning import Candidate, decide
    from osmoc.cluster.telling import now

    runs = find_runs(folder)
    if not runs:
        sys.stderr.write(f"{folder} has no manifests that osmoc wrote\n")
    candidates = [
        Candidate(run.workflow_id, run.workflow, _state(client, run.workflow_id, run.namespace)) for run in runs
    ]
    decisions = decide(candidates, now(), keeps_newest=not all_, older_than=older_than)
    for run, decision in zip(runs, decisions, strict=True):
        _tell(decision, f"{printable(str(run.path))}: {run.workflow_id}", dry_run)
        if decision.is_removed and not dry_run:
            remove_run(run, folder)
        if decision.is_removed and (index := naming_index(run)):
            sys.stderr.write(f"warning: {printable(str(index))} still names `{printable(run.path.name)}`\n")


def _prune_cluster(client: "Client", older_than: timedelta, dry_run: bool) -> None:
    from osmoc.cluster.pruning import Candidate, decide
    from osmoc.cluster.runs import delete, list_states
    from osmoc.cluster.telling import now

    candidates = [Candidate(state.workflow_id, "", state) for state in list_states(client)]
    decisions = decide(candidates, now(), keeps_newest=False, older_than=older_than)
    removed = [decision for decision in decisions if decision.is_removed]
    for decision in removed:
        if not dry_run:
            delete(client, decision.workflow_id)
        _tell(decision, decision.workflow_id, dry_run)
    if not removed:
        sys.stderr.write(f"the namespace `{client.namespace}` has no run that ended that long ago\n")


def _state(client: "Client", workflow_id: str, namespace: str) -> "State | None":
    """In the namespace of its manifests; in that of the client if they have none."""
    from osmoc.cluster.runs import UnknownRunError, read

    own, client.namespace = client.namespace, namespace or client.namespace
    try:
        return read(client, workflow_id)
    except UnknownRunError:
        return None
    finally:
        client.namespace = own


def _tell(decision: "Decision", what: str, dry_run: bool) -> None:
    if decision.is_removed:
        verb = "would remove" if dry_run else "removed"
        sys.stdout.write(f"{verb} {what}, {decision.reason}\n")
    else:
        sys.stderr.write(f"kept {what}: {decision.reason}\n")
