"""The container of a task: its image, its command, the network of its node, and keys without effect."""

import re
from typing import Final

from osmoc import codes, images
from osmoc.diagnostics import Diagnostics
from osmoc.spec import Task
from osmoc.written import Written
from osmoc.yamltree import Path, Tree

_CACHE_SIZE: Final = re.compile(r"(?:100|[0-9]{1,2})%|[0-9]+(?:\.[0-9]+)?(?:[TGMK](?:i|iB)?|B|m)?")
_WITHOUT_EFFECT: Final = {
    "resources": ("resources", "name an entry of the workflow's `resources` with `resource`"),
    "backend": ("backend", ""),
    "download_type": ("downloadType", ""),
    "cache_size": ("cacheSize", ""),
}


def check_containers(written: Written, found: Diagnostics) -> None:
    tree = written.tree
    for where, task in written.workflow.walk():
        if fault := images.fault_of(task.image):
            message = f"`{task.image.strip()[:80]}` is not an image name: {fault}"
            found.report(codes.BAD_IMAGE, tree.span((*where, "image")), message)
        if not task.command or not task.command[0]:
            help = 'the image\'s own command is not used: `command: [bash, -c, "…"]`'
            found.report(codes.EMPTY_LIST, tree.key((*where, "command")), "an empty command", help=help)
        _check_ignored(task, where, tree, found)
    _check_host_network(written, found)


def _check_ignored(task: Task, where: Path, tree: Tree, found: Diagnostics) -> None:
    for field, (key, help) in _WITHOUT_EFFECT.items():
        if field in task.model_fields_set and getattr(task, field) is not None:
            found.report(codes.IGNORED_KEY, tree.key((*where, key)), f"`{key}` of a task has no effect", help=help)
    if task.cache_size and not _CACHE_SIZE.fullmatch(task.cache_size):
        message = f"`{task.cache_size[:60]}` is neither a size nor a percentage"
        found.report(codes.BAD_SIZE, tree.span((*where, "cacheSize")), message)


def _check_host_network(written: Written, found: Diagnostics) -> None:
    for _, tasks in written.workflow.walk_groups():
        users = [(where, task) for where, task in tasks if task.host_network]
        for where, task in users[1:]:
            found.report(
                codes.HOST_NETWORK,
                written.tree.key((*where, "hostNetwork")),
                f"`{users[0][1].name}` and `{task.name}` share the ports of a node if they come to lie on one",
                help="keep them apart with different platforms or ports",
            )
