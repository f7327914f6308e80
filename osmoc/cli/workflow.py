"""Read a workflow and its profile, compile them, print the findings: what `check`, `compile` and `graph` share."""

import os
import sys
from collections.abc import Iterable, Mapping
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import IO, Any, Final

import click

from osmoc.cli.options import Given
from osmoc.diagnostics import Diagnostic, Diagnostics
from osmoc.passes.pin_datasets import DatasetPinner
from osmoc.pipeline import Options, Result, compile_workflow
from osmoc.profile import Profile
from osmoc.rendered import Rendered
from osmoc.source import Source

PROFILE_FILE: Final = "osmoc.yaml"
FORMATS: Final = ("text", "json", "sarif", "github")


def compile_file(name: str, options: Given, stdin: IO[str], pin: DatasetPinner | None = None) -> Result:
    """Compile one file; `-` is standard input. What is wrong with the profile is the result too."""
    source, folder = read_source(name, stdin)
    if isinstance(source, Diagnostic):
        return Result(findings=(source,), failed=True)
    profile, faults = load_profile(options.profile)
    if faults:
        return Result(findings=faults, failed=True)
    return compile_workflow(
        source,
        profile,
        options=Options(
            set_=options.set_,
            set_string=options.set_string,
            set_env=options.set_env,
            labels=options.labels,
            target=options.target,
            pool=options.pool,
            priority=options.priority,
            workflow_id=options.workflow_id,
            gitops=options.gitops,
            ignore=options.ignore,
            strict=options.strict,
        ),
        read_file=lambda path: (folder / path).read_bytes(),
        pin=pin,
        render=_render,
    )


def _render(text: str, values: Mapping[str, Any]) -> Rendered:
    from osmoc import sandbox

    return sandbox.render(text, values)


def read_source(name: str, stdin: IO[str]) -> tuple[Source | Diagnostic, Path]:
    """The text of a file and the folder that its local files are relative to; a finding if it is not text."""
    from osmoc import codes

    try:
        data = _standard_input(stdin) if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise click.UsageError(f"{name} cannot be read: {(error.strerror or str(error)).lower()}") from None
    folder = folder_of(name)
    try:
        return Source(name, data.decode()), folder
    except UnicodeDecodeError as error:
        found = Diagnostics(Source(name, data.decode(errors="replace")))
        line = data.count(b"\n", 0, error.start) + 1
        found.report_line(codes.NOT_UTF8, line, f"byte {data[error.start]:#04x} is not UTF-8", help="save it as UTF-8")
        return next(iter(found)), folder


def folder_of(name: str) -> Path:
    """What the paths in a workflow file are relative to."""
    return Path() if name == "-" else Path(name).parent


def repeatable(stdin: IO[str]) -> IO[str]:
    """Standard input, to be read more than once."""
    return TextIOWrapper(BytesIO(_standard_input(stdin)))


def _standard_input(stdin: IO[str]) -> bytes:
    buffer = getattr(stdin, "buffer", None)
    return buffer.read() if buffer is not None else stdin.read().encode()


def load_profile(name: str | None) -> tuple[Profile | None, tuple[Diagnostic, ...]]:
    """`--profile`, else OSMOC_PROFILE, else ./osmoc.yaml, else none; and the findings if there are errors in it."""
    from osmoc.passes.read_profile import read_profile

    name = name or os.environ.get("OSMOC_PROFILE") or (PROFILE_FILE if Path(PROFILE_FILE).is_file() else None)
    if name is None:
        return None, ()
    source, _ = read_source(name, sys.stdin)
    if isinstance(source, Diagnostic):
        return None, (source,)
    found = Diagnostics(source)
    profile = read_profile(found)
    return profile, tuple(found) if profile is None else ()


def print_findings(findings: Iterable[Diagnostic], format: str, stream: IO[str]) -> None:
    findings = list(findings)
    match format:
        case "json":
            from osmoc.report.json import to_json

            stream.write(to_json(findings))
        case "sarif":
            from osmoc.report.sarif import to_sarif

            stream.write(to_sarif(findings))
        case "github":
            from osmoc.report.github import to_github

            stream.write(to_github(findings))
        case _:
            from osmoc.report.text import to_text

            colour = stream.isatty() and not os.environ.get("NO_COLOR")
            stream.write(to_text(findings, colour=colour))
