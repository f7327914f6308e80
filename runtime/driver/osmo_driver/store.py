"""What the watches have told so far."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from osmo_driver.seen import JobSeen, PodSeen
from osmo_driver.watching import Changed, Listed, News

JOBS = "jobs"
PODS = "pods"


class Store:
    def __init__(self) -> None:
        self.jobs: dict[str, JobSeen] = {}
        self.pods: dict[str, PodSeen] = {}
        self._listed: set[str] = set()

    def has(self, kinds: frozenset[str]) -> bool:
        """Whether all of these have been listed."""
        return kinds <= self._listed

    def hear(self, news: News) -> None:
        match news:
            case Listed(kind=kind, values=values):
                self._listed.add(kind)
                if kind == PODS:
                    self.pods = {name: pod for name, pod in self.pods.items() if pod.gone} | dict(values)
                else:
                    self.jobs = {name: self._newer(job) for name, job in values.items()}
            case Changed(name=name, value=JobSeen() as job, gone=gone):
                if gone:
                    self.jobs.pop(name, None)
                else:
                    self.jobs[name] = self._newer(job)
            case Changed(name=name, value=PodSeen() as pod, gone=gone):
                if not gone:
                    self.pods[name] = pod
                elif pod.has_ended:
                    # Often it is taken away before its Job says that it has failed, and only the pod knows of what.
                    self.pods[name] = replace(pod, gone=True)
                else:
                    self.pods.pop(name, None)

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
