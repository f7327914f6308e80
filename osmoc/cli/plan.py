"""`osmoc plan`: what a workflow will take of a cluster, and whether that is too much."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from osmoc.cli.commands import Context
from osmoc.cli.main import FINDINGS
from osmoc.cli.options import given, workflow_options
from osmoc.cli.workflow import compile_file, print_findings
from osmoc.diagnostics import listed
from osmoc.forecast.forecast import Forecast, forecast
from osmoc.forecast.limits import Limit, excess, parse_limit
from osmoc.forecast.quota import Quota, Row, compare, read_quotas, silent
from osmoc.forecast.text import amount_text, text


@click.command("plan")
@click.argument("file")
@click.option("--quota", "quota_file", metavar="FILE", help="A ResourceQuota of the namespace, as kubectl prints it.")
@click.option("--from-run", metavar="ID", help="Take times from a run on this machine; of a name, its last one.")
@click.option("--fail-over", "limits", multiple=True, metavar="EXPR", help="End with status 1 over NAME>NUMBER.")
@click.option("--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="How to print it.")
@workflow_options
@click.pass_obj
def plan_command(
    context: Context,
    /,
    file: str,
    quota_file: str | None,
    from_run: str | None,
    limits: tuple[str, ...],
    output: str,
    **options: Any,
) -> int:
    """Say what a workflow will take of a cluster: objects, GPUs, CPUs and memory at the same time, hours.

    No cluster is asked. Times are bounds that follow from `exec_timeout`, or those of an earlier run.

    NAME of --fail-over is gpu_hours, cpu_hours, gpus, cpu, memory (64Gi), tasks, groups, bytes (1Mi), templates or
    critical_path (1h30m); what is unbounded is over every limit. The exit status is 1 as well if the --quota would
    never let some group start.

    \b
    Examples:
      osmoc plan workflow.yaml
      osmoc plan workflow.yaml --fail-over 'gpu_hours>100' --fail-over 'critical_path>8h'
      kubectl get quota -o yaml > quota.yaml; osmoc plan workflow.yaml --quota quota.yaml
      osmoc plan workflow.yaml --from-run digits --output json
    """
    asked = [_limit(expression) for expression in limits]
    quotas = _quotas(quota_file) if quota_file else ()
    run, measured = _measured(from_run) if from_run else ("", {})
    result = compile_file(file, given(options), context.stdin)
    if result.failed or result.plan is None:
        print_findings(result.findings, "text", sys.stderr)
        return FINDINGS
    found = forecast(result.plan, result.manifests, measured)
    rows = compare(found, quotas)
    _print(found, rows, run, output)
    sys.stdout.flush()  # what is said about it comes after it
    for warning in _warnings(found, quotas):
        sys.stderr.write(f"{_shown(file)}: warning: {warning}\n")
    errors = [*_refusals(rows), *(_over(limit, found) for limit in asked if excess(limit, found))]
    for error in errors:
        sys.stderr.write(f"{_shown(file)}: error: {error}\n")
    return FINDINGS if errors else 0


def _shown(file: str) -> str:
    return "<stdin>" if file == "-" else file


def _limit(expression: str) -> Limit:
    try:
        return parse_limit(expression)
    except ValueError as error:
        raise click.UsageError(f"--fail-over: {error}") from None


def _quotas(name: str) -> tuple[Quota, ...]:
    import yaml

    try:
        quotas = read_quotas(yaml.safe_load_all(Path(name).read_text(encoding="utf-8")))
    except OSError as error:
        raise click.UsageError(f"{name} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise click.UsageError(f"{name} is not YAML") from None
    except ValueError as error:
        raise click.UsageError(f"{name}: {error}") from None
    if not quotas:
        raise click.UsageError(
            f"{name} holds no ResourceQuota; `kubectl get quota -o yaml` prints those of a namespace"
        )
    return quotas


def _measured(name: str) -> tuple[str, Mapping[str, float]]:
    """The id of a run, and the seconds of each task of it that is complete, with all its attempts."""
    from osmoc.local.records import Records, UnknownRunError

    records = Records(Path.cwd())
    try:
        own = [folder for folder in records if folder.id.rpartition("-")[0] == name]
        folder = own[-1] if own and not any(folder.id == name for folder in records) else records.find(name)
        run = folder.read()
    except UnknownRunError as error:
        raise click.UsageError(str(error)) from None
    seconds = {
        task: sum(attempt.ended_at - attempt.started_at for attempt in record.attempts if attempt.ended_at is not None)
        for task, record in run.tasks.items()
        if record.attempts and record.state.value == "COMPLETED"
    }
    return run.id, seconds


def _print(found: Forecast, rows: Sequence[Row], run: str, output: str) -> None:
    from osmoc.forecast.data import data

    match output:
        case "json":
            sys.stdout.write(json.dumps(data(found, rows), indent=2) + "\n")
        case "yaml":
            from osmoc.emit.write import document

            sys.stdout.write(document(data(found, rows)))
        case _:
            sys.stdout.write(text(found, rows, run))


def _warnings(found: Forecast, quotas: Sequence[Quota]) -> Iterator[str]:
    for quota in quotas:
        if quota.has_scopes:
            yield f"the quota `{quota.name}` has scopes: it is taken to hold for every pod"
        for name, tasks in silent(found, quota):
            yield (
                f"the quota `{quota.name}` counts {name}, which pods of {listed(tasks, 3)} leave open: "
                "they are refused unless a LimitRange gives a default"
            )


def _refusals(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        if row.verdict.is_refused:
            who = f"group `{row.group}`" if row.group else "the workflow"
            needed, hard = amount_text(row.resource, row.largest), amount_text(row.resource, row.hard)
            yield f"{who} takes {needed} {row.resource}; the quota `{row.quota}` allows {hard}, so it never starts"


def _over(limit: Limit, found: Forecast) -> str:
    unbounded = {"gpu_hours": found.gpu_hours.unbounded, "cpu_hours": found.cpu_hours.unbounded}
    tasks = unbounded.get(limit.name, found.unbounded if limit.name == "critical_path" else ())
    return excess(limit, found) + (f"\n  = help: {listed(tasks, 4)}: set an `exec_timeout`" if tasks else "")
