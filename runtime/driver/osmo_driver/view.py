"""One group at one time: what is seen of its Jobs and pods, and what was known of it before."""

from dataclasses import dataclass
from datetime import datetime

from osmo_driver.plan import Group, Plan
from osmo_driver.records import GroupState
from osmo_driver.seen import JobSeen, PodSeen, Seen


@dataclass(frozen=True, slots=True)
class View:
    group: Group
    known: GroupState | None
    seen: Seen
    plan: Plan
    now: datetime

    def job(self, task: str) -> JobSeen | None:
        return self.seen.jobs.get(self.group.job(task))

    def pod(self, task: str) -> PodSeen | None:
        """Of its last attempt."""
        pods = self.seen.pods.get(self.group.job(task), ())
        return pods[-1] if pods else None

    def is_mine(self, job: JobSeen | None) -> bool:
        """Whether this run has started it."""
        return job is not None and job.run == self.seen.run

    def is_running(self, job: JobSeen | None) -> bool:
        return job is not None and self.is_mine(job) and not job.end and not job.suspended

    @property
    def was_started(self) -> bool:
        return any(self.is_mine(self.job(task)) for task in self.group.tasks)

    def named(self, task: str, reason: str) -> str:
        """With the task's name where the group has several."""
        return f"{task}: {reason}" if len(self.group.jobs) > 1 and reason else reason
