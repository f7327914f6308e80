"""`osmoc explain`: the long form of a code."""

import sys

import click

from osmoc.codes import TABLE
from osmoc.diagnostics import did_you_mean


@click.command("explain")
@click.argument("code", required=False)
def explain_command(code: str | None) -> int:
    """Explain a finding by its code: what it means, an example that has it, and one that does not.

    Without a code all codes are listed.

    \b
    Examples:
      osmoc explain E204
      osmoc explain
    """
    if code is None:
        for entry in TABLE.values():
            sys.stdout.write(f"{entry.id}  {entry.severity.value:<7}  {entry.summary}\n")
        return 0
    from osmoc.explanations import explain_text

    if code.upper() not in TABLE:
        raise click.UsageError(f"there is no code `{code}`. {did_you_mean(code.upper(), TABLE)}".rstrip())
    sys.stdout.write(explain_text(TABLE[code.upper()]))
    return 0
