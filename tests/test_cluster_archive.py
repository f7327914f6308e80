"""How whoever calls gets to the storage of a run: `osmoc.cluster.archive`."""

import base64
import json
from typing import Any, cast

import pytest

from osmoc.cluster.archive import NoArchiveError, find_storage
from osmoc.cluster.client import ApiError, Client
from osmoc.cluster.kinds import Object, Reference
from osmoc.logs_client import StoragePlace
from osmoc.profile import Storage

KEYS = {"access_key_id": "AKIDEXAMPLE", "access_key": "wJalrXUtnFEMI-EXAMPLEKEY"}
SECRET = KEYS | {"url": "s3://lab/runs", "endpoint": "http://minio:9000"}
TOLD = {"url": "", "endpoint": "", "region": "", "secret": "osmo-storage", "claim": "", "publish_on_failure": True}
NOTHING = StoragePlace()
OWN = StoragePlace("s3://lab/other", "http://localhost:9000", credential=KEYS)


class Cluster:
    """One that has these objects; None stands for one that may not be read."""

    namespace = "robots"

    def __init__(self, secret: dict[str, str] | None, documented: dict[str, Any] | bool | None) -> None:
        data = {key: base64.b64encode(value.encode()).decode() for key, value in (secret or {}).items()}
        self._objects: dict[str, Object | None] = {"osmo-storage": {"data": data} if secret is not None else None}
        if documented is not False:
            document = json.dumps({"task": "a", "storage": documented})
            self._objects["flow-1-tasks-0"] = {"data": {"a.file-0": "x", "a.json": document}}

    def without(self, name: str) -> "Cluster":
        del self._objects[name]
        return self

    def find(self, reference: Reference) -> Object | None:
        found = self._objects.get(reference.name, {})
        if found is None:
            raise ApiError(403, f'cannot get resource "{reference.kind}"')
        return found or None


def find(cluster: Cluster, given: StoragePlace = NOTHING, usual: Storage | None = None) -> StoragePlace:
    return find_storage(cast(Client, cluster), "flow-1", usual or Storage.default(), given)


def test_the_secret_says_it_all() -> None:
    assert find(Cluster(SECRET, TOLD)) == StoragePlace(credential=SECRET, url="s3://lab/runs")


def test_what_the_run_was_told_comes_before_what_the_secret_says_and_what_is_given_before_both() -> None:
    told = TOLD | {"url": "s3://lab/told", "endpoint": "http://told", "region": "eu"}
    found = find(Cluster(SECRET, told))
    assert (found.url, found.endpoint, found.region) == ("s3://lab/told", "http://told", "eu")
    found = find(Cluster(SECRET, told), StoragePlace(endpoint="http://localhost:9000"))
    assert (found.url, found.endpoint) == ("s3://lab/told", "http://localhost:9000")
    assert find(Cluster(SECRET, told), OWN).url == OWN.url


def test_a_run_that_is_gone_is_where_runs_usually_are() -> None:
    assert find(Cluster(SECRET, False)).credential == SECRET
    found = find(Cluster(SECRET, False), usual=Storage(url="s3://usual", secret="osmo-storage"))
    assert found.url == "s3://usual"


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        (Cluster(SECRET, None), "this workflow keeps nothing in a storage"),
        (Cluster(SECRET, TOLD | {"claim": "runs"}), "PersistentVolumeClaim `runs`, which only pods can read"),
        (
            Cluster(None, TOLD),
            'you may not read the Secret `osmo-storage` of the storage: cannot get resource "Secret"',
        ),
        (Cluster(SECRET, TOLD).without("osmo-storage"), "the namespace `robots` has no Secret `osmo-storage`"),
    ],
)
def test_it_is_said_why_there_is_no_way(cluster: Cluster, expected: str) -> None:
    with pytest.raises(NoArchiveError) as raised:
        find(cluster)
    assert expected in str(raised.value)


def test_an_own_key_does_where_the_secret_may_not_be_read() -> None:
    assert find(Cluster(None, TOLD), OWN) == OWN
    known = Cluster(None, TOLD | {"url": "s3://lab/told"})
    assert find(known, StoragePlace(credential=KEYS)) == StoragePlace("s3://lab/told", credential=KEYS)
    with pytest.raises(NoArchiveError):
        find(Cluster(None, TOLD), StoragePlace(credential=KEYS))
    with pytest.raises(NoArchiveError):
        find(known)
