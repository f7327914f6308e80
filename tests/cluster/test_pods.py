"""Tasks in real pods: the compiler's Jobs, the images of this tree, an S3 server, and what lands in it."""

import asyncio
import json
from textwrap import dedent, indent
from typing import Any

import pytest
from cluster.gate import Gate
from cluster.kubernetes import BUSYBOX, Namespace, terminated, until
from runtime.s3 import S3

from osmo_ctrl import attempts
from osmo_ctrl.records import Manifest
from osmo_ctrl.storage.store import Store

pytestmark = pytest.mark.cluster


def profile(s3: S3) -> dict[str, Any]:
    """Jobs of one level; everything is reached with the credential of the storage."""
    return {
        "target": "jobs",
        "driver": "none",
        "images": {"pull_policy": "Never"},
        "storage": {"secret": "osmo-storage"},
        "data_access": {f"s3://{s3.bucket}": {"secret": "osmo-storage"}},
    }


def task(name: str, script: str, **fields: Any) -> str:
    more = "".join(f"    {key}: {json.dumps(value)}\n" for key, value in fields.items())
    body = indent(dedent(script).strip(), " " * 8)
    return f"  - name: {name}\n    image: {BUSYBOX}\n    command: [sh, -c]\n    args:\n    - |\n{body}\n{more}"


def flow(*tasks: str) -> str:
    return "workflow:\n  name: flow\n  tasks:\n" + "".join(tasks)


def store_of(namespace: Namespace, s3: S3) -> Store:
    return s3.store(namespace.name)


def manifest(namespace: Namespace, s3: S3, name: str) -> Manifest:
    async def newest() -> Manifest:
        found = [one async for one in attempts.manifests(store_of(namespace, s3), "flow-1", "static", name)]
        return found[0]

    return asyncio.run(newest())


def read(namespace: Namespace, s3: S3, path: str) -> bytes:
    return asyncio.run(store_of(namespace, s3).read(path))


def log_of(namespace: Namespace, s3: S3, found: Manifest) -> str:
    prefix = attempts.attempt_of(found).prefix
    return read(namespace, s3, f"{prefix}/log/000000.log").decode()


def test_output_log_and_exit_land_in_the_store(namespace: Namespace, s3: S3) -> None:
    script = """
        id -u; umask 077
        echo result > {{output}}/result.txt
        ls /var/run/secrets 2>&1; ls /osmo/secrets /osmo/state /osmo/task.json 2>&1; true
    """
    namespace.apply(flow(task("work", script)), profile(s3), "flow-1")
    assert namespace.wait_for_job("flow-1-work") == "Complete"
    found = manifest(namespace, s3, "work")
    assert found.outcome == "completed" and found.node
    [file] = found.files
    assert read(namespace, s3, f"{attempts.attempt_of(found).output}/{file.key}") == b"result\n"
    log = log_of(namespace, s3, found)
    # Neither a token, nor what osmo-ctrl alone is to see.
    for hidden in ("/var/run/secrets", "/osmo/secrets", "/osmo/state", "/osmo/task.json"):
        assert f"{hidden}: No such file or directory" in log
    [pod] = namespace.pods("work")
    said = json.loads(terminated(pod, "work")["message"])
    assert (said["exit"], said["outcome"]) == (0, "completed")
    assert namespace.kubectl("logs", pod["metadata"]["name"], "-c", "work").startswith("0\n")
    until(lambda: terminated(namespace.pods("work")[0], "osmo-ctrl"), 30, namespace.describe)
    assert terminated(namespace.pods("work")[0], "osmo-ctrl")["exitCode"] == 0


def test_a_failed_command_fails_its_job(namespace: Namespace, s3: S3) -> None:
    namespace.apply(flow(task("work", "echo no >&2; exit 7")), profile(s3), "flow-1")
    assert namespace.wait_for_job("flow-1-work") == "Failed"
    [pod] = namespace.pods("work")
    assert terminated(pod, "work")["exitCode"] == 7
    found = manifest(namespace, s3, "work")
    assert found.outcome == "failed" and found.exit is not None and found.exit.code == 7


def test_reschedule_runs_the_task_again_in_a_new_pod(namespace: Namespace, s3: S3) -> None:
    """Whether it is the first attempt it knows by the checkpoint, which is one of its inputs."""
    script = "if [ -e {{input:0}}/work/first ]; then exit 0; fi; mkdir /tmp/work; touch /tmp/work/first; exit 75"
    url = f"s3://{s3.bucket}/{namespace.name}/checkpoints"
    fields = {
        "exitActions": {"RESCHEDULE": "75"},
        "inputs": [{"url": url}],
        "checkpoint": [{"path": "/tmp/work", "url": url, "frequency": "1h"}],
    }
    namespace.apply(flow(task("work", script, **fields)), profile(s3), "flow-1")
    assert namespace.wait_for_job("flow-1-work") == "Complete"
    ends = [terminated(pod, "work")["exitCode"] for pod in namespace.pods("work")]
    assert ends == [250, 0]
    assert manifest(namespace, s3, "work").attempt == 1


def test_a_deleted_pod_keeps_what_it_wrote(namespace: Namespace, s3: S3) -> None:
    script = "trap 'echo late > {{output}}/late; exit 0' TERM; echo up; while :; do sleep 0.2; done"
    namespace.apply(flow(task("work", script)), profile(s3), "flow-1")
    until(lambda: _says(namespace, "work", "up"), 60, namespace.describe)
    [pod] = namespace.pods("work")
    namespace.kubectl("delete", "pod", pod["metadata"]["name"], "--wait=true")
    found = manifest(namespace, s3, "work")
    assert found.outcome == "terminated"
    assert [file.path for file in found.files] == ["late"]


@pytest.mark.parametrize(("retries", "end"), [(0, "Failed"), (1, "Complete")])
def test_a_pod_that_is_deleted_while_it_downloads(
    namespace: Namespace, s3: S3, gate: Gate, retries: int, end: str
) -> None:
    asyncio.run(store_of(namespace, s3).create("given/data", b"x"))
    inputs = [{"url": f"s3://{s3.bucket}/{namespace.name}/given"}]
    text = flow(task("work", "cp {{input:0}}/* {{output}}/", inputs=inputs))
    with gate.holding("GET", namespace.name, "given/data") as held:
        namespace.apply(text, profile(s3) | {"retries": {"infrastructure": retries}}, "flow-1")
        until(held.came.is_set, 60, namespace.describe)
        [pod] = namespace.pods("work")
        namespace.kubectl("delete", "pod", pod["metadata"]["name"], "--wait=true")
    assert namespace.wait_for_job("flow-1-work") == end
    found = manifest(namespace, s3, "work")
    assert (found.attempt, found.outcome) == ((0, "terminated") if end == "Failed" else (1, "completed"))
    assert [file.path for file in found.files] == ([] if end == "Failed" else ["data"])


def test_a_pod_that_is_deleted_while_it_uploads_is_given_the_time(namespace: Namespace, s3: S3, gate: Gate) -> None:
    with gate.holding("PUT", namespace.name, "/work/attempts/") as held:
        namespace.apply(flow(task("work", "echo 1 > {{output}}/x")), profile(s3), "flow-1")
        until(held.came.is_set, 60, namespace.describe)
        [pod] = namespace.pods("work")
        namespace.kubectl("delete", "pod", pod["metadata"]["name"], "--wait=false")
        until(lambda: namespace.is_being_killed(pod), 30, namespace.describe)
    assert namespace.wait_for_job("flow-1-work") == "Complete"
    found = manifest(namespace, s3, "work")
    assert (found.attempt, found.outcome, [file.path for file in found.files]) == (0, "completed", ["x"])


def test_a_pod_that_is_killed_while_it_uploads_is_run_again(namespace: Namespace, s3: S3, gate: Gate) -> None:
    with gate.holding("PUT", namespace.name, "/work/attempts/") as held:
        text = flow(task("work", "echo $OSMO_ATTEMPT > {{output}}/x"))
        namespace.apply(text, profile(s3) | {"retries": {"infrastructure": 1}}, "flow-1")
        until(held.came.is_set, 60, namespace.describe)
        [pod] = namespace.pods("work")
        namespace.evict(pod["metadata"]["name"], grace=1)
        until(lambda: [pod["metadata"]["uid"]] != _uids(namespace, "work") != [], 60, namespace.describe)
    assert namespace.wait_for_job("flow-1-work") == "Complete"
    found = manifest(namespace, s3, "work")
    assert (found.attempt, found.outcome) == (1, "completed")
    [file] = found.files
    assert read(namespace, s3, f"{attempts.attempt_of(found).output}/{file.key}") == b"1\n"


def test_out_of_memory_is_told_by_its_code(namespace: Namespace, s3: S3) -> None:
    text = flow(task("work", "tail /dev/zero", resource="small")).replace(
        "  tasks:\n", "  resources:\n    small: {memory: 48Mi}\n  tasks:\n"
    )
    namespace.apply(text, profile(s3), "flow-1")
    assert namespace.wait_for_job("flow-1-work") == "Failed"
    found = manifest(namespace, s3, "work")
    assert found.outcome in ("failed", "lost")
    [pod] = namespace.pods("work")
    assert terminated(pod, "work")["exitCode"] == 137


def test_a_dataset_and_a_url_are_written(namespace: Namespace, s3: S3) -> None:
    url = f"s3://{s3.bucket}/{namespace.name}/results"
    outputs = [{"dataset": {"name": "digits"}}, {"url": url}]
    namespace.apply(flow(task("work", "echo 1 > {{output}}/x", outputs=outputs)), profile(s3), "flow-1")
    assert namespace.wait_for_job("flow-1-work") == "Complete"
    assert read(namespace, s3, "results/x") == b"1\n"
    assert [(one.name, one.version) for one in manifest(namespace, s3, "work").datasets] == [("digits", 1)]


def test_a_task_with_a_missing_input_fails_with_its_reason(namespace: Namespace, s3: S3) -> None:
    inputs = [{"url": f"s3://{s3.bucket}/{namespace.name}/nothing"}]
    namespace.apply(flow(task("work", "echo started", inputs=inputs)), profile(s3), "flow-1")
    assert namespace.wait_for_job("flow-1-work") == "Failed"
    [pod] = namespace.pods("work")
    ended = terminated(pod, "work")
    assert ended["exitCode"] == 240
    assert "nothing" in json.loads(ended["message"])["reason"]


def _uids(namespace: Namespace, name: str) -> list[str]:
    return [pod["metadata"]["uid"] for pod in namespace.pods(name)]


def _says(namespace: Namespace, name: str, text: str) -> bool:
    pods = namespace.pods(name)
    return bool(pods) and text in namespace.kubectl("logs", pods[0]["metadata"]["name"], "-c", name, check=False)
