"""The compiler's part of a run on this machine."""

import json

import pytest

from osmoc import compile_workflow
from osmoc.decisions import Local
from osmoc.diagnostics import Diagnostics
from osmoc.passes.read_profile import read_profile
from osmoc.pipeline import Options, Result
from osmoc.profile import Profile
from osmoc.source import Source

FLOW = """\
workflow:
  name: digits
  tasks:
  - name: prepare
    image: ubuntu
    command: [sh, -c, "date > {{output}}/d; echo {{host:prepare}} {{workflow_id}}"]
  - name: train
    image: ubuntu
    command: [cat, "{{input:0}}/d", "{{input:prepare}}/d"]
    inputs:
    - task: prepare
"""
STORAGE = "file:///here/.osmoc/storage"


def local(text: str, root: str = "", profile: Profile | None = None) -> Result:
    options = Options(target="local", local=Local(storage=STORAGE, root=root), workflow_id="digits-1")
    return compile_workflow(text, profile, options=options)


def documents(result: Result) -> dict[str, dict[str, object]]:
    assert result.plan is not None, result.findings
    return {task.name: json.loads(task.document) for group in result.plan.groups.values() for task in group.tasks}


def profile(text: str) -> Profile:
    found = Diagnostics(Source("osmoc.yaml", text))
    read = read_profile(found)
    assert read is not None, list(found)
    return read


def test_nothing_is_said_of_a_cluster_and_nothing_is_emitted() -> None:
    result = local(FLOW)
    assert [found.code.id for found in result.findings] == ["W220"]  # the host token
    assert not result.manifests


def test_tokens_are_the_paths_of_a_pod() -> None:
    written = documents(local(FLOW))
    assert written["train"]["command"] == ["cat", "/osmo/data/input/0/d", "/osmo/data/input/0/d"]
    assert written["prepare"]["command"] == ["sh", "-c", "date > /osmo/data/output/d; echo localhost digits-1"]


def test_tokens_are_those_of_the_folder_where_there_are_no_namespaces() -> None:
    written = documents(local(FLOW, root="/here/tasks"))
    inside = "/here/tasks/train/osmo/data/input/0/d"
    assert written["train"]["command"] == ["cat", inside, inside]


def test_storage_is_the_folder_unless_the_profile_names_another() -> None:
    assert (
        documents(local(FLOW))["train"]["storage"] | {"url": STORAGE, "secret": ""}
        == (  # type: ignore[operator]
            documents(local(FLOW))["train"]["storage"]
        )
    )
    named = profile("storage: {url: s3://lab/osmo, secret: lab}\n")
    assert documents(local(FLOW, profile=named))["train"]["storage"]["url"] == "s3://lab/osmo"  # type: ignore[index]
    claimed = profile("storage: {claim: lab}\n")
    assert documents(local(FLOW, profile=claimed))["train"]["storage"]["url"] == STORAGE  # type: ignore[index]


def test_a_workflow_that_moves_no_data_has_no_storage() -> None:
    alone = FLOW.partition("  - name: train")[0]
    assert documents(local(alone))["prepare"]["storage"] is None


def test_the_digest_of_a_task_is_the_same_in_a_cluster() -> None:
    cluster = compile_workflow(FLOW, options=Options(target="jobs"))
    mine, theirs = documents(local(FLOW)), documents(cluster)
    assert [mine[name]["digest"] for name in mine] == [theirs[name]["digest"] for name in theirs]


def test_a_bucket_is_reached_with_the_usual_credential() -> None:
    written = documents(local(FLOW + "    - url: s3://lab/digits\n"))
    assert written["train"]["access"][0]["secret"] == "osmo-storage"  # type: ignore[index]


@pytest.mark.parametrize(
    ("more", "line", "message"),
    [
        ("    args: [/osmosis/x]\n", 0, ""),
        ("    args: [/osmo/data/output/x]\n", 12, "below `/osmo`"),
        ("    environment: {A: b, P: /osmo/bin/x}\n", 12, "below `/osmo`"),
        ("    files:\n    - {path: /opt/x, contents: x}\n", 13, "file at `/opt/x`"),
        (
            "    files:\n    - path: '{{output}}/x'\n      contents: |\n        a\n        b /osmo/x\n",
            16,
            "below `/osmo`",
        ),
        ("    files:\n    - {path: '{{output}}/x', contents: x}\n", 0, ""),
        ("    credentials: {wandb: /keys}\n", 12, "credential at `/keys`"),
        ("    volumeMounts: ['/data:/mnt']\n", 12, "mounts `/data`"),
    ],
)
def test_what_needs_namespaces_is_named_with_its_line(more: str, line: int, message: str) -> None:
    assert not [found for found in local(FLOW + more).findings if found.code.id == "E804"]
    found = [found for found in local(FLOW + more, root="/r").findings if found.code.id == "E804"]
    if not line:
        assert not found
        return
    [one] = found
    assert one.place is not None
    assert one.place.line == line
    assert message in one.message
    assert "--engine podman" in one.help
