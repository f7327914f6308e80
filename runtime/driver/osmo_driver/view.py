"""One group at one time: what is seen of its Jobs and pods, and what was known of it before."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from osmo_driver.plan import Group, Plan
from osmo_driver.records import GroupState
from osmo_driver.seen import JobSeen, PodSeen, Seen

# The lead's agent exits last of its group: what still runs after this is stuck.
_LEFTOVER_LIMIT: Final = timedelta(minutes=1)


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
    def has_led(self) -> bool:
        """Whether its lead has ended, as a task of this run."""
        lead = self.job(self.group.lead)
        return lead is not None and lead.end is not None and self.is_mine(lead)

    @property
    def ends_by_itself(self) -> bool:
        """It has ended by its lead, and its other tasks are given a while to follow."""
        ended = self.known.ended if self.known else None
        return self.has_led and ended is not None and self.now - ended <= _LEFTOVER_LIMIT

    @property
    def was_started(self) -> bool:
        return any(self.is_mine(self.job(task)) for task in self.group.tasks)

    def named(self, task: str, reason: str) -> str:
        """With the task's name where the group has several."""
        return f"{task}: {reason}" if len(self.group.jobs) > 1 and reason else reason
