"""What tasks of a run on a cluster write: of their pods, as the kubelet keeps it; without a pod, from the storage."""

import re
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from queue import SimpleQueue
from typing import Final

from osmoc.cluster.client import ApiError, Client
from osmoc.cluster.kinds import Object
from osmoc.cluster.reading import TASK, WORKFLOW_ID
from osmoc.cluster.state import State, Status
from osmoc.cluster.watching import Watching
from osmoc.logs_client import KeptLog
from osmoc.names import kubernetes_name

_REST: Final = 15.0
_PAUSE: Final = 1.0
_POD: Final = ("v1", "Pod")
_UID: Final = 8  # so much of a pod's uid is in the names of a storage
# Where a pod's attempt stands: the annotation on Jobs, the variable of osmo-ctrl on Argo.
_FAILURES: Final = "batch.kubernetes.io/job-index-failure-count"
_ATTEMPT: Final = "OSMO_ATTEMPT"
_MAIN: Final = "main"
_EXECUTOR: Final = re.compile(rb"^\S+ time=\S+ level=\w+ msg=.* argo=true")
_EXECUTOR_LAST: Final = re.compile(rb"^\S+ Error: exit status \d+$")


@dataclass(frozen=True, slots=True)
class Line:
    """`time` is the kubelet's or the agent's, as text that sorts."""

    task: str
    attempt: int
    time: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Source:
    """A container whose output is a task's; attempts are counted from 0."""

    task: str
    attempt: int
    pod: str
    uid: str
    container: str
    has_started: bool

    @property
    def is_wrapped(self) -> bool:
        """Whether it is Argo's container, whose executor writes into the same log."""
        return self.container == _MAIN != self.task


def sources(pods: list[Object], *, task: str = "", is_ctrl: bool = False) -> list[Source]:
    """Of all pods of a run, by task and attempt."""
    labeled = [(pod["metadata"]["labels"].get(TASK, ""), pod) for pod in pods]
    found = [_source(name, pod, is_ctrl) for name, pod in labeled if name and task in ("", name)]
    made = {pod["metadata"]["uid"]: pod["metadata"]["creationTimestamp"] for pod in pods}
    return sorted(found, key=lambda source: (source.task, source.attempt, made[source.uid]))


def _source(task: str, pod: Object, is_ctrl: bool) -> Source:
    names = [container["name"] for container in pod["spec"]["containers"]]
    container = "osmo-ctrl" if is_ctrl else task if task in names else _MAIN
    status = pod.get("status", {})
    reported = [*status.get("containerStatuses", ()), *status.get("initContainerStatuses", ())]
    state: Object = next((one.get("state", {}) for one in reported if one["name"] == container), {})
    return Source(
        task=task,
        attempt=_attempt(pod),
        pod=pod["metadata"]["name"],
        uid=pod["metadata"]["uid"],
        container=container,
        # One that is said to have ended, but was never made, has no log that could be asked for.
        has_started=bool(state.get("running") or state.get("terminated", {}).get("containerID")),
    )


def _attempt(pod: Object) -> int:
    if failures := pod["metadata"].get("annotations", {}).get(_FAILURES):
        return int(failures)
    containers = [*pod["spec"]["containers"], *pod["spec"].get("initContainers", ())]
    told = (one.get("value") for container in containers for one in container.get("env", ()) if one["name"] == _ATTEMPT)
    return int(next(filter(None, told), 0))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of one task or of all, the last attempt of each, a certain one, or every one."""

    task: str = ""
    attempt: int | None = None
    every: bool = False

    def of(self, attempts: int) -> Collection[int]:
        """Which ones that is of a task that has had so many; of some of the past nobody has counted them."""
        if self.attempt is not None:
            return (self.attempt,)
        return range(max(attempts, 1)) if self.every else (max(attempts, 1) - 1,)


def without_pod(state: State, found: Sequence[Source], wanted: Wanted) -> list[str]:
    """Tasks that have begun, and of which pods do not have all that is wanted."""
    there = {(source.task, source.attempt) for source in found}
    begun = {
        kubernetes_name(name): wanted.of(task.attempts)
        for name, task in state.tasks.items()
        if task.attempts or (task.started and task.status is not Status.FAILED_UPSTREAM)
    }
    return [
        name
        for name, attempts in begun.items()
        if wanted.task in ("", name) and not {(name, attempt) for attempt in attempts} <= there
    ]


def choose(found: Sequence[Source], kept: Sequence[KeptLog], wanted: Wanted) -> list[Source | KeptLog]:
    """What is wanted, by task and attempt; of an attempt that has both, its pod."""
    pods = {source.uid[:_UID] for source in found}
    by_task: dict[str, list[tuple[int, Source | KeptLog]]] = {}
    for log in kept:
        if log.pod not in pods and wanted.task in ("", kubernetes_name(log.task)):
            by_task.setdefault(kubernetes_name(log.task), []).append((log.number, log))
    for source in found:
        by_task.setdefault(source.task, []).append((source.attempt, source))
    chosen: list[Source | KeptLog] = []
    for name in sorted(by_task):
        attempts = sorted(by_task[name], key=lambda pair: pair[0])
        if wanted.attempt is not None:
            attempts = [pair for pair in attempts if pair[0] == wanted.attempt]
        elif not wanted.every:
            attempts = attempts[-1:]
        chosen += [one for _, one in attempts]
    return chosen


def read_lines(
    client: Client, source: Source, *, follow: bool = False, since: str = "", seconds: int = 0, last: int = 0
) -> Iterator[Line]:
    """Of one container, after the moment `since`, of the last seconds, or the last lines. Raises: ApiError."""
    query = {"container": source.container, "timestamps": "true"}
    if follow:
        query["follow"] = "true"
    if since:
        query["sinceTime"] = since
    elif seconds:
        query["sinceSeconds"] = str(seconds)
    if last:
        query["tailLines"] = str(last)
    with client.log(source.pod, query) as lines:
        for line in _without_executor(lines) if source.is_wrapped else lines:
            stamp, _, text = line.partition(b" ")
            moment = stamp.decode(errors="replace")
            if moment > since:
                yield Line(source.task, source.attempt, moment, text)


def _without_executor(lines: Iterable[bytes]) -> Iterator[bytes]:
    """What the task has written, without what Argo's executor says in between, and as the last line of a failure."""
    last = b""
    for line in lines:
        if last:
            yield last
        last = line if _EXECUTOR_LAST.search(line) else b""
        if not last and not _EXECUTOR.search(line):
            yield line


def list_pods(client: Client, workflow_id: str) -> list[Object]:
    return client.list_of(*_POD, f"{WORKFLOW_ID}={workflow_id},{TASK}")[0]


class Following:
    """The output of all tasks as it is written: a thread for each container, which goes on where it was cut off."""

    def __init__(self, client: Client, workflow_id: str, *, task: str = "", is_ctrl: bool = False) -> None:
        self._client = client
        self._workflow_id = workflow_id
        self._task = task
        self._is_ctrl = is_ctrl
        self.lines: SimpleQueue[Line] = SimpleQueue()
        self._reading: dict[tuple[str, str], threading.Thread] = {}

    @property
    def is_quiet(self) -> bool:
        """Whether all that was followed has ended, and was read."""
        return not any(thread.is_alive() for thread in self._reading.values())

    def start(self) -> None:
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        selector = f"{WORKFLOW_ID}={self._workflow_id},{TASK}"
        for objects in Watching(self._client, [_POD], selector).objects(_REST):
            for source in sources(list(objects.values()), task=self._task, is_ctrl=self._is_ctrl):
                key = (source.pod, source.container)
                if source.has_started and key not in self._reading:
                    self._reading[key] = threading.Thread(target=self._read, args=(source,), daemon=True)
                    self._reading[key].start()

    def _read(self, source: Source) -> None:
        since = ""
        while True:
            try:
                for line in read_lines(self._client, source, follow=True, since=since):
                    since = line.time
                    self.lines.put(line)
                return  # its end
            except ApiError as error:
                if error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN):
                    return
                time.sleep(_PAUSE)
