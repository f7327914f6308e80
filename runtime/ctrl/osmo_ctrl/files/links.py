"""Where a symbolic link of a user leads, found without following it, and never out of a directory."""

import os
import stat
from collections import deque
from collections.abc import Sequence
from typing import Final

from osmo_ctrl.files import beneath

_MOST_LINKS: Final = 40  # as in Linux


class BadLink(Exception):
    """It leads nowhere within the directory: `str()` says how."""


def resolve(base: int, path: str, root: str) -> tuple[str, os.stat_result]:
    """The path below `base` that a path means when all links on it are followed, and what is there.

    Links may call the directory itself `root`, its absolute path where the user sees it.
    """
    found: list[str] = []
    waiting = deque(path.split("/"))
    followed = 0
    while waiting:
        part = waiting.popleft()
        if part == "..":
            if not found:
                raise BadLink("a link out of the directory")
            found.pop()
        elif part not in ("", "."):
            target = _target_of(base, found, part)
            if target is None:
                found.append(part)
                continue
            followed += 1
            if followed > _MOST_LINKS:
                raise BadLink("a link that leads in a circle")
            if target.startswith("/"):
                found, target = [], _within(root, target)
            waiting.extendleft(reversed(target.split("/")))
    return "/".join(found), _status_of(base, found[:-1], found[-1] if found else ".")


def _target_of(base: int, parents: Sequence[str], name: str) -> str | None:
    """What a link says; None for what is no link."""
    if not stat.S_ISLNK(_status_of(base, parents, name).st_mode):
        return None
    try:
        with beneath.directory(base, "/".join(parents)) as parent:
            return os.readlink(name, dir_fd=parent)
    except OSError:
        raise BadLink("a link that leads nowhere") from None


def _status_of(base: int, parents: Sequence[str], name: str) -> os.stat_result:
    try:
        with beneath.directory(base, "/".join(parents)) as parent:
            return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except OSError:
        raise BadLink("a link that leads nowhere") from None


def _within(root: str, target: str) -> str:
    if not root or not f"{target}/".startswith(f"{root}/"):
        raise BadLink("a link out of the directory")
    return target[len(root) :]
