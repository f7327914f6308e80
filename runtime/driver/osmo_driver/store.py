"""What the watches have told so far."""

from collections import defaultdict
from collections.abc import Iterable

from osmo_driver.seen import JobSeen, PodSeen
from osmo_driver.watching import Changed, Listed, News

JOBS = "jobs"
PODS = "pods"


class Store:
    def __init__(self) -> None:
        self.jobs: dict[str, JobSeen] = {}
        self.pods: dict[str, PodSeen] = {}
        self._listed: set[str] = set()

    @property
    def is_complete(self) -> bool:
        return self._listed == {JOBS, PODS}

    def hear(self, news: News) -> None:
        match news:
            case Listed(kind=kind, values=values):
                self._listed.add(kind)
                if kind == PODS:
                    self.pods = dict(values)
                else:
                    self.jobs = {name: self._newer(job) for name, job in values.items()}
            case Changed(kind=kind, name=name, value=None):
                (self.jobs if kind == JOBS else self.pods).pop(name, None)
            case Changed(value=JobSeen() as job):
                self.jobs[job.name] = self._newer(job)
            case Changed(value=PodSeen() as pod):
                self.pods[pod.name] = pod

    def patched(self, job: JobSeen) -> None:
        """The answer to a patch is newer than what the watch may still have on its way."""
        self.jobs[job.name] = self._newer(job)

    def _newer(self, job: JobSeen) -> JobSeen:
        known = self.jobs.get(job.name)
        if known and known.uid == job.uid and int(known.version) > int(job.version):
            return known
        return job

    def pods_by_job(self) -> dict[str, tuple[PodSeen, ...]]:
        """The oldest attempt first; of one attempt the oldest pod."""
        found: defaultdict[str, list[PodSeen]] = defaultdict(list)
        for pod in _in_order(self.pods.values()):
            found[pod.job].append(pod)
        return {job: tuple(pods) for job, pods in found.items()}


def _in_order(pods: Iterable[PodSeen]) -> list[PodSeen]:
    return sorted(pods, key=lambda pod: (pod.attempt, pod.created, pod.name))
