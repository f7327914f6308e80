"""IR 3: where and with what everything runs. Names, hardware, secrets and documents are decided; objects are not.

Tasks whose pods differ only in what their documents hold have equal `Shape`s: a shape holds nothing that a user wrote
as free text, so it may stand in a Workflow, whose text Argo substitutes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, NamedTuple

from osmoc import document, graph
from osmoc.profile import Profile
from osmoc.yamltree import Path

Target = Literal["argo", "jobs", "local"]


class TopologyTerm(NamedTuple):
    """Tasks of one `group` are placed within one domain of the node label `label`."""

    label: str
    group: str
    required: bool


class SecretVariable(NamedTuple):
    name: str
    secret: str
    key: str


class SecretDirectory(NamedTuple):
    directory: str
    secret: str


class Retry(NamedTuple):
    """When the envelope runs a task again: always on the sentinel, and on failures that only the cluster sees."""

    limit: int
    on_sentinel: bool
    on_lost_node: bool
    on_out_of_memory: bool


class Mark(Enum):
    """What stands in a rendered pod template for a name that differs from task to task."""

    WORKFLOW = "osmoc..workflow..id"
    GROUP = "osmoc..group..name"
    TASK = "osmoc..task..name"
    CONTAINER = "osmoc..user..container"


class Placement(NamedTuple):
    """Where a pod may run, and how much of a node it takes.

    `pod_patch` is the merged and rendered pod template of the profile as JSON, empty if there is none; in it the
    names of workflow, group and task are `Mark`s.
    """

    pool: str = ""
    platform: str = ""
    cpu: int | None = None
    gpu: int | None = None
    memory: str | None = None
    storage: str | None = None
    node_selector: tuple[tuple[str, str], ...] = ()
    tolerations: tuple[str, ...] = ()  # each a JSON object
    excluded_nodes: tuple[str, ...] = ()
    topology: tuple[TopologyTerm, ...] = ()
    pod_patch: str = ""


class Shape(NamedTuple):
    """All that decides the form of a task's pod. What it holds are tuples too: they are compared and hashed a lot."""

    image: str
    placement: Placement
    is_lead: bool
    is_grouped: bool
    pull_secret: str = ""
    variables: tuple[SecretVariable, ...] = ()
    directories: tuple[SecretDirectory, ...] = ()
    file_paths: tuple[str, ...] = ()
    mounts: tuple[graph.Mount, ...] = ()
    privileged: bool = False
    host_network: bool = False
    data_secrets: tuple[str, ...] = ()
    claim: str = ""
    retry: Retry | None = None
    deadline: int | None = None
    pending_timeout: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task with its document. `label` is its name as Kubernetes writes it, `host` its name within the group."""

    name: str
    label: str
    host: str
    job: str
    shape: Shape
    document: str
    document_digest: str
    files: tuple[tuple[str, str | bytes], ...]
    where: Path = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """`label` is short enough for `<workflow id>-<label>`, the name of the group's Service."""

    name: str
    label: str
    tasks: tuple[Task, ...]
    upstream: tuple[str, ...]
    implicit: bool
    ignore_nonlead_status: bool
    queue_timeout: float | None
    where: Path = field(default=(), compare=False, repr=False)

    @property
    def lead(self) -> Task:
        return next(task for task in self.tasks if task.shape.is_lead)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Something outside the result that the cluster must have."""

    kind: str
    name: str
    reason: str
    where: Path = field(default=(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole run. `pull_secrets` are for our own images.

    `shards` are the ConfigMaps of documents and files, each a list of tasks; `shard_of` says which one has a task.
    """

    workflow_id: str
    name: str
    target: Target
    profile: Profile
    groups: Mapping[str, Group]
    shards: tuple[tuple[Task, ...], ...]
    shard_of: Mapping[str, int]
    labels: tuple[tuple[str, str], ...]
    priority_class: str
    init_image: str
    ctrl_image: str
    pull_secrets: tuple[str, ...]
    driver: document.DriverPlan | None
    requirements: tuple[Requirement, ...]
