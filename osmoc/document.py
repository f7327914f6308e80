"""The task document: all that a pod needs to know about its task, and the contract with the runtime.

One JSON document a task; `schemas/task.schema.json` is the schema of these models. `version` changes when a reader
of the old form would misread the new one. What only the running pod knows - run id, attempt, its own uid - comes by
environment variables; secrets are named, never written.
"""

import re
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

VERSION = 1

# What JSON may hold as it is, but no literal block of YAML: the document would stand there as one long line.
_UNPRINTABLE: Final = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Variable(Part):
    name: str
    value: str


class CredentialVariable(Part):
    """An environment variable that the kubelet sets from a Secret; its value is masked in logs."""

    name: str
    secret: str
    key: str


class CredentialDirectory(Part):
    directory: str
    secret: str


class File(Part):
    """A file that the kubelet mounts at `path` from the key of the task's ConfigMap."""

    path: str
    key: str
    digest: str = Field(description="SHA-256 of its bytes, in hex.")


class TaskInput(Part):
    """The output of a task: of this run, or of the newest completed run of `workflow`."""

    kind: Literal["task"] = "task"
    task: str
    workflow: str = ""
    regex: str = ""


class UrlInput(Part):
    kind: Literal["url"] = "url"
    url: str
    regex: str = ""


class DatasetInput(Part):
    """`version` is a number or a tag, empty for the newest; `writers` are tasks of this run that it comes from."""

    kind: Literal["dataset"] = "dataset"
    bucket: str
    name: str
    version: str = ""
    writers: tuple[str, ...] = ()
    regex: str = ""


class UrlOutput(Part):
    kind: Literal["url"] = "url"
    url: str
    regex: str = ""


class DatasetOutput(Part):
    kind: Literal["dataset"] = "dataset"
    bucket: str
    name: str
    tag: str = ""
    path: str = ""
    regex: str = ""
    metadata: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


class UpdateOutput(Part):
    kind: Literal["update_dataset"] = "update_dataset"
    bucket: str
    name: str
    base: str = ""
    paths: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


Input = Annotated[TaskInput | UrlInput | DatasetInput, Field(discriminator="kind")]
Output = Annotated[UrlOutput | DatasetOutput | UpdateOutput, Field(discriminator="kind")]


class Kpi(Part):
    index: str
    path: str


class Checkpoint(Part):
    path: str
    url: str
    frequency: float = Field(description="Seconds.")
    regex: str = ""


class ExitAction(Part):
    """The first action of the list one of whose inclusive ranges holds the exit code is taken."""

    action: Literal["COMPLETE", "FAIL", "RESCHEDULE"]
    codes: tuple[tuple[int, int], ...]


class Member(Part):
    task: str
    host: str = Field(description="Name under which the other tasks of the group reach it; empty if it is alone.")


class Group(Part):
    """The tasks that start together. The lead's osmo-ctrl coordinates them."""

    name: str
    lead: str
    members: tuple[Member, ...]
    barrier: bool
    ignore_nonlead_status: bool
    publishing: tuple[str, ...] = Field(description="Tasks whose outputs leave the group: it is done when theirs are.")
    port: int = Field(description="Where the lead's osmo-ctrl listens; no two groups share one of the node's.")


class Timeouts(Part):
    """Seconds; `exec` and `queue` are null where there is no limit."""

    exec: float | None
    queue: float | None
    barrier: float
    settle: float = Field(description="Between the first end in a group and what follows from it.")
    absence: float = Field(description="What a group does without a task of it that is not run again by itself.")
    grace: float
    upload: float
    storage_upload: float
    storage_download: float


class Retry(Part):
    reschedule: int = Field(description="How often the task may be run again by RESCHEDULE.")
    infrastructure: int = Field(description="How often it is run again when its node or pod was lost.")


class Storage(Part):
    """`url` is empty where the Secret's key `url` has it; with a claim all lies below `/osmo/storage`."""

    url: str
    endpoint: str
    region: str
    secret: str
    claim: str
    publish_on_failure: bool


class Access(Part):
    """A place that URLs and datasets of the task lie in, and the Secret whose credential is for it."""

    url: str
    secret: str
    endpoint: str = ""
    region: str = ""


class Bucket(Part):
    """`url` is empty where the profile gives none: `<storage>/datasets`, or `<storage>/buckets/<name>`."""

    name: str
    url: str
    secret: str
    endpoint: str = ""
    region: str = ""
    single_writer: bool = False


class TaskDocument(Part):
    """All that a pod needs to know about its task."""

    version: Literal[1] = 1
    workflow_id: str
    workflow: str
    task: str
    lead: bool
    digest: str = Field(description="SHA-256 of what decides the result: image, command, environment, files, inputs.")
    group: Group
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    environment: tuple[Variable, ...]
    credential_variables: tuple[CredentialVariable, ...]
    credential_directories: tuple[CredentialDirectory, ...]
    files: tuple[File, ...]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    kpis: tuple[Kpi, ...]
    checkpoints: tuple[Checkpoint, ...]
    exit_actions: tuple[ExitAction, ...]
    timeouts: Timeouts
    retry: Retry
    storage: Storage | None = Field(description="Null for a workflow that moves no data.")
    access: tuple[Access, ...]
    buckets: tuple[Bucket, ...]


class PlannedGroup(Part):
    """A group as the driver sees it: its Jobs or tasks, what it waits for, how it ends.

    Defaults are not written: a plan of thousands of groups must fit into a ConfigMap.
    """

    name: str
    label: str = Field("", description="Its name in the labels of pods, where that is not `name`.")
    upstream: tuple[str, ...] = ()
    tasks: tuple[str, ...]
    lead: str
    lead_label: str = Field("", description="The lead's name in the labels of pods, where that is not `lead`.")
    ignore_nonlead_status: bool = True
    queue_timeout: float | None = None


class DriverPlan(Part):
    """What the driver runs or observes. On Argo it only ends pods that can never start."""

    version: Literal[1]
    workflow_id: str
    mode: Literal["jobs", "observe"]
    groups: tuple[PlannedGroup, ...]
    jobs: dict[str, str] = Field(description="Task to the name of its Job; empty on Argo.")
    infrastructure_retries: int
    image_pull_timeout: float
    node_loss: Literal["give_up", "wait"] = Field(
        "give_up", description="Whether pods on a lost node are given up, or wait for it to return."
    )
    retention: float | None = Field(description="Seconds that finished Jobs are kept after the end of the workflow.")


def to_text(document: TaskDocument) -> str:
    """As it stands in a ConfigMap: lines that a reviewer's diff can show."""
    text = document.model_dump_json(indent=2)
    if not text.isascii() or "\x7f" in text:
        text = _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return f"{text}\n"
