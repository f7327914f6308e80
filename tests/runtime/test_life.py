"""Whole lives of a task: osmo-init, osmo-ctrl and the agent as real processes, a folder as storage."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from runtime.pod import Pod, archived_log, document, has_programs, manifests, until

pytestmark = pytest.mark.skipif(not has_programs(), reason="the agent is not built: `make install` does it")

Make = Callable[..., Pod]


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    (tmp_path / "storage").mkdir()
    return tmp_path / "storage"


@pytest.fixture
def make(tmp_path: Path, storage: Path) -> Iterator[Make]:
    """Pods of one task; each call is another attempt's."""
    pods: list[Pod] = []

    def make(*command: str, where: Path | None = storage, attempt: int = 0, **changes: Any) -> Pod:
        environment = changes.pop("container", {})
        pods.append(
            Pod(
                root=tmp_path / f"pod-{len(pods)}",
                document=document(where, *command, **changes),
                attempt=attempt,
                environment=environment,
            )
        )
        return pods[-1]

    yield make
    for pod in pods:
        pod.stop()


def sh(script: str) -> tuple[str, str, str]:
    return "/bin/sh", "-c", script


def test_output_and_log_of_a_complete_task_are_kept(make: Make, storage: Path) -> None:
    pod = make(*sh("echo out; echo err >&2; mkdir $O/d; echo 1 > $O/d/x; ln -s d/x $O/link; mkdir $O/empty"))
    pod.environment = {"O": str(pod.root / "data/output")}
    assert pod.start().wait() == 0
    [manifest] = manifests(storage)
    assert manifest["outcome"] == "completed"
    assert {file["path"] for file in manifest["files"]} == {"d/x", "link"}
    assert manifest["directories"] == ["empty"]
    assert sorted(archived_log(storage).splitlines()) == ["err", "out"]
    assert pod.output() == "out\n" and pod.output("agent.err") == "err\n"
    assert pod.termination["exit"] == 0


@pytest.mark.parametrize(
    ("script", "code", "outcome"),
    [
        ("exit 3", 3, "failed"),
        ("exit 75", 250, "rescheduled"),
        ("exit 9", 0, "completed"),
        ("exit 250", 239, "failed"),
        ("kill -9 $$$$", 137, "failed"),
    ],
)
def test_the_exit_code_decides_what_becomes_of_it(
    script: str, code: int, outcome: str, make: Make, storage: Path
) -> None:
    actions = [{"action": "RESCHEDULE", "codes": [[75, 75]]}, {"action": "COMPLETE", "codes": [[9, 9]]}]
    pod = make(*sh(script), exit_actions=actions).start()
    assert pod.wait() == code
    [manifest] = manifests(storage)
    assert manifest["outcome"] == outcome
    assert pod.termination["outcome"] == outcome


def test_a_workflow_without_data_needs_no_storage(make: Make, storage: Path) -> None:
    pod = make(*sh("echo hello"), where=None).start()
    assert pod.wait() == 0
    assert pod.output() == "hello\n"
    assert list(storage.iterdir()) == []


def test_a_task_reads_what_another_wrote(make: Make, storage: Path) -> None:
    first = make(*sh("echo data > $O/file; chmod 600 $O/file"), task="first")
    first.environment = {"O": str(first.root / "data/output")}
    assert first.start().wait() == 0
    second = make(*sh("cat $I/file"), inputs=[{"kind": "task", "task": "first", "workflow": "", "regex": ""}])
    second.environment = {"I": str(second.root / "data/input/0")}
    assert second.start().wait() == 0, second.said()
    assert second.output() == "data\n"


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"kind": "task", "task": "nobody", "workflow": "", "regex": ""}, 245),
        ({"kind": "task", "task": "x", "workflow": "no-such-run", "regex": ""}, 245),
        ({"kind": "url", "url": "file:///nowhere/at/all", "regex": ""}, 240),
    ],
)
def test_without_its_input_a_command_is_not_started(item: dict[str, Any], code: int, make: Make, storage: Path) -> None:
    pod = make(*sh("echo started"), inputs=[item]).start()
    assert pod.wait() == code
    assert pod.output() == ""
    [manifest] = manifests(storage)
    assert manifest["outcome"] == "failed"
    assert pod.termination["reason"]


def test_urls_are_written_after_a_failure_too(make: Make, tmp_path: Path) -> None:
    outputs = [{"kind": "url", "url": f"file://{tmp_path}/results", "regex": ".*\\.txt$"}]
    pod = make(*sh("echo 1 > $O/a.txt; echo 2 > $O/b.bin; exit 4"), outputs=outputs)
    pod.environment = {"O": str(pod.root / "data/output")}
    assert pod.start().wait() == 4
    assert {path.name for path in (tmp_path / "results").iterdir()} == {"a.txt", ".osmo-complete.json"}


def test_a_task_ended_from_outside_keeps_what_it_wrote(make: Make, storage: Path) -> None:
    pod = make(*sh("trap 'echo bye; echo late > $O/late; exit 0' TERM; echo up; while :; do sleep 0.1; done"))
    pod.environment = {"O": str(pod.root / "data/output")}
    pod.start().until(lambda: "up" in pod.output())
    assert pod.agent is not None
    pod.agent.terminate()
    assert pod.wait() == 248
    [manifest] = manifests(storage)
    assert manifest["outcome"] == "terminated"
    assert [file["path"] for file in manifest["files"]] == ["late"]
    assert "bye\n" in archived_log(storage)


def test_a_container_killed_by_the_kernel_keeps_log_and_files(make: Make, storage: Path) -> None:
    pod = make(*sh("echo up; echo 1 > $O/part; sleep 60"))
    pod.environment = {"O": str(pod.root / "data/output")}
    pod.start().until(lambda: "up" in pod.output())
    pod.kill_container()
    until(lambda: manifests(storage), said=pod.said)
    [manifest] = manifests(storage)
    assert manifest["outcome"] == "lost"
    assert archived_log(storage) == "up\n"
    pod.end_ctrl()


@pytest.mark.parametrize("phase", ["download", "run", "upload", "done"])
def test_osmo_ctrl_killed_in_any_phase_goes_on(phase: str, make: Make, storage: Path) -> None:
    pod = make(*sh("echo begin; sleep 1; dd if=/dev/zero of=$O/large bs=1M count=64 2>/dev/null; echo end"))
    pod.environment = {"O": str(pod.root / "data/output")}
    pod.init()
    pod.start_ctrl()
    if phase != "download":
        pod.start_agent()
    pod.until(lambda: pod.phase == phase)
    assert pod.ctrl is not None
    pod.ctrl.kill()
    pod.ctrl.wait()
    pod.start_ctrl()
    if phase == "download":
        pod.start_agent()
    assert pod.wait() == 0, pod.said()
    [manifest] = manifests(storage)
    assert manifest["outcome"] == "completed"
    assert [(file["path"], file["size"]) for file in manifest["files"]] == [("large", 64 << 20)]
    assert archived_log(storage) == "begin\nend\n"


def test_a_pod_with_another_document_does_not_start(make: Make) -> None:
    pod = make(*sh("echo started"))
    pod.environment = {}
    os.environ["OSMO_DOCUMENT_DIGEST"] = "0" * 16
    pod.init()
    try:
        own = {"OSMO_DOCUMENT_DIGEST": "0" * 16, "OSMO_RUN_ID": "r", "OSMO_ATTEMPT": "0", "OSMO_POD_UID": "u" * 16}
        import sys

        pod.ctrl = pod._start("ctrl", [sys.executable, "-m", "osmo_ctrl"], own)
    finally:
        del os.environ["OSMO_DOCUMENT_DIGEST"]
    pod.start_agent()
    assert pod.wait() == 247
    assert pod.output() == ""
    assert "digest" in pod.termination["reason"]


def test_secrets_are_masked_in_the_archived_log_only(make: Make, storage: Path) -> None:
    variables = [{"name": "KEY", "secret": "wandb", "key": "k"}]
    pod = make(*sh("echo the key is $KEY."), credential_variables=variables, container={"KEY": "s3cr3t"}).start()
    assert pod.wait() == 0
    assert pod.output() == "the key is s3cr3t.\n"
    assert archived_log(storage) == "the key is [MASKED].\n"


def test_an_older_attempt_publishes_nothing(make: Make, storage: Path, tmp_path: Path) -> None:
    """Kubernetes may run two pods of a task for a moment."""
    outputs = [{"kind": "url", "url": f"file://{tmp_path}/results", "regex": ""}]
    old = make(*sh("while [ ! -e $GO ]; do sleep 0.1; done; echo old > $O/x"), outputs=outputs)
    old.environment = {"O": str(old.root / "data/output"), "GO": str(tmp_path / "go")}
    old.start().until(lambda: old.phase == "run")
    new = make(*sh("echo new > $O/x"), outputs=outputs, attempt=1)
    new.environment = {"O": str(new.root / "data/output")}
    assert new.start().wait() == 0
    (tmp_path / "go").touch()
    old.wait()
    assert (tmp_path / "results" / "x").read_text() == "new\n"
    assert [manifest["attempt"] for manifest in manifests(storage) if manifest["outcome"] == "completed"] == [1]


def test_checkpoints_are_uploaded_while_it_runs_and_at_its_end(make: Make, tmp_path: Path) -> None:
    where = tmp_path / "checkpoints"
    checkpoints = [{"path": str(tmp_path / "work"), "url": f"file://{where}", "frequency": 0.3, "regex": ""}]
    script = "mkdir $W; echo 1 > $W/a; while [ ! -e $C/work/a ]; do sleep 0.1; done; echo 2 > $W/b"
    pod = make(*sh(script), checkpoints=checkpoints, container={"W": str(tmp_path / "work"), "C": str(where)}).start()
    assert pod.wait() == 0, pod.said()
    assert (where / "work" / "b").read_text() == "2\n"


def test_nobody_is_left_when_the_agent_gets_sigterm_before_the_start(make: Make) -> None:
    pod = make(*sh("echo started"))
    pod.init()
    pod.start_agent()
    assert pod.agent is not None
    time.sleep(0.5)
    pod.agent.send_signal(signal.SIGTERM)
    assert pod.agent.wait(10) == 248
