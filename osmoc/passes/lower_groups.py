"""Lower the spec to the graph: every task of `tasks` becomes a group of one, every group knows its lead.

Needs: a spec without errors. Leaves: groups in the order of the file, and an edge for every task input. Datasets
are `lower_datasets`' business.
"""

import base64
import posixpath
from collections.abc import Mapping

from osmoc import graph, spec
from osmoc.datasets import parse_reference
from osmoc.graph import Action, Edge, Graph, Group, Read, Task, TaskRead, Via, Write
from osmoc.names import absolute
from osmoc.written import Written
from osmoc.yamltree import Path


def lower_groups(written: Written) -> Graph:
    workflow = written.workflow
    groups: dict[str, Group] = {}
    for n, task in enumerate(workflow.tasks):
        path: Path = ("workflow", "tasks", n)
        lowered = _task(task, path, True, written)
        name = f"{task.name}-group"
        groups[name] = Group(name=name, tasks=(lowered,), implicit=True, where=path)
    for n, group in enumerate(workflow.groups):
        path = ("workflow", "groups", n)
        alone = len(group.tasks) == 1
        groups[group.name] = Group(
            name=group.name,
            tasks=tuple(
                _task(task, (*path, "tasks", t), alone or task.lead, written) for t, task in enumerate(group.tasks)
            ),
            barrier=group.barrier,
            ignore_nonlead_status=group.ignore_nonlead_status,
            where=path,
        )
    return Graph(
        name=workflow.name,
        groups=groups,
        edges=_task_edges(groups),
        labels=tuple(workflow.labels.items()),
        pool=workflow.pool,
        exec_timeout=workflow.timeout.exec_timeout,
        queue_timeout=workflow.timeout.queue_timeout,
    )


def _task_edges(groups: Mapping[str, Group]) -> tuple[Edge, ...]:
    group_of = {task.name: name for name, group in groups.items() for task in group.tasks}
    edges: dict[Edge, None] = {}  # a set that keeps the order of the file
    for name, group in groups.items():
        for task in group.tasks:
            for n, read in enumerate(task.reads):
                if isinstance(read, TaskRead) and not read.workflow:
                    where: Path = (*task.where, "inputs", n, "task")
                    edges.setdefault(Edge(group_of[read.task], name, Via.TASK, read.task, where))
    return tuple(edges)


def _task(task: spec.Task, path: Path, is_lead: bool, written: Written) -> Task:
    variables, directories = _credentials(task)
    return Task(
        name=task.name,
        is_lead=is_lead,
        image=task.image,
        command=task.command,
        args=task.args,
        environment=tuple({**task.environment, **written.set_env}.items()),
        variables=variables,
        directories=directories,
        reads=tuple(_read(item, written.pins.get((*path, "inputs", n), "")) for n, item in enumerate(task.inputs)),
        writes=tuple(_write(item) for item in task.outputs),
        files=tuple(_file(file, written.files.get((*path, "files", n))) for n, file in enumerate(task.files)),
        checkpoints=tuple(
            graph.Checkpoint(posixpath.normpath(item.path), item.url, item.frequency, item.regex)
            for item in task.checkpoint
        ),
        kpis=tuple(graph.Kpi(kpi.index, kpi.path) for kpi in task.kpis),
        exit_actions=tuple((Action(name.upper()), ranges) for name, ranges in task.exit_actions.items()),
        mounts=tuple(_mount(mount) for mount in task.volume_mounts),
        resource=written.workflow.resources[task.resource],
        privileged=task.privileged,
        host_network=task.host_network,
        where=path,
    )


def _credentials(
    task: spec.Task,
) -> tuple[tuple[graph.CredentialVariable, ...], tuple[graph.CredentialDirectory, ...]]:
    variables: list[graph.CredentialVariable] = []
    directories: list[graph.CredentialDirectory] = []
    for credential, use in task.credentials.items():
        if isinstance(use, str):
            directories.append(graph.CredentialDirectory(absolute(use), credential))
        else:
            variables += [graph.CredentialVariable(name, credential, key) for name, key in use.items()]
    return tuple(variables), tuple(directories)


def _read(item: spec.Input, pin: str) -> Read:
    match item:
        case spec.TaskInput():
            workflow, _, task = item.task.rpartition(":")
            return TaskRead(task=task, workflow=workflow, regex=item.regex)
        case spec.UrlInput():
            return graph.UrlRead(url=item.url, regex=item.regex)
        case spec.DatasetInput():
            dataset, version = _reference(item.dataset.name)
            return graph.DatasetRead(dataset=dataset, version=pin or version, regex=item.dataset.regex)


def _write(item: spec.Output) -> Write:
    match item:
        case spec.UrlOutput():
            return graph.UrlWrite(url=item.url, regex=item.regex)
        case spec.DatasetOutput():
            fields = item.dataset
            dataset, tag = _reference(fields.name)
            return graph.DatasetWrite(
                dataset=dataset,
                tag=tag,
                path=fields.path,
                regex=fields.regex,
                metadata=fields.metadata,
                labels=fields.labels,
            )
        case spec.UpdateDatasetOutput():
            update = item.update_dataset
            dataset, base = _reference(update.name)
            return graph.DatasetUpdate(
                dataset=dataset, base=base, paths=update.paths, metadata=update.metadata, labels=update.labels
            )


def _reference(text: str) -> tuple[graph.Dataset, str]:
    reference = parse_reference(text)
    assert reference is not None, text
    return reference


def _file(file: spec.File, local: str | None) -> graph.File:
    text = local if local is not None else file.contents or ""
    content = base64.b64decode("".join(text.split())) if file.base64 else text
    # A token at its start makes a path absolute.
    path = posixpath.normpath(file.path) if file.path.startswith("{{") else absolute(file.path)
    return graph.File(path, content)


def _mount(text: str) -> graph.Mount:
    host, _, container = text.partition(":")
    return graph.Mount(host, absolute(container or host))
