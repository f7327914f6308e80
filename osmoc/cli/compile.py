"""`osmoc compile`: manifests to a stream, a file or a folder, or compared with a folder."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from osmoc.cli.commands import Context
from osmoc.cli.files import compare_folder, folder_files, update_folder, write_file
from osmoc.cli.main import FINDINGS
from osmoc.cli.options import given, workflow_options
from osmoc.cli.workflow import compile_file, print_findings
from osmoc.pipeline import Result
from osmoc.redaction import redacted

_FORMS = ("rendered", "spec", "graph", "plan", "manifests")


@click.command("compile")
@click.argument("file")
@click.option("-o", "--output", default="-", metavar="-|FILE|DIR", help="Where to write. [standard output]")
@click.option("--check", "folder", metavar="DIR", help="Write nothing: say whether DIR holds these manifests.")
@click.option("--format", "format_", type=click.Choice(["yaml", "json"]), default="yaml", help="Form of manifests.")
@click.option("--gitops", type=click.Choice(["argocd", "flux"]), help="Objects as this controller should treat them.")
@click.option("--dump-after", type=click.Choice(_FORMS), help="Print what the workflow is after a step, and stop.")
@workflow_options
@click.pass_obj
def compile_command(
    context: Context,
    /,
    file: str,
    output: str,
    folder: str | None,
    format_: str,
    gitops: Any,
    dump_after: str | None,
    **options: Any,
) -> int:
    """Write the manifests of a workflow: ConfigMaps, Services, and a Workflow for Argo or Jobs with their driver.

    A DIR gets one file an object and a kustomization.yaml; what an earlier compile left there and this one does not
    write is removed. The same input gives the same bytes. With --check the exit status is 1 if DIR is stale;
    standard error says which run a commit of them would start.

    \b
    Examples:
      osmoc compile workflow.yaml | kubectl create -f -
      osmoc compile workflow.yaml --target jobs --set epochs=5 -o deploy/train
      osmoc compile workflow.yaml --check deploy/train
      osmoc compile workflow.yaml --gitops flux -o deploy/train
    """
    result = compile_file(file, replace(given(options), gitops=gitops), context.stdin)
    print_findings(result.findings, "text", sys.stderr)
    if dump_after is not None:
        return _dump(result, dump_after)
    if result.failed:
        return FINDINGS
    if folder is not None:
        difference = compare_folder(Path(folder), _files(result, format_))
        sys.stdout.write(difference)
        if difference:
            sys.stderr.write(f"{_what_starts(result, Path(folder))}\n")
        return FINDINGS if difference else 0
    _write(result, output, format_)
    return 0


def _write(result: Result, output: str, format_: str) -> None:
    from osmoc.emit.write import json_stream, yaml_stream

    path = Path(output)
    is_file = path.suffix in (".yaml", ".yml", ".json") and not path.is_dir()
    if output != "-" and not is_file:
        update_folder(path, _files(result, format_))
        return
    is_json = format_ == "json" or path.suffix == ".json"
    parts = json_stream(result.manifests) if is_json else yaml_stream(result.manifests)
    if output == "-":
        sys.stdout.writelines(parts)
    else:
        write_file(path, parts)


def _what_starts(result: Result, folder: Path) -> str:
    """What a GitOps controller would make of these manifests in place of those that a folder has."""
    from osmoc.cli.written_runs import folder_run

    assert result.plan is not None
    new, old = result.plan.workflow_id, folder_run(folder)
    if old is None:
        return f"a commit of these manifests starts {new}"
    if old.workflow_id == new:
        return f"a commit of these manifests starts nothing: {new} stays the same run"
    return f"a commit of these manifests starts {new}; {old.workflow_id} goes on as it is"


def _files(result: Result, format_: str) -> dict[str, str]:
    assert result.plan is not None
    return folder_files(result.manifests, result.plan.workflow_id, format_)


def _dump(result: Result, form: str) -> int:
    from osmoc.dump import dump
    from osmoc.emit.write import to_yaml

    value = getattr(result, form)
    if value:
        text = value if isinstance(value, str) else to_yaml(value) if form == "manifests" else dump(value)
        sys.stdout.write(redacted(text))
    return FINDINGS if result.failed or not value else 0
