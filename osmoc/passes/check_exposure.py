"""Passwords in URLs of commands, environment and files: whoever may read the ConfigMaps of a run can read them."""

from collections.abc import Iterator

from osmoc import codes
from osmoc.diagnostics import Diagnostics
from osmoc.redaction import is_literal, secret_in
from osmoc.spec import Task
from osmoc.written import Written
from osmoc.yamltree import Path


def check_exposure(written: Written, found: Diagnostics) -> None:
    for where, task in written.workflow.walk():
        for path, text in [*_texts(where, task), *written.local_texts(where, task)]:
            secret = secret_in(text)
            if secret and is_literal(secret):
                found.report(
                    codes.EXPOSED,
                    written.tree.span(path),
                    f"task `{task.name}` has a password in a URL, which all can read who may read the manifests",
                    help="take it from a credential: `credentials: {name: {TOKEN: token}}`, and `$TOKEN` in its place",
                )


def _texts(where: Path, task: Task) -> Iterator[tuple[Path, str]]:
    for key, words in (("command", task.command), ("args", task.args)):
        yield from (((*where, key, n), word) for n, word in enumerate(words))
    yield from (((*where, "environment", name), value) for name, value in task.environment.items())
    for n, file in enumerate(task.files):
        if file.contents:
            yield (*where, "files", n, "contents"), file.contents
