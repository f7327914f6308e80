"""Results of `osmoc dataset` as people read them, or as they are."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from osmoc.cli.dataset_progress import as_size
from osmoc.report.json import dump
from osmoc.report.printable import printable, width

Result = Mapping[str, Any]


def report(result: Result, *, is_json: bool) -> str:
    if is_json:
        return dump(result)
    return "".join(f"{line}\n" for line in _LINES[result["operation"]](result))


def _list(result: Result) -> Iterator[str]:
    if not result["datasets"]:
        yield "no datasets"
        return
    rows = [["dataset", "latest", "versions", "changed"]]
    for one in result["datasets"]:
        is_dataset = one["kind"] == "dataset"
        numbers = [str(one["latest"]), str(one["versions"])] if is_dataset else ["collection", ""]
        rows.append([one["name"], *numbers, _time(one["modified"])])
    yield from _table(rows)


def _info(result: Result) -> Iterator[str]:
    if result["kind"] == "collection":
        yield f"{result['name']}: a collection"
        yield from (f"  {pin['name']}:{pin['version']}" for pin in result["pins"])
        return
    yield f"{result['name']}:{result['version']}"
    base = f"an update of version {result['base']}" if result["base"] else ""
    facts = {"made": _time(result["created_at"]), "base": base, "files": _files(result["file_count"], result["size"])}
    yield from (f"  {key:<9} {value}" for key, value in facts.items() if value)
    for title in ("origin", "metadata", "labels"):
        yield from _map(title, result[title])
    yield "versions"
    rows = [[str(one["number"]), _time(one["created_at"]), ", ".join(one["tags"])] for one in result["versions"]]
    yield from (f"  {line}" for line in _table(rows))
    if result["deleted"]:
        yield f"  deleted: {', '.join(map(str, result['deleted']))}"
    if result["files"] is not None:
        yield "files"
        yield from (f"  {line}" for line in _table([[as_size(f["size"]), f["path"]] for f in result["files"]]))


def _map(title: str, value: Mapping[str, Any]) -> Iterator[str]:
    if value:
        yield title
        for key, item in value.items():
            shown = item if isinstance(item, str) else dump(item).strip().replace("\n", " ")
            yield f"  {printable(key)}: {printable(shown)}"


def _upload(result: Result) -> Iterator[str]:
    tagged = f", tagged {result['tag']}" if result["tag"] else ""
    sent = _files(result["uploaded_files"], result["uploaded_size"]) if result["uploaded_files"] else "none"
    yield f"{result['name']}:{result['version']}{tagged}: {_files(result['files'], result['size'])}, sent {sent}"


def _download(result: Result) -> Iterator[str]:
    names = ", ".join(f"{pin['name']}:{pin['version']}" for pin in result["pins"])
    yield f"{names}: {_files(result['files'], result['size'])}"


def _tag(result: Result) -> Iterator[str]:
    if not result["tags"]:
        yield f"{result['name']} has no tags"
    for tag, number in result["tags"].items():
        yield f"{result['name']}:{tag} is version {number}"


def _delete(result: Result) -> Iterator[str]:
    if result["kind"] == "collection":
        yield f"deleted the collection {result['name']}"
    for number in result["versions"]:
        yield f"deleted {result['name']}:{number}"


def _gc(result: Result) -> Iterator[str]:
    found = [one for one in result["datasets"] if one["objects"] or one["versions"]]
    if not found:
        yield "no garbage"
    for one in found:
        yield f"{one['name']}: {_files(one['objects'], one['size'])}"


def _verify(result: Result) -> Iterator[str]:
    reasons = {"missing": "is missing", "size": "has another size", "digest": "has another content"}
    for damage in result["damages"]:
        yield f"{result['name']}:{damage['version']}: {printable(damage['path'])} {reasons[damage['reason']]}"
    count = len(result["damages"])
    verdict = f"{count} damaged" if count else "all is well"
    versions = "1 version" if len(result["versions"]) == 1 else f"{len(result['versions'])} versions"
    yield f"{result['name']}: {_files(result['objects'], result['size'])} of {versions}: {verdict}"


def _diff(result: Result) -> Iterator[str]:
    for file in result["removed"]:
        yield f"- {printable(file['path'])}"
    for file in result["added"]:
        yield f"+ {printable(file['path'])}"
    for file in result["changed"]:
        yield f"~ {printable(file['path'])} ({as_size(file['old_size'])} to {as_size(file['new_size'])})"
    if not (result["removed"] or result["added"] or result["changed"]):
        yield f"{result['name']}: no difference of versions {result['old']} and {result['new']}"


def _collect(result: Result) -> Iterator[str]:
    pins = [f"{pin['name']}:{pin['version']}" for pin in result["pins"]]
    yield f"{result['name']}: {', '.join(pins)}"


_LINES: Final[dict[str, Callable[[Result], Iterator[str]]]] = {
    "list": _list,
    "info": _info,
    "upload": _upload,
    "download": _download,
    "tag": _tag,
    "delete": _delete,
    "gc": _gc,
    "verify": _verify,
    "diff": _diff,
    "collect": _collect,
}


def _files(count: int, size: int) -> str:
    return f"{count} {'file' if count == 1 else 'files'}, {as_size(size)}"


def _time(text: str | None) -> str:
    """To the minute."""
    return text[:16].replace("T", " ") if text else ""


def _table(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        cells = (cell + " " * (size - width(cell)) for cell, size in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
