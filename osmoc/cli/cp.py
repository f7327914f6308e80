"""`osmoc cp`: files and directories to and from a task that runs."""

import sys
from pathlib import Path

import click

from osmoc.cli.cluster_options import cluster_options, connected


@click.command("cp")
@click.argument("run_id", metavar="ID")
@click.argument("source")
@click.argument("target")
@click.option("--delete", is_flag=True, help="What the source directory does not have is removed from the target.")
@cluster_options
def cp_command(run_id: str, source: str, target: str, delete: bool, context: str | None, namespace: str | None) -> int:
    """Copy a file, or what is in a directory, from or to a task that runs: one side is TASK:PATH.

    A file comes into TARGET if that is a directory, and else becomes it. Of a directory all that is in it comes into
    TARGET. The image of the task must have `sh` and `tar`.

    \b
    Examples:
      osmoc cp train-1f3a09bc train:/tmp/checkpoints ./checkpoints
      osmoc cp train-1f3a09bc train.py train:/opt/
      osmoc cp train-1f3a09bc src train:/opt/src --delete
    """
    from osmoc.cluster.copying import CopyError, download, upload
    from osmoc.cluster.running import NotRunningError, find_running

    remote = [_remote(source), _remote(target)]
    if (remote[0] is None) == (remote[1] is None):
        raise click.UsageError("one of both must be TASK:PATH, and the other a path of this machine, as ./a:b")
    with connected(context, namespace) as client:
        try:
            if remote[0]:
                task, path = remote[0]
                count = download(client, find_running(client, run_id, task), path, Path(target), delete=delete)
            else:
                assert remote[1]
                task, path = remote[1]
                if not Path(source).exists():
                    raise click.UsageError(f"there is no {source}")
                count = upload(client, find_running(client, run_id, task), Path(source), path, delete=delete)
        except (NotRunningError, CopyError) as error:
            raise click.ClickException(str(error)) from None
    sys.stderr.write(f"{count} file{'' if count == 1 else 's'} copied\n")
    return 0


def _remote(text: str) -> tuple[str, str] | None:
    """Task and path; a path of this machine with a colon is written with a slash before it."""
    task, colon, path = text.partition(":")
    return (task, path) if colon and task and "/" not in task and task != "." else None
