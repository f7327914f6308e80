"""`osmoc cancel`: ends a run on a cluster."""

import getpass
import sys

import click

from osmoc.cli.cluster_options import cluster_options, connected


@click.command("cancel")
@click.argument("run_ids", metavar="ID...", nargs=-1, required=True)
@click.option("--wait", is_flag=True, help="Until all has ended.")
@cluster_options
def cancel_command(run_ids: tuple[str, ...], wait: bool, context: str | None, namespace: str | None) -> int:
    """End runs on the cluster: tasks get SIGTERM, keep what they wrote, and nothing else is started.

    \b
    Examples:
      osmoc cancel train-1f3a09bc
      osmoc cancel train-1f3a09bc --wait
    """
    from osmoc.cli.waiting import tell_lines, wait_for_end
    from osmoc.cluster.runs import cancel

    with connected(context, namespace) as client:
        for run_id in run_ids:
            was_running = cancel(client, run_id, f"canceled by {_who()}")
            sys.stderr.write(f"{run_id}: {'canceled' if was_running else 'has ended already'}\n")
            if wait and was_running:
                wait_for_end(client, run_id, tell_lines)
    return 0


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name
        return "somebody"
