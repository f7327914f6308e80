"""What tasks of a run on a cluster write: of their pods, as the kubelet keeps it."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from queue import SimpleQueue
from typing import Final

from osmoc.cluster.client import ApiError, Client
from osmoc.cluster.kinds import Object
from osmoc.cluster.reading import TASK, WORKFLOW_ID
from osmoc.cluster.watching import Watching

_REST: Final = 15.0
_PAUSE: Final = 1.0
_POD: Final = ("v1", "Pod")
_ATTEMPT: Final = "batch.kubernetes.io/job-index-failure-count"


@dataclass(frozen=True, slots=True)
class Line:
    """`time` is the kubelet's, as text that sorts."""

    task: str
    attempt: int
    time: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Source:
    """A container whose output is a task's."""

    task: str
    attempt: int
    pod: str
    container: str
    has_started: bool


def sources(pods: list[Object], *, task: str = "", is_ctrl: bool = False) -> list[Source]:
    """Of all pods of a run, by task and attempt."""
    found: dict[str, list[Object]] = {}
    for pod in sorted(pods, key=lambda pod: (_failures(pod), pod["metadata"]["creationTimestamp"])):
        name = pod["metadata"]["labels"].get(TASK, "")
        if name and task in ("", name):
            found.setdefault(name, []).append(pod)
    return [_source(name, n, pod, is_ctrl) for name, some in found.items() for n, pod in enumerate(some)]


def _failures(pod: Object) -> int:
    return int(pod["metadata"].get("annotations", {}).get(_ATTEMPT, 0))


def _source(task: str, attempt: int, pod: Object, is_ctrl: bool) -> Source:
    names = [container["name"] for container in pod["spec"]["containers"]]
    container = "osmo-ctrl" if is_ctrl else task if task in names else "main"
    status = pod.get("status", {})
    reported = [*status.get("containerStatuses", ()), *status.get("initContainerStatuses", ())]
    state: Object = next((one.get("state", {}) for one in reported if one["name"] == container), {})
    return Source(
        task=task,
        attempt=attempt,
        pod=pod["metadata"]["name"],
        container=container,
        has_started=bool(state.get("running") or state.get("terminated")),
    )


def read_lines(
    client: Client, source: Source, *, follow: bool = False, since: str = "", seconds: int = 0
) -> Iterator[Line]:
    """Of one container, after the moment `since`, or of the last seconds. Raises: ApiError."""
    query = {"container": source.container, "timestamps": "true"}
    if follow:
        query["follow"] = "true"
    if since:
        query["sinceTime"] = since
    elif seconds:
        query["sinceSeconds"] = str(seconds)
    with client.log(source.pod, query) as lines:
        for line in lines:
            stamp, _, text = line.partition(b" ")
            moment = stamp.decode(errors="replace")
            if moment > since:
                yield Line(source.task, source.attempt, moment, text)


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
