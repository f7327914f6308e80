"""A cluster as the driver's decisions see it: Jobs, their pods, what is recorded, a clock. No API server, no time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from osmo_driver.decide import Action, Expire, Finish, GiveUp, Record, Start, Suspend, decide
from osmo_driver.plan import Group, Plan
from osmo_driver.records import State, Status
from osmo_driver.seen import ContainerEnd, JobEnd, JobSeen, PodSeen, Refusal, Seen

BEGAN = datetime(2026, 11, 25, 12, tzinfo=UTC)
RUN = "run-1"


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def plan(
    groups: Mapping[str, Sequence[str]], tasks: Mapping[str, Sequence[str]] = {}, queue: float | None = None
) -> Plan:
    """Groups in order with their upstream; `tasks` of those that have more than one of the group's name, lead first."""
    return Plan(
        workflow_id="flow-1",
        groups=tuple(
            Group(
                name=name,
                label=name,
                upstream=tuple(upstream),
                lead=next(iter(tasks.get(name, [name]))),
                lead_label=next(iter(tasks.get(name, [name]))),
                size=len(tasks.get(name, [name])),
                jobs={task: f"flow-1-{task}" for task in tasks.get(name, [name])},
                queue_timeout=None if queue is None else seconds(queue),
            )
            for name, upstream in groups.items()
        ),
        image_pull_timeout=timedelta(hours=1),
    )


@dataclass
class World:
    plan: Plan
    now: datetime = BEGAN
    jobs: dict[str, JobSeen] = field(default_factory=dict)
    pods: dict[str, tuple[PodSeen, ...]] = field(default_factory=dict)
    recorded: State | None = None
    refused: dict[str, Refusal] = field(default_factory=dict)
    canceled: str = ""
    finished: Status | None = None
    started: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for job in self.plan.jobs():
            self.jobs.setdefault(job, JobSeen(name=job, uid=f"uid-{job}", version="1", suspended=True))

    def seen(self) -> Seen:
        return Seen(
            run=RUN, since=BEGAN, jobs=dict(self.jobs), pods=dict(self.pods), recorded=self.recorded,
            refused=dict(self.refused), canceled=self.canceled,
        )  # fmt: skip

    def decide(self) -> list[Action]:
        return decide(self.seen(), self.plan, self.now)

    def act(self, most: int | None = None) -> list[Action]:
        """One step of a driver, which dies after `most` actions."""
        actions = self.decide()[:most]
        for action in actions:
            self.do(action)
        return actions

    def settle(self) -> list[Action]:
        """Steps until nothing more is to be done at this time."""
        done: list[Action] = []
        for _ in range(10):
            actions = self.act()
            done += actions
            if not actions or self.finished:
                return done
        raise AssertionError(f"still at it: {actions}")

    def do(self, action: Action) -> None:
        match action:
            case Record(state=state):
                self.recorded = State.model_validate_json(state.model_dump_json())
            case Start(job=job):
                self.started.append(job.name)
                self.change(job.name, suspended=False, run=RUN, started=self.now)
            case Suspend(job=job):
                self.change(job.name, suspended=True, started=None)
                self.pods.pop(job.name, None)
            case Expire(job=job, seconds=count):
                self.change(job.name, retention=count)
            case GiveUp(pod=pod):
                self.pods[pod.job] = tuple(one for one in self.pods[pod.job] if one.uid != pod.uid)
            case Finish(status=status):
                self.finished = status

    # What others do.

    def change(self, job: str, **fields: object) -> None:
        found = self.jobs[job]
        self.jobs[job] = replace(found, version=str(int(found.version) + 1), **fields)  # type: ignore[arg-type]

    def delete(self, task: str) -> None:
        del self.jobs[f"flow-1-{task}"]

    def pod(self, task: str, **fields: object) -> PodSeen:
        """Of the first attempt, or as `attempt` says; instead of the one before of this attempt."""
        job = f"flow-1-{task}"
        attempt = fields.get("attempt", 0)
        defaults: dict[str, object] = {"name": f"{job}-{attempt}", "uid": f"{job}-{attempt}", "job": job}
        found = PodSeen(**(defaults | {"created": self.now} | fields))  # type: ignore[arg-type]
        self.pods[job] = (*(one for one in self.pods.get(job, ()) if one.attempt != attempt), found)
        return found

    def run(self, task: str) -> None:
        self.pod(task, phase="Running", node="n", scheduled=self.now, began=self.now)

    def end(self, task: str, code: int = 0, **fields: object) -> None:
        """Its Job ends with its pod."""
        phase = "Failed" if code else "Succeeded"
        main = ContainerEnd(code=code)
        self.pod(task, **({"phase": phase, "node": "n", "began": self.now, "ended": self.now, "main": main} | fields))
        self.change(f"flow-1-{task}", end=JobEnd(complete=not code, at=self.now))

    def running(self) -> Iterator[str]:
        """Tasks whose Jobs could have pods."""
        for job in self.jobs.values():
            if not job.suspended and not job.end:
                yield job.name.removeprefix("flow-1-")

    def wait(self, count: float) -> None:
        self.now += seconds(count)

    def statuses(self) -> dict[str, str]:
        """Of groups, as recorded."""
        assert self.recorded
        return {name: group.status.value for name, group in self.recorded.groups.items()}

    def tasks(self) -> dict[str, str]:
        assert self.recorded
        groups = self.recorded.groups.values()
        return {name: task.status.value for group in groups for name, task in group.tasks.items()}

    def reason(self, group: str) -> str:
        assert self.recorded
        return self.recorded.groups[group].reason
