"""Storage URLs: their forms, and what a credential is for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osmoc.urls import endpoint_fault, fault_of, profile_of


@pytest.mark.parametrize(
    ("url", "profile"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://bucket/a/b c/", "s3://bucket"),
        ("s3://bucket/a?b#c", "s3://bucket"),
        ("s3://bucket/{{workflow_id}}/x", "s3://bucket"),
        ("gs://bucket/a", "gs://bucket"),
        ("azure://account/container", "azure://account"),
        ("azure://account/container/a", "azure://account"),
        ("tos://host/bucket", "tos://host/bucket"),
        ("tos://host/bucket/a/b", "tos://host/bucket"),
        ("swift://host/account/container", "swift://host/account"),
        ("swift://host/account/container/a", "swift://host/account"),
    ],
)
def test_url_is_read(url: str, profile: str) -> None:
    assert fault_of(url) is None
    assert profile_of(url) == profile


@pytest.mark.parametrize(
    ("url", "fault", "help"),
    [
        ("", "is not a storage URL", "schemes: "),
        ("bucket/a", "`bucket/a` is not a storage URL", "schemes: `s3`"),
        ("/mnt/data", "is not a storage URL", "schemes: "),
        ("http://a/b", "`http` is not a storage scheme", "schemes: "),
        ("file:///a", "`file` is not a storage scheme", "schemes: "),
        ("S3://bucket/a", "`S3` must be in lower case", "write `s3://bucket/a`"),
        ("s3:/bucket", "is not a storage URL", "schemes: "),
        ("s3://", "lacks a part", "`s3://bucket/path`"),
        ("s3:///a", "an empty part", "`s3://bucket/path`"),
        ("s3://bucket//a", "an empty part", "`s3://bucket/path`"),
        ("s3://bucket/*.png", "`*` is not allowed", "use `regex`"),
        ("s3://bucket/a,b", "`,` is not allowed", "`s3://bucket/path`"),
        ("s3://bucket/a;b", "`;` is not allowed", "`s3://bucket/path`"),
        ("azure://account", "lacks a part", "`azure://account/container/path`"),
        ("tos://host", "lacks a part", "`tos://host/bucket/path`"),
        ("s3://bucket/a\n", "several lines", "block scalar"),
        ("swift://host/account", "lacks a part", "`swift://host/account/container/path`"),
    ],
)
def test_url_has_a_fault(url: str, fault: str, help: str) -> None:
    found = fault_of(url)
    assert found and fault in found[0] and help in found[1]


@pytest.mark.parametrize(
    "url", ["", "https://s3.lab", "http://10.0.0.1:9000/", "https://[::1]:9000", "http://minio:9000/a/b", "https://s_3"]
)
def test_endpoints_are_read(url: str) -> None:
    assert endpoint_fault(url) == ""


@pytest.mark.parametrize(
    "url",
    ["minio:9000", "https://", "s3://x", "http://a b", "http://a:", "http://a:65536", "https://a?b", "http://a\n"],
)
def test_what_is_no_endpoint(url: str) -> None:
    assert "is not an endpoint such as https://host:9000" in endpoint_fault(url)


_PARTS = st.text("abc09-_. {}?#=", min_size=1, max_size=8)
_LEAST = {"s3": 1, "gs": 1, "azure": 2, "tos": 2, "swift": 3}


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.sampled_from(sorted(_LEAST)), st.lists(_PARTS, max_size=6), st.integers(0, 2))
def test_a_url_needs_its_parts_and_no_more(scheme: str, parts: list[str], slashes: int) -> None:
    url = f"{scheme}://{'/'.join(parts)}{'/' * slashes if parts else ''}"
    assert (fault_of(url) is None) is (len(parts) >= _LEAST[scheme])
    if fault_of(url) is None:
        assert url.startswith(profile_of(url)) and profile_of(profile_of(url)) == profile_of(url)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.text(max_size=40) | st.text("s3g:/abc,;*", max_size=20))
def test_every_text_is_a_url_or_has_a_fault(url: str) -> None:
    found = fault_of(url)
    assert found is None or all(isinstance(part, str) for part in found)
