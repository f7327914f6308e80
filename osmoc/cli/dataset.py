"""`osmoc dataset`: look at datasets, bring files into them and out of them, and tidy up."""

import getpass
import sys
from collections.abc import Mapping
from typing import Any

import click

from osmoc.cli.dataset_options import Given, Reference, dataset_options, find_place, given, read_reference
from osmoc.cli.dataset_progress import watched
from osmoc.cli.dataset_report import report
from osmoc.cli.main import FINDINGS
from osmoc.datasets_client import call
from osmoc.report.printable import printable
from osmoc.runtime_process import RuntimeFailed, RuntimeMissing


@click.group("dataset")
def dataset_command() -> None:
    """Work with datasets: numbered versions of files in a bucket.

    A dataset is written [bucket/]name[:tag or version]. The bucket is one of the profile, or --bucket says where it is.

    \b
    Examples:
      osmoc dataset upload cats ./pictures
      osmoc dataset list
      osmoc dataset download cats:good ./here
    """


@dataset_command.command("list")
@click.argument("bucket_name", default="", metavar="[BUCKET]")
@dataset_options
def list_(bucket_name: str, **options: Any) -> int:
    """List the datasets of a bucket.

    \b
    Examples:
      osmoc dataset list
      osmoc dataset list team --profile cluster.yaml
      osmoc dataset list --bucket s3://pictures/datasets --output json
    """
    return _run("list", bucket_name, given(options), {})


@dataset_command.command("info")
@click.argument("dataset")
@click.option("--files", is_flag=True, help="List the files as well.")
@dataset_options
def info(dataset: str, files: bool, **options: Any) -> int:
    """Show a dataset: its versions, tags and labels, and what is in one version.

    \b
    Examples:
      osmoc dataset info cats
      osmoc dataset info team/cats:3 --files
    """
    reference = read_reference(dataset)
    return _run_on(reference, "info", given(options), {"version": reference.version, "files": files})


@dataset_command.command("upload")
@click.argument("dataset")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("-t", "--tag", default="", help="A tag for the new version.")
@click.option("-x", "--regex", default="", help="Only files whose path in the dataset matches from its start.")
@click.option("-m", "--metadata", multiple=True, metavar="FILE", help="YAML to be kept with the version.")
@click.option("-l", "--labels", multiple=True, metavar="FILE", help="YAML with labels of the dataset.")
@click.option("--update", is_flag=True, help="Add to the newest version, or to the one that is named.")
@click.option("--remove", default="", metavar="REGEX", help="With --update: files to be left out.")
@dataset_options
def upload(dataset: str, paths: tuple[str, ...], tag: str, update: bool, remove: str, **options: Any) -> int:
    """Make a new version of files and folders.

    A folder keeps its name in the dataset, as with `cp -r`; `folder/.` stands for what is in it. After a colon stands
    the folder of the dataset to put it in. Files that a version has already are not sent again.

    \b
    Examples:
      osmoc dataset upload cats ./pictures
      osmoc dataset upload cats:good ./pictures/. --metadata about.yaml
      osmoc dataset upload --update cats:3 new/tom.png:pictures
      osmoc dataset upload --update cats --remove '.*[.]tmp$'
    """
    reference = read_reference(dataset)
    if remove and not update:
        raise click.UsageError("--remove needs --update: a version of its own has nothing to remove")
    if not paths and not remove:
        raise click.UsageError("nothing to upload: name files or folders")
    arguments = {
        "sources": paths,
        "tag": tag if update else tag or reference.version,
        "base": reference.version if update else None,
        "remove": remove,
        "by": _user(),
    } | {name: options.pop(name) for name in ("regex", "metadata", "labels")}
    return _run_on(reference, "upload", given(options), arguments, writes=True)


@dataset_command.command("download")
@click.argument("dataset")
@click.argument("directory", default=".")
@click.option("-x", "--regex", default="", help="Only files whose path in the dataset matches from its start.")
@dataset_options
def download(dataset: str, directory: str, regex: str, **options: Any) -> int:
    """Put the files of a version into DIRECTORY/<name of the dataset>. What is there already is not fetched again.

    \b
    Examples:
      osmoc dataset download cats
      osmoc dataset download cats:good ./here --regex 'pictures/.*[.]png$'
    """
    reference = read_reference(dataset)
    arguments = {"version": reference.version, "directory": directory, "regex": regex}
    return _run_on(reference, "download", given(options), arguments)


@dataset_command.command("tag")
@click.argument("dataset")
@click.option("--set", "set_", multiple=True, metavar="TAG", help="Give it to the version.")
@click.option("--delete", multiple=True, metavar="TAG", help="Take it from the dataset.")
@dataset_options
def tag(dataset: str, set_: tuple[str, ...], delete: tuple[str, ...], **options: Any) -> int:
    """Set and delete tags. A tag stands for one version; `latest` is the newest version, always.

    \b
    Examples:
      osmoc dataset tag cats:3 --set good
      osmoc dataset tag cats --delete old
      osmoc dataset tag cats
    """
    reference = read_reference(dataset)
    arguments = {"version": reference.version, "set": set_, "delete": delete, "by": _user()}
    return _run_on(reference, "tag", given(options), arguments, writes=bool(set_ or delete))


@dataset_command.command("delete")
@click.argument("dataset")
@click.option("--all", "all_", is_flag=True, help="All versions.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@dataset_options
def delete(dataset: str, all_: bool, yes: bool, **options: Any) -> int:
    """Delete a version, or all of them. Their files go with `osmoc dataset gc`, two weeks later at the earliest.

    \b
    Examples:
      osmoc dataset delete cats:3
      osmoc dataset delete cats --all --yes
    """
    reference = read_reference(dataset)
    given_ = given(options)
    arguments = {"version": reference.version, "all": all_, "by": _user()}
    if not yes:
        result = _call_on(reference, "delete", given_, arguments | {"dry_run": True}, writes=True)
        if result is None:
            return FINDINGS
        _confirm(result)
    return _run_on(reference, "delete", given_, arguments, writes=True)


def _confirm(result: Mapping[str, Any]) -> None:
    versions = ", ".join(str(number) for number in result["versions"])
    what = f"version {versions} of {result['name']}" if versions else f"the collection {result['name']}"
    if not sys.stdin.isatty():
        raise click.UsageError(f"would delete {what}: add --yes if that is meant")
    click.confirm(f"Delete {what}?", abort=True, err=True)


@dataset_command.command("gc")
@click.argument("names", nargs=-1, metavar="[DATASET]...")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@dataset_options
def gc(names: tuple[str, ...], dry_run: bool, **options: Any) -> int:
    """Remove files that no version has and that are older than two weeks, of all datasets unless some are named.

    \b
    Examples:
      osmoc dataset gc --dry-run
      osmoc dataset gc cats dogs
    """
    references = [read_reference(name) for name in names]
    if any(reference.version for reference in references):
        raise click.UsageError("garbage is a matter of whole datasets: name them without version or tag")
    bucket = _one_bucket(references)
    arguments = {"names": [reference.name for reference in references], "dry_run": dry_run}
    return _run("gc", bucket, given(options), arguments, writes=not dry_run)


@dataset_command.command("verify")
@click.argument("dataset")
@click.option("--quick", is_flag=True, help="Look at sizes only, and read nothing.")
@dataset_options
def verify(dataset: str, quick: bool, **options: Any) -> int:
    """Read all files of a version, or of all versions, and compare their digests. Exits with 1 if one is damaged.

    \b
    Examples:
      osmoc dataset verify cats
      osmoc dataset verify cats:3 --quick
    """
    reference = read_reference(dataset)
    return _run_on(reference, "verify", given(options), {"version": reference.version, "quick": quick})


@dataset_command.command("diff")
@click.argument("old")
@click.argument("new", default="")
@dataset_options
def diff(old: str, new: str, **options: Any) -> int:
    """Show which files are added, removed or changed from one version to another, or to the newest one.

    \b
    Examples:
      osmoc dataset diff cats:3
      osmoc dataset diff cats:3 cats:good --output json
    """
    before = read_reference(old)
    after = read_reference(new) if new else Reference(before.bucket, before.name, "")
    if (before.bucket, before.name) != (after.bucket, after.name):
        raise click.UsageError("both must be versions of one dataset")
    return _run_on(before, "diff", given(options), {"old": before.version, "new": after.version})


@dataset_command.command("collect")
@click.argument("collection")
@click.argument("members", nargs=-1, required=True, metavar="DATASET...")
@click.option("--replace", is_flag=True, help="If there is a collection of this name.")
@dataset_options
def collect(collection: str, members: tuple[str, ...], replace: bool, **options: Any) -> int:
    """Make a collection: a name for versions of several datasets of one bucket, which tasks read as one input.

    \b
    Examples:
      osmoc dataset collect pets cats:3 dogs:good
      osmoc dataset collect pets cats dogs --replace
    """
    reference = read_reference(collection)
    named = [read_reference(member) for member in members]
    if reference.version:
        raise click.UsageError("a collection has neither tags nor versions")
    if any(member.bucket not in ("", reference.bucket) for member in named):
        raise click.UsageError("the datasets of a collection lie in its bucket")
    references = [f"{member.name}:{member.version}" if member.version else member.name for member in named]
    return _run_on(reference, "collect", given(options), {"members": references, "replace": replace}, writes=True)


def _one_bucket(references: list[Reference]) -> str:
    buckets = {reference.bucket for reference in references}
    if len(buckets) > 1:
        raise click.UsageError("name datasets of one bucket")
    return buckets.pop() if buckets else ""


def _user() -> str:
    """For the record of a version; a container may have no name for its user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _run_on(
    reference: Reference, operation: str, options: Given, arguments: Mapping[str, Any], *, writes: bool = False
) -> int:
    return _run(operation, reference.bucket, options, {"name": reference.name, **arguments}, writes=writes)


def _call_on(
    reference: Reference, operation: str, options: Given, arguments: Mapping[str, Any], *, writes: bool = False
) -> Mapping[str, Any] | None:
    return _call(operation, reference.bucket, options, {"name": reference.name, **arguments}, writes=writes)


def _run(operation: str, bucket: str, options: Given, arguments: Mapping[str, Any], *, writes: bool = False) -> int:
    result = _call(operation, bucket, options, arguments, writes=writes)
    if result is None:
        return FINDINGS
    for warning in result.get("warnings", ()):
        sys.stderr.write(f"warning: {printable(warning)}\n")
    sys.stdout.write(report(result, is_json=options.is_json))
    return FINDINGS if result.get("damages") else 0


def _call(
    operation: str, bucket: str, options: Given, arguments: Mapping[str, Any], *, writes: bool
) -> Mapping[str, Any] | None:
    """The result; None if there is an error, which has been said."""
    place = find_place(bucket, options, writes=writes)
    try:
        with watched(sys.stderr) as on_event:
            return call(operation, place, {**arguments, "patience": options.retry_for}, on_event)
    except RuntimeMissing as error:
        raise click.UsageError(str(error)) from None
    except RuntimeFailed as error:
        sys.stderr.write(f"error: {printable(str(error))}\n")
        return None
