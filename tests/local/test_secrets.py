"""Values of credentials go to the task and nowhere else, in no file that a run leaves, in nothing that osmoc says.

A task may print them, as these do: its own output stays as it is, on the terminal and in the run's folder, as the
kubelet has it in a cluster. In the archived log they are masked.
"""

import base64
import json
from pathlib import Path
from typing import Any

from local.desk import Desk

# As people have them: of any characters, some of them special to a shell, to YAML, to JSON or to a template.
ODD = (
    "plain-secret-1",
    "quo'te\"s-and-`ticks`",
    "two-first-line\nlines of a key\n",
    "{{ braces }} {% raw %}",
    "$HOME ${PATH} $(id) $$",
    "back\\slash\\n\\u0041",
    "ünïcödé-日本-🔑",
    "per%20cent%s&=?#",
    "  spaces around  ",
    "https://u:nested-pw@host/x?sig=abc",
    "x" * 3_000,
)
CREDENTIALS = {f"cred-{n}": {f"K{n}": "key"} for n in range(len(ODD))} | {"folder": "/keys"}
FLOW: dict[str, Any] = {
    "name": "keys",
    "tasks": [
        {
            "name": "use",
            "image": "ubuntu:24.04",
            "command": ["sh", "-c"],
            "args": ['env; printf "%s\\n" "$K0" "$K1" "$K2" >&2; cat /keys/*; ls {{output}}; exit 7'],
        },
        {"name": "after", "image": "ubuntu:24.04", "command": ["ls", "{{input:0}}"], "inputs": [{"task": "use"}]},
    ],
}


def forms(value: str) -> list[bytes]:
    """How a value could stand in a file: each of its lines alone would be enough of it."""
    lines = [line.strip() for line in value.splitlines() if len(line) >= 8]
    written = [form for line in lines for form in (line, json.dumps(line)[1:-1], json.dumps(line, ensure_ascii=False))]
    return [*(form.encode() for form in written), base64.b64encode(value.encode())]


def assert_nowhere(folder: Path, *printed: str) -> None:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    kept = {str(path): path.read_bytes() for path in files if not path.match("runs/*/tasks/*/*/log")}
    assert sum(content.count(b"[MASKED]") for name, content in kept.items() if "/storage/" in name) > len(ODD)
    for name, content in [*kept.items(), *((text[:20], text.encode()) for text in printed)]:
        for value in ODD:
            assert not any(form in content for form in forms(value)), (name, value, content[-2_000:])


def credentials() -> dict[str, dict[str, str]]:
    values = {f"cred-{n}": {"key": value} for n, value in enumerate(ODD)}
    return values | {"folder": {f"k{n}": value for n, value in enumerate(ODD)}}


def flow(*without: str) -> str:
    """The second task, which never runs, is why there is a storage, and so an archived log."""
    use, after = FLOW["tasks"]
    kept = {name: credential for name, credential in CREDENTIALS.items() if name not in without}
    return f"workflow: {json.dumps(FLOW | {'tasks': [use | {'credentials': kept}, after]})}\n"


def test_values_from_a_file(desk: Desk) -> None:
    desk.write(json.dumps(credentials()), "credentials.json")
    done = desk.run(flow(), "--credentials", "credentials.json")
    assert done.status == 1 and "exit code 7" in done.out + done.err, done.err
    told = [
        desk.osmoc(*words).out for words in (("status", "keys-1", "--output", "json"), ("logs", "keys-1", "--ctrl"))
    ]
    assert_nowhere(desk.folder / ".osmoc", done.err, *told)


def test_values_from_the_environment(desk: Desk) -> None:
    env = {f"OSMOC_CREDENTIAL_CRED_{n}_KEY": value for n, value in enumerate(ODD)}
    done = desk.run(flow("folder"), env=env)
    assert done.status == 1, done.err
    assert_nowhere(desk.folder / ".osmoc", done.err)


def test_a_storage_that_refuses_them(desk: Desk) -> None:
    """Its own error does not repeat the key."""
    secret = "Zq/very+secret=9"
    place = {"secret": "store", "endpoint": "http://127.0.0.1:1", "region": "us-east-1"}
    profile = {
        "data_access": {"s3://nowhere": place},
        "storage": {"url": "s3://nowhere/x", **place, "retry_for": {"upload": "1s", "download": "1s"}},
    }
    desk.write(json.dumps(profile), "osmoc.yaml")
    desk.write(json.dumps({"store": {"access_key_id": "AKIDZq", "access_key": secret}}), "c.json")
    task = {"name": "a", "image": "ubuntu:24.04", "command": ["true"], "outputs": [{"url": "s3://nowhere/x"}]}
    done = desk.run(f"workflow: {json.dumps({'name': 'keys', 'tasks': [task]})}\n", "--credentials", "c.json")
    assert done.status == 1, done.err
    kept = b"".join(path.read_bytes() for path in (desk.folder / ".osmoc").rglob("*") if path.is_file())
    assert secret.encode() not in kept + done.out.encode() + done.err.encode()
