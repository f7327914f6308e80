"""Storage: every operation on S3 and in a directory, and every way in which a storage can fail."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from moto.s3.models import s3_backends
from obstore.store import AzureStore, GCSStore, LocalStore, S3Store
from runtime.loop import asynchronous
from runtime.s3 import CREDENTIAL, S3, Fault, Proxy

from osmo_ctrl.storage.faults import fault_of
from osmo_ctrl.storage.locations import ONCE, azure_keys, complete, connect, locate, secrets_of
from osmo_ctrl.storage.store import Buffer, Patience, Place, Problem, StorageError, Store, fault_of_name, open_store

MIB = 1024 * 1024
ODD = ["a b", "ä/ö", "a#1.txt", "a%20b", "a?b=c&d", "a\\b", "e*", "~x", "+", "a:b", "'\"<>", "..a", "\u2028"]


@pytest.fixture
def store(place: Place) -> Store:
    return open_store(place, Patience(5))


async def paths(store: Store, prefix: str = "") -> list[str]:
    return sorted([found.path async for found in store.list(prefix)])


@asynchronous
async def test_what_is_written_is_read_found_and_listed(store: Store) -> None:
    await store.write("a/b.txt", b"content")
    assert await store.read("a/b.txt") == b"content"
    assert bytes(await store.read_range("a/b.txt", 2, 5)) == b"nte"
    assert bytes(await store.read_range("a/b.txt", 3, 3)) == b""
    found = await store.find("a/b.txt")
    assert found is not None
    assert (found.path, found.size) == ("a/b.txt", 7)
    assert found.modified.tzinfo is not None
    assert [entry async for entry in store.list()] == [found]


@asynchronous
async def test_what_is_not_there(store: Store) -> None:
    assert await store.find("nothing") is None
    assert await paths(store) == []
    assert await store.folders() == []
    await store.remove(["nothing", "nor/this"])
    for reading in (store.read("nothing"), store.read_range("nothing", 0, 1), store.copy("nothing", "b")):
        with pytest.raises(StorageError) as caught:
            await reading
        assert caught.value.problem is Problem.MISSING
        assert caught.value.url == f"{store.url}/nothing"


@asynchronous
async def test_lists_take_whole_parts_of_names(store: Store) -> None:
    for path in ("runs/1/a", "runs/2/b", "runs/10/c", "runs-of-others/x", "runs.json"):
        await store.write(path, b"")
    assert await paths(store, "runs") == ["runs/1/a", "runs/10/c", "runs/2/b"]
    assert await store.folders("runs") == ["1", "10", "2"]
    assert await store.folders() == ["runs", "runs-of-others"]


@asynchronous
async def test_the_url_itself_may_be_an_object(s3: S3, tmp_path: Path) -> None:
    for parent, url in ((s3.store("x"), s3.store("x/file")), _directories(tmp_path)):
        await parent.write("file", b"1")
        assert await url.read("") == b"1"
        assert (await url.find("")).path == ""


def _directories(tmp_path: Path) -> tuple[Store, Store]:
    return open_store(Place(f"{tmp_path}/x"), Patience(1)), open_store(Place(f"{tmp_path}/x/file"), Patience(1))


@asynchronous
async def test_a_whole_bucket(s3: S3) -> None:
    await s3.store("").write("a/b", b"")
    assert await paths(s3.store("")) == ["a/b"]


@asynchronous
async def test_create_is_refused_where_there_is_something(store: Store) -> None:
    assert await store.create("one", b"first")
    assert not await store.create("one", b"second")
    assert not await store.create("one", b"first")
    assert await store.read("one") == b"first"


@asynchronous
async def test_of_many_creates_one_succeeds(tmp_path: Path) -> None:
    store = open_store(Place(str(tmp_path)), Patience(1))
    made = await asyncio.gather(*(store.create("one", b"%d" % number) for number in range(20)))
    assert made.count(True) == 1
    assert await store.read("one") == b"%d" % made.index(True)


@asynchronous
async def test_a_created_object_whose_answer_is_lost_is_ours(s3: S3, proxy: Proxy) -> None:
    proxy.rule = lambda request: Fault(lose="answer") if request.number == 0 else None
    assert await s3.store(port=proxy.port).create("one", b"first")
    assert [request.method for request in proxy.requests] == ["PUT", "PUT", "GET"]


@asynchronous
async def test_a_create_that_is_tried_again_may_find_another(s3: S3, proxy: Proxy) -> None:
    await s3.store().create("one", b"other")
    proxy.rule = lambda request: Fault(503) if request.number == 0 else None
    assert not await s3.store(port=proxy.port).create("one", b"first")


@asynchronous
async def test_a_conflict_of_creates_is_tried_again(s3: S3, proxy: Proxy) -> None:
    proxy.rule = lambda request: Fault(409, "ConditionalRequestConflict") if request.number == 0 else None
    assert await s3.store(port=proxy.port).create("one", b"first")


@asynchronous
async def test_remove_and_copy(store: Store) -> None:
    await store.write("a", b"content")
    await store.copy("a", "b/c")
    await store.remove(["a", "nothing"])
    assert await paths(store) == ["b/c"]
    assert await store.read("b/c") == b"content"


@pytest.mark.parametrize("path", ODD)
@asynchronous
async def test_odd_names(store: Store, path: str) -> None:
    await store.write(path, b"content")
    # Azure takes a backslash for a slash: such an object is found by its name, and listed as another.
    listed = path.replace("\\", "/") if store.url.startswith("azure:") else path
    assert await paths(store) == [listed]
    assert await store.read(path) == b"content"
    assert await store.find(path) is not None


@pytest.mark.parametrize("path", ["a//b", "/a", "a/", "../b", "a/./b", "a\nb", "a\x7f", "\x00", "a\udc80"])
@asynchronous
async def test_names_that_no_storage_holds(store: Store, path: str) -> None:
    for operation in (store.read(path), store.write(path, b""), store.create(path, b""), store.remove([path])):
        with pytest.raises(StorageError) as caught:
            await operation
        assert caught.value.problem is Problem.REFUSED
        str(caught.value).encode()
        assert path.encode("unicode_escape").decode() in str(caught.value)


@asynchronous
async def test_a_listing_names_what_it_cannot_hold(s3: S3) -> None:
    s3.put("base/a//b", b"")
    with pytest.raises(StorageError, match="a//b") as caught:
        await paths(s3.store())
    assert caught.value.problem is Problem.REFUSED


@given(some.text())
def test_a_name_without_a_fault_is_one_that_obstore_takes(name: str) -> None:
    if not fault_of_name(name):
        store = open_store(Place("/nowhere"), Patience(0))
        assert asyncio.run(store.find(name)) is None


def chunks_of(content: bytes, size: int) -> AsyncIterator[Buffer]:
    async def chunks() -> AsyncIterator[Buffer]:
        for start in range(0, len(content), size):
            yield memoryview(content)[start : start + size]

    return chunks()


@asynchronous
async def test_a_large_upload(store: Store) -> None:
    content = os.urandom(20 * MIB + 1)
    await store.upload("large", len(content), lambda: chunks_of(content, MIB))
    assert await store.read("large") == content


@asynchronous
async def test_a_part_that_fails_is_sent_again(s3: S3, proxy: Proxy) -> None:
    content = os.urandom(20 * MIB)
    seen = set()

    def rule(request):
        if "partNumber" in request.path and request.path not in seen:
            seen.add(request.path)
            return Fault(503)

    proxy.rule = rule
    begun = []
    await s3.store(port=proxy.port).upload(
        "large", len(content), lambda: (begun.append(1), chunks_of(content, 8 * MIB))[1]
    )
    assert await s3.store().read("large") == content
    assert len(begun) == 1


@asynchronous
async def test_an_upload_that_fails_is_begun_anew(s3: S3, proxy: Proxy) -> None:
    content = os.urandom(17 * MIB)
    proxy.rule = lambda request: Fault(503) if request.number == 0 else None
    begun = []
    await s3.store(port=proxy.port).upload(
        "large", len(content), lambda: (begun.append(1), chunks_of(content, 8 * MIB))[1]
    )
    assert await s3.store().read("large") == content


@asynchronous
async def test_an_error_of_the_source_ends_an_upload(s3: S3, proxy: Proxy) -> None:
    async def chunks() -> AsyncIterator[Buffer]:
        yield bytes(8 * MIB)
        raise RuntimeError("it changed")

    with pytest.raises(RuntimeError, match="it changed"):
        await s3.store(port=proxy.port).upload("large", 16 * MIB, chunks)
    assert await s3.store().find("large") is None
    assert [request.method for request in proxy.requests if "uploadId" in request.path][-1] == "DELETE"


@asynchronous
async def test_an_object_that_changes_is_refused(store: Store) -> None:
    await store.write("a", b"before")
    e_tag = (await store.find("a")).e_tag
    assert bytes(await store.read_range("a", 0, 6, e_tag)) == b"before"
    await asyncio.sleep(0.01)
    await store.write("a", b"after")
    with pytest.raises(StorageError, match="changed meanwhile") as caught:
        await store.read_range("a", 0, 5, e_tag)
    assert caught.value.problem is Problem.REFUSED
    with pytest.raises(StorageError, match="shorter"):
        await store.read_range("a", 0, 6)


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (Fault(403, "AccessDenied"), Problem.DENIED),
        (Fault(403, "SignatureDoesNotMatch"), Problem.DENIED),
        (Fault(401, "Unauthorized"), Problem.DENIED),
        (Fault(400, "ExpiredToken"), Problem.DENIED),
        (Fault(400, "InvalidRequest"), Problem.REFUSED),
        (Fault(404, "NoSuchBucket"), Problem.MISSING),
        (Fault(411, "MissingContentLength"), Problem.REFUSED),
        (Fault(501, "NotImplemented"), Problem.REFUSED),
        (Fault(301, "PermanentRedirect"), Problem.REFUSED),
    ],
    ids=lambda value: getattr(value, "code", ""),
)
@asynchronous
async def test_what_waiting_does_not_mend_fails_at_once(s3: S3, proxy: Proxy, fault: Fault, problem: Problem) -> None:
    proxy.rule = lambda request: fault
    store = s3.store(port=proxy.port)
    for operation in (store.read("a"), store.write("a", b""), store.create("a", b""), paths(store), store.folders()):
        before = len(proxy.requests)
        with pytest.raises(StorageError) as caught:
            await operation
        assert caught.value.problem is problem, caught.value
        assert len(proxy.requests) == before + 1
        assert not [value for value in CREDENTIAL.values() if value in f"{caught.value!r} {caught.value}"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(503, "SlowDown"), Fault(500, "InternalError"), Fault(429, "TooMany"), Fault(400, "RequestTimeout"),
        Fault(lose="request"), Fault(cut=3), Fault(lose="answer"),
    ],
    ids=str,
)  # fmt: skip
@asynchronous
async def test_what_waiting_mends_is_tried_again(s3: S3, proxy: Proxy, fault: Fault) -> None:
    await s3.store().write("a", b"content")
    proxy.rule = lambda request: fault if request.number < 3 else None
    said = []
    store = open_store(s3.place(port=proxy.port), Patience(20, said.append))
    for operation in (store.read("a"), store.read_range("a", 0, 7), store.write("a", b"content"), store.folders()):
        proxy.requests.clear()
        await operation
    proxy.requests.clear()
    assert await paths(store) == ["a"]
    assert said
    assert all(store.url in reason for reason in said)


@asynchronous
async def test_a_listing_goes_on_where_it_broke(s3: S3, proxy: Proxy) -> None:
    for number in range(1100):
        s3_backends["123456789012"]["aws"].put_object(s3.bucket, f"base/{number:04}", b"")
    pages = []

    def rule(request):
        pages.append(request.path)
        return Fault(503) if len(pages) == 2 else None

    proxy.rule = rule
    assert await paths(s3.store(port=proxy.port)) == [f"{number:04}" for number in range(1100)]
    assert len(pages) == 3


@asynchronous
async def test_patience_ends(s3: S3) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    said = []
    store = open_store(s3.place(port=port), Patience(0.5, said.append))
    for operation in (store.read("a"), paths(store), store.upload("a", 1, lambda: chunks_of(b"1", 1))):
        began = time.monotonic()
        with pytest.raises(StorageError) as caught:
            await operation
        assert caught.value.problem is Problem.AWAY
    assert time.monotonic() - began < 30
    assert said


@asynchronous
async def test_waiting_can_be_cancelled(s3: S3, proxy: Proxy) -> None:
    proxy.rule = lambda request: Fault(503)
    reading = asyncio.create_task(s3.store(port=proxy.port, seconds=100).read("a"))
    await asyncio.sleep(0.3)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


@asynchronous
async def test_a_full_volume_is_away_and_a_locked_one_denied() -> None:
    text = "Generic LocalFileSystem error: Unable to open file /x: {} (os error {})"
    assert fault_of(Exception(text.format("No space left on device", 28)), "/x").problem is Problem.AWAY
    assert fault_of(Exception(text.format("Permission denied", 13)), "/x").problem is Problem.DENIED
    assert fault_of(Exception(text.format("File name too long", 36)), "/x").problem is Problem.REFUSED


def test_reasons_hold_no_secret() -> None:
    text = (
        "Generic S3 error: Error performing GET https://host/b/k?sig=SECRETSIG in 1ms - Server returned non-2xx status"
        " code: 400 Bad Request: <Error><Code>Odd</Code><Message>no AKIDEXAMPLE</Message><Key>QUOTED</Key></Error>\n\n"
        "Debug source: QUOTED"
    )
    assert fault_of(Exception(text), "s3://b", CREDENTIAL.values()).reason == "400: Odd: no [MASKED]"
    plain = (
        "Generic S3 error: Error performing GET https://host/b?sig=SECRETSIG in 1ms - HTTP error: error sending request"
    )
    assert fault_of(Exception(plain), "s3://b").reason == "HTTP error: error sending request"


def test_without_any_identity_access_is_denied() -> None:
    text = (
        "Generic S3 error: Error performing PUT http://169.254.169.254/latest/api/token in 1ms - HTTP error: timed out"
    )
    fault = fault_of(Exception(text), "s3://b")
    assert fault.problem is Problem.DENIED
    assert "no credential" in fault.reason


def test_a_place_hides_its_credential() -> None:
    place = Place("s3://b", credential=CREDENTIAL)
    assert not [value for value in CREDENTIAL.values() if value in repr(place)]


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("s3://bucket/a/b", S3Store),
        ("tos://tos-cn.example.com/bucket/a/b", S3Store),
        ("swift://host.example.com/account/bucket/a/b", S3Store),
        ("gs://bucket/a/b", S3Store),
        ("azure://account/bucket/a/b", AzureStore),
        ("file:///a/b", LocalStore),
        ("/a/b/", LocalStore),
    ],
)
def test_schemes(url: str, kind: type) -> None:
    place = complete(Place(url, credential={"access_key_id": "id", "access_key": "a2V5"}))
    located = locate(place.url)
    assert located.key == "a/b"
    assert isinstance(connect(place, located, ONCE), kind)
    assert open_store(place, Patience(1)).url == url.rstrip("/")


def test_google_without_a_key_of_the_s3_kind_is_google() -> None:
    place = Place("gs://bucket/a")
    assert isinstance(connect(place, locate(place.url), ONCE), GCSStore)


def test_styles_and_endpoints_of_s3() -> None:
    def config(place: Place) -> dict[str, object]:
        place = complete(place)
        return connect(place, locate(place.url), ONCE).config

    assert config(Place("tos://tos.example.com/bucket/x"))["endpoint"] == "https://bucket.tos.example.com"
    assert config(Place("swift://host/account/bucket/x"))["endpoint"] == "https://host"
    assert config(Place("s3://bucket", "https://minio"))["endpoint"] == "https://minio"
    virtual = Place("s3://bucket", "https://minio", credential={"addressing_style": "virtual"})
    assert config(virtual)["endpoint"] == "https://bucket.minio"
    told = Place("", credential={"url": "s3://bucket/x\n", "endpoint": "https://minio", "region": "eu"})
    assert config(told)["region"] == "eu"
    assert complete(told).url == "s3://bucket/x"


@pytest.mark.parametrize(
    "url", ["", "s3:/bucket", "s3://", "azure://account", "ftp://host/x", "relative/path", "file://x"]
)
def test_what_is_no_place(url: str) -> None:
    with pytest.raises(StorageError) as caught:
        open_store(Place(url), Patience(1))
    assert caught.value.problem is Problem.REFUSED


@pytest.mark.parametrize("url", ["s3://bucket", "azure://account/container", "gs://bucket"])
@pytest.mark.parametrize(
    "endpoint", ["minio:9000", "s3://x", "https://a:65536", "http://a b", "https://", "http://a:b"]
)
def test_what_is_no_endpoint(url: str, endpoint: str) -> None:
    with pytest.raises(StorageError, match="its endpoint is not one such as https://host") as caught:
        open_store(Place(url, endpoint), Patience(1))
    assert caught.value.problem is Problem.REFUSED


def test_keys_of_azure() -> None:
    text = "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=a2V5PT0=;EndpointSuffix=core.windows.net"
    assert azure_keys(text) == {"account_key": "a2V5PT0="}
    assert azure_keys("a2V5PT0=") == {"account_key": "a2V5PT0="}
    assert azure_keys("BlobEndpoint=https://x;SharedAccessSignature=sv=1&sig=z") == {
        "endpoint": "https://x",
        "sas_key": "sv=1&sig=z",
    }
    assert "a2V5PT0=" in secrets_of({"access_key": text})
