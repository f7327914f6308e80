"""Where a pod comes from: that of a Job, or what a template of Argo says of one."""

from collections.abc import Iterator
from typing import Any

from osmoc.trace.owners import Owner, Owners
from osmoc.trace.reach import named, text_at
from osmoc.trace.rules import POD, Origin
from osmoc.yamlnodes import Path


def of_pod(owners: Owners, owner: Owner, spec: Any, rest: Path) -> Iterator[Origin]:
    """`rest` is a path in the spec of the pod."""
    words = named(spec, rest)
    if words[:2] == ("containers", owner.planned.label):
        words = ("containers", "@user", *words[2:])
    match words:
        case ("containers", "@user", "env", name, *_):
            yield from owners.variable(owner, name)
        case ("containers" | "initContainers", "@user" | "osmo-ctrl", "volumeMounts", "osmo-task", *_):
            yield from _of_mount(owner, text_at(spec, (*rest[:4], "subPath")), words[-1])
        case ("containers", "@user", "volumeMounts", volume, *_) | ("volumes", volume, *_):
            yield from _of_volume(owners, owner, volume)
    yield from owners.ruled(POD, words, owner, owner.group)


def _of_mount(owner: Owner, key: str, field: str) -> Iterator[Origin]:
    """Of an entry of the ConfigMap: one of the files of the task, or its document."""
    number = key.rpartition(".file-")[2]
    if number.isdigit():
        yield Origin((*owner.where, "files", int(number), "path"))
    elif field == "subPath":
        yield Origin((*owner.where, "name"))


def _of_volume(owners: Owners, owner: Owner, volume: str) -> Iterator[Origin]:
    kind, _, number = volume.rpartition("-")
    if number.isdigit() and kind == "osmo-credential":
        yield from owners.directory(owner, int(number))
    elif number.isdigit() and kind == "host-mount":
        yield Origin((*owner.where, "volumeMounts", int(number)))
