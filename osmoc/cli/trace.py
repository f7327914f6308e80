"""`osmoc trace`: from a line of the workflow to what is made of it, and back."""

import io
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import IO, Any, Final, Literal

import click

from osmoc.cli.commands import Context
from osmoc.cli.files import folder_files
from osmoc.cli.main import FINDINGS
from osmoc.cli.options import Given, given, workflow_options
from osmoc.cli.workflow import compile_file, print_findings, read_source
from osmoc.diagnostics import Diagnostic
from osmoc.pipeline import Result
from osmoc.rendered import Rendered
from osmoc.source import Source, line_of
from osmoc.trace.emitted import Emitted, Entry, read_objects
from osmoc.trace.located import Located, locate
from osmoc.trace.origins import Origins
from osmoc.trace.text import numbered, shown_path, table, wrote_text
from osmoc.trace.trace import Made, Wrote, joined, made_of, unused, wrote

_WORKFLOW: Final = re.compile(r"^(?:workflow|default-values|version):", re.MULTILINE)
_MOST: Final = 100


@click.command("trace")
@click.argument("place", metavar="FILE:LINE")
@click.option("--workflow", metavar="FILE", help="The workflow, if FILE:LINE is of a manifest made of it.")
@click.option("-o", "--output", default="-", metavar="-|FILE|DIR", help="Where compile writes. [standard output]")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
@workflow_options
@click.pass_obj
def trace_command(
    context: Context, /, place: str, workflow: str | None, output: str, format_: str, **options: Any
) -> int:
    """Say which lines of the manifests come from a line of the workflow; or, with --workflow, the other way round.

    Options are those with which the manifests are compiled. For a manifest its id, and if it tells it the target,
    are taken from it.

    \b
    Examples:
      osmoc trace workflow.yaml:12
      osmoc trace workflow.yaml:12 --target jobs -o deploy/train
      osmoc trace deploy/train/job-train.yaml:40 --workflow workflow.yaml
      osmoc compile workflow.yaml | osmoc trace --workflow workflow.yaml -- -:40
    """
    file, line = _place(place)
    source, _ = read_source(file, context.stdin)
    if isinstance(source, Diagnostic):
        print_findings([source], "text", sys.stderr)
        return FINDINGS
    if line > source.text.count("\n") + 1:
        raise click.UsageError(f"{file} has no line {line}")
    shared = given(options)
    if workflow is not None:
        return _back(source, line, workflow, shared, format_, context.stdin)
    if not _WORKFLOW.search(source.text):
        raise click.UsageError(f"{file} is no workflow: name the one that it was made of with --workflow")
    return _forth(source, line, shared, output, format_)


def _place(text: str) -> tuple[str, int]:
    file, _, number = text.rpartition(":")
    if not file or not re.fullmatch("[1-9][0-9]{0,8}", number):
        raise click.UsageError(f"`{text}` is not of the form FILE:LINE")
    return file, int(number)


@dataclass(frozen=True, slots=True)
class _Compiled:
    result: Result
    origins: Origins
    located: Located


def _compile(source: Source, options: Given) -> _Compiled | None:
    """None, printed, if there are errors."""
    result = compile_file(source.name, options, io.StringIO(source.text))
    if result.failed or result.plan is None or result.graph is None:
        print_findings(result.findings, "text", sys.stderr)
        return None
    located = locate(source, options.set_, options.set_string, _render)
    return _Compiled(result, Origins(result.plan, result.graph, located.tree.plain), located)


def _render(text: str, values: Mapping[str, Any]) -> Rendered:
    from osmoc import sandbox

    return sandbox.render(text, values)


def _forth(source: Source, line: int, options: Given, output: str, format_: str) -> int:
    from osmoc.emit.write import yaml_stream

    compiled = _compile(source, options)
    if compiled is None:
        return FINDINGS
    result, plan = compiled.result, compiled.result.plan
    assert plan is not None
    texts = [text.removeprefix("---\n") for text in yaml_stream(result.manifests)]
    made = list(made_of(line, texts, compiled.origins, compiled.located, plan))
    where = _Where(output, result, texts)
    if format_ == "json":
        found = [_made_data(one, where) for one in made]
        sys.stdout.write(json.dumps({"file": source.name, "line": line, "made": found}, indent=2) + "\n")
    else:
        _print_made(source, line, joined(made), where)
    return 0 if made else FINDINGS


class _Where:
    """Files and lines of objects, where compile writes them."""

    def __init__(self, output: str, result: Result, texts: Sequence[str]) -> None:
        path = Path(output)
        self._starts = [0]
        is_file = output == "-" or (path.suffix in (".yaml", ".yml") and not path.is_dir())
        if is_file:
            self._files = ["<stdout>" if output == "-" else output] * len(texts)
            for text in texts:
                self._starts.append(self._starts[-1] + text.count("\n") + 1)
        else:
            assert result.plan is not None
            names = list(folder_files(result.manifests, result.plan.workflow_id, "yaml"))
            self._files = [str(path / name) for name in names[: len(texts)]]
            self._starts += [0] * len(texts)

    def file(self, made: Made) -> str:
        return self._files[made.number]

    def line(self, made: Made) -> int:
        return self._starts[made.number] + made.lines.start


def _print_made(source: Source, line: int, made: Sequence[Made], where: _Where) -> None:
    what = "" if made else f" {unused(source, line)}"
    sys.stdout.write(f"{_shown(source.name)}:{line}:{what}\n{numbered(line, line_of(source.text, line))}")
    for _, group in groupby(made[:_MOST], key=lambda one: one.number):
        own = list(group)
        sys.stdout.write(f"{own[0].emitted.kind} {own[0].emitted.name}\n")
        sys.stdout.writelines(table((_lines(one, where), shown_path(one.path, one.emitted.plain)) for one in own))
    if len(made) > _MOST:
        sys.stdout.write(f"and {len(made) - _MOST:,} more; --format json has them all\n")


def _lines(made: Made, where: _Where) -> str:
    first = where.line(made)
    more = f"-{first + len(made.lines) - 1}" if len(made.lines) > 1 else ""
    return f"{where.file(made)}:{first}{more}"


def _made_data(made: Made, where: _Where) -> dict[str, Any]:
    first = where.line(made)
    return {
        "kind": made.emitted.kind,
        "name": made.emitted.name,
        "file": where.file(made),
        "line": first,
        "end_line": first + len(made.lines) - 1,
        "path": list(made.path),
    }


def _back(manifest: Source, line: int, workflow: str, options: Given, format_: str, stdin: IO[str]) -> int:
    emitted, entry = _entry_at(manifest, line)
    source, _ = read_source(workflow, stdin)
    if isinstance(source, Diagnostic):
        print_findings([source], "text", sys.stderr)
        return FINDINGS
    compiled = _compile(source, _as_in(manifest, emitted, options))
    if compiled is None:
        return FINDINGS
    _compare(emitted, compiled.result, manifest, workflow)
    places = wrote(line, emitted, entry, compiled.origins, compiled.located)
    if format_ == "json":
        found = {"file": manifest.name, "line": line, "kind": emitted.kind, "name": emitted.name}
        found |= {"path": list(entry.path), "wrote": [_wrote_data(one, source.name) for one in places]}
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return 0
    path = shown_path(entry.path, emitted.plain)
    sys.stdout.write(f"{_shown(manifest.name)}:{line}: {emitted.kind} {emitted.name}: {path}\n")
    sys.stdout.write(numbered(line, line_of(manifest.text, line)))
    reason = "no line of the workflow says this: it follows from the whole, from the profile, or is always so"
    sys.stdout.write(wrote_text(_shown(workflow), places, reason))
    return 0


def _shown(file: str) -> str:
    return "<stdin>" if file == "-" else file


def _entry_at(manifest: Source, line: int) -> tuple[Emitted, Entry]:
    for emitted in read_objects(manifest.text):
        entry = emitted.at(line)
        if entry is not None:
            if emitted.labels.get("app.kubernetes.io/managed-by") == "osmoc" and "osmo.workflow_id" in emitted.labels:
                return emitted, entry
            name = f"{emitted.kind or 'what stands there'} {emitted.name}".rstrip()
            raise click.UsageError(f"{manifest.name}:{line}: {name} was not made of a workflow by osmoc")
    raise click.UsageError(f"{manifest.name}:{line}: there is no object on this line")


def _as_in(manifest: Source, emitted: Emitted, options: Given) -> Given:
    """The id of the manifest, since names and digests follow from it; its target, if its file has a Workflow or Job."""
    kinds = {one.kind for one in read_objects(manifest.text) if one.labels.get("osmo.driver") != "true"}
    target: Literal["argo", "jobs"] | None = "argo" if "Workflow" in kinds else "jobs" if "Job" in kinds else None
    return replace(
        options,
        workflow_id=options.workflow_id or emitted.labels["osmo.workflow_id"],
        target=options.target or target,
    )


def _compare(emitted: Emitted, result: Result, manifest: Source, workflow: str) -> None:
    """Whether the manifest is what the workflow makes now."""
    from osmoc.emit.write import document

    fresh = next(
        (one for one in result.manifests if (one["kind"], one["metadata"]["name"]) == (emitted.kind, emitted.name)),
        None,
    )
    if fresh is None:
        help = "is it another workflow, or are options missing with which it was compiled?"
        raise click.UsageError(f"{workflow} makes no {emitted.kind} {emitted.name}: {help}")
    if next(read_objects(document(fresh))).plain != emitted.plain:
        sys.stderr.write(
            f"{_shown(manifest.name)}: warning: {emitted.kind} {emitted.name} is not what {workflow} makes now, with "
            "these options: places may be off\n"
        )


def _wrote_data(one: Wrote, file: str) -> dict[str, Any]:
    return {
        "file": file,
        "line": one.place.line if one.place else None,
        "column": one.place.start if one.place else None,
        "path": list(one.origin.path),
        "how": one.origin.how.value,
    }
