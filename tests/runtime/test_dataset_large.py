"""A version of so many files that its record is larger than a part of an upload."""

import pytest
from runtime.dataset_buckets import now, version
from runtime.loop import asynchronous

from osmo_ctrl.dataset.bucket import DatasetBucket
from osmo_ctrl.dataset.commit import Draft, commit
from osmo_ctrl.dataset.records import File
from osmo_ctrl.storage.store import Patience, Place, open_store


@pytest.fixture
def bucket(place: Place) -> DatasetBucket:
    return DatasetBucket(open_store(place, Patience(5)))


@asynchronous
async def test_its_record_is_created_only_once(bucket: DatasetBucket) -> None:
    files = tuple(sorted(File(f"{n}/{'x' * 200}", n, f"{n:064x}") for n in range(70_000)))
    made = [await commit(bucket, Draft(name="cats", layers=(files[n:],), writer=f"{n}", now=now())) for n in range(2)]
    assert [one.number for one in made] == [1, 2]
    assert not await bucket.create("cats/versions/2.json", made[1].to_bytes())
    assert (await version(bucket, 1)).files == files
    assert (await version(bucket, 2)).files == files[1:]
