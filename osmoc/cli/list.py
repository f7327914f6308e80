"""`osmoc list`: runs on a cluster, and on this machine."""

import json
import sys
from pathlib import Path

import click

from osmoc.cli.cluster_options import cluster_options, connected


@click.command("list")
@click.option("--local", is_flag=True, help="Only those on this machine.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
@cluster_options
def list_command(local: bool, output: str, context: str | None, namespace: str | None) -> int:
    """List the runs of a namespace, the newest first; with --local those of `osmoc run` in this folder.

    \b
    Examples:
      osmoc list
      osmoc list --namespace robots --output json
      osmoc list --local
    """
    if local:
        from osmoc.cli.status import print_local_runs

        return print_local_runs(Path.cwd(), output)
    from osmoc.cluster.runs import list_states
    from osmoc.cluster.telling import now, run_rows, table

    with connected(context, namespace) as client:
        states = list_states(client)
    if output == "json":
        sys.stdout.write(json.dumps([state.model_dump(mode="json") for state in states], indent=2) + "\n")
    elif states:
        sys.stdout.write(table(run_rows(states, now())))
    else:
        sys.stderr.write(f"the namespace `{client.namespace}` has no runs\n")
    return 0
