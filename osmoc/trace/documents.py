"""Where the documents and files of tasks come from: the entries of their ConfigMaps."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from osmoc.trace.owners import WORKFLOW, Owner, Owners
from osmoc.trace.reach import has, mapping_at, reached, text_at, text_of
from osmoc.trace.rules import DOCUMENT, How, Origin
from osmoc.yamlnodes import Path

# Lists of a document whose items are items of the task, by the key that the task has for them.
_LISTS: Final = {
    "command": "command",
    "args": "args",
    "inputs": "inputs",
    "outputs": "outputs",
    "kpis": "kpis",
    "checkpoints": "checkpoint",
    "files": "files",
    "environment": "environment",
    "exit_actions": "exitActions",
    "credential_variables": "credentials",
    "credential_directories": "credentials",
}
_DATASET_FIELDS: Final = ("path", "regex", "metadata", "labels", "paths")


def of_entry(owners: Owners, key: str, rest: Path, written: Any) -> Iterator[Origin]:
    """`written` is what stands under the key, a document as values."""
    label, _, what = key.partition(".")
    owner = owners.by_label.get(label)
    if owner is None:
        return
    number = what.removeprefix("file-")
    if what == "json":
        yield from _of_document(owners, owner, written, rest)
    elif number.isdigit():
        where: Path = (*owner.where, "files", int(number))
        yield Origin((*where, _content(owners, where)))
    yield Origin(owner.where, How.NEAR)


def _of_document(owners: Owners, owner: Owner, written: Any, rest: Path) -> Iterator[Origin]:
    peers = {task.name: task for task in owner.group.tasks}
    match rest:
        case (str(key), int(number), *more) if key in _LISTS:
            yield from _of_item(owners, owner, mapping_at(written, (key, number)), key, number, tuple(more))
        case (str(key),) if key in _LISTS and reached(written, (key,)):
            yield Origin((*owner.where, _LISTS[key]))
        case ("group", "members", int(number), key) if text_at(written, ("group", "members", number, "task")) in peers:
            yield Origin((*peers[text_at(written, ("group", "members", number, "task"))].where, "name"))
            if key == "host" and len(peers) > 1:
                yield Origin((*owner.group.where, "name"))
        case ("group", "publishing", int(_)) | ("group", "lead") if text_at(written, rest) in peers:
            yield Origin((*peers[text_at(written, rest)].where, "name"))
        case ("group", "port"):
            yield from (Origin((*task.where, "hostNetwork")) for task in owner.group.tasks)
        case ("timeouts", "barrier") if owners.profile.timeouts.barrier is None:
            yield Origin((*WORKFLOW, "timeout", "queue_timeout"))
        case _:
            yield from owners.ruled(DOCUMENT, rest, owner, owner.group)


def _of_item(
    owners: Owners, owner: Owner, item: Mapping[str, Any], key: str, number: int, more: Path
) -> Iterator[Origin]:
    where = owner.where
    match key:
        case "environment":
            yield Origin((*where, "environment", text_at(item, ("name",))))
        case "credential_variables":
            yield from owners.variable(owner, text_at(item, ("name",)))
        case "credential_directories":
            yield from owners.directory(owner, number)
        case "exit_actions":
            # Those of the pool come after those of the task.
            names = list(owners.at((*where, "exitActions")) or ())
            yield from (Origin((*where, "exitActions", text_of(name))) for name in names[number : number + 1])
        case "inputs" | "outputs":
            yield Origin((*where, key, number, *_in_item(item, more)))
        case "files":
            file: Path = (*where, "files", number)
            yield Origin((*file, _content(owners, file) if more == ("digest",) else "path"))
        case _:
            yield Origin((*where, _LISTS[key], number, *more))


def _content(owners: Owners, file: Path) -> str:
    return "localpath" if has(owners.at(file), "localpath") else "contents"


def _in_item(item: Mapping[str, Any], more: Path) -> Path:
    """Where the file has a field of an input or output of a document: that of a dataset below its kind."""
    kind = text_at(item, ("kind",))
    if kind in ("task", "url"):
        return ("regex",) if more == ("regex",) else (kind,)
    return (kind, *more) if more[:1] and more[0] in _DATASET_FIELDS else (kind, "name")
