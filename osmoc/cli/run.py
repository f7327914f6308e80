"""`osmoc run`: a workflow on this machine."""

import asyncio
import os
import platform
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import IO, Any

import click

from osmoc.cli.commands import Context
from osmoc.cli.local_datasets import LocalDatasets, bucket_place
from osmoc.cli.main import FINDINGS
from osmoc.cli.options import Given, given, run_options
from osmoc.cli.workflow import folder_of, load_profile, print_findings, read_source
from osmoc.datasets_client import BucketPlace
from osmoc.decisions import Local
from osmoc.diagnostics import Diagnostic, Severity
from osmoc.local import schedule
from osmoc.local.credentials import DATA_KEYS, CredentialError, Credentials, read_credentials
from osmoc.local.engine import NAMES, Engine, EngineError, Namespaces, find_engine, probe_namespaces
from osmoc.local.programs import MissingError, Programs, find_programs
from osmoc.local.records import BusyError, Folder, Records, Run, UnknownRunError
from osmoc.local.room import Machine
from osmoc.local.schedule import State
from osmoc.names import fit, kubernetes_name
from osmoc.pipeline import Options, Result, compile_workflow
from osmoc.plan import Plan
from osmoc.profile import Profile, Storage
from osmoc.rendered import Rendered

_LONGEST_NAME = 40 - len("-99999")


@click.command("run")
@click.argument("file")
@click.option("-j", "--jobs", type=click.IntRange(1), help="How many tasks run at once. [one a processor]")
@click.option("--engine", type=click.Choice(NAMES), default="process", help="What runs the commands. [process]")
@click.option("--keep", is_flag=True, help="Keep the folders of completed tasks too.")
@click.option("--credentials", metavar="FILE", help="Values for `credentials:` and for storage, as YAML.")
@click.option("--env-from-host", multiple=True, metavar="NAME", help="Give tasks this variable of your environment.")
@click.option("--task", metavar="TASK", help="Run one task again, with the inputs it had in the run of --from.")
@click.option("--from", "from_run", metavar="ID", help="The run whose task --task runs again.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="How to print what happens.")
@run_options
@click.pass_obj
def run_command(context: Context, /, file: str, **options: Any) -> int:
    """Run a workflow on this machine, with no cluster, by the programs that run in its pods.

    Commands run as processes, each in namespaces of its own, with the paths of a pod; images are not used, unless
    --engine says so. What tasks write is in .osmoc/runs/ID/results. Ctrl-C ends a run, twice at once.

    \b
    Examples:
      osmoc run workflow.yaml
      osmoc run workflow.yaml --set epochs=1 --jobs 4
      osmoc run workflow.yaml --task train --from digits-3
    """
    wishes = _wishes(options)
    _check_wishes(wishes)
    datasets = LocalDatasets(folder_of(file))
    compile_ = _compiler(file, given(options | {"target": None, "workflow_id": ""}), context.stdin, datasets)
    try:
        return _Session(file, wishes, compile_, datasets).run()
    except (MissingError, EngineError, CredentialError, UnknownRunError, BusyError) as error:
        raise click.ClickException(str(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wishes:
    jobs: int | None
    engine: Any
    keep: bool
    credentials: str | None
    env_from_host: tuple[str, ...]
    task: str | None
    from_run: str | None
    output: str


def _wishes(options: dict[str, Any]) -> _Wishes:
    return _Wishes(**{name: options.pop(name) for name in _Wishes.__dataclass_fields__})


def _check_wishes(wishes: _Wishes) -> None:
    if bool(wishes.task) != bool(wishes.from_run):
        raise click.UsageError("--task and --from belong together: which task, and with the inputs of which run")
    for name in wishes.env_from_host:
        if name not in os.environ:
            raise click.UsageError(f"your environment has no variable `{name}`")


Compile = Callable[[str, Local], Result]


def _compiler(file: str, options: Given, stdin: IO[str], datasets: LocalDatasets) -> Compile:
    """Compiles the file for an id and a folder; it is read, and its template rendered, once."""
    source, folder = read_source(file, stdin)
    profile, faults = load_profile(options.profile)
    rendered: dict[str, Rendered] = {}

    def render(text: str, values: Mapping[str, Any]) -> Rendered:
        from osmoc import sandbox

        if text not in rendered:
            rendered[text] = sandbox.render(text, values)
        return rendered[text]

    @cache
    def read_file(path: str) -> bytes:
        return (folder / path).read_bytes()

    def compile_(workflow_id: str, local: Local) -> Result:
        if isinstance(source, Diagnostic) or faults:
            return Result(findings=(source,) if isinstance(source, Diagnostic) else faults, failed=True)
        wanted = Options(
            set_=options.set_,
            set_string=options.set_string,
            set_env=options.set_env,
            labels=options.labels,
            target="local",
            local=local,
            pool=options.pool,
            priority=options.priority,
            workflow_id=workflow_id,
            ignore=options.ignore,
            strict=options.strict,
        )
        return compile_workflow(source, profile, options=wanted, read_file=read_file, pin=datasets.pin, render=render)

    return compile_


class _Session:
    """One call of the command: compile, take a folder, run."""

    def __init__(self, file: str, wishes: _Wishes, compile_: Compile, datasets: LocalDatasets) -> None:
        self._file = file
        self._wishes = wishes
        self._compile = compile_
        self._datasets = datasets
        self._records = Records(Path.cwd())

    def run(self) -> int:
        # Findings first: they need nothing of the runtime.
        local = Local(storage=self._records.storage.as_uri())
        result = self._compile("draft", local)
        print_findings(result.findings, "text", sys.stderr)
        if result.failed:
            return FINDINGS
        assert result.plan is not None
        given_ = read_credentials(Path(self._wishes.credentials)) if self._wishes.credentials else {}
        programs = find_programs()
        namespaces = probe_namespaces(programs.room)
        engine = find_engine(self._wishes.engine, for_groups=_has_groups(result.plan))
        if not namespaces.are_there and not engine.uses_images:
            # The same once more, for what only tasks with namespaces can do.
            again = self._compile("draft", replace(local, root="/.osmoc/runs/draft-1/tasks"))
            if again.failed:
                print_findings(again.findings, "text", sys.stderr)
                return FINDINGS
            _warn(f"this machine refuses namespaces ({namespaces.fault}): tasks see the whole host")
        self._warn(result.plan, engine)
        self._records.prepare()
        credentials = Credentials(given_)
        if self._datasets:
            self._datasets.upload(partial(_place, result.plan.profile, self._records.storage.as_uri(), credentials))
            pinned = self._compile("draft", local)
            if pinned.failed:
                print_findings([one for one in pinned.findings if one.severity is Severity.ERROR], "text", sys.stderr)
                return FINDINGS
        folder = self._folder(result.plan)
        with folder.held():
            return self._within(folder, programs, namespaces, engine, credentials)

    def _folder(self, plan: Plan) -> Folder:
        if self._wishes.from_run:
            return self._records.find(self._wishes.from_run)
        return self._records.take(fit(kubernetes_name(plan.name), _LONGEST_NAME))

    def _warn(self, plan: Plan, engine: Engine) -> None:
        tasks = [task for group in plan.groups.values() for task in group.tasks]
        images = dict.fromkeys(task.shape.image for task in tasks)
        if not engine.uses_images:
            few = ", ".join(list(images)[:3]) + (" …" if len(images) > 3 else "")
            _warn(f"commands run on this machine, not in their images ({few}): --engine podman uses them")
        if engine.uses_images and engine.network_fault and _has_groups(plan):
            _warn(f"tasks of a group have no network of their own, but that of this machine: {engine.network_fault}")
        gpus = max((task.shape.placement.gpu or 0 for task in tasks), default=0)
        if gpus > _gpus():
            _warn(f"this machine has {_gpus()} GPUs, and a task asks for {gpus}")

    def _within(
        self, folder: Folder, programs: Programs, namespaces: Namespaces, engine: Engine, credentials: Credentials
    ) -> int:
        from osmoc.local.runner import Runner, Settings

        is_confined = namespaces.are_there
        root = "" if is_confined or engine.uses_images else str(folder.tasks)
        local = Local(storage=self._records.storage.as_uri(), root=root, has_networks=not engine.network_fault)
        result = self._compile(folder.id, local)
        assert result.plan is not None
        hidden = [
            self._records.path,
            *([Path(self._wishes.credentials).absolute()] if self._wishes.credentials else []),
        ]
        machine = Machine(
            programs=programs,
            namespaces=is_confined,
            user_namespace=namespaces.of_user,
            stores=(self._records.storage, *_folders_of(result.plan.profile)),
            hidden=tuple(hidden),
        )
        settings = Settings(
            whole=schedule.Amount(tasks=self._wishes.jobs or _processors(), cpu=_processors(), gpu=_gpus()),
            credentials=credentials,
            host=os.environ,
            node=platform.node(),
            taken=self._wishes.env_from_host,
            keep=self._wishes.keep,
        )
        view = _view(self._wishes.output)
        record = self._record(result.plan, folder, engine)
        try:
            runner = Runner(result.plan, folder, record, engine, machine, settings, view)
            done = asyncio.run(_watched(runner))
        finally:
            view.close()
        state = done.tasks[self._wishes.task].state if self._wishes.task else done.state
        return schedule.exit_status(state, interrupted=runner.is_interrupted)

    def _record(self, plan: Plan, folder: Folder, engine: Engine) -> Run:
        from osmoc.local.runner import new_record

        fresh = new_record(plan, folder, self._file, engine.name)
        if not self._wishes.task:
            return fresh
        earlier = folder.read()
        if self._wishes.task not in fresh.tasks:
            raise click.UsageError(f"the workflow has no task `{self._wishes.task}`")
        return again(fresh, earlier, self._wishes.task)


def _place(profile: Profile, storage_url: str, credentials: Credentials, bucket: str) -> BucketPlace:
    """Where tasks will read a dataset. No machine but those of a cluster has its volumes."""
    storage = profile.storage
    if storage is None or storage.claim:
        storage = Storage(url=storage_url, secret="")
    return bucket_place(profile, storage, bucket, lambda secret: credentials.keys(secret, DATA_KEYS) if secret else {})


def _has_groups(plan: Plan) -> bool:
    """Of several tasks."""
    return any(len(group.tasks) > 1 for group in plan.groups.values())


def _listed(names: list[str], but: str) -> str:
    return ", ".join(f"`{name}`" for name in names if name != but)


def again(fresh: Run, earlier: Run, task: str) -> Run:
    """The record of an earlier run in which one task waits to be run once more, and nothing else does."""
    together = [name for name, record in fresh.tasks.items() if record.group == fresh.tasks[task].group]
    if len(together) > 1:
        raise click.UsageError(f"`{task}` runs together with {_listed(together, task)}: a group is only run as a whole")
    tasks = {name: earlier.tasks.get(name, record) for name, record in fresh.tasks.items()}
    others = {name: record for name, record in tasks.items() if name != task}
    missing = [name for name in fresh.upstream[task] if tasks[name].state is not State.COMPLETED]
    if missing:
        raise click.UsageError(f"`{task}` needs what `{missing[0]}` writes, which is not complete in `{earlier.id}`")
    settled = {
        name: record if record.state.is_final else record.model_copy(update={"state": State.FAILED_CANCELED})
        for name, record in others.items()
    }
    waiting = tasks[task].model_copy(update={"state": State.WAITING})
    ordered = {name: waiting if name == task else settled[name] for name in tasks}
    update = {"tasks": ordered, "upstream": fresh.upstream, "state": State.RUNNING, "ended_at": None}
    return earlier.model_copy(update=update)


def _folders_of(profile: Profile) -> list[Path]:
    """Storage and buckets that are directories of this machine."""
    urls = [profile.storage.url] if profile.storage else []
    urls += [bucket.url for bucket in profile.datasets.buckets.values()]
    paths = [Path(url.removeprefix("file://")) for url in urls if url.startswith("file://")]
    return [path for path in paths if path.is_dir()]


async def _watched(runner: Any) -> Run:
    """Signals end the run instead of this process."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with suppress(ValueError, RuntimeError):  # not the main thread: whoever embeds us has its own way
            loop.add_signal_handler(number, runner.interrupt)
    done = await runner.run()
    assert isinstance(done, Run)
    return done


def _view(output: str) -> Any:
    from osmoc.local.view import JsonView, LiveView, PlainView

    if output == "json":
        return JsonView(sys.stdout)
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        return LiveView(sys.stdout)
    return PlainView(sys.stdout, sys.stderr)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _gpus() -> int:
    return sum(1 for path in Path("/dev").glob("nvidia[0-9]*") if path.name.removeprefix("nvidia").isdigit())


def _warn(text: str) -> None:
    sys.stderr.write(f"warning: {text}\n")
