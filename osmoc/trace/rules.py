"""What the emitters write from which key of the workflow file, as tables.

They say what `osmoc.emit` and `write_documents` do; a test changes each value of workflows, and looks at what changes
in their manifests.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from osmoc.yamlnodes import Path


class How(Enum):
    """`VALUE`: it is what stands there. `CHOICE`: what stands there chose it. `NEAR`: nothing nearer is known."""

    VALUE = "value"
    CHOICE = "choice"
    NEAR = "near"


@dataclass(frozen=True, slots=True)
class Origin:
    """A place of the workflow file that a part of a manifest comes from."""

    path: Path
    how: How = How.VALUE


class At(Enum):
    """What the path of a rule begins at."""

    TASK = "task"
    RESOURCE = "resource"
    GROUP = "group"
    WORKFLOW = "workflow"


@dataclass(frozen=True, slots=True)
class Rule:
    """`pattern` are words of a path, `*` is any; what goes on below it is of the same origin.

    Without a `path` it is there because of the whole, and nothing nearer can be named.
    """

    pattern: str
    at: At
    path: str

    def fits(self, words: Sequence[str | int]) -> bool:
        parts = self.pattern.split(" ")
        return len(parts) <= len(words) and all(
            part in ("*", str(word)) for part, word in zip(parts, words, strict=False)
        )


def first_fit(rules: Iterable[Rule], words: Sequence[str | int]) -> Rule | None:
    return next((rule for rule in rules if rule.fits(words)), None)


_USER: Final = "containers @user"

# List items go by their names.
POD: Final = (
    Rule(f"{_USER} name", At.TASK, "name"),
    Rule(f"{_USER} image", At.TASK, "image"),
    Rule(f"{_USER} resources * cpu", At.RESOURCE, "cpu"),
    Rule(f"{_USER} resources * memory", At.RESOURCE, "memory"),
    Rule(f"{_USER} resources * ephemeral-storage", At.RESOURCE, "storage"),
    Rule(f"{_USER} resources * nvidia.com/gpu", At.RESOURCE, "gpu"),
    Rule(f"{_USER} volumeMounts osmo-shm", At.RESOURCE, "gpu"),
    Rule(f"{_USER} securityContext privileged", At.TASK, "privileged"),
    Rule("volumes osmo-shm", At.RESOURCE, "gpu"),
    Rule("volumes osmo-data emptyDir sizeLimit", At.RESOURCE, "storage"),
    Rule("volumes osmo-group-key", At.GROUP, ""),
    Rule("initContainers osmo-ctrl volumeMounts osmo-group-key", At.GROUP, ""),
    Rule("subdomain", At.GROUP, "name"),
    Rule("hostname", At.TASK, "name"),
    Rule("hostNetwork", At.TASK, "hostNetwork"),
    Rule("dnsPolicy", At.TASK, "hostNetwork"),
    Rule("nodeSelector", At.RESOURCE, "platform"),
    Rule("tolerations", At.RESOURCE, "platform"),
    Rule("affinity nodeAffinity", At.RESOURCE, "nodesExcluded"),
    Rule("affinity podAffinity", At.RESOURCE, "topology"),
    Rule("imagePullSecrets", At.TASK, "image"),
    Rule("activeDeadlineSeconds", At.WORKFLOW, "timeout exec_timeout"),
)

# What an envelope says beside the pod: a template of Argo, the spec of a Job.
ENVELOPE: Final = (
    Rule("retryStrategy", At.TASK, "exitActions"),
    Rule("pendingTimeout", At.WORKFLOW, "timeout queue_timeout"),
    Rule("backoffLimitPerIndex", At.TASK, "exitActions"),
    # The other rules are those of every Job.
    Rule("podFailurePolicy rules 0", At.TASK, "exitActions"),
)

LABELS: Final = (
    Rule("osmo.task_name", At.TASK, "name"),
    Rule("osmo.group_name", At.GROUP, "name"),
    Rule("osmo.lead_container", At.TASK, "lead"),
    Rule("osmo.platform", At.RESOURCE, "platform"),
    Rule("osmo.pool", At.WORKFLOW, "pool"),
    Rule("osmo.workflow_id", At.WORKFLOW, "name"),
)

# Of a task document; lists are handled one by one.
DOCUMENT: Final = (
    Rule("workflow", At.WORKFLOW, "name"),
    Rule("workflow_id", At.WORKFLOW, "name"),
    Rule("task", At.TASK, "name"),
    Rule("lead", At.TASK, "lead"),
    Rule("group name", At.GROUP, "name"),
    Rule("group barrier", At.GROUP, "barrier"),
    Rule("group ignore_nonlead_status", At.GROUP, "ignoreNonleadStatus"),
    Rule("group", At.GROUP, ""),
    Rule("image", At.TASK, "image"),
    Rule("timeouts exec", At.WORKFLOW, "timeout exec_timeout"),
    Rule("timeouts queue", At.WORKFLOW, "timeout queue_timeout"),
)

# What bears the name of a task or group.
NAMES: Final = {at: (Rule("name", at, "name"),) for at in (At.TASK, At.GROUP)}
# What a task of a DAG hands to its template.
PARAMETERS: Final = (Rule("task", At.TASK, "name"), Rule("group", At.GROUP, "name"))
