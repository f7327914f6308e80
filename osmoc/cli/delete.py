"""`osmoc delete`: removes a run from a cluster."""

import sys

import click

from osmoc.cli.cluster_options import cluster_options, connected


@click.command("delete")
@click.argument("run_ids", metavar="ID...", nargs=-1, required=True)
@click.option("--wait", is_flag=True, help="Until nothing of them is left.")
@cluster_options
def delete_command(run_ids: tuple[str, ...], wait: bool, context: str | None, namespace: str | None) -> int:
    """Remove runs from the cluster, with all their objects; what still runs is ended. Data in storage stays.

    \b
    Examples:
      osmoc delete train-1f3a09bc
    """
    from osmoc.cluster.runs import delete, until_gone

    with connected(context, namespace) as client:
        for run_id in run_ids:
            delete(client, run_id)
            sys.stderr.write(f"{run_id}: deleted\n")
        for run_id in run_ids if wait else ():
            until_gone(client, run_id)
    return 0
