"""`osmoc.cli.cluster_logs` where a pod is there, and its log is not. `tests/cluster/test_logs.py` has the rest."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from osmoc.cli import cluster_logs
from osmoc.cli.archived_logs import Archive
from osmoc.cli.cluster_logs import Asked, print_logs
from osmoc.cluster.archive import NoArchiveError
from osmoc.cluster.client import ApiError, Client
from osmoc.cluster.logs import Line, Wanted
from osmoc.cluster.state import GroupState, State, Status, TaskState
from osmoc.logs_client import KeptLog, KeptRun

UID = "12345678-aaaa"
POD = {
    "metadata": {"name": "pod-1", "uid": UID, "creationTimestamp": "", "labels": {"osmo.task_name": "a"}},
    "spec": {"containers": [{"name": "a"}]},
    "status": {
        "containerStatuses": [{"name": name, "state": {"running": {"startedAt": ""}}} for name in ("a", "osmo-ctrl")]
    },
}
STATE = State(
    workflow_id="flow-1",
    run="run-1",
    status=Status.RUNNING,
    groups={"a": GroupState(status=Status.RUNNING, tasks={"a": TaskState(status=Status.RUNNING, attempts=1)})},
)


class Cluster:
    """One whose kubelet has no answer for whoever asks for a log."""

    def __init__(self, status: int) -> None:
        self._status = status

    def list_of(self, *arguments: str) -> tuple[list[Any], str]:
        return [POD], ""

    @contextmanager
    def log(self, pod: str, query: dict[str, str]) -> Iterator[Iterator[bytes]]:
        raise ApiError(self._status, "no answer of the kubelet")
        yield iter(())


class Kept:
    """The logs of the pod and of another one in the storage, or no way there."""

    workflow_id = "flow-1"

    def __init__(self, is_there: bool) -> None:
        self._is_there = is_there

    def find(self, run: str) -> KeptRun:
        if not self._is_there:
            raise NoArchiveError("its storage is out of reach")
        return KeptRun(run, (KeptLog("a", 0, "00000000"), KeptLog("a", 0, UID[:8])))

    def read(self, run: str, logs: list[KeptLog]) -> list[Iterator[Line]]:
        return [iter([Line(log.task, log.number, "", f"kept of {log.pod}".encode())]) for log in logs]


def printed(status: int, *, is_there: bool = True, is_ctrl: bool = False) -> None:
    asked = Asked(Wanted("a"), is_ctrl=is_ctrl)
    print_logs(cast(Client, Cluster(status)), cast(Archive, Kept(is_there)), asked)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_logs, "read", lambda client, workflow_id: STATE)


@pytest.mark.parametrize("status", [404, 500, 502])
def test_a_pod_that_goes_or_is_out_of_reach_is_read_from_the_storage(
    status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    printed(status)
    assert capsys.readouterr() == ("kept of 12345678\n", "")


def test_without_a_way_to_the_storage_both_reasons_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    printed(502, is_there=False)
    out, err = capsys.readouterr()
    assert (out, err.startswith("warning: the log of the pod `pod-1` cannot be read: no answer")) == ("", True)
    assert "its storage is out of reach" in err


def test_what_osmo_ctrl_said_is_not_looked_for_there(capsys: pytest.CaptureFixture[str]) -> None:
    printed(404, is_ctrl=True)
    out, err = capsys.readouterr()
    assert out == "" and "cannot be read" in err


def test_a_refusal_is_none_of_the_storage_s_business() -> None:
    with pytest.raises(ApiError):
        printed(403)
