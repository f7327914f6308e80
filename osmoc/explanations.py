"""The long form of every code: what it means, a small file that earns it, and the same file mended.

One file of package data each, `osmoc/explain/<id>.yaml`. The examples are run by `tests/errors/test_explanations.py`:
in `bad` the comment `# E204: part of the message` stands on the line that earns the finding, or `# E204 below: …` on
the line before. What an example is compiled with - `set`, `files`, `pool` … - stands beside it; `mended` says what
of that is different for `good`. `nowhere: true`: the finding has no line. `on_cluster: true`: no file
earns it by itself.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from typing import Any, Final, Literal

import yaml

from osmoc.codes import TABLE, Code, Severity

_FOLDER: Final = "explain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A workflow file and what it is compiled with; `data` instead of `text` if the file is not text."""

    text: str = ""
    data: bytes = b""
    set_: Mapping[str, str] = field(default_factory=dict)
    set_string: Mapping[str, str] = field(default_factory=dict)
    set_env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    profile: str = ""
    target: Literal["", "argo", "jobs"] = ""
    pool: str = ""
    priority: Literal["", "HIGH", "NORMAL", "LOW"] = ""
    workflow_id: str = ""

    @property
    def arguments(self) -> str:
        """What to add to `osmoc check FILE`."""
        pairs = {"--set": self.set_, "--set-string": self.set_string, "--set-env": self.set_env, "--label": self.labels}
        single = {
            "--target": self.target,
            "--pool": self.pool,
            "--priority": self.priority,
            "--id": self.workflow_id,
        }
        words = [f"{option} {key}={value}" for option, values in pairs.items() for key, value in values.items()]
        return " ".join([*words, *(f"{option} {value}" for option, value in single.items() if value)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`bad` and `good` are None where only a cluster earns the code (`on_cluster`); `good` where every file does."""

    code: Code
    meaning: str
    bad: Example | None = None
    good: Example | None = None
    nowhere: bool = False
    on_cluster: bool = False


@cache
def explanation(code_id: str) -> Explanation:
    """The explanation of a code, such as `E204`.

    Raises:
        KeyError: there is no such code.
    """
    code = TABLE[code_id]
    text = resources.files("osmoc").joinpath(_FOLDER, f"{code_id}.yaml").read_text(encoding="utf-8")
    # The base loader leaves every scalar text, as words of a command line are.
    fields: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)
    meaning, bad, good = fields.pop("meaning"), fields.pop("bad", ""), fields.pop("good", "")
    nowhere, on_cluster = fields.pop("nowhere", "") == "true", fields.pop("on_cluster", "") == "true"
    data, mended = base64.b64decode(fields.pop("bad_bytes", "")), fields.pop("mended", {})
    return Explanation(
        code=code,
        meaning=meaning,
        bad=replace(_example(fields), text=bad, data=data) if bad or data else None,
        good=replace(_example(fields | mended), text=good) if good else None,
        nowhere=nowhere,
        on_cluster=on_cluster,
    )


def _example(fields: Mapping[str, Any]) -> Example:
    """`set` is a word of Python; an unknown key is a TypeError."""
    return Example(**{"set_" if key == "set" else key: value for key, value in fields.items()})


def explain_text(code: Code) -> str:
    """What `osmoc explain` prints: `E204 (error): …`, the meaning, the two examples."""
    long = explanation(code.id)
    # A note is no mistake.
    headings = ("Noted", "Not noted") if code.severity is Severity.NOTE else ("Wrong", "Right")
    parts = [f"{code.id} ({code.severity.value}): {code.summary}", long.meaning.strip()]
    beside: dict[str, str] = {}
    for heading, example in zip(headings, (long.bad, long.good), strict=True):
        if example:
            parts += _shown(heading, example, beside)
            beside = _beside(example)
    return "\n\n".join(parts) + "\n"


def _shown(heading: str, example: Example, before: Mapping[str, str]) -> list[str]:
    """The example, and what stands beside it unless it was shown `before`."""
    text = example.text or example.data.decode(errors="backslashreplace")
    parts = [f"{heading}, with {example.arguments}:" if example.arguments else f"{heading}:", _indented(text)]
    for name, content in _beside(example).items():
        if content != before.get(name):
            parts += [f"and {name}:", _indented(content)]
    return parts


def _beside(example: Example) -> dict[str, str]:
    return {**example.files, "the profile": example.profile} if example.profile else dict(example.files)


def _indented(text: str) -> str:
    """As a block; characters that a terminal would obey are written as escapes."""
    visible = re.sub(r"[^\n -\ud7ff\ue000-\U0010ffff]|[\x7f-\x9f]", lambda match: repr(match[0])[1:-1], text)
    return "\n".join(f"    {line}".rstrip() for line in visible.rstrip("\n").split("\n"))
