"""`osmoc check`: findings, and nothing else."""

import sys
from typing import Any

import click

from osmoc.cli.commands import Context
from osmoc.cli.main import FINDINGS
from osmoc.cli.options import given, workflow_options
from osmoc.cli.workflow import FORMATS, compile_file, print_findings


@click.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--format", "format_", type=click.Choice(FORMATS), default="text", help="How to print findings.")
@workflow_options
@click.pass_obj
def check_command(context: Context, /, files: tuple[str, ...], format_: str, **options: Any) -> int:
    """Validate workflows and print what is wrong with them.

    Exit status 0 if there are no errors, 1 if there are; warnings and notes do not count, unless --strict is given.

    \b
    Examples:
      osmoc check workflow.yaml
      osmoc check --format github --strict workflows/*.yaml
      osmoc check - < workflow.yaml
    """
    shared = given(options)
    results = [compile_file(name, shared, context.stdin) for name in files]
    print_findings([finding for result in results for finding in result.findings], format_, sys.stdout)
    return FINDINGS if any(result.failed for result in results) else 0
