"""Argo: ends the pods that can never start, and itself when the Workflow has ended."""

import time
from datetime import datetime
from typing import Final

from osmo_driver import deeds
from osmo_driver.cluster import ApiError, Cluster
from osmo_driver.decide import GiveUp
from osmo_driver.drive import now
from osmo_driver.ends import APPLY_LIMIT
from osmo_driver.lease import Lease
from osmo_driver.observe import End, Fail, observe
from osmo_driver.plan import Plan
from osmo_driver.records import Status
from osmo_driver.shift import LONGEST_REST, Say, Stepped
from osmo_driver.store import Store

_ASK_EVERY: Final = 10.0
# A Workflow with its status may have a megabyte; its labels say all that is asked.
_LABELS_ONLY: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


class Observer:
    def __init__(self, plan: Plan, cluster: Cluster, store: Store, lease: Lease, say: Say, since: datetime) -> None:
        self._plan = plan
        self._cluster = cluster
        self._store = store
        self._lease = lease
        self._say = say
        self._since = since
        self._asked = float("-inf")
        self._was_seen = False
        self._path = cluster.path("argoproj.io/v1alpha1", "workflows", plan.workflow_id)

    def begin(self) -> None:
        self._say(f"observing Workflow {self._plan.workflow_id}")

    def step(self) -> Stepped:
        end = self._end()
        if end:
            return Stepped(end, 0)
        for action in observe(self._store.pods.values(), self._plan, now()):
            self._lease.renew()
            match action:
                case GiveUp(pod=pod):
                    deeds.give_up(self._cluster, pod, self._say)
                case End(pod=pod, reason=reason):
                    deeds.end(self._cluster, pod, reason, self._say)
                case Fail(pod=pod, verdict=verdict):
                    deeds.fail(self._cluster, pod, verdict, self._say)
        return Stepped(None, LONGEST_REST)

    def _end(self) -> Status | None:
        if time.monotonic() - self._asked < _ASK_EVERY:
            return None
        self._asked = time.monotonic()
        try:
            found = self._cluster.get(self._path, accept=_LABELS_ONLY)
        except ApiError as error:
            if error.status != 404:
                raise
            if self._was_seen:
                return Status.FAILED_CANCELED
            return Status.FAILED_SUBMISSION if now() - self._since > APPLY_LIMIT else None
        self._was_seen = True
        labels = found["metadata"].get("labels", {})
        if labels.get("workflows.argoproj.io/completed") != "true":
            return None
        return Status.COMPLETED if labels.get("workflows.argoproj.io/phase") == "Succeeded" else Status.FAILED
