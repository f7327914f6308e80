"""Names of images: the grammar of OSMO, and the registry that a pull secret is for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osmoc.images import fault_of, registry_of


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("ubuntu", "docker.io"),
        ("ubuntu:24.04", "docker.io"),
        ("library/ubuntu", "docker.io"),
        ("a", "docker.io"),
        ("a/b/c:d", "docker.io"),
        ("nvcr.io/nvidia/pytorch:24.03-py3", "nvcr.io"),
        ("NVCR.io/nvidia/pytorch", "nvcr.io"),
        ("localhost/a", "localhost"),
        ("localhost:5000/a", "localhost:5000"),
        ("registry:5000/a", "registry:5000"),
        ("10.0.0.1/a", "10.0.0.1"),
        ("10.0.0.1:443/a/b:c", "10.0.0.1:443"),
        ("my-host.example.com:5000/team/a_b__c-d.e:Tag_1.2-3", "my-host.example.com:5000"),
        (f"ubuntu@sha256:{'0' * 64}", "docker.io"),
        (f"quay.io/a/b:c@sha256:{'aB' * 32}", "quay.io"),
        (f"a:{'t' * 128}", "docker.io"),
        ("registry/a", "docker.io"),  # without a dot or a port it is a part of the path
    ],
)
def test_image_is_read(image: str, registry: str) -> None:
    assert fault_of(image) is None
    assert registry_of(image) == registry


@pytest.mark.parametrize(
    ("image", "fault"),
    [
        ("", "does not have the form"),
        ("Ubuntu", "lower case"),
        ("nvcr.io/NVIDIA/pytorch", "lower case"),
        ("registry.io/a:b:c", "does not have the form"),
        ("a b", "space"),
        ("a\n", "space"),
        ("a//b", "empty part"),
        ("/a", "does not have the form"),
        ("a/", "does not have the form"),
        ("a:", "does not have the form"),
        (f"a:{'t' * 129}", "does not have the form"),
        ("a:-b", "does not have the form"),
        ("a@b", "digest"),
        ("a@sha256:xyz", "digest"),
        ("a..b", "does not have the form"),
        ("-a", "does not have the form"),
        ("a_", "does not have the form"),
        ("https://nvcr.io/a", "empty part"),
        ("nvcr.io/a:{{output}}", "token"),
        ("é", "does not have the form"),
        ("a" * 513, "does not have the form"),
    ],
)
def test_image_has_a_fault(image: str, fault: str) -> None:
    assert fault in (fault_of(image) or "no fault")


_HOSTS = st.sampled_from(["", "localhost/", "nvcr.io/", "h:5000/", "a-b.c:1/", "1.2.3.4/"])
_PARTS = st.from_regex(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+){0,2}", fullmatch=True)
_TAGS = st.one_of(st.just(""), st.from_regex(r":[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True))
_DIGESTS = st.one_of(st.just(""), st.from_regex(r"@sha256:[0-9a-f]{64}", fullmatch=True))


@settings(derandomize=True, max_examples=300, deadline=None)
@given(_HOSTS, st.lists(_PARTS, min_size=1, max_size=4), _TAGS, _DIGESTS)
def test_what_the_grammar_makes_is_read(host: str, parts: list[str], tag: str, digest: str) -> None:
    image = host + "/".join(parts) + tag + digest
    assert fault_of(image) is None
    assert registry_of(image) == (host.rstrip("/") or registry_of(image))


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text("abAB/:@.-_{}\n ", max_size=30))
def test_every_text_is_an_image_or_has_a_fault(image: str) -> None:
    fault = fault_of(image)
    assert fault is None or fault
    assert registry_of(image)
