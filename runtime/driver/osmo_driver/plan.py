"""The plan as decisions use it: groups after those that they wait for, each with its Jobs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from graphlib import TopologicalSorter

from osmo_driver.document import DriverPlan, PlannedGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """`jobs` are names of Jobs by task, the lead's first; none on Argo. `size` is how many tasks there are."""

    name: str
    label: str
    upstream: tuple[str, ...]
    lead: str
    lead_label: str
    size: int
    jobs: Mapping[str, str]
    queue_timeout: timedelta | None

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(self.jobs)

    def job(self, task: str) -> str:
        return self.jobs[task]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    workflow_id: str
    groups: tuple[Group, ...]
    image_pull_timeout: timedelta
    waits_for_lost_nodes: bool = False
    retention: int | None = None

    def jobs(self) -> Iterator[str]:
        return (job for group in self.groups for job in group.jobs.values())


def plan_of(document: DriverPlan) -> Plan:
    """Raises: graphlib.CycleError, KeyError for a plan that no compiler wrote."""
    planned = {group.name: group for group in document.groups}
    order = TopologicalSorter({name: group.upstream for name, group in planned.items()}).static_order()
    return Plan(
        workflow_id=document.workflow_id,
        groups=tuple(
            Group(
                name=group.name,
                label=group.label or group.name,
                upstream=group.upstream,
                lead=group.lead,
                lead_label=group.lead_label or group.lead,
                size=len(group.tasks),
                jobs=_jobs(group, document),
                queue_timeout=None if group.queue_timeout is None else timedelta(seconds=group.queue_timeout),
            )
            for group in (planned[name] for name in order)
        ),
        image_pull_timeout=timedelta(seconds=document.image_pull_timeout),
        waits_for_lost_nodes=document.node_loss == "wait",
        retention=None if document.retention is None else round(document.retention),
    )


def _jobs(group: PlannedGroup, document: DriverPlan) -> Mapping[str, str]:
    if document.mode == "observe":
        return {}
    return {task: document.jobs[task] for task in sorted(group.tasks, key=lambda task: task != group.lead)}
