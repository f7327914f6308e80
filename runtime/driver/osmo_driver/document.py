"""The driver's plan as it reads it: the other side of `schemas/driver.schema.json`.

The same classes and names as in the compiler's `osmoc/document.py`. Neither imports the other; a test compares what
both have with the schema.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    # What a later compiler adds to this version can be left out of account; else it would have another version.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


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
