"""`osmoc init`: a first workflow to start from."""

import re
from importlib.resources import files
from pathlib import Path

import click

from osmoc.cli.files import write_file


@click.command("init")
@click.argument("name", default="hello")
@click.option("-o", "--output", default="workflow.yaml", metavar="FILE", help="The file to write. [workflow.yaml]")
def init_command(name: str, output: str) -> int:
    """Write a first workflow called NAME: two tasks, one of which reads what the other wrote.

    \b
    Examples:
      osmoc init
      osmoc init train-policy -o train.yaml
    """
    if not re.fullmatch("[a-zA-Z]([a-zA-Z0-9_-]*[a-zA-Z0-9])?", name):
        raise click.UsageError(f"`{name}` is not a workflow name: a letter, then letters, digits, `-` and `_`")
    path = Path(output)
    if path.exists():
        raise click.UsageError(f"{output} exists already")
    starter = files("osmoc").joinpath("starter.yaml").read_text(encoding="utf-8")
    write_file(path, [starter.replace("name: hello", f"name: {name}", 1)])
    click.echo(f"wrote {output}; next: osmoc check {output}", err=True)
    return 0
