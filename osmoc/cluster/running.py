"""The pod of a task that runs, for what only a running container can do."""

from collections.abc import Sequence
from difflib import get_close_matches

from osmoc.cluster.client import Client
from osmoc.cluster.kinds import Object
from osmoc.cluster.logs import Source, list_pods, sources
from osmoc.cluster.reading import TASK
from osmoc.cluster.runs import read
from osmoc.cluster.state import State, Status
from osmoc.names import kubernetes_name


class NotRunningError(Exception):
    """A task has no container that runs: `str()` says why. `may_run` says whether it still may."""

    def __init__(self, message: str, *, may_run: bool = False) -> None:
        super().__init__(message)
        self.may_run = may_run


def find_running(client: Client, run_id: str, task: str) -> Source:
    """Of the task's newest attempt. Raises: NotRunningError, UnknownRunError."""
    return choose_running(list_pods(client, run_id), read(client, run_id), task)


def choose_running(pods: Sequence[Object], state: State, task: str) -> Source:
    """Raises: NotRunningError."""
    names = {kubernetes_name(name): found for name, found in state.tasks.items()}
    label = kubernetes_name(task)
    if label not in names:
        close = get_close_matches(task, state.tasks, 1)
        help = f"do you mean `{close[0]}`?" if close else f"it has {', '.join(state.tasks) or 'none yet'}"
        raise NotRunningError(f"`{state.workflow_id}` has no task `{task}`: {help}")
    alive = [pod for pod in pods if pod["metadata"]["labels"].get(TASK) == label and _runs(pod, label)]
    if not alive:
        found = names[label]
        why = found.reason or ("its container has not started" if found.status is Status.RUNNING else "")
        message = f"`{task}` does not run: it is {found.status}{f': {why}' if why else ''}"
        raise NotRunningError(message, may_run=not found.status.has_ended)
    return sources(alive, task=label)[-1]


def _runs(pod: Object, label: str) -> bool:
    if pod["metadata"].get("deletionTimestamp"):
        return False
    statuses = pod.get("status", {}).get("containerStatuses", ())
    return any("running" in one.get("state", {}) for one in statuses if one["name"] in (label, "main"))
