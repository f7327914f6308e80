"""The program: reads its arguments, finds its Job, drives."""

import argparse
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from graphlib import CycleError
from pathlib import Path
from queue import SimpleQueue
from types import FrameType

from pydantic import ValidationError

from osmo_driver.cluster import ApiError, Cluster
from osmo_driver.document import DriverPlan
from osmo_driver.drive import Driver
from osmo_driver.keeper import Keeper
from osmo_driver.lease import Lease
from osmo_driver.observer import Observer
from osmo_driver.plan import plan_of
from osmo_driver.reading import read_job, read_pod, time_of
from osmo_driver.records import Status
from osmo_driver.shift import Duty, Shift
from osmo_driver.store import JOBS, PODS, Store
from osmo_driver.watching import News, Watcher

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
COMPLETED, FAILED, USAGE, STOPPED = 0, 1, 2, 143


class Stopped(BaseException):
    """SIGTERM: another driver, or this one in a new pod, goes on."""


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    parser = argparse.ArgumentParser("osmo-driver", description=__doc__)
    parser.add_argument("--plan", type=Path, required=True, help="the driver's plan, JSON")
    parser.add_argument("--name", required=True, help="name of the driver's own Job, and of its Lease")
    parser.add_argument("--server", help="URL of the API server; the pod's own if it is not given")
    parser.add_argument("--account", type=Path, default=_ACCOUNT, help="directory with token and ca.crt")
    options = parser.parse_args(arguments)
    try:
        document = DriverPlan.model_validate_json(options.plan.read_bytes())
        plan_of(document)
    except (OSError, ValidationError, CycleError, KeyError) as error:
        sys.stderr.write(f"osmo-driver: {options.plan}: {error}\n")
        return USAGE
    server = options.server or _server(environment)
    cluster = Cluster(server, options.account, environment["OSMO_NAMESPACE"])
    signal.signal(signal.SIGTERM, _stop)
    try:
        status = _drive(document, cluster, options.name, environment["OSMO_POD_NAME"])
    except Stopped:
        say("stopped")
        return STOPPED
    calls = ", ".join(f"{count} {verb}" for verb, count in sorted(cluster.calls.items()))
    say(f"the workflow has ended: {status}; requests: {calls}")
    return COMPLETED if status is Status.COMPLETED else FAILED


def _drive(document: DriverPlan, cluster: Cluster, name: str, holder: str) -> Status:
    plan = plan_of(document)
    run, since = _own_job(cluster, name)
    news: SimpleQueue[News] = SimpleQueue()
    store = Store()
    lease = Lease(cluster, name, holder, lambda pod: _is_dead(cluster, pod))
    selector = f"osmo.workflow_id={plan.workflow_id},osmo.task_name"
    Watcher(cluster, PODS, cluster.path("v1", PODS), selector, read_pod, news).start()
    duty: Duty
    if document.mode == "jobs":
        # With the driver's own: whoever cancels the run says so there.
        every = f"osmo.workflow_id={plan.workflow_id}"
        Watcher(cluster, JOBS, cluster.path("batch/v1", JOBS), every, read_job, news).start()
        duty = Driver(plan, cluster, store, Keeper(cluster, f"{name}-state", say), lease, say, name, run, since)
        kinds = frozenset({JOBS, PODS})
    else:
        duty = Observer(plan, cluster, store, lease, say, since)
        kinds = frozenset({PODS})
    try:
        return Shift(store, kinds, lease, news, say).work(duty)
    finally:
        _release(lease)


def say(text: str) -> None:
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
    sys.stdout.write(f"{stamp} {text}\n")
    sys.stdout.flush()


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped


def _server(environment: Mapping[str, str]) -> str:
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment.get("KUBERNETES_SERVICE_PORT", "443")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _own_job(cluster: Cluster, name: str) -> tuple[str, datetime]:
    """Its uid is the id of the run; and when it was started."""
    failures = 0
    while True:
        try:
            job = cluster.get(cluster.path("batch/v1", JOBS, name))
        except ApiError as error:
            failures += 1
            say(f"waiting for Job {name}: {error}")
            time.sleep(max(error.pause, min(2.0**failures, 30.0)))
            continue
        started = job.get("status", {}).get("startTime") or job["metadata"]["creationTimestamp"]
        return job["metadata"]["uid"], time_of(started)


def _is_dead(cluster: Cluster, pod: str) -> bool:
    """Whether a driver's pod has ended. One that is not there may be a process elsewhere."""
    try:
        found = cluster.get(cluster.path("v1", PODS, pod))
    except ApiError as error:
        if error.status != 404:
            raise
        return False
    return found.get("status", {}).get("phase") in ("Succeeded", "Failed")


def _release(lease: Lease) -> None:
    try:
        lease.release()
    except ApiError as error:
        say(f"the Lease is not released: {error}")
