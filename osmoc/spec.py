"""IR 1: the workflow as its author wrote it. `osmoc schema workflow` is the JSON Schema of these models.

Grammar: OSMO 6.2, with the ISO 8601 durations of 6.3 and the `labels` of 6.4. Mappings are closed. What a value
means - references, tokens, order - is for the checks and passes that follow.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from osmoc.values import Boolean, Count, Duration, ExitCodes, Regex, SizeValue, StrictText, Text
from osmoc.yamltree import Path


class Model(BaseModel):
    # Most models are used as parts of others, or not at all: a validator is built when it is called for.
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=False, defer_build=True)

    @classmethod
    def default(cls) -> Self:
        """Nothing given: what `cls()` is, without a validator."""
        return cls.model_construct()  # type: ignore[return-value]  # the plugin of pydantic forgets Self


class TaskInput(Model):
    """What another task wrote to its output directory. It also makes this task wait for that one."""

    task: Text = Field(description="A task of this workflow, or `<workflow id>:<task>` of an earlier one.")
    regex: Regex = Field("", description="Only files whose path matches from its start.")


class UrlInput(Model):
    """Objects below a storage URL."""

    url: Text = Field(description="s3://, gs://, azure://, swift:// or tos://", examples=["s3://bucket/path"])
    regex: Regex = Field("", description="Only files whose path matches from its start.")


class DatasetFields(Model):
    name: Text = Field(description="`[bucket/]name[:tag or version]`", examples=["cats", "team/cats:v1"])
    regex: Regex = Field("", description="Only files whose path matches from its start.")
    path: Text = Field("", description="Outputs: only this path below the output directory.")
    metadata: tuple[Text, ...] = Field((), description="Outputs: YAML files to keep with the version.")
    labels: tuple[Text, ...] = Field((), description="Outputs: YAML files with labels of the dataset.")
    localpath: Text = Field("", description="Inputs: a local file or folder to be uploaded first.")


class DatasetInput(Model):
    """A version of a dataset; the newest one unless a tag or version is named."""

    dataset: DatasetFields = Field(description="The dataset to read.")


class UrlOutput(Model):
    """Upload the output directory below a storage URL when the command has ended."""

    url: Text = Field(description="s3://, gs://, azure://, swift:// or tos://", examples=["s3://bucket/path"])
    regex: Regex = Field("", description="Only files whose path matches from its start.")


class DatasetOutput(Model):
    """A new version of a dataset."""

    dataset: DatasetFields = Field(description="The dataset to write.")


class UpdateFields(Model):
    name: Text = Field(description="`[bucket/]name[:tag or version of the base]`")
    paths: tuple[Text, ...] = Field((), description="`source[:destination]` below the output directory; all if empty.")
    metadata: tuple[Text, ...] = Field((), description="YAML files to keep with the version.")
    labels: tuple[Text, ...] = Field((), description="YAML files with labels of the dataset.")


class UpdateDatasetOutput(Model):
    """A new version of a dataset: its base version and new files."""

    update_dataset: UpdateFields = Field(description="The dataset to write a new version of.")


# Tags stand in the path of a finding; the brackets tell them from keys of the file.
def _kind_of(value: Any) -> str | None:
    """The one key that says what an input or output is; None (an error) if there is not exactly one."""
    kinds = [kind for kind in ("task", "url", "dataset", "update_dataset") if isinstance(value, dict) and kind in value]
    return f"[{kinds[0]}]" if len(kinds) == 1 else None


Input = Annotated[
    Annotated[TaskInput, Tag("[task]")] | Annotated[UrlInput, Tag("[url]")] | Annotated[DatasetInput, Tag("[dataset]")],
    Discriminator(_kind_of),
]
Output = Annotated[
    Annotated[UrlOutput, Tag("[url]")]
    | Annotated[DatasetOutput, Tag("[dataset]")]
    | Annotated[UpdateDatasetOutput, Tag("[update_dataset]")],
    Discriminator(_kind_of),
]


# A directory that gets a file per key, or environment variables that get the value of a key.
CredentialUse = Annotated[
    Annotated[Text, Tag("[directory]")] | Annotated[dict[Text, Text], Tag("[environment]")],
    Discriminator(lambda value: "[environment]" if isinstance(value, dict) else "[directory]"),
]


class File(Model):
    """A file to be put into the user's container."""

    path: Text = Field(description="Absolute path in the container.")
    contents: Text | None = Field(None, description="The text, or base64 data if `base64` is true.")
    localpath: Text | None = Field(None, description="A file beside the workflow file, in place of `contents`.")
    base64: Boolean = Field(False, description="`contents` is base64.")


class Checkpoint(Model):
    """A directory that is uploaded while the command runs, and once more at its end."""

    path: Text = Field(description="Absolute path in the container.")
    url: Text = Field(description="Storage URL; the last part of `path` is kept below it.")
    frequency: Duration = Field(description="Time between two uploads, at least one second.")
    regex: Regex = Field("", description="Only files whose path matches from its start.")


class Kpi(Model):
    """A file of the output directory that is kept as a key performance indicator."""

    index: Text = Field(description="The name of the indicator.")
    path: Text = Field(description="The file, below the output directory.")


class Topology(Model):
    """Tasks of one group name are placed close to each other."""

    key: Text = Field(description="A topology key of the pool, such as `rack`.")
    group: Text = Field("default", description="Tasks with the same group lie together.")
    requirement_type: Literal["required", "preferred"] = Field(
        "required", alias="requirementType", description="Whether to wait for such a place, or to do without."
    )


class Resource(Model):
    """Hardware that a task asks for; what is not said is left to the pool."""

    cpu: Count | None = Field(None, description="Processors.")
    gpu: Count | None = Field(None, description="GPUs.")
    memory: SizeValue | None = Field(None, description="Memory, such as `16Gi`.")
    storage: SizeValue | None = Field(None, description="Disk for inputs, outputs and scratch, such as `100Gi`.")
    platform: Text | None = Field(None, description="A platform of the pool.")
    nodes_excluded: tuple[Text, ...] = Field((), alias="nodesExcluded", description="Nodes not to run on.")
    topology: tuple[Topology, ...] = Field((), description="Tasks that are to lie close together.")


class Task(Model):
    """A container image with a command."""

    name: Text = Field(description="A letter, then letters, digits, `-` and `_`; unique among tasks and groups.")
    image: Text = Field(description="The container image.", examples=["python:3.12-slim"])
    command: tuple[Text, ...] = Field(description="The program and its first arguments; the image's own is not used.")
    args: tuple[Text, ...] = Field((), description="Further arguments.")
    lead: Boolean = Field(False, description="The group ends when this task ends.")
    environment: dict[Text, Text] = Field({}, description="Environment variables.")
    credentials: dict[Text, CredentialUse] = Field(
        {}, description="Credential name to a directory for its files, or to a mapping of variable to key."
    )
    inputs: tuple[Input, ...] = Field((), description="Item N is downloaded to `{{input:N}}`.")
    outputs: tuple[Output, ...] = Field((), description="Where `{{output}}` goes when the command has ended.")
    files: tuple[File, ...] = Field((), description="Files to be put into the container.")
    resource: Text = Field("default", description="A name in `resources` of the workflow.")
    resources: Resource = Field(Resource.default(), description="Ignored: name an entry with `resource`.")
    exit_actions: dict[Text, ExitCodes] = Field(
        {}, alias="exitActions", description="COMPLETE, FAIL or RESCHEDULE to exit codes; the first match counts."
    )
    checkpoint: tuple[Checkpoint, ...] = Field((), description="Directories saved while the command runs.")
    volume_mounts: tuple[Text, ...] = Field((), alias="volumeMounts", description="`/host` or `/host:/container`.")
    privileged: Boolean = Field(False, description="Run with the rights of the node.")
    host_network: Boolean = Field(False, alias="hostNetwork", description="Share the network of the node.")
    kpis: tuple[Kpi, ...] = Field((), description="Files kept as key performance indicators.")
    download_type: Literal["download"] | None = Field(None, alias="downloadType", description="No effect.")
    cache_size: Text | None = Field(None, alias="cacheSize", description="No effect.")
    backend: Text = Field("", description="Ignored.")


class Group(Model):
    """Tasks that start together, on one node or several, and reach each other by `{{host:<task>}}`."""

    name: Text = Field(description="A letter, then letters, digits, `-` and `_`; unique among tasks and groups.")
    tasks: tuple[Task, ...] = Field(description="The tasks that start together; exactly one has `lead: true`.")
    barrier: Boolean = Field(True, description="Commands start when all tasks of the group are ready.")
    ignore_nonlead_status: Boolean = Field(
        True, alias="ignoreNonleadStatus", description="Whether only the lead decides how the group ends."
    )


class Timeout(Model):
    exec_timeout: Duration | None = Field(None, description="Longest time a command may run.")
    queue_timeout: Duration | None = Field(None, description="Longest time a task may wait for a node.")


class Workflow(Model):
    """Tasks, or groups of tasks; each runs when what it reads is there."""

    name: Text = Field(description="The name; run ids begin with it.")
    tasks: tuple[Task, ...] = Field((), description="Tasks; each is a group of its own.")
    groups: tuple[Group, ...] = Field((), description="Groups of tasks, in place of `tasks`.")
    resources: dict[Text, Resource] = Field(
        {"default": Resource.default()}, description="Hardware by name; tasks name it."
    )
    timeout: Timeout = Field(Timeout.default(), description="Longest times of every task.")
    pool: Text = Field("", description="The pool to run in, unless `--pool` names another.")
    backend: Text = Field("", description="Ignored.")
    labels: dict[Text, StrictText] = Field({}, max_length=16, description="Labels of every pod.")

    def walk(self) -> Iterator[tuple[Path, Task]]:
        """Every task with its path in the file, in the order of the file."""
        for n, task in enumerate(self.tasks):
            yield ("workflow", "tasks", n), task
        for g, group in enumerate(self.groups):
            for n, task in enumerate(group.tasks):
                yield ("workflow", "groups", g, "tasks", n), task

    def walk_groups(self) -> Iterator[tuple[Path, tuple[tuple[Path, Task], ...]]]:
        """The tasks that run together, with the path of their group; a task of `tasks` is alone."""
        for n, task in enumerate(self.tasks):
            path: Path = ("workflow", "tasks", n)
            yield path, ((path, task),)
        for g, group in enumerate(self.groups):
            path = ("workflow", "groups", g)
            yield path, tuple(((*path, "tasks", n), task) for n, task in enumerate(group.tasks))


class WorkflowFile(Model):
    """A workflow file. Editors check it with this; the compiler reads its sections one by one."""

    version: Literal[2] = Field(2, description="Version of the workflow language.")
    default_values: dict[str, Any] | None = Field(
        None, alias="default-values", description="Values of the template, unless --set gives others."
    )
    workflow: Workflow = Field(description="The workflow.")
