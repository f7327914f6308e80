"""`osmoc apply`: a workflow, or a folder of manifests, to a cluster."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import click

from osmoc.cli.cluster_options import cluster_options, connected, told
from osmoc.cli.commands import Context
from osmoc.cli.dataset_options import credential_of_environment
from osmoc.cli.local_datasets import LocalDatasets, NoPlaceError, bucket_place
from osmoc.cli.main import FINDINGS
from osmoc.cli.manifests import compile_for, read_folder, without_namespace
from osmoc.cli.options import given, workflow_options
from osmoc.cli.workflow import folder_of, print_findings, repeatable
from osmoc.cluster.apply import Application, OccupiedError, Outcome, Refusal, RefusedError
from osmoc.cluster.client import Client
from osmoc.cluster.kinds import Object
from osmoc.codes import REFUSED
from osmoc.datasets_client import BucketPlace
from osmoc.diagnostics import Diagnostic, Severity
from osmoc.pipeline import Result
from osmoc.profile import Profile, Storage
from osmoc.yamltree import Path as SpecPath


@click.command("apply")
@click.argument("file", metavar="FILE|DIR")
@click.option("--wait", is_flag=True, help="Until the run has ended; its end is the exit status.")
@click.option("--logs", is_flag=True, help="With the output of its tasks; waits, too.")
@click.option(
    "--again", is_flag=True, help="Run it once more: the earlier run of the same id, if it is over, is removed."
)
@click.option(
    "--dry-run", type=click.Choice(["client", "server"]), help="Say what would be made; `server` asks for all."
)
@workflow_options
@cluster_options
@click.pass_obj
def apply_command(
    context_: Context,
    /,
    file: str,
    wait: bool,
    logs: bool,
    again: bool,
    dry_run: str | None,
    context: str | None,
    namespace: str | None,
    **options: Any,
) -> int:
    """Run a workflow on a cluster: check what it needs there, make its objects, all or none of them, and start it.

    The id of the run is printed. The same workflow applied again is the same run, and nothing is done. Without
    --target, and without one in the profile, it is Argo if the cluster has it, else plain Jobs.

    \b
    Examples:
      osmoc apply train.yaml --wait
      osmoc apply train.yaml --set epochs=5 -n robots
      osmoc apply deploy/train --dry-run server
    """
    wanted = given(options)
    with connected(context, namespace) as client:
        datasets = LocalDatasets(folder_of(file))
        if Path(file).is_dir():
            manifests = read_folder(Path(file))
            result = Result(findings=(), failed=False)
        else:
            stdin = repeatable(context_.stdin) if file == "-" else StringIO()
            result = compile_for(client, file, wanted, stdin, datasets.pin)
            if result.failed:
                return FINDINGS
            manifests = without_namespace(result.manifests)
        session = _Session(client, file, result, wanted.strict)
        if session.preflight(manifests):
            return FINDINGS
        if datasets and dry_run:
            _say(f"not uploaded yet: {', '.join(datasets.names)}; the id of the run depends on their versions")
        elif datasets:
            assert result.plan is not None
            datasets.upload(partial(_place, client, result.plan.profile))
            stdin.seek(0)
            result = compile_for(client, file, wanted, stdin, datasets.pin, again=True)
            if result.failed:
                return FINDINGS
            manifests = without_namespace(result.manifests)
            session = _Session(client, file, result, wanted.strict)
        application = Application(client, manifests, _say)
        if dry_run:
            return session.dry_run(application, manifests, asks=dry_run == "server")
        if status := session.apply(application, again):
            return status
        if not wait and not logs:
            return 0
        return _follow(client, application.workflow_id, logs)


def _place(client: Client, profile: Profile, bucket: str) -> BucketPlace:
    """Where pods will read a dataset: by the Secret that they use, or by a key of whoever calls."""
    from osmoc.cluster.archive import read_secret

    def keys_of(secret: str) -> Mapping[str, str]:
        keys, why_not = read_secret(client, secret)
        own = credential_of_environment() if why_not else {}
        if why_not and not own:
            raise NoPlaceError(f"{why_not}; a key of your own, in OSMO_ACCESS_KEY_ID and OSMO_ACCESS_KEY, does too")
        return own or keys

    place = bucket_place(profile, profile.storage or Storage.default(), bucket, keys_of)
    return replace(place, endpoint=os.environ.get("AWS_ENDPOINT_URL") or place.endpoint)


class _Session:
    """What becomes of one file."""

    def __init__(self, client: Client, file: str, result: Result, is_strict: bool) -> None:
        self._client = client
        self._file = file
        self._result = result
        self._is_strict = is_strict

    def preflight(self, manifests: Sequence[Object]) -> bool:
        """Whether something is in the way."""
        from osmoc.cluster.preflight import preflight

        if self._result.plan is None:
            return False
        found = [
            self._finding(one.code, one.where, one.message, one.help)
            for one in preflight(self._client, self._result.plan, manifests)
        ]
        print_findings(found, "text", sys.stderr)
        return any(one.severity is Severity.ERROR for one in found)

    def dry_run(self, application: Application, manifests: Sequence[Object], *, asks: bool) -> int:
        if asks:
            try:
                application.check()
            except RefusedError as error:
                return self._refused(error)
        for manifest in manifests:
            sys.stdout.write(f"{manifest['kind']}/{manifest['metadata']['name']}\n")
        return 0

    def apply(self, application: Application, again: bool) -> int:
        from osmoc.cluster.bootstrap import make_missing

        try:
            if self._result.plan is not None:
                for name in make_missing(self._client, self._result.plan):
                    _say(f"made {name}, which the namespace needs once")
            outcome = application.apply(again=again)
        except RefusedError as error:
            return self._refused(error)
        except OccupiedError as error:
            raise click.ClickException(str(error)) from None
        match outcome:
            case Outcome.STARTED:
                _say(f"started, {application.size} objects in the namespace `{self._client.namespace}`")
            case Outcome.FINISHED:
                _say("an apply that was interrupted is finished: the run has started")
            case Outcome.THERE:
                _say("nothing to do: this run is there; --again runs it once more")
        sys.stdout.write(f"{application.workflow_id}\n")
        sys.stdout.flush()
        return 0

    def _refused(self, error: RefusedError) -> int:
        found = [self._refusal(refusal) for refusal in error.refusals]
        print_findings(found, "text", sys.stderr)
        _say("nothing of it is left on the cluster")
        return FINDINGS

    def _refusal(self, refusal: Refusal) -> Diagnostic:
        """At the task whose object it is."""
        plan = self._result.plan
        tasks = [task for group in plan.groups.values() for task in group.tasks] if plan else []
        where = next((task.where for task in tasks if task.job == refusal.reference.name), None)
        return self._finding(REFUSED, where, f"the API server refuses {refusal.reference}: {told(refusal.error)}")

    def _finding(self, code: Any, where: SpecPath | None, message: str, help: str = "") -> Diagnostic:
        severity = code.severity
        if self._is_strict and severity is Severity.WARNING:
            severity = Severity.ERROR
        place = self._result.locate(where) if where else None
        return Diagnostic(code=code, severity=severity, file=self._file, place=place, message=message, help=help)


def _follow(client: Client, workflow_id: str, logs: bool) -> int:
    from osmoc.cli.waiting import tell_lines, wait_for_end

    if not logs:
        return wait_for_end(client, workflow_id, tell_lines)
    from osmoc.cli.cluster_logs import beside

    with beside(client, workflow_id):
        return wait_for_end(client, workflow_id, tell_lines)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
