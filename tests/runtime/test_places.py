"""Which credential is for which URL."""

from pathlib import Path
from typing import Any

import pytest
from runtime.pod import document as plain

from osmo_ctrl.document import TaskDocument
from osmo_ctrl.places import Places, is_below

_PLACE = {"endpoint": "", "region": ""}


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """As the kubelet lays Secrets out: links to files in a hidden folder."""
    for name in ("osmo-storage", "team", "other"):
        data = tmp_path / name / "..data"
        data.mkdir(parents=True)
        (data / "access_key").write_text(f"key of {name}")
        (tmp_path / name / "access_key").symlink_to("..data/access_key")
    (tmp_path / "osmo-storage" / "url").write_text("s3://store/osmo\n")
    return tmp_path


def places(secrets: Path, **changes: Any) -> Places:
    storage = {"url": "", "secret": "osmo-storage", "claim": "", "publish_on_failure": True, **_PLACE}
    document = TaskDocument.model_validate(plain(None, "true") | {"storage": storage} | changes)
    return Places(document, secrets, Path("/osmo/storage"))


def test_the_storage_stands_in_its_secret(secrets: Path) -> None:
    place = places(secrets).storage()
    assert place is not None
    assert dict(place.credential) == {"access_key": "key of osmo-storage", "url": "s3://store/osmo"}
    assert "key of" not in repr(place)


def test_a_claim_is_a_directory(secrets: Path) -> None:
    storage = {"url": "", "secret": "", "claim": "disk", "publish_on_failure": True, **_PLACE}
    place = places(secrets, storage=storage).storage()
    assert place is not None and place.url == "file:///osmo/storage"


def test_the_closest_place_gives_the_credential(secrets: Path) -> None:
    access = [
        {"url": "s3://team", "secret": "team", **_PLACE},
        {"url": "s3://team/private", "secret": "other", **_PLACE},
    ]
    found = places(secrets, access=access)
    assert found.of_url("s3://team/x").credential["access_key"] == "key of team"
    assert found.of_url("s3://team/private/x").credential["access_key"] == "key of other"
    assert found.of_url("s3://team/privateer/x").credential["access_key"] == "key of team"
    assert found.of_url("s3://teams/x").credential == {}


@pytest.mark.parametrize(("name", "url"), [("", "s3://store/osmo/datasets"), ("maps", "s3://store/osmo/buckets/maps")])
def test_buckets_without_a_url_lie_in_the_storage(name: str, url: str, secrets: Path) -> None:
    buckets = [{"name": name, "url": "", "secret": "osmo-storage", **_PLACE}]
    place, _ = places(secrets, buckets=buckets).of_bucket(name)
    assert place.url == url
    assert place.credential["access_key"] == "key of osmo-storage"


def test_what_must_not_be_seen(secrets: Path) -> None:
    assert sorted(set(places(secrets).secret_values())) == ["key of osmo-storage", "key of other", "key of team"]


def test_below_is_by_whole_parts() -> None:
    assert is_below("s3://a/b", "s3://a/b") and is_below("s3://a/b/c", "s3://a/b/")
    assert not is_below("s3://a/bc", "s3://a/b") and not is_below("s3://a", "")
