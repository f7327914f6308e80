"""The commands by name; each lives in a module of its own, imported when it is called."""

from dataclasses import dataclass
from importlib import import_module
from typing import IO, Any, Final

import click

from osmoc import __version__

_COMMANDS: Final = {
    "check": "Validate workflows and print what is wrong with them.",
    "compile": "Write the manifests of a workflow.",
    "plan": "Say what a workflow will take of a cluster.",
    "trace": "Lead from a line of a workflow to the manifests, and back.",
    "run": "Run a workflow on this machine, without a cluster.",
    "apply": "Run a workflow on a cluster.",
    "diff": "Say what a workflow would change of its run.",
    "list": "List the runs on a cluster, or on this machine.",
    "status": "Print the state of a run and of its tasks.",
    "logs": "Print what the tasks of a run wrote.",
    "open": "Show a run as a page in the browser.",
    "exec": "Run a command in the container of a task that runs.",
    "cp": "Copy files from or to a task that runs.",
    "port-forward": "Have ports of a task that runs on this machine.",
    "wait": "Wait until a run on a cluster has ended.",
    "cancel": "End runs on a cluster.",
    "delete": "Remove runs from a cluster.",
    "prune": "Remove what is over: manifests of runs from a repository, or runs from a cluster.",
    "graph": "Draw the graph of a workflow.",
    "explain": "Explain a finding by its code.",
    "schema": "Print the JSON Schema of workflows, profiles or task documents.",
    "dataset": "Work with datasets: list, upload, download, tag, delete, verify.",
    "profile": "Check, show or import the description of a cluster.",
    "credential": "Make, list and delete the Secrets that workflows name.",
    "bootstrap": "Print the objects that a namespace needs once.",
    "init": "Write a first workflow.",
    "completion": "Print the completion script of a shell.",
}


@dataclass(frozen=True, slots=True)
class Context:
    """What commands get beside their arguments."""

    stdin: IO[str]


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module = name.replace("-", "_")
        command: Any = getattr(import_module(f"osmoc.cli.{module}"), f"{module}_command")
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="osmoc %(version)s")
def osmoc() -> None:
    """Compile OSMO workflows to Argo Workflows or plain Kubernetes Jobs.

    \b
    Examples:
      osmoc init
      osmoc check workflow.yaml
      osmoc compile workflow.yaml | kubectl create -f -
    """
