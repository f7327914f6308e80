"""`osmoc schema`: the JSON Schemas, for editors and for whoever reads or writes these documents."""

import json
import sys

import click

from osmoc.schemas import SCHEMAS, schema


@click.command("schema")
@click.argument("name", type=click.Choice(list(SCHEMAS)))
def schema_command(name: str) -> int:
    """Print a JSON Schema: of workflow files, of profiles, or of what the runtime reads.

    \b
    Examples:
      osmoc schema workflow > workflow.schema.json
      # then, as the first line of a workflow, for editors with a YAML language server:
      # yaml-language-server: $schema=workflow.schema.json
    """
    sys.stdout.write(json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n")
    return 0
