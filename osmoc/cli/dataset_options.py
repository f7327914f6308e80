"""Which bucket a `dataset` command works on, and by which credential."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from osmoc.cli.main import FINDINGS
from osmoc.cli.workflow import load_profile, print_findings
from osmoc.datasets import parse_reference
from osmoc.datasets_client import BucketPlace
from osmoc.diagnostics import did_you_mean
from osmoc.local.credentials import CredentialError, read_file
from osmoc.profile import Bucket, Profile
from osmoc.redaction import has_secret
from osmoc.urls import endpoint_fault, fault_of, profile_of

_EXPOSED: Final = "a URL with a password or a signature; keys come from the environment"

_Function = TypeVar("_Function", bound=Callable[..., Any])

# Key of a Secret to the variables that may hold it, the first one that is set counts.
_VARIABLES: Final = {
    "access_key_id": ("OSMO_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
    "access_key": ("OSMO_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
    "session_token": ("OSMO_SESSION_TOKEN", "AWS_SESSION_TOKEN"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the options say."""

    profile: str | None
    bucket: str
    endpoint: str
    region: str
    credentials: str | None
    retry_for: float
    is_json: bool


@dataclass(frozen=True, slots=True)
class Reference:
    bucket: str
    name: str
    version: str


def dataset_options(function: _Function) -> _Function:
    options = [
        click.option("--profile", metavar="FILE", help="Has the buckets. [OSMOC_PROFILE, else ./osmoc.yaml]"),
        click.option("--bucket", default="", metavar="URL", help="Where the datasets lie, in place of a profile."),
        click.option("--endpoint", default="", help="Of an S3 that is not Amazon's. [AWS_ENDPOINT_URL]"),
        click.option("--region", default="", help="Of the bucket."),
        click.option(
            "--credentials",
            metavar="FILE",
            help="YAML: name of a Secret or bucket to its keys. [OSMO_ACCESS_KEY_ID …, AWS_ACCESS_KEY_ID …, the cloud]",
        ),
        click.option("--retry-for", default=60.0, help="Seconds to wait for a storage that is away. [60]"),
        click.option("--output", type=click.Choice(["text", "json"]), default="text", help="As what. [text]"),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def given(options: dict[str, Any]) -> Given:
    endpoint = options.pop("endpoint") or os.environ.get("AWS_ENDPOINT_URL", "")
    if has_secret(endpoint):
        raise click.UsageError(f"--endpoint: {_EXPOSED}")
    if fault := endpoint_fault(endpoint):
        raise click.UsageError(f"--endpoint: {fault}")
    return Given(
        profile=options.pop("profile"),
        bucket=options.pop("bucket"),
        endpoint=endpoint,
        region=options.pop("region"),
        credentials=options.pop("credentials"),
        retry_for=options.pop("retry_for"),
        is_json=options.pop("output") == "json",
    )


def read_reference(text: str) -> Reference:
    """`[bucket/]name[:tag or version]`; tokens are for workflows."""
    parsed = parse_reference(text)
    if parsed is None or "{" in text or "}" in text:
        raise click.UsageError(f"`{text}` is not a dataset: [bucket/]name[:tag or version]")
    dataset, version = parsed
    return Reference(dataset.bucket, dataset.name, version)


def find_place(bucket: str, options: Given, *, writes: bool) -> BucketPlace:
    """The place of a bucket by its name, or of the default bucket."""
    if options.bucket:
        if bucket:
            raise click.UsageError(f"`{bucket}/` names a bucket of the profile, and --bucket is one too")
        url = _as_url(options.bucket)
        return _complete(Bucket(url=url, region=options.region), [url, profile_of(url)], options)
    profile, findings = load_profile(options.profile)
    if findings:
        print_findings(findings, "text", sys.stderr)
        raise click.exceptions.Exit(FINDINGS)
    if profile is None:
        raise click.UsageError("nothing says where datasets lie: give --bucket URL, or a profile")
    found, secret = _in_profile(bucket or profile.datasets.default_bucket, profile)
    if writes and found.mode == "read-only":
        raise click.UsageError(f"the bucket `{bucket or profile.datasets.default_bucket}` is read-only")
    return _complete(found, [secret, bucket or profile.datasets.default_bucket, profile_of(found.url)], options)


def _as_url(text: str) -> str:
    """A URL; or a folder of this machine."""
    if "://" not in text:
        return f"file://{Path(text).resolve()}"
    if text.startswith("file:///"):
        return text
    if has_secret(text):
        raise click.UsageError(f"--bucket: {_EXPOSED}")
    if fault := fault_of(text):
        raise click.UsageError(f"--bucket: {fault[0]}")
    return text


def _in_profile(name: str, profile: Profile) -> tuple[Bucket, str]:
    """The bucket and the name of its Secret."""
    storage = profile.storage
    secret = storage.secret if storage else ""
    if name:
        known = profile.datasets.buckets
        if name not in known:
            raise click.UsageError(f"the profile has no bucket `{name}`. {did_you_mean(name, known)}".rstrip())
        return known[name], known[name].secret or secret
    if storage is None or not storage.url:
        raise click.UsageError(
            "the profile has no `datasets.default_bucket`, and no URL of a storage: give --bucket URL"
        )
    url = f"{storage.url.rstrip('/')}/datasets"
    return Bucket(url=url, endpoint=storage.endpoint, region=storage.region), secret


def _complete(bucket: Bucket, names: list[str], options: Given) -> BucketPlace:
    credential = _credential(names, bucket.url, options)
    return BucketPlace(
        bucket.url,
        options.endpoint or bucket.endpoint,
        options.region or bucket.region,
        credential,
        bucket.single_writer,
    )


def _credential(names: list[str], url: str, options: Given) -> Mapping[str, str]:
    if options.credentials:
        try:
            known = read_file(Path(options.credentials))
        except CredentialError as error:
            raise click.UsageError(str(error)) from None
        for name in filter(None, names):
            if name in known:
                return known[name]
        wanted = ", ".join(f"`{name}`" for name in dict.fromkeys(filter(None, names)))
        raise click.UsageError(f"{options.credentials} has no credential for {url}; it would be called {wanted}")
    return {} if url.startswith("file:") else credential_of_environment()


def credential_of_environment() -> Mapping[str, str]:
    """The keys that a Secret would have; nothing if there are none."""
    found = {key: value for key, names in _VARIABLES.items() if (value := _first_set(names))}
    # One half of a key is none.
    return found if "access_key" in found else {}


def _first_set(names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := os.environ.get(name))), "")
