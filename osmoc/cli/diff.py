"""`osmoc diff`: a workflow against the run of it that is there."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import click

from osmoc.cli.cluster_options import cluster_options, connected
from osmoc.cli.commands import Context
from osmoc.cli.main import FINDINGS, USAGE
from osmoc.cli.manifests import Object, compile_for, read_folder, without_namespace
from osmoc.cli.options import Given, given, workflow_options
from osmoc.cli.workflow import compile_file, print_findings
from osmoc.cluster.client import Client
from osmoc.codes import OUTSIDE
from osmoc.comparison.changes import tell_changes
from osmoc.comparison.tasks import read_run
from osmoc.comparison.unified import unified
from osmoc.report.printable import printable


@click.command("diff")
@click.argument("file")
@click.option("--against", metavar="DIR", help="A folder of `osmoc compile -o`. [the newest run on the cluster]")
@click.option("--full", is_flag=True, help="Every line of the manifests, as a unified diff.")
@workflow_options
@cluster_options
@click.pass_obj
def diff_command(
    context_: Context,
    /,
    file: str,
    against: str | None,
    full: bool,
    context: str | None,
    namespace: str | None,
    **options: Any,
) -> int:
    """Say what a workflow would change: against its newest run on the cluster, or a folder of manifests.

    What has changed of each task, and which tasks compute anew for it. The exit status is 0 if nothing has changed, 1
    if something has, and 2 if that cannot be said.

    \b
    Examples:
      osmoc diff train.yaml --set batch_size=64
      osmoc diff train.yaml --against manifests --full
    """
    wanted = given(options)
    if against is not None:
        before = read_folder(Path(against))
        after = _compiled(file, wanted, before, context_.stdin)
        return USAGE if after is None else _tell(before, after, full)
    with connected(context, namespace) as client:
        result = compile_for(client, file, wanted, context_.stdin)
        if result.failed:
            return USAGE
        after = without_namespace(result.manifests)
        before = _newest(client, after)
        return _tell(before, _stored(client, before, after) if full else after, full)


def _compiled(file: str, wanted: Given, before: Sequence[Object], stdin: IO[str]) -> list[Object] | None:
    """For the folder's target, if none is given: a change of that is seldom what is asked for."""
    if wanted.target is None:
        wanted = dataclasses.replace(wanted, target=read_run(before).target)
    result = compile_file(file, wanted, stdin)
    print_findings([one for one in result.findings if one.code is not OUTSIDE], "text", sys.stderr)
    return None if result.failed else without_namespace(result.manifests)


def _newest(client: Client, after: Sequence[Object]) -> list[Object]:
    from osmoc.cluster.runs import list_states, objects_of

    name = read_run(after).id.rpartition("-")[0]
    found = next((one for one in list_states(client) if one.workflow_id.rpartition("-")[0] == name), None)
    if found is None:
        raise click.ClickException(f"the namespace `{client.namespace}` has no run of `{name}` to compare with")
    return objects_of(client, found.workflow_id)


def _stored(client: Client, before: Sequence[Object], after: Sequence[Object]) -> list[Object]:
    """As the API server would store them, with all that it adds; those of the very same run it has."""
    if read_run(before).id == read_run(after).id:
        return list(before)
    return [client.create(manifest, dry_run=True) for manifest in after]


def _tell(before: Sequence[Object], after: Sequence[Object], full: bool) -> int:
    old, new = read_run(before), read_run(after)
    lines = list(unified(before, after)) if full else list(tell_changes(old, new))
    if not lines and old.id != new.id and not full:
        lines = ["no task has changed, but its manifests have: --full shows where"]
    if old.id == new.id:
        lines = []
    for line in lines:
        sys.stdout.write(f"{printable(line)}\n")
    sys.stderr.write(f"{old.id}: the same\n" if not lines else f"{old.id} → {new.id}\n")
    return FINDINGS if lines else 0
