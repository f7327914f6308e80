"""`osmoc credential`: the Secrets that workflows name, on a cluster. Values are read, and never printed."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from osmoc.cli.cluster_options import cluster_options, connected

_KEY: Final = re.compile(r"[-._a-zA-Z0-9]{1,253}")


@click.group("credential")
def credential_command() -> None:
    """Make, list and delete the Secrets that `credentials:` of a workflow, and its storage, are read from.

    \b
    Examples:
      osmoc credential set wandb api_key
      osmoc credential list
    """


@credential_command.command("set")
@click.argument("name")
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--from-env", multiple=True, metavar="KEY=VARIABLE", help="The value of a variable of your environment.")
@click.option("--from-file", multiple=True, metavar="KEY=PATH", help="The contents of a file, byte by byte.")
@cluster_options
def set_(
    name: str,
    keys: tuple[str, ...],
    from_env: tuple[str, ...],
    from_file: tuple[str, ...],
    context: str | None,
    namespace: str | None,
) -> int:
    """Set keys of a Secret; others that it has stay. The value of each KEY is asked for, and not shown.

    Without a terminal the values are lines of standard input. There is no way to write a value into the command, where
    other users of this machine, and the history of the shell, would see it.

    \b
    Examples:
      osmoc credential set wandb api_key
      osmoc credential set wandb --from-env api_key=WANDB_API_KEY
      osmoc credential set osmo-storage url endpoint region access_key_id access_key < storage.txt
    """
    from osmoc.cluster.secrets import set_secret

    values = dict(_from_environment(from_env)) | dict(_from_files(from_file))
    if not all(map(_KEY.fullmatch, (*keys, *values))):
        # Which one is not repeated: it may hold a value.
        raise click.UsageError(
            "a key has letters, digits, `-`, `_` and `.`; its value is asked for, and never a word here"
        )
    if not keys and not values:
        raise click.UsageError("which keys? Name them, or give --from-env or --from-file")
    with connected(context, namespace) as client:
        values |= _asked_for(keys)
        is_new = set_secret(client, name, values)
    sys.stderr.write(f"Secret {name} {'made' if is_new else 'changed'}: {', '.join(sorted(values))}\n")
    return 0


@credential_command.command("list")
@cluster_options
def list_(context: str | None, namespace: str | None) -> int:
    """List the Secrets that `set` has made, with their keys.

    \b
    Examples:
      osmoc credential list
    """
    from osmoc.cluster.secrets import list_secrets
    from osmoc.cluster.telling import table

    with connected(context, namespace) as client:
        found = list_secrets(client)
    if found:
        sys.stdout.write(table([["NAME", "KEYS"], *([name, ", ".join(keys)] for name, keys in found.items())]))
    else:
        sys.stderr.write(f"`osmoc credential set` has made no Secret in the namespace `{client.namespace}`\n")
    return 0


@credential_command.command("delete")
@click.argument("name")
@cluster_options
def delete(name: str, context: str | None, namespace: str | None) -> int:
    """Delete a Secret that `set` has made.

    \b
    Examples:
      osmoc credential delete wandb
    """
    from osmoc.cluster.secrets import delete_secret

    with connected(context, namespace) as client:
        if not delete_secret(client, name):
            raise click.ClickException(f"the namespace `{client.namespace}` has no Secret `{name}` of `credential set`")
    sys.stderr.write(f"Secret {name} deleted\n")
    return 0


# A mistake is told without the words behind `=`: somebody may have written the value itself there.


def _pairs(option: str, pairs: Sequence[str]) -> Mapping[str, str]:
    split = {pair: pair.partition("=") for pair in pairs}
    for key, equals, rest in split.values():
        if not (key and equals and rest):
            raise click.UsageError(f"{option} has the form KEY=…")
    return {key: rest for key, _, rest in split.values()}


def _from_environment(pairs: Sequence[str]) -> Mapping[str, bytes]:
    named = _pairs("--from-env", pairs)
    for key, variable in named.items():
        if variable not in os.environ:
            raise click.UsageError(f"--from-env {key}=…: your environment has no such variable")
    return {key: os.fsencode(os.environ[variable]) for key, variable in named.items()}


def _from_files(pairs: Sequence[str]) -> Mapping[str, bytes]:
    values = {}
    for key, path in _pairs("--from-file", pairs).items():
        try:
            values[key] = Path(path).read_bytes()
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", "") or "no path").lower()
            raise click.UsageError(f"--from-file {key}=…: it cannot be read: {reason}") from None
    return values


def _asked_for(keys: Sequence[str]) -> Mapping[str, bytes]:
    if sys.stdin.isatty():
        return {key: os.fsencode(click.prompt(key, hide_input=True, err=True)) for key in keys}
    lines = sys.stdin.buffer.read().splitlines() if keys else []
    if len(lines) != len(keys):
        raise click.UsageError(f"{len(keys)} lines of standard input are expected, one for each key: got {len(lines)}")
    return dict(zip(keys, lines, strict=True))
