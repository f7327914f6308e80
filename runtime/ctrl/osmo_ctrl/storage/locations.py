"""Storage URLs as stores of obstore: which service, bucket and credential a place means."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from obstore.store import AzureStore, GCSStore, LocalStore, S3Store

from osmo_ctrl.storage.faults import Problem, StorageError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

# Parts between `scheme://` and the path: bucket; account and container; host and bucket; host, account, container.
_PARTS: Final = {"s3": 1, "gs": 1, "azure": 2, "tos": 2, "swift": 3}
_OPEN: Final = ("url", "endpoint", "region", "addressing_style")
# obstore panics at others.
_ENDPOINT: Final = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?(/[^\s?#]*)?")
_LAST_PORT: Final = 65_535
_GOOGLE: Final = "https://storage.googleapis.com"

# Requests are repeated by `Store`, which knows how long to wait and whom to tell.
ONCE: Final["RetryConfig"] = {"max_retries": 0, "retry_timeout": timedelta(seconds=1)}
# But a part of a multipart upload only obstore can repeat; else one lost connection would cost the whole object.
PARTS: Final["RetryConfig"] = {"max_retries": 6, "retry_timeout": timedelta(minutes=2)}


@dataclass(frozen=True, slots=True)
class Place:
    """Where data lies and how it is reached. What the Secret's files say stands in for what is empty."""

    url: str
    endpoint: str = ""
    region: str = ""
    credential: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Located:
    """A place taken apart: `key` is the path within the bucket, or in the file system, without outer slashes."""

    scheme: str
    parts: tuple[str, ...]
    key: str


def complete(place: Place) -> Place:
    """The place with all that its Secret says."""
    told = {name: value.strip() for name, value in place.credential.items()}
    return Place(
        (place.url or told.get("url", "")).rstrip("/"),
        (place.endpoint or told.get("endpoint", "")).rstrip("/"),
        place.region or told.get("region", ""),
        told,
    )


def locate(url: str) -> Located:
    """Takes a URL apart. `?`, `#` and `%` mean nothing there."""
    scheme, separator, rest = url.partition("://")
    if url.startswith("/"):
        scheme, separator, rest = "file", "://", url
    if scheme == "file" and separator and rest.startswith("/"):
        return Located("file", (), rest.strip("/"))
    parts = rest.split("/")
    count = _PARTS.get(scheme, 0)
    if not separator or not count or len(parts) < count or not all(parts[:count]):
        raise StorageError(Problem.REFUSED, url, "this is not the URL of a storage")
    return Located(scheme, tuple(parts[:count]), "/".join(parts[count:]).strip("/"))


def connect(place: Place, located: Located, retry: "RetryConfig") -> "ObjectStore":
    """A store for the whole bucket, or for the whole file system."""
    match located.scheme:
        case "file":
            return LocalStore()
        case "azure":
            return _azure(place, located, retry)
        case "gs" if not place.credential.get("access_key_id"):
            return _google(place, located, retry)
        case _:
            return _s3(place, located, retry)


def _client(place: Place, endpoint: str) -> "ClientConfig":
    found = _ENDPOINT.fullmatch(endpoint)
    if endpoint and not (found and int(found["port"] or 0) <= _LAST_PORT):
        raise StorageError(Problem.REFUSED, place.url, "its endpoint is not one such as https://host:9000")
    return {
        "allow_http": endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=10),
        "read_timeout": timedelta(seconds=90),  # also the longest that the body of one request may take to upload
        "timeout": timedelta(minutes=15),
        "user_agent": "osmo-ctrl",
    }


def _s3(place: Place, located: Located, retry: "RetryConfig") -> "ObjectStore":
    bucket, endpoint = located.parts[-1], place.endpoint
    if not endpoint and located.scheme != "s3":
        endpoint = _GOOGLE if located.scheme == "gs" else f"https://{located.parts[0]}"
    config = {
        "region": place.region or ("auto" if located.scheme == "gs" else ""),
        "access_key_id": place.credential.get("access_key_id", ""),
        "secret_access_key": place.credential.get("access_key", ""),
        "session_token": place.credential.get("session_token", ""),
    }
    style = place.credential.get("addressing_style", "virtual" if located.scheme == "tos" else "path")
    if endpoint and style == "virtual":
        scheme, _, host = endpoint.partition("://")
        endpoint = f"{scheme}://{bucket}.{host}"
        config["virtual_hosted_style_request"] = "true"
    if endpoint:
        config["endpoint"] = endpoint
    # A signature over the body is what protects it where TLS does not.
    config["unsigned_payload"] = str(not endpoint.startswith("http://")).lower()
    given = {name: value for name, value in config.items() if value}
    return S3Store(bucket, client_options=_client(place, endpoint), retry_config=retry, config=given)  # type: ignore[arg-type]


def _google(place: Place, located: Located, retry: "RetryConfig") -> "ObjectStore":
    key = place.credential.get("access_key", "")
    config = {"service_account_key": key} if key else {}
    if place.endpoint:
        config["base_url"] = place.endpoint
    client = _client(place, place.endpoint)
    return GCSStore(located.parts[0], client_options=client, retry_config=retry, config=config)  # type: ignore[arg-type]


def _azure(place: Place, located: Located, retry: "RetryConfig") -> "ObjectStore":
    account, container = located.parts
    config = {"account_name": account} | azure_keys(place.credential.get("access_key", ""))
    if place.endpoint:
        config["endpoint"] = place.endpoint
    client = _client(place, config.get("endpoint", ""))
    return AzureStore(container, client_options=client, retry_config=retry, config=config)  # type: ignore[arg-type]


def azure_keys(access_key: str) -> dict[str, str]:
    """From a connection string, as OSMO has it, or from the key of the account alone."""
    if not access_key:
        return {}
    if "=" not in access_key.rstrip("="):
        return {"account_key": access_key}
    pairs = dict(part.split("=", 1) for part in access_key.split(";") if "=" in part)
    names = {"AccountKey": "account_key", "SharedAccessSignature": "sas_key", "BlobEndpoint": "endpoint"}
    return {name: pairs[key] for key, name in names.items() if pairs.get(key)}


def secrets_of(credential: Mapping[str, str]) -> tuple[str, ...]:
    """What no message may hold: the values, and what stands within them."""
    found = [value for name, value in credential.items() if name not in _OPEN]
    for value in list(found):
        found.extend(azure_keys(value).values())
        if value.startswith("{"):
            try:
                found.extend(inner for inner in json.loads(value).values() if isinstance(inner, str))
            except ValueError:
                continue
    return tuple(found)
