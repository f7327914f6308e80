"""The objects of a run that a command is given: a workflow, compiled for a cluster, or a folder of manifests."""

import dataclasses
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import click

from osmoc.cli.options import Given
from osmoc.cli.workflow import compile_file, load_profile, print_findings
from osmoc.cluster.client import Client
from osmoc.codes import OUTSIDE
from osmoc.diagnostics import Severity
from osmoc.passes.pin_datasets import DatasetPinner
from osmoc.pipeline import Result

Object = dict[str, Any]


def compile_for(
    client: Client, file: str, wanted: Given, stdin: IO[str], pin: DatasetPinner | None = None, *, again: bool = False
) -> Result:
    """Without a target it is Argo if the cluster has it. Findings are printed; not those that were before, `again`."""
    profile, _ = load_profile(wanted.profile)
    if wanted.target is None and (profile is None or "target" not in profile.model_fields_set):
        from osmoc.cluster.preflight import has_argo

        wanted = dataclasses.replace(wanted, target="argo" if has_argo(client) else "jobs")
    if profile and profile.namespace:
        client.namespace = profile.namespace
    result = compile_file(file, wanted, stdin, pin)
    if again:
        print_findings([found for found in result.findings if found.severity is Severity.ERROR], "text", sys.stderr)
    else:
        # What the cluster must have is asked of the cluster itself.
        print_findings([found for found in result.findings if found.code is not OUTSIDE], "text", sys.stderr)
    return result


def read_folder(folder: Path) -> list[Object]:
    """Raises: click.UsageError."""
    import yaml

    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml", ".json"))
        found = [one for path in paths for one in yaml.load_all(path.read_bytes(), Loader=yaml.CSafeLoader)]
    except (OSError, yaml.YAMLError) as error:
        raise click.UsageError(f"{folder} cannot be read: {' '.join(str(error).split())}") from None
    manifests = [one for one in found if isinstance(one, dict) and one.get("kind") != "Kustomization"]
    ids = {one.get("metadata", {}).get("labels", {}).get("osmo.workflow_id") for one in manifests}
    if len(ids) != 1 or None in ids:
        raise click.UsageError(f"{folder} does not hold the objects of one run, as `osmoc compile -o {folder}` writes")
    return without_namespace(manifests)


def without_namespace(manifests: Iterable[Object]) -> list[Object]:
    """The client's is where they go."""
    return [{**one, "metadata": {k: v for k, v in one["metadata"].items() if k != "namespace"}} for one in manifests]
