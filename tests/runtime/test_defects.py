"""Defects of OSMO's own runtime, as far as pods and data go. One test a defect: ours does not have it."""

import asyncio
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext

import pytest
from runtime.crash_checks import End, read_as_task, read_checkpoint, read_log, read_manifests
from runtime.crash_pods import Make, check, end_ctrl, kill_ctrl
from runtime.crash_task import Site, Task
from runtime.crash_wire import Step, Wire
from runtime.pod import Pod, has_programs, until
from runtime.s3 import CREDENTIAL, Fault, Request

from osmo_ctrl.storage import locations as storage_places
from osmo_ctrl.storage.store import Patience, Place, Problem, StorageError, Store, open_store

pytest_plugins = ["runtime.crash_fixtures"]
pytestmark = pytest.mark.skipif(not has_programs(), reason="the agent is not built: `make install` does it")

PLAIN = Task(url=False, dataset=False, files={}, given={})


def sh(script: str) -> dict[str, object]:
    return {"command": ["/bin/sh", "-c", script]}


def log_of(site: Site, stream: str = "stdout") -> str:
    newest, *_ = asyncio.run(read_manifests(site))
    return asyncio.run(read_log(site.store("storage"), newest, stream))


def files_of(site: Site) -> set[str]:
    newest, *_ = asyncio.run(read_manifests(site))
    return {file.path for file in newest.files}


def test_ten_log_lines_a_second_and_only_the_last_10_000_kept(folder: Site, make: Make) -> None:
    pod = make(PLAIN, folder, document=sh("seq 200000")).start()
    assert pod.wait() == 0
    assert log_of(folder) == pod.output() == "".join(f"{n}\n" for n in range(1, 200_001))


def test_long_lines_bytes_that_are_no_text_and_a_last_line_without_an_end_are_lost(folder: Site, make: Make) -> None:
    script = r"head -c 100000 /dev/zero | tr '\0' x; echo; printf 'a\rb\377c\n\nlast'"
    pod = make(PLAIN, folder, document=sh(script)).start()
    assert pod.wait() == 0
    printed = (pod.root / "agent.out").read_bytes()
    assert printed == b"x" * 100_000 + b"\na\rb\xffc\n\nlast"
    assert log_of(folder) == printed.decode(errors="replace")


def test_the_last_words_are_lost_with_osmo_ctrl(folder: Site, make: Make) -> None:
    pod = make(PLAIN, folder, document=sh("echo first; sleep 1; echo last words")).start()
    pod.until(lambda: "first" in pod.output())
    kill_ctrl(pod)
    pod.until(lambda: "last words" in pod.output())
    pod.start_ctrl()
    assert pod.wait() == 0
    assert log_of(folder) == "first\nlast words\n"


def test_it_takes_minutes_to_complete(folder: Site, make: Make) -> None:
    pod = make(PLAIN, folder, document=sh("yes | head -n 100000; echo end >&2")).start()
    pod.until(lambda: "end" in pod.output("agent.err"))
    began = time.monotonic()
    assert pod.wait() == 0
    assert time.monotonic() - began < 15


def test_one_file_that_fails_counts_as_success(wire: Wire, cloud: Site, make: Make) -> None:
    task = Task(dataset=False, url=False)
    wire.rule = lambda request: Fault(400, "BadFile") if "/output/who" in request.path else None
    pod = make(task, cloud).start()
    assert pod.wait() == 241
    assert "who" in pod.termination["reason"]
    wire.rule = lambda request: None
    check(task, cloud, End(pod, 241))


def test_a_dangling_link_drops_the_rest_of_the_output(folder: Site, make: Make, tmp_path: Path) -> None:
    pod = make(PLAIN, folder, document=sh("cd $O; echo 1 > a; ln -s nowhere link; ln -s me me; echo 2 > z")).start()
    assert pod.wait() == 241
    assert "link" in pod.output("ctrl.out") and "me" in pod.output("ctrl.out")
    assert {path.name for path in (tmp_path / "site").rglob("output/*")} == {"a", "z"}


def test_a_file_nobody_else_may_read_and_an_empty_directory_are_left_out(folder: Site, make: Make) -> None:
    pod = make(PLAIN, folder, document=sh("cd $O; echo 1 > a; chmod 0600 a; mkdir -m 0700 -p d/empty")).start()
    assert pod.wait() == 0
    [manifest] = asyncio.run(read_manifests(folder))
    assert ([file.path for file in manifest.files], manifest.directories) == (["a"], ("d/empty",))


def test_the_command_gets_no_sigterm_and_what_it_wrote_is_lost(folder: Site, make: Make) -> None:
    script = "trap 'echo bye; echo late > $O/late; echo 2 > $W/x; exit 0' TERM; mkdir $W; echo up"
    task = Task(url=False, dataset=False, files={}, given={}, checkpoint=True, frequency=1000)
    pod = make(task, folder, document=sh(f"{script}; while :; do sleep 0.1; done")).start()
    pod.until(lambda: "up" in pod.output())
    assert pod.agent is not None
    pod.agent.terminate()
    assert pod.wait() == 248
    assert files_of(folder) == {"late"}
    assert log_of(folder) == "up\nbye\n"
    assert asyncio.run(read_checkpoint(folder)) == {"x": 2}


@pytest.mark.parametrize("fault", ["no folder", "refused"])
def test_a_checkpoint_that_fails_kills_the_task(fault: str, wire: Wire, cloud: Site, make: Make) -> None:
    task = Task(checkpoint=True, frequency=0.1, url=False, dataset=False, seconds=0.5)
    if fault == "refused":
        wire.rule = lambda request: Fault(403, "AccessDenied") if "/checkpoints/" in request.path else None
    script = task.script.replace("mkdir -p $W;", "W=/tmp/.osmo-nowhere; mkdir -p $W;") if fault == "no folder" else ""
    pod = make(task, cloud, document=sh(script) if script else {}).start()
    assert pod.wait() == 0, pod.said()
    assert "checkpoint of" in pod.output("ctrl.out")


@pytest.mark.parametrize(
    ("command", "code"),
    [("kill -9 $$$$", 137), ("kill -15 $$$$", 143), ("kill -11 $$$$", 139), ("exec /no/such/program", 127)],
)
def test_signals_and_missing_programs_have_codes_of_their_own_making(
    command: str, code: int, folder: Site, make: Make
) -> None:
    pod = make(PLAIN, folder, document=sh(command)).start()
    assert (pod.wait(), pod.termination["code"]) == (code, code)


def test_a_missing_program_is_2(folder: Site, make: Make) -> None:
    pod = make(PLAIN, folder, document={"command": ["/no/such/program"]}).start()
    assert pod.wait() == 127
    assert "/no/such/program" in pod.termination["reason"]


def test_most_failures_have_one_code(wire: Wire, cloud: Site, make: Make) -> None:
    """What is missing, refused, or not uploaded can be told apart by code and reason."""
    missing = make(Task(), cloud, document={"inputs": [{"kind": "task", "task": "other"}]}).start()
    assert (missing.wait(), missing.termination["code"]) == (245, 2010)
    wire.rule = lambda request: Fault(403, "AccessDenied") if "/given" in request.path else None
    refused = make(Task(), cloud, 1).start()
    assert (refused.wait(), refused.termination["code"]) == (246, 2014)
    wire.rule = lambda request: Fault(400, "Bad") if "/results/" in request.path else None
    failed = make(Task(), cloud, 2).start()
    assert (failed.wait(), failed.termination["code"]) == (241, 2012)


def test_inputs_are_fetched_one_after_the_other(wire: Wire, cloud: Site, make: Make) -> None:
    together = threading.Barrier(3, timeout=10)

    def rule(request: Request) -> Fault | None:
        if request.is_of("GET", "/given/"):
            together.wait()
        return None

    wire.rule = rule
    task = Task(url=False, dataset=False, files={}, given={"a": 1, "b": 1, "c": 1})
    inputs = [{"kind": "url", "url": f"{cloud.base}/given/{name}", "regex": ""} for name in "abc"]
    assert make(task, cloud, document={"inputs": inputs, **sh("ls -d $I")}).start().wait() == 0


def test_each_checkpoint_is_uploaded_whole(wire: Wire, cloud: Site, make: Make) -> None:
    task = Task(url=False, dataset=False, files={}, given={}, checkpoint=True, frequency=0.2)
    script = (
        "mkdir $W; echo same > $W/same; for n in 1 2 3; do echo $n > $W/new.tmp; mv $W/new.tmp $W/new; sleep 0.8; done"
    )
    assert make(task, cloud, document=sh(script)).start().wait() == 0
    sent = [request.path for request in wire.requests if request.is_of("PUT", "/w/files/")]
    assert len([path for path in sent if path.endswith("/same")]) == 1
    assert len([path for path in sent if path.endswith("/new")]) > 1


def test_the_command_sees_the_keys_of_the_storage(cloud: Site, make: Make) -> None:
    """In a pod osmo-ctrl alone has them mounted."""
    pod = make(PLAIN, cloud, document=sh("env; cat /proc/self/environ | tr '\\0' '\\n'")).start()
    assert pod.wait() == 0
    own = [path for path in pod.root.rglob("*") if path.is_file() and "secrets" not in path.parts]
    for value in CREDENTIAL.values():
        assert [path for path in own if value.encode() in path.read_bytes()] == []


def test_login_files_and_sockets_are_open_to_all(folder: Site, make: Make) -> None:
    pod = make(Task(seconds=1), folder).start()
    pod.until(lambda: pod.phase == "run")
    theirs = [path for name in ("login", "run", "bin") for path in (pod.root / name).rglob("*")]
    modes = {str(path): path.lstat().st_mode for path in theirs if not path.is_symlink()}
    assert any(stat.S_ISSOCK(mode) for mode in modes.values())
    assert [path for path, mode in modes.items() if mode & 0o002] == []
    assert pod.wait() == 0


@contextmanager
def serve_with_a_certificate_of_its_own(folder: Path) -> Iterator[int]:
    names = ["-keyout", f"{folder}/key", "-out", f"{folder}/cert", "-subj", "/CN=127.0.0.1"]
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        *names,
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ]
    subprocess.run(made, check=True, capture_output=True)
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/cert", f"{folder}/key")
    server = HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_certificates_are_not_verified(tmp_path: Path) -> None:
    with serve_with_a_certificate_of_its_own(tmp_path) as port:
        place = Place("s3://bucket/base", f"https://127.0.0.1:{port}", "us-east-1", CREDENTIAL)
        with pytest.raises(StorageError) as caught:
            asyncio.run(open_store(place, Patience(30)).read("x"))
    assert caught.value.problem is Problem.REFUSED


def test_an_attempt_leaves_files_among_those_of_the_next(folder: Site, make: Make) -> None:
    first = make(Task(seconds=60), folder).start()
    first.until(lambda: "line 3" in first.output())
    first.kill_container()
    end_ctrl(first)
    assert "only-0" in files_of(folder)
    second = make(Task(), folder, 1).start()
    assert second.wait() == 0
    assert "only-0" not in files_of(folder)
    assert asyncio.run(read_as_task(Task(), folder)) == []


def test_download_and_upload_cannot_be_seen(wire: Wire, cloud: Site, make: Make) -> None:
    pod = make(Task(), cloud)
    for step, phase in ((Step("GET", "/given/a"), "download"), (Step("PUT", "/results/who"), "upload")):
        gate = wire.hold(step)
        if pod.agent is None:
            pod.start()
        assert gate.reached.wait(20), pod.said()
        assert pod.phase == phase
        gate.over.set()
    assert pod.wait() == 0
    [manifest] = asyncio.run(read_manifests(cloud))
    assert [phase.name for phase in manifest.phases] == ["download", "barrier", "run", "upload"]
    assert "input 0: 2 files" in pod.output("ctrl.out")


def test_a_transfer_that_stalls_hangs(wire: Wire, cloud: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up after a time without a byte, and begun again."""
    known = storage_places._client
    monkeypatch.setattr(storage_places, "_client", lambda *given: {**known(*given), "read_timeout": "500ms"})

    async def read(store: Store) -> bytes:
        return await store.read("a")

    asyncio.run(Task(given={"a": 5}).give(cloud))
    place = Place(f"{cloud.base}/given", cloud.endpoint, "us-east-1", CREDENTIAL)
    wire.hold(Step("GET", "/given/a"))
    began = time.monotonic()
    assert asyncio.run(read(open_store(place, Patience(20)))) == b"given"
    assert time.monotonic() - began < 10


def test_secrets_of_less_than_8_characters_are_shown(folder: Site, make: Make) -> None:
    given = {"credential_variables": [{"name": "KEY", "secret": "wandb", "key": "k"}]}
    pod = make(PLAIN, folder, document={**given, **sh("echo is $KEY; printf '%.2s' $KEY; sleep 0.3; echo ${KEY#??}")})
    pod.environment = {**pod.environment, "KEY": "s3cr3"}
    assert pod.start().wait() == 0
    assert log_of(folder) == "is [MASKED]\n[MASKED]\n"


def test_a_file_that_changes_while_it_is_uploaded_is_taken_for_whole(wire: Wire, cloud: Site, make: Make) -> None:
    """Nothing of the command is left by then; somebody with the volume at hand can still write to it."""
    gate = wire.hold(Step("POST", "/output/large"))
    task = Task(files={"large": 20_000_000}, url=False, dataset=False)
    pod = make(task, cloud).start()
    assert gate.reached.wait(20), pod.said()
    with (pod.root / "data/output/large").open("ab") as file:
        file.write(b"more")
    gate.over.set()
    assert pod.wait() == 241
    assert "large: it changed while it was read" in pod.termination["reason"]


def test_processes_that_the_command_leaves_behind_live_on(folder: Site, make: Make) -> None:
    pod = make(PLAIN, folder, document=sh("(sleep 0.5; echo x > $O/late) & echo $!; setsid sleep 60 & echo $!")).start()
    assert pod.wait() == 0
    for number in pod.output().split():
        until(lambda number=number: not Path(f"/proc/{number}").exists(), 5)  # type: ignore[misc]


def test_the_pod_hangs_when_the_container_is_gone(folder: Site, make: Make) -> None:
    """A sidecar that waits for a peer which will never come back keeps the pod."""
    pod: Pod = make(Task(seconds=60), folder).start()
    pod.until(lambda: "line 3" in pod.output())
    pod.kill_container()
    began = time.monotonic()
    end_ctrl(pod)
    assert time.monotonic() - began < 15
    assert list((pod.root / "run/log").iterdir()) == []
