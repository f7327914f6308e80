"""`osmoc completion`: scripts that let a shell complete commands and options."""

import sys

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> int:
    """Print the completion script of a shell.

    \b
    Examples:
      osmoc completion bash > ~/.local/share/bash-completion/completions/osmoc
      osmoc completion zsh > "${fpath[1]}/_osmoc"
      osmoc completion fish > ~/.config/fish/completions/osmoc.fish
    """
    from osmoc.cli.commands import osmoc

    complete = get_completion_class(shell)
    assert complete is not None
    sys.stdout.write(complete(osmoc, {}, "osmoc", "_OSMOC_COMPLETE").source() + "\n")
    return 0
