"""`osmoc graph`: the groups and tasks of a workflow as a picture."""

import sys
from pathlib import Path
from typing import Any

import click

from osmoc.cli.commands import Context
from osmoc.cli.files import write_file
from osmoc.cli.main import FINDINGS
from osmoc.cli.options import given, workflow_options
from osmoc.cli.workflow import compile_file, print_findings
from osmoc.graph import Graph


@click.command("graph")
@click.argument("file")
@click.option(
    "--format", "format_", type=click.Choice(["text", "mermaid", "dot", "svg"]), default="text", help="As what."
)
@click.option("-o", "--output", default="-", metavar="FILE", help="Where to write it. [standard output]")
@workflow_options
@click.pass_obj
def graph_command(context: Context, /, file: str, format_: str, output: str, **options: Any) -> int:
    """Draw the graph of a workflow: groups as boxes, their lead marked, and why one waits for another.

    \b
    Examples:
      osmoc graph workflow.yaml
      osmoc graph workflow.yaml --format svg -o workflow.svg
      osmoc graph workflow.yaml --format dot | dot -Tpng > workflow.png
    """
    result = compile_file(file, given(options), context.stdin)
    if result.graph is None:
        print_findings(result.findings, "text", sys.stderr)
        return FINDINGS
    text = _drawn(result.graph, format_)
    if output == "-":
        sys.stdout.write(text)
    else:
        write_file(Path(output), [text])
    return 0


def _drawn(graph: Graph, format_: str) -> str:
    match format_:
        case "mermaid":
            from osmoc.picture.mermaid import mermaid

            return mermaid(graph)
        case "dot":
            from osmoc.picture.dot import dot

            return dot(graph)
        case "svg":
            from osmoc.picture.svg import svg

            return svg(graph)
        case _:
            from osmoc.picture.text import text

            return text(graph)
