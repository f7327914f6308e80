"""One driver at a time."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from driver.api import Object, Query, api

from osmo_driver import lease as leases
from osmo_driver.lease import Lease, Lost


class Server:
    """One Lease, as an API server keeps it."""

    def __init__(self) -> None:
        self.lease: Object = {"metadata": {"name": "driver", "resourceVersion": "1"}, "spec": {}}

    def __call__(self, method: str, path: str, query: Query, body: Object | None) -> tuple[int, Object]:
        if method == "PUT":
            assert body
            if body["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
                return 409, {"message": "conflict"}
            version = str(int(body["metadata"]["resourceVersion"]) + 1)
            self.lease = {"metadata": body["metadata"] | {"resourceVersion": version}, "spec": body["spec"]}
        return 200, self.lease

    @property
    def holder(self) -> str:
        return str(self.lease["spec"]["holderIdentity"])


def test_the_first_has_it_and_the_second_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    with api(server, tmp_path) as cluster:
        one, two = (Lease(cluster, "driver", name, lambda pod: False) for name in ("one", "two"))
        assert one.acquire() == ""
        assert two.acquire() == "one"
        monkeypatch.setattr(leases, "RENEW", 0.0)
        one.renew()
        assert two.acquire() == "one"
        # What it has not is not its to give back.
        two.release()
        assert server.holder == "one"
        one.release()
        assert two.acquire() == ""
        assert server.lease["spec"]["leaseTransitions"] == 2
        with pytest.raises(Lost):
            one.renew()


def test_a_holder_that_does_not_renew_loses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the clock of who waits: whatever time the other wrote."""
    with api(Server(), tmp_path) as cluster:
        one, two = (Lease(cluster, "driver", name, lambda pod: False) for name in ("one", "two"))
        now = [1000.0]
        monkeypatch.setattr(leases, "time", SimpleNamespace(monotonic=lambda: now[0]))  # and nobody else's
        assert one.acquire() == ""
        assert two.acquire() == "one"
        now[0] += leases.DURATION - 1
        assert two.acquire() == "one"
        now[0] += 1
        assert two.acquire() == ""


def test_a_pod_that_has_ended_is_not_waited_for(tmp_path: Path) -> None:
    with api(Server(), tmp_path) as cluster:
        assert Lease(cluster, "driver", "one", lambda pod: False).acquire() == ""
        assert Lease(cluster, "driver", "two", lambda pod: pod == "one").acquire() == ""
