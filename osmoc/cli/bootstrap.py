"""`osmoc bootstrap`: what a namespace needs once."""

import sys

import click

from osmoc.emit.objects import bootstrap_objects
from osmoc.emit.write import to_json, to_yaml


@click.command("bootstrap")
@click.option("-n", "--namespace", default="", help="Written into the objects. [that of kubectl]")
@click.option("--group-key/--no-group-key", default=True, help="With the Secret osmo-group-key. [with it]")
@click.option("--format", "format_", type=click.Choice(["yaml", "json"]), default="yaml")
@click.option("--apply", "applies", is_flag=True, help="Make those that the namespace lacks, instead of printing them.")
@click.option("--context", metavar="NAME", help="For --apply: the context of the kubeconfig. [its current one]")
def bootstrap_command(namespace: str, group_key: bool, format_: str, applies: bool, context: str | None) -> int:
    """Print the objects that a namespace needs once: service accounts, their rights, and the key of groups.

    The key is drawn anew at each call and must not be committed. For GitOps print the rest with --no-group-key, and
    create the key once by hand. Applying it a second time is refused by the cluster, so that running groups keep
    theirs. The first `osmoc apply` makes what is missing by itself.

    \b
    Examples:
      osmoc bootstrap | kubectl apply -f -
      osmoc bootstrap --apply -n robots
      osmoc bootstrap --no-group-key > base/osmo.yaml
    """
    from osmoc.cluster.bootstrap import new_key

    key = new_key() if group_key else None
    if applies:
        return _apply(context, namespace, key)
    objects = bootstrap_objects(namespace, key)
    sys.stdout.write(to_json(objects) if format_ == "json" else to_yaml(objects))
    return 0


def _apply(context: str | None, namespace: str, key: str | None) -> int:
    from osmoc.cli.cluster_options import connected
    from osmoc.cluster.bootstrap import make

    with connected(context, namespace or None) as client:
        made = list(make(client, bootstrap_objects("", key)))
        for name in made:
            sys.stderr.write(f"made {name}\n")
        if not made:
            sys.stderr.write(f"the namespace `{client.namespace}` has all that it needs\n")
    return 0
