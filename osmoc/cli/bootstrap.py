"""`osmoc bootstrap`: what a namespace needs once."""

import base64
import secrets
import sys

import click

from osmoc.emit.objects import bootstrap_objects
from osmoc.emit.write import to_json, to_yaml


@click.command("bootstrap")
@click.option("-n", "--namespace", default="", help="Written into the objects. [that of kubectl]")
@click.option("--group-key/--no-group-key", default=True, help="With the Secret osmo-group-key. [with it]")
@click.option("--format", "format_", type=click.Choice(["yaml", "json"]), default="yaml")
def bootstrap_command(namespace: str, group_key: bool, format_: str) -> int:
    """Print the objects that a namespace needs once: service accounts, their rights, and the key of groups.

    The key is drawn anew at each call and must not be committed. For GitOps print the rest with --no-group-key, and
    create the key once by hand. Applying it a second time is refused by the cluster, so that running groups keep
    theirs.

    \b
    Examples:
      osmoc bootstrap | kubectl apply -f -
      osmoc bootstrap --no-group-key > base/osmo.yaml
    """
    key = base64.b64encode(secrets.token_bytes(32)).decode() if group_key else None
    objects = bootstrap_objects(namespace, key)
    sys.stdout.write(to_json(objects) if format_ == "json" else to_yaml(objects))
    return 0
