"""Bind the tokens of every task and write its document: from here on a pod knows all it needs.

Needs: placements and secrets. Leaves: planned tasks, in groups, with names as Kubernetes has them.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import assert_never

from osmoc import document, exit_codes, graph, plan
from osmoc.datasets import in_bucket, is_new
from osmoc.decisions import Cluster, Decisions, Places, Resolved, Secrets
from osmoc.graph import Action, Dataset, DatasetRead, DatasetUpdate, DatasetWrite, Graph, TaskRead, UrlRead, UrlWrite
from osmoc.names import LONGEST_LABEL, absolute, fit, kubernetes_name
from osmoc.profile import Storage
from osmoc.tokens import INPUT_DIRECTORY, OUTPUT_DIRECTORY, Token, TokenKind, bind
from osmoc.values import ExitRange

# The longest name of a Job whose pods are named `<job>-0`.
_LONGEST_JOB = LONGEST_LABEL - len("-0")

# What tasks wait for each other without a `queue_timeout`: one hour.
_BARRIER = 3_600.0

# Where the lead's osmo-ctrl listens. In the node's own network each group has one of a range that is seldom used.
_PORT = 7_443
_NODE_PORTS = range(20_000, 30_000)

# `<id>-driver` is the Job of the driver.
_DRIVER = "driver"


@dataclass(frozen=True, slots=True)
class _Writer:
    group: str
    task: str
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Context:
    """What all tasks of a workflow share."""

    graph: Graph
    workflow_id: str
    cluster: Cluster
    places: Places
    resolved: Resolved
    digests: Mapping[str, str]
    dataset_writers: Mapping[Dataset, tuple[_Writer, ...]]
    timeouts: document.Timeouts
    retry: document.Retry
    storage: document.Storage | None


def write_documents(decisions: Decisions, workflow_id: str, draft: plan.Plan | None = None) -> Mapping[str, plan.Group]:
    """`draft` is a plan of the same decisions under another id of this length: most of it need not be made again."""
    lowered = decisions.graph
    retries = decisions.cluster.profile.retries
    context = _Context(
        graph=lowered,
        workflow_id=workflow_id,
        cluster=decisions.cluster,
        places=decisions.places,
        resolved=decisions.resolved,
        digests=decisions.digests,
        dataset_writers=_dataset_writers(lowered, decisions.cluster.profile.datasets.default_bucket),
        timeouts=_timeouts(decisions),
        retry=document.Retry(reschedule=retries.reschedule, infrastructure=retries.infrastructure),
        storage=_storage(decisions.resolved.storage),
    )
    publishing = _publishing(lowered)
    upstream = lowered.upstream()
    return {
        name: (_again(draft.groups[name], draft.workflow_id, context) if draft else None)
        or _group(group, upstream[name], publishing, context)
        for name, group in lowered.groups.items()
    }


def _again(group: plan.Group, draft_id: str, context: _Context) -> plan.Group | None:
    """The group of a draft under the id that counts, if all that has the draft's is one field of each document."""
    tasks = []
    for task in group.tasks:
        texts = [content for _, content in task.files if isinstance(content, str)]
        if task.document.count(draft_id) != 1 or any(draft_id in text for text in texts):
            return None
        text = task.document.replace(draft_id, context.workflow_id)
        tasks.append(replace(task, job=_job(task.name, context), document=text, document_digest=_digest(text)))
    return replace(group, tasks=tuple(tasks))


def _dataset_writers(lowered: Graph, default_bucket: str) -> Mapping[Dataset, tuple[_Writer, ...]]:
    writers: dict[Dataset, dict[_Writer, None]] = {}
    for group, task in lowered.tasks():
        for write in task.writes:
            if isinstance(write, DatasetWrite | DatasetUpdate):
                tag = write.tag if isinstance(write, DatasetWrite) else ""
                writer = _Writer(group.name, task.name, tag)
                writers.setdefault(in_bucket(write.dataset, default_bucket), {})[writer] = None
    return {dataset: tuple(those) for dataset, those in writers.items()}


def _publishing(lowered: Graph) -> frozenset[str]:
    """Tasks whose output leaves their group: a group is done only when theirs is there."""
    read = {edge.what for edge in lowered.edges if edge.via is graph.Via.TASK}
    return frozenset(task.name for _, task in lowered.tasks() if task.writes or task.name in read)


def _group(group: graph.Group, upstream: tuple[str, ...], publishing: frozenset[str], context: _Context) -> plan.Group:
    label = fit(kubernetes_name(group.name), LONGEST_LABEL - len(context.workflow_id) - 1)
    hosts = {task.name: _host(task, label, context) for task in group.tasks} if len(group.tasks) > 1 else {}
    lead = group.lead.name
    part = document.Group(
        name=group.name,
        lead=lead,
        members=tuple(document.Member(task=task.name, host=hosts.get(task.name, "")) for task in group.tasks),
        barrier=group.barrier and len(group.tasks) > 1,
        ignore_nonlead_status=group.ignore_nonlead_status,
        publishing=tuple(task.name for task in group.tasks if task.name in publishing),
        port=_port(group, context),
    )
    return plan.Group(
        name=group.name,
        label=label,
        tasks=tuple(_task(task, group, part, hosts, context) for task in group.tasks),
        upstream=upstream,
        implicit=group.implicit,
        ignore_nonlead_status=group.ignore_nonlead_status,
        queue_timeout=context.cluster.queue_timeout,
        where=group.where,
    )


def _job(task: str, context: _Context) -> str:
    name = kubernetes_name(task)
    if name == _DRIVER:
        name = f"{name}-{sha256(name.encode()).hexdigest()[:8]}"
    return fit(f"{context.workflow_id}-{name}", _LONGEST_JOB)


def _port(group: graph.Group, context: _Context) -> int:
    if not any(task.host_network for task in group.tasks):
        return _PORT
    number = int(sha256(f"{context.workflow_id}/{group.name}".encode()).hexdigest()[:8], 16)
    return _NODE_PORTS[number % len(_NODE_PORTS)]


def _host(task: graph.Task, group_label: str, context: _Context) -> str:
    if context.cluster.target == "local":
        return "127.0.0.1"
    own = f"{_job(task.name, context)}-0" if context.cluster.target == "jobs" else kubernetes_name(task.name)
    profile = context.cluster.profile
    full = f".{profile.namespace}.svc.{profile.cluster_domain}" if profile.namespace and profile.cluster_domain else ""
    return f"{own}.{context.workflow_id}-{group_label}{full}"


def _task(
    task: graph.Task, group: graph.Group, part: document.Group, hosts: Mapping[str, str], context: _Context
) -> plan.Task:
    bound = _binder(task, hosts, context)
    label = kubernetes_name(task.name)
    secrets = context.resolved.by_task[task.name]
    files = tuple(
        graph.File(bound(file.path), bound(file.content) if isinstance(file.content, str) else file.content)
        for file in task.files
    )
    keys = [f"{label}.file-{n}" for n in range(len(files))]
    written = _document(task, group, part, files, keys, secrets, bound, context)
    text = document.to_text(written)
    return plan.Task(
        name=task.name,
        label=label,
        host=hosts.get(task.name, ""),
        job=_job(task.name, context),
        shape=_shape(task, len(group.tasks) > 1, files, written, secrets, context),
        document=text,
        document_digest=_digest(text),
        files=tuple(zip(keys, (file.content for file in files), strict=True)),
        where=task.where,
    )


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


def _binder(task: graph.Task, hosts: Mapping[str, str], context: _Context) -> Callable[[str], str]:
    local = context.cluster.local
    moved = f"{local.root}/{task.name}" if local and local.root else ""
    # The last of several inputs of one task gives the name its meaning, as in OSMO.
    names = {read.task: n for n, read in enumerate(task.reads) if isinstance(read, TaskRead)}

    def value(token: Token) -> str:
        match token.kind:
            case TokenKind.WORKFLOW_ID:
                return context.workflow_id
            case TokenKind.OUTPUT:
                return f"{moved}{OUTPUT_DIRECTORY}"
            case TokenKind.INPUT:
                index = names.get(token.argument, token.argument)
                return f"{moved}{INPUT_DIRECTORY}/{index}"
            case TokenKind.HOST if local and local.has_networks and token.argument in hosts:
                return kubernetes_name(token.argument)
            case TokenKind.HOST:
                return hosts.get(token.argument, "localhost")
            case TokenKind.UUID:
                return token.text
            case _:
                assert_never(token.kind)

    return lambda text: bind(text, value)


def _document(
    task: graph.Task,
    group: graph.Group,
    part: document.Group,
    files: tuple[graph.File, ...],
    keys: list[str],
    secrets: Secrets,
    bound: Callable[[str], str],
    context: _Context,
) -> document.TaskDocument:
    cluster = context.cluster
    return document.TaskDocument(
        workflow_id=context.workflow_id,
        workflow=context.graph.name,
        task=task.name,
        lead=task.is_lead,
        digest=context.digests[task.name],
        group=part,
        image=task.image,
        command=tuple(map(bound, task.command)),
        args=tuple(map(bound, task.args)),
        environment=tuple(document.Variable(name=name, value=bound(value)) for name, value in task.environment),
        credential_variables=tuple(
            document.CredentialVariable(name=item.name, secret=item.secret, key=item.key) for item in secrets.variables
        ),
        credential_directories=tuple(
            document.CredentialDirectory(directory=item.directory, secret=item.secret) for item in secrets.directories
        ),
        files=tuple(
            document.File(path=file.path, key=key, digest=file.digest) for file, key in zip(files, keys, strict=True)
        ),
        inputs=tuple(_input(read, group, bound, context) for read in task.reads),
        outputs=tuple(_output(write, bound, context) for write in task.writes),
        kpis=tuple(document.Kpi(index=bound(kpi.index), path=bound(kpi.path)) for kpi in task.kpis),
        checkpoints=tuple(
            document.Checkpoint(
                path=absolute(bound(item.path)),
                url=bound(item.url),
                frequency=item.frequency,
                regex=bound(item.regex),
            )
            for item in task.checkpoints
        ),
        exit_actions=_exit_actions(task, cluster),
        timeouts=context.timeouts,
        retry=context.retry,
        storage=context.storage,
        access=secrets.access,
        buckets=secrets.buckets,
    )


def _timeouts(decisions: Decisions) -> document.Timeouts:
    cluster, timeouts = decisions.cluster, decisions.cluster.profile.timeouts
    storage = decisions.resolved.storage or Storage.default()
    return document.Timeouts(
        exec=cluster.exec_timeout,
        queue=cluster.queue_timeout,
        barrier=_barrier(cluster, storage.retry_for.download),
        settle=timeouts.settle,
        absence=timeouts.absence,
        grace=timeouts.grace,
        upload=timeouts.upload,
        storage_upload=storage.retry_for.upload,
        storage_download=storage.retry_for.download,
    )


def _barrier(cluster: Cluster, download: float) -> float:
    """How long a task may wait for the others: as long as they may be queued, and then download."""
    if cluster.profile.timeouts.barrier is not None:
        return cluster.profile.timeouts.barrier
    return _BARRIER if cluster.queue_timeout is None else cluster.queue_timeout + download


def _storage(storage: Storage | None) -> document.Storage | None:
    if storage is None:
        return None
    return document.Storage(
        url=storage.url,
        endpoint=storage.endpoint,
        region=storage.region,
        secret="" if storage.claim else storage.secret,
        claim=storage.claim,
        publish_on_failure=storage.publish_on_failure,
    )


def _input(
    read: graph.Read, group: graph.Group, bound: Callable[[str], str], context: _Context
) -> document.TaskInput | document.UrlInput | document.DatasetInput:
    match read:
        case TaskRead():
            return document.TaskInput(task=read.task, workflow=read.workflow, regex=bound(read.regex))
        case UrlRead():
            return document.UrlInput(url=bound(read.url), regex=bound(read.regex))
        case DatasetRead():
            return document.DatasetInput(
                bucket=read.dataset.bucket or context.cluster.profile.datasets.default_bucket,
                name=bound(read.dataset.name),
                version=bound(read.version),
                writers=_writers(read, group, context),
                regex=bound(read.regex),
            )


def _writers(read: DatasetRead, group: graph.Group, context: _Context) -> tuple[str, ...]:
    """Tasks of other groups whose version is the one to read: the group waits for them (`lower_datasets`)."""
    dataset = in_bucket(read.dataset, context.cluster.profile.datasets.default_bucket)
    writers = context.dataset_writers.get(dataset, ())
    names = (item.task for item in writers if item.group != group.name and is_new(read.version, item.tag))
    return tuple(dict.fromkeys(names))


def _output(
    write: graph.Write, bound: Callable[[str], str], context: _Context
) -> document.UrlOutput | document.DatasetOutput | document.UpdateOutput:
    default_bucket = context.cluster.profile.datasets.default_bucket
    match write:
        case UrlWrite():
            return document.UrlOutput(url=bound(write.url), regex=bound(write.regex))
        case DatasetWrite():
            return document.DatasetOutput(
                bucket=write.dataset.bucket or default_bucket,
                name=bound(write.dataset.name),
                tag=bound(write.tag),
                path=bound(write.path),
                regex=bound(write.regex),
                metadata=tuple(map(bound, write.metadata)),
                labels=tuple(map(bound, write.labels)),
            )
        case DatasetUpdate():
            return document.UpdateOutput(
                bucket=write.dataset.bucket or default_bucket,
                name=bound(write.dataset.name),
                base=bound(write.base),
                paths=tuple(map(bound, write.paths)),
                metadata=tuple(map(bound, write.metadata)),
                labels=tuple(map(bound, write.labels)),
            )


def _exit_actions(task: graph.Task, cluster: Cluster) -> tuple[document.ExitAction, ...]:
    """The task's own, then those of the pool for codes that the task does not name."""
    defaults = ((Action(name.upper()), ranges) for name, ranges in cluster.pool.default_exit_actions.items())
    return tuple(
        document.ExitAction(action=action.value, codes=ranges) for action, ranges in (*task.exit_actions, *defaults)
    )


def _shape(
    task: graph.Task,
    is_grouped: bool,
    files: tuple[graph.File, ...],
    written: document.TaskDocument,
    secrets: Secrets,
    context: _Context,
) -> plan.Shape:
    cluster = context.cluster
    retry = _retry(written)
    return plan.Shape(
        image=task.image,
        placement=context.places.by_task[task.name],
        is_lead=task.is_lead,
        is_grouped=is_grouped,
        pull_secret=secrets.pull,
        variables=secrets.variables,
        directories=secrets.directories,
        file_paths=tuple(file.path for file in files),
        mounts=task.mounts,
        privileged=task.privileged,
        host_network=task.host_network,
        data_secrets=secrets.data,
        claim=context.resolved.storage.claim if context.resolved.storage else "",
        retry=retry,
        deadline=_deadline(is_grouped, written, cluster),
        pending_timeout=math.ceil(cluster.queue_timeout) if cluster.queue_timeout and not retry else None,
    )


def _retry(written: document.TaskDocument) -> plan.Retry | None:
    """Decided by every range that RESCHEDULE is given, and by what the profile allows for infrastructure."""
    ranges: tuple[ExitRange, ...] = tuple(
        pair for item in written.exit_actions if item.action == Action.RESCHEDULE.value for pair in item.codes
    )
    limit = written.retry.reschedule if ranges else 0
    lost = bool(limit) and any(exit_codes.covers(ranges, code) for code in exit_codes.INFRASTRUCTURE)
    lost = lost or written.retry.infrastructure > 0
    if not limit and not lost:
        return None
    memory = (exit_codes.EVICTED, exit_codes.OUT_OF_MEMORY)
    return plan.Retry(
        limit=max(limit, written.retry.infrastructure),
        on_sentinel=bool(limit),
        on_lost_node=lost,
        on_out_of_memory=bool(limit) and any(exit_codes.covers(ranges, code) for code in memory),
    )


def _deadline(is_grouped: bool, written: document.TaskDocument, cluster: Cluster) -> int | None:
    """A backstop behind the agent's own timer: every budget of the pod added up.

    An upload may wait for storage as long as the profile lets it: the backstop must not cut it off.
    """
    if written.timeouts.exec is None:
        return None
    timeouts = cluster.profile.timeouts
    upload = max(timeouts.upload, written.timeouts.storage_upload) if written.storage else 0.0
    download = written.timeouts.storage_download if written.inputs else 0.0
    barrier = written.timeouts.barrier if is_grouped else 0.0
    budgets = (timeouts.pull, download, barrier, written.timeouts.exec, timeouts.grace, upload)
    return math.ceil(sum(budgets))
