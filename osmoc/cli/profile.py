"""`osmoc profile`: check, show or import the description of a cluster."""

import sys
from pathlib import Path

import click

from osmoc.cli.main import FINDINGS
from osmoc.cli.workflow import load_profile, print_findings


@click.group("profile")
def profile_command() -> None:
    """Check, show or import the description of a cluster.

    \b
    Examples:
      osmoc profile check osmoc.yaml
      osmoc profile show
      osmoc profile import pools.json pod_templates.json > osmoc.yaml
    """


@profile_command.command("check")
@click.argument("file", required=False)
def check(file: str | None) -> int:
    """Validate a profile: its shape, and that it names only what it has."""
    _, findings = load_profile(file)
    print_findings(findings, "text", sys.stdout)
    return FINDINGS if findings else 0


@profile_command.command("show")
@click.argument("file", required=False)
def show(file: str | None) -> int:
    """Print the profile that counts, with every default filled in."""
    from osmoc.dump import dump
    from osmoc.profile import Profile

    profile, findings = load_profile(file)
    if findings:
        print_findings(findings, "text", sys.stderr)
        return FINDINGS
    sys.stdout.write(dump(profile or Profile()))
    return 0


@profile_command.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def import_(files: tuple[str, ...]) -> int:
    """Make a profile of what OSMO's administrators have: pools, pod templates, validations, as JSON or YAML."""
    from osmoc.emit.write import document
    from osmoc.import_osmo import UnknownConfig, import_osmo

    try:
        texts = {name: Path(name).read_text(encoding="utf-8") for name in files}
        profile, remarks = import_osmo(texts)
    except OSError as error:
        raise click.UsageError(f"{error.filename} cannot be read: {(error.strerror or '').lower()}") from None
    except (UnknownConfig, UnicodeDecodeError) as error:
        sys.stderr.write(f"{error}\n")
        return FINDINGS
    sys.stdout.write(document(profile))
    for remark in remarks:
        sys.stderr.write(f"{remark}\n")
    return 0
