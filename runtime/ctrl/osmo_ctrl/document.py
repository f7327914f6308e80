"""The task document, as the pod reads it: the other side of `schemas/task.schema.json`.

The same classes and names as in the compiler's `osmoc/document.py`. Neither imports the other; a test compares what
both have with the schema.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    # What a later compiler adds to this version can be left out of account; else it would have another version.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


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
