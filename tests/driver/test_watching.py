"""Lists come in pages, watches break off, versions get too old: the store has what the API server has."""

from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import pytest
from driver.api import Object, Query, api

from osmo_driver.cluster import ApiError, Cluster
from osmo_driver.watching import Changed, Listed, News, Troubled, Watcher


def thing(name: str, version: int) -> Object:
    return {"metadata": {"name": name, "resourceVersion": str(version)}}


def event(kind: str, item: Object) -> Object:
    return {"type": kind, "object": item}


def heard(cluster: Cluster, count: int) -> list[News]:
    news: SimpleQueue[News] = SimpleQueue()
    watcher = Watcher(cluster, "things", "/things", "a=b", lambda item: str(item["metadata"]["resourceVersion"]), news)
    watcher.start()
    return [news.get(timeout=10) for _ in range(count)]


def scripted(*answers: tuple[int, Object | list[Object]]) -> tuple[Callable[..., tuple[int, object]], list[Query]]:
    """One after the other; the last one again and again."""
    asked: list[Query] = []
    left = list(answers)

    def answer(method: str, path: str, query: Query, body: Object | None) -> tuple[int, Object | list[Object]]:
        asked.append(query)
        return left.pop(0) if len(left) > 1 else left[0]

    return answer, asked


def listed(*items: Object, version: int, more: str = "") -> Object:
    return {"metadata": {"resourceVersion": str(version), "continue": more}, "items": list(items)}


def test_pages_are_one_list(tmp_path: Path) -> None:
    answer, asked = scripted(
        (200, listed(thing("a", 1), version=9, more="next")), (200, listed(thing("b", 2), version=9)), (200, [])
    )
    with api(answer, tmp_path) as cluster:  # type: ignore[arg-type]
        assert heard(cluster, 1) == [Listed("things", {"a": "1", "b": "2"})]
    assert asked[1]["continue"] == "next" and asked[1]["labelSelector"] == "a=b"


def test_a_watch_goes_on_from_the_last_version(tmp_path: Path) -> None:
    answer, asked = scripted(
        (200, listed(thing("a", 1), version=9)),
        (200, [event("ADDED", thing("b", 10)), event("BOOKMARK", thing("", 15))]),
        (200, [event("MODIFIED", thing("b", 16)), event("DELETED", thing("a", 17))]),
        (200, []),
    )
    with api(answer, tmp_path) as cluster:  # type: ignore[arg-type]
        assert heard(cluster, 4)[1:] == [
            Changed("things", "b", "10"), Changed("things", "b", "16"), Changed("things", "a", "17", gone=True)
        ]  # fmt: skip
    assert [query["resourceVersion"] for query in asked[1:3]] == ["9", "15"]


@pytest.mark.parametrize(
    "expired",
    [
        (200, [event("ERROR", {"code": 410, "message": "too old resource version"})]),
        (410, {"message": "too old resource version"}),
    ],
)
def test_a_version_that_is_too_old_means_to_list_again(tmp_path: Path, expired: tuple[int, Object]) -> None:
    answer, _ = scripted(
        (200, listed(thing("a", 1), version=9)), expired, (200, listed(thing("b", 20), version=21)), (200, [])
    )
    with api(answer, tmp_path) as cluster:  # type: ignore[arg-type]
        news = [one for one in heard(cluster, 3 if expired[0] == 410 else 2) if not isinstance(one, Troubled)]
        assert news == [Listed("things", {"a": "1"}), Listed("things", {"b": "20"})]


def test_trouble_is_told_and_tried_again(tmp_path: Path) -> None:
    answer, _ = scripted((403, {"message": "not yet"}), (200, listed(version=9)), (200, []))
    with api(answer, tmp_path) as cluster:  # type: ignore[arg-type]
        assert heard(cluster, 2) == [Troubled("things", "not yet"), Listed("things", {})]


def test_an_api_server_that_is_away_is_an_error_of_status_0(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    with pytest.raises(ApiError) as caught:
        Cluster("http://127.0.0.1:1", tmp_path, "default").get("/things")
    assert caught.value.status == 0


def test_a_token_that_is_refused_is_read_again(tmp_path: Path) -> None:
    answer, _ = scripted((401, {"message": "Unauthorized"}), (200, {"new": True}))
    with api(answer, tmp_path) as cluster:  # type: ignore[arg-type]
        with pytest.raises(ApiError):
            cluster.get("/things")
        (tmp_path / "token").write_text("new")
        assert cluster.get("/things") == {"new": True}
        assert cluster._authorization() == {"Authorization": "Bearer new"}


def test_how_long_the_api_server_wants_to_be_left_alone(tmp_path: Path) -> None:
    error = ApiError(429, "slow down", 7)
    assert error.pause == 7 and not error.is_refusal
    assert ApiError(422, "no").is_refusal and not ApiError(409, "conflict").is_refusal
