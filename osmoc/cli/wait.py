"""`osmoc wait`: until a run on a cluster has ended."""

import click

from osmoc.cli.cluster_options import cluster_options, connected


@click.command("wait")
@click.argument("run_id", metavar="ID")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Give up after so long. [never]")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="How to print what happens.")
@cluster_options
def wait_command(run_id: str, timeout: float | None, output: str, context: str | None, namespace: str | None) -> int:
    """Wait until a run on the cluster has ended; the exit status is 0 if it is complete, and 1 if it has failed.

    What happens to tasks is printed meanwhile. An API server that is away is waited for.

    \b
    Examples:
      osmoc wait train-1f3a09bc
      osmoc wait train-1f3a09bc --timeout 3600
    """
    from osmoc.cli.waiting import tell_json, tell_lines, wait_for_end

    tell = tell_json if output == "json" else tell_lines
    with connected(context, namespace) as client:
        return wait_for_end(client, run_id, tell, timeout)
