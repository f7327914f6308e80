"""What looks secret in commands, environment and files: whoever may read the ConfigMaps of a run can read it."""

import re
from collections.abc import Iterator
from typing import Final

from osmoc import codes
from osmoc.diagnostics import Diagnostics
from osmoc.names import is_credential
from osmoc.redaction import is_literal, secret_in
from osmoc.spec import Task
from osmoc.written import Written
from osmoc.yamltree import Path

# No word such as `disabled`, no path of a file that has the value, and no sentence.
_VALUE: Final = re.compile(r"(?=.*[^A-Za-z])[^/\s]\S{7,}")
_HELP: Final = "take it from a credential: `credentials: {name: {TOKEN: token}}`, and `$TOKEN` in its place"


def check_exposure(written: Written, found: Diagnostics) -> None:
    for name, value in written.set_env.items():
        if what := _secret_of(name, value):
            found.add(codes.EXPOSED, None, f"--set-env {name}=… gives {what} to all who may read the manifests")
    for where, task in written.workflow.walk():
        for path, what in _exposed(where, task, written):
            message = f"task `{task.name}` has {what}, which all can read who may read the manifests"
            found.report(codes.EXPOSED, written.tree.span(path), message, help=_HELP)


def _exposed(where: Path, task: Task, written: Written) -> Iterator[tuple[Path, str]]:
    """Where something looks secret, and what, in words."""
    for key, words in (("command", task.command), ("args", task.args)):
        for n, word in enumerate(words):
            if what := _secret_in(word):
                yield (*where, key, n), what
    for name, value in task.environment.items():
        if what := _secret_of(name, value):
            yield (*where, "environment", name), what
    for n, file in enumerate(task.files):
        if what := _secret_in(file.contents or ""):
            yield (*where, "files", n, "contents"), what
    for path, text in written.local_texts(where, task):
        if what := _secret_in(text):
            yield path, what


def _secret_of(name: str, value: str) -> str:
    if is_credential(name) and is_literal(value) and _VALUE.fullmatch(value):
        return f"the value of `{name}`"
    return _secret_in(value)


def _secret_in(text: str) -> str:
    if "PRIVATE KEY-----\n" in text:
        return "a private key"
    secret = secret_in(text)
    return "a password in a URL" if secret and is_literal(secret) else ""
