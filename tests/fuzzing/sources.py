"""Workflow files by the part that is of interest."""

import json
from collections.abc import Callable
from typing import Any

# What is made, and the codes of which one must be found. With "" it must compile, unless a cluster has no room for it;
# with "*" either is right.
Cases = dict[str, tuple[Callable[[], str], str]]


def flow(*tasks: str, **keys: Any) -> str:
    """A workflow of tasks in flow style, a line each. JSON is YAML."""
    head = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in keys.items())
    return f"workflow:\n  name: flow\n{head}  tasks:\n" + "".join(f"  - {task}\n" for task in tasks)


def task(name: str = "a", **keys: Any) -> str:
    return json.dumps({"name": name, "image": "ubuntu", "command": ["sh"]} | keys)


def block(rest: str) -> str:
    """A task in block style with more lines."""
    return f"workflow:\n  name: flow\n  tasks:\n  - name: a\n    image: ubuntu\n    command: [sh]\n{rest}\n"


def template(text: str) -> str:
    return block(f"    # {text}")
