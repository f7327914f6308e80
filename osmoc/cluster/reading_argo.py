"""From Argo's Workflow to the state of a run. Pure.

Which tasks there are stands in its spec, in nested DAGs; how far they are in its nodes.
"""

import base64
import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from osmoc.cluster.kinds import Object
from osmoc.cluster.state import State, Status, TaskState, moment

CANCELED: Final = "osmo.canceled"

_ENDS: Final = {"Succeeded": Status.COMPLETED, "Failed": Status.FAILED, "Error": Status.FAILED_BACKEND_ERROR}
# Argo's words for nodes; what is not here goes by how its pod ended.
_PHASES: Final = {
    "": Status.WAITING,
    "Pending": Status.SCHEDULING,
    "Running": Status.RUNNING,
    "Succeeded": Status.COMPLETED,
    "Skipped": Status.COMPLETED,
    "Omitted": Status.FAILED_UPSTREAM,
}

# What Argo says of a container that has failed; the agent's last words are JSON.
_CONTAINER: Final = re.compile(
    r"(?P<name>[\w-]+): (?P<reason>\w*) \(exit code (?P<code>\d+)\)(: (?P<said>.*))?", re.DOTALL
)
_PENDING: Final = "timeout"  # the message at the end of a pendingTimeout
# What osmo-driver says of a pod that it ended.
_DRIVER: Final = re.compile(r"(?P<status>FAILED[A-Z_]*): (?P<reason>.*)", re.DOTALL)
_EVICTED: Final = 3004
_NEVER_STARTED: Final = (
    Status.FAILED_QUEUE_TIMEOUT,
    Status.FAILED_IMAGE_PULL,
    Status.FAILED_START_TIMEOUT,
    Status.FAILED_START_ERROR,
)
# How other messages begin.
_MESSAGES: Final = {
    "Pod was active on the node longer": (Status.FAILED_EXEC_TIMEOUT, None),
    "The node was low on resource": (Status.FAILED_EVICTED, _EVICTED),
    "workflow shutdown": (Status.FAILED_CANCELED, None),
    "pod deleted": (Status.FAILED_BACKEND_ERROR, 3001),
    "node ": (Status.FAILED_BACKEND_ERROR, 3001),
}
# Exit codes of the agent that say more than that the command failed.
_AGENT: Final = {
    243: (Status.FAILED_EXEC_TIMEOUT, 243, "exec_timeout"),
    248: (Status.FAILED_BACKEND_ERROR, 3001, "the pod was ended from outside"),
}
_FIRST_OF_INIT: Final = 255

Tasks = dict[str, dict[str, TaskState]]


def read_workflow(workflow: Object, base: State) -> State:
    status = workflow.get("status", {})
    phase, message = status.get("phase", ""), status.get("message", "")
    nodes = dict(_task_nodes(_nodes(status)))
    canceled = workflow["metadata"].get("annotations", {}).get(CANCELED, "")
    canceled_at = _annotated_at(workflow["metadata"], CANCELED) if canceled else None
    rest = Status.WAITING
    if phase in _ENDS:
        rest = Status.FAILED_CANCELED if canceled else Status.FAILED_UPSTREAM
    tasks: Tasks = {}
    for group, task in filter(None, (_name(leaf["arguments"]) for leaf in leaves(workflow["spec"]))):
        found = nodes.get((group, task)) or TaskState(status=rest)
        if canceled and (found.status is Status.FAILED_BACKEND_ERROR or _ended_after(found, canceled_at)):
            found = found.model_copy(update={"status": Status.FAILED_CANCELED})
        tasks.setdefault(group, {})[task] = found
    whole = base.with_tasks({group: _ended_together(found) for group, found in tasks.items()})
    if phase not in _ENDS:
        status = Status.RUNNING if nodes else Status.PENDING
        reason = message if phase else "waiting for Argo's controller to see it"
        return whole.model_copy(update={"status": status, "reason": reason, "ended": None})
    changes: dict[str, Any] = {"status": _ENDS[phase], "ended": moment(status.get("finishedAt")), "reason": ""}
    if phase != "Succeeded":
        changes["status"] = whole.status if whole.status.has_failed else _ENDS[phase]
        changes["reason"] = whole.reason or message
        if canceled:
            changes |= {"status": Status.FAILED_CANCELED, "reason": canceled}
    return whole.model_copy(update=changes)


def _annotated_at(metadata: Mapping[str, Any], annotation: str) -> datetime | None:
    """When it was set, by the clock of the API server."""
    for entry in metadata.get("managedFields", ()):
        if f"f:{annotation}" in entry.get("fieldsV1", {}).get("f:metadata", {}).get("f:annotations", {}):
            return moment(entry.get("time"))
    return None


def _ended_after(task: TaskState, canceled_at: datetime | None) -> bool:
    """Whoever ends then was ended: where a lead hears of it first, its group ends the others, as after a success."""
    return bool(canceled_at and task.ended and task.ended >= canceled_at)


def _ended_together(tasks: dict[str, TaskState]) -> dict[str, TaskState]:
    """Where one of a group can never start, osmo-driver ends the others, for the same reason."""
    first = next((task.status for task in tasks.values() if task.status in _NEVER_STARTED), None)
    if first is None:
        return tasks
    is_ended = {name: task.status is Status.FAILED_BACKEND_ERROR for name, task in tasks.items()}
    followed = {"status": first, "reason": ""}
    return {name: task.model_copy(update=followed) if is_ended[name] else task for name, task in tasks.items()}


def leaves(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The DAG tasks that are tasks of the workflow, in the order of the file; the others are groups, or joins."""
    templates = {template["name"]: template for template in spec["templates"]}

    def below(template: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        for one in template["dag"]["tasks"]:
            inner = one.get("inline") or templates[one["template"]]
            if "dag" in inner:
                yield from below(inner)
            elif _name(one.get("arguments", {})):
                yield one

    return below(templates[spec["entrypoint"]])


def _name(given: Mapping[str, Any]) -> tuple[str, str] | None:
    """Group and task, by the parameters that only leaves have."""
    parameters = {one["name"]: one.get("value", "") for one in given.get("parameters", ())}
    task = parameters.get("task")
    return (parameters.get("group", f"{task}-group"), task) if task else None


def _nodes(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """Compressed by Argo when there are many."""
    if packed := status.get("compressedNodes"):
        found: Mapping[str, Any] = json.loads(gzip.decompress(base64.b64decode(packed)))
        return found
    return status.get("nodes") or {}


def _task_nodes(nodes: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], TaskState]]:
    """A task is the Retry above its pods, or its only pod. Those that never ran have no parameters."""
    retried = {child for node in nodes.values() if node.get("type") == "Retry" for child in node.get("children", ())}
    for key, node in nodes.items():
        if key in retried or node.get("type") not in ("Pod", "Retry"):
            continue
        if named := _name(node.get("inputs", {})):
            pods = [nodes[child] for child in node.get("children", ()) if child in nodes and child in retried] or [node]
            yield named, _task(node, pods)


def _task(node: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]) -> TaskState:
    last = pods[-1]
    code = last.get("outputs", {}).get("exitCode")
    exit = int(code) if code is not None else None
    phase, reason = node.get("phase", ""), ""
    status = _PHASES.get(phase)
    if status is None:
        status, exit, reason = _end(last.get("message") or node.get("message", ""), exit)
    return TaskState(
        status=status,
        reason=reason,
        exit=exit,
        attempts=len(pods) if last.get("type") == "Pod" else 0,
        node=last.get("hostNodeName", ""),
        started=moment(node.get("startedAt")),
        ended=moment(node.get("finishedAt")),
    )


def _end(message: str, exit: int | None) -> tuple[Status, int | None, str]:
    """Status, code and reason of a task that has failed, as osmo-driver says them of a Job."""
    if said := _CONTAINER.fullmatch(message):
        return _end_of_container(said)
    if said := _DRIVER.fullmatch(message):
        return Status(said["status"]), None, said["reason"]
    if message == _PENDING:
        return Status.FAILED_QUEUE_TIMEOUT, None, "not started within its queue_timeout"
    for beginning, (status, code) in _MESSAGES.items():
        if message.startswith(beginning):
            return status, code, message
    return Status.FAILED, exit, message


def _end_of_container(found: re.Match[str]) -> tuple[Status, int, str]:
    code, said = int(found["code"]), _said(found["said"])
    reason = str(said.get("reason") or "")
    if found["name"] != "main":
        code = _FIRST_OF_INIT + code if found["name"] == "osmo-init" else code
        return Status.FAILED, code, f"{found['name']}: {found['said'] or found['reason']}"
    if found["reason"] == "OOMKilled":
        return Status.FAILED_EVICTED, _EVICTED, "out of memory"
    if found["reason"] in ("StartError", "ContainerCannotRun"):
        return Status.FAILED_START_ERROR, 3003, found["said"] or found["reason"]
    if code in _AGENT:
        status, code, usual = _AGENT[code]
        return status, code, reason or usual
    code = said.get("code", code)
    return Status.FAILED_EVICTED if code == _EVICTED else Status.FAILED, code, reason or f"exit code {code}"


def _said(text: str | None) -> dict[str, Any]:
    try:
        said = json.loads(text or "{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
