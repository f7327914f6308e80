"""No secret comes out again, wherever a user has put it: not in manifests, findings, dumps, plans, traces.

A secret here is the value of a credential, and a password or signature in a URL. What a user writes into `files`,
`environment` or a command is none: it must get to the task by way of a ConfigMap. If it looks like one it is W622.
"""

import base64
import io
import json
import random
import urllib.parse
from pathlib import Path
from typing import Final

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as some

from osmoc.cli.main import main
from osmoc.redaction import redacted, redacted_message, secret_in

# What a URL may have in a password as it is, and what must be written by its number.
_PLAIN: Final = "abcXYZ019-._~!&()+,;=%"
# And what people write as it is: a key of AWS has slashes. But a blank ends a URL.
_ODD: Final = "/\"'`@:#?{}$\\[]|^<*ü日🔑"
SECRETS: Final = some.text(_PLAIN, min_size=6, max_size=24).map(lambda text: f"Zq{text}9")
PASSWORDS: Final = some.text(_PLAIN + _ODD, min_size=6, max_size=24).map(lambda text: f"Zq{text}9")

DATA: Final = {
    "userinfo": "s3://robot:{}@store/maps",
    "no user": "gs://:{}@store/maps",
    "token": "s3://github_pat_{}@store/maps",
    "aws": "s3://store/maps?X-Amz-Credential=x&X-Amz-Signature={}&x=1",
    "google": "gs://store/maps?X-Goog-Signature={}",
    "azure": "azure://account/store/maps?sv=2024&sig={}",
    "foreign": "https://robot:{}@data.example.com/maps",
}
FLOW: Final = """\
workflow:
  name: flow
  resources:
    default: {cpu: 1, memory: 1Gi}
  tasks:
  - name: train
    image: python:3.12
    command: [sh, -c, "ls {{input:0}} > {{output}}/list"]
    environment: {EPOCHS: "3"}
    inputs: [{url: "IN"}]
    outputs: [{url: "OUT"}]
    checkpoint: [{path: /tmp/models, url: "SAVED", frequency: 60s}]
  - name: evaluate
    image: python:3.12
    command: [sh, -c, "cat {{input:train}}/list"]
    inputs: [{task: train}]
"""
COMMANDS: Final = (
    ("check", "-"),
    ("check", "-", "--format", "json"),
    ("check", "-", "--format", "sarif"),
    ("check", "-", "--format", "github"),
    ("compile", "-"),
    ("compile", "-", "--target", "jobs", "--format", "json"),
    *(("compile", "-", "--dump-after", form) for form in ("rendered", "spec", "graph", "plan", "manifests")),
    *(("trace", "--", f"-:{line}") for line in (9, 11, 12)),
    ("plan", "-"),
    ("graph", "-"),
    ("graph", "-", "--format", "svg"),
)


def osmoc(*words: str, stdin: str = "") -> str:
    """All that it prints."""
    out = io.StringIO()
    status = main([*words], io.StringIO(stdin), out, out)
    assert status in (0, 1, 2), out.getvalue()
    return out.getvalue()


def assert_hidden(secret: str, text: str, *, of: object = "") -> None:
    forms = (secret, urllib.parse.quote(secret, safe=""), base64.b64encode(secret.encode()).decode().rstrip("="))
    assert not any(form in text for form in forms), (of, text)


def broken(text: str, seed: int) -> str:
    """The file with a line or a character less or more, but for the lines with a secret."""
    chance = random.Random(seed)
    lines = text.splitlines()
    for _ in range(chance.randrange(3)):
        n = chance.choice([n for n, line in enumerate(lines) if "@" not in line and "://" not in line])
        at = chance.randrange(len(lines[n]) + 1)
        new = chance.choice(
            ["", lines[n] * 2, lines[n][:at], lines[n][:at] + chance.choice("{}[]:'\"-\t ") + lines[n][at:]]
        )
        lines[n : n + 1] = [new] if chance.random() < 0.8 else []
    return "\n".join(lines) + "\n"


def _elsewhere(text: str) -> str:
    """The flow with URLs that have no secret in the places that are left."""
    for place in ("IN", "OUT", "SAVED"):
        text = text.replace(f'"{place}"', '"s3://store/other"')
    return text


@settings(deadline=None, max_examples=40)
@given(SECRETS, some.sampled_from(sorted(DATA)), some.sampled_from(["IN", "OUT", "SAVED"]), some.integers(0, 1 << 30))
def test_in_urls_of_data(secret: str, kind: str, place: str, seed: int) -> None:
    text = _elsewhere(FLOW.replace(place, DATA[kind].format(secret)))
    if kind != "foreign":
        assert "error[E310]" in osmoc("check", "-", stdin=text)
    for command in COMMANDS:
        for written in (text, broken(text, seed)):
            assert_hidden(secret, osmoc(*command, stdin=written), of=command)


@settings(deadline=None, max_examples=40)
@given(PASSWORDS, some.booleans(), some.sampled_from(["IN", "OUT", "SAVED"]), some.booleans())
@example("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", False, "OUT", False)
@example("two\nlines of a key\n", True, "IN", True)
@example("p@ss:w'or\"d", False, "IN", False)
def test_odd_passwords_are_found_whether_or_not_they_are_encoded(
    secret: str, is_encoded: bool, place: str, is_json: bool
) -> None:
    url = f"s3://robot:{urllib.parse.quote(secret, safe='') if is_encoded else secret}@store/maps"
    workflow = yaml.safe_load(_elsewhere(FLOW.replace(place, "URL")))["workflow"]
    text = json.dumps(workflow, ensure_ascii=False).replace('"URL"', json.dumps(url, ensure_ascii=False))
    if not is_json:
        text = yaml.safe_dump(json.loads(text), allow_unicode=True, width=1000).replace("\n", "\n  ")
    text = f"workflow:\n  {text}\n"
    assert "error[E310]" in osmoc("check", "-", stdin=text) or "{{" in secret or "{%" in secret or "{#" in secret
    for command in COMMANDS:
        assert_hidden(secret, osmoc(*command, stdin=text), of=command)


@settings(deadline=None, max_examples=15)
@given(SECRETS, some.integers(0, 1 << 30))
def test_in_images(secret: str, seed: int) -> None:
    text = FLOW.replace("python:3.12", f"robot:{secret}@registry.example.com:5000/train:1").replace("IN", "s3://a/b")
    for command in COMMANDS:
        assert_hidden(secret, osmoc(*command, stdin=broken(text, seed)), of=command)


PROFILES: Final = {
    "storage": {"storage": {"url": "s3://robot:{}@store/osmo"}},
    "endpoint": {"storage": {"url": "s3://store/osmo", "endpoint": "https://robot:{}@minio:9000"}},
    "bucket": {"datasets": {"buckets": {"maps": {"url": "s3://store/maps?X-Amz-Signature={}"}}}},
    "endpoint of a bucket": {"datasets": {"buckets": {"maps": {"url": "s3://a", "endpoint": "http://u:{}@minio"}}}},
    "data": {"data_access": {"s3://robot:{}@store": {"secret": "store"}}},
    "endpoint of data": {"data_access": {"s3://store": {"secret": "store", "endpoint": "http://u:{}@minio"}}},
    "image": {"images": {"prefix": "robot:{}@registry.example.com/osmo/"}},
    "registry": {"registries": {"https://robot:{}@registry.example.com": "pull"}},
}


@pytest.mark.parametrize("place", PROFILES)
@settings(deadline=None, max_examples=8)
@given(SECRETS)
def test_in_profiles(tmp_path_factory: pytest.TempPathFactory, place: str, secret: str) -> None:
    folder = tmp_path_factory.mktemp("profile")
    (folder / "profile.yaml").write_text(json.dumps(PROFILES[place]).replace("{}", secret))
    profile = str(folder / "profile.yaml")
    told = osmoc("profile", "check", profile)
    assert "error[" in told
    assert_hidden(secret, told)
    for command in (
        ("profile", "check", profile),
        ("profile", "show", profile),
        ("compile", "-", "--profile", profile),
    ):
        assert_hidden(secret, osmoc(*command, stdin="workflow:\n  name: x\n"), of=command)


@settings(deadline=None, max_examples=20)
@given(SECRETS)
def test_in_commands_it_is_said_once_and_not_repeated(secret: str) -> None:
    url = f"https://robot:{secret}@git.example.com/train.git"
    text = f"workflow:\n  name: x\n  tasks:\n  - name: a\n    image: python:3.12\n    command: [git, clone, '{url}']\n"
    told = osmoc("check", "-", stdin=text)
    assert told.count("warning[W622]") == 1
    assert_hidden(secret, told + osmoc("trace", "--", "-:6", stdin=text))


EXPOSED: Final = {
    "HF_TOKEN": "hf_0123456789",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG",
    "CLONE": "https://robot:hunter2@git.example.com/train.git",
    "PEM": "-----BEGIN EC PRIVATE KEY-----\nabc\n",
}
HARMLESS: Final = {
    "HF_TOKEN": "$OTHER_TOKEN",
    "API_KEY": "/keys/wandb/api_key",
    "GIT_AUTH": "disabled",
    "MAX_TOKENS": "10000000",
    "TOKENIZERS_PARALLELISM": "false-0000",
    "CLONE": "https://robot:$TOKEN@git.example.com/train.git",
}


@pytest.mark.parametrize("name", EXPOSED)
def test_what_looks_secret_where_all_can_read_it_is_a_warning(name: str) -> None:
    task = {"name": "a", "image": "b", "command": ["sh"]}
    for more in ({"environment": {name: EXPOSED[name]}}, {"files": [{"path": "/f", "contents": EXPOSED[name]}]}):
        told = osmoc("check", "-", stdin=f"workflow: {json.dumps(plain(task | more))}\n")
        of_file = "files" in more and name in ("HF_TOKEN", "AWS_SECRET_ACCESS_KEY")  # nothing says what it is
        assert told.count("warning[W622]") == (0 if of_file else 1), told
    told = osmoc("check", "-", "--set-env", f"{name}={EXPOSED[name]}", stdin=f"workflow: {json.dumps(plain(task))}\n")
    assert "W622" in told
    assert_hidden(EXPOSED[name], told)


def plain(*tasks: dict[str, object]) -> dict[str, object]:
    return {"name": "x", "tasks": tasks}


def test_what_does_not_look_secret_is_not() -> None:
    task = {"name": "a", "image": "b", "command": ["sh"], "environment": HARMLESS}
    assert "W622" not in osmoc("check", "-", stdin=f"workflow: {json.dumps(plain(task))}\n")


def test_a_variable_is_no_secret() -> None:
    text = "workflow:\n  name: x\n  tasks:\n  - {name: a, image: b, command: [sh, -c, 'git clone https://x:$TOKEN@git/x']}\n"
    assert "W622" not in osmoc("check", "-", stdin=text)


@settings(deadline=None, max_examples=15)
@given(SECRETS, some.sampled_from(sorted(DATA)))
def test_on_the_command_line(secret: str, kind: str) -> None:
    for words in (
        ("dataset", "list", "--bucket"),
        ("logs", "train-1f3a09bc", "--storage"),
        ("dataset", "info", "x", "--bucket"),
    ):
        assert_hidden(secret, osmoc(*words, DATA[kind].format(secret)), of=words)


@given(SECRETS, some.sampled_from(sorted(DATA)), some.text(max_size=8), some.text(max_size=8))
def test_a_text_keeps_its_length_and_loses_its_secret(secret: str, kind: str, before: str, after: str) -> None:
    url = DATA[kind].format(secret)
    text = f"{before} {url} {after}"
    assert secret_in(text)
    assert len(redacted(text)) == len(text)
    assert_hidden(secret, redacted(text))
    if kind == "token":
        return  # without the `@` behind it, it is a name
    cut = f"`{url[: url.index(secret) + len(secret)]}` is nothing"
    assert_hidden(secret, redacted_message(cut))


@pytest.mark.parametrize(
    "text",
    [
        "python:3.12@sha256:abcdef",
        "nvcr.io:5000/nvidia/pytorch:24.05@sha256:abcdef",
        "s3://bucket/a@b:c/d",
        "swift://host:443/account/container",
        "tcp://{{host:worker}}:29500",
        "http://minio:9000/path",
        "http://minio:9000/path@2",
        "https://robot@example.com/path",
        "ssh://build-machine@example.com/path",
        "docker://registry.example.com/train:1@sha256:abcdef",
        "user@host:path",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert secret_in(text) == ""
    assert redacted(text) == redacted_message(text) == text
    assert redacted_message(f"`{text}` is nothing") == f"`{text}` is nothing"


def test_a_file_of_credentials_that_is_none_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "credentials.yaml"
    path.write_text('{"wandb": {"key": "Zq-very-secret-9"}')  # a list is missing its end
    told = osmoc("run", "-", "--credentials", str(path), stdin=FLOW)
    assert_hidden("Zq-very-secret-9", told)
