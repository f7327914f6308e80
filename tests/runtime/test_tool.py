"""The tool in the task against a real osmo-ctrl: what it moves, what it may not, and clients that mean no good."""

import asyncio
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
from runtime.loop import asynchronous
from runtime.pod import Pod, document, has_programs, until
from runtime.s3 import CREDENTIAL, S3, Fault, Proxy

from osmo_ctrl.attempts import Attempt
from osmo_ctrl.document import TaskDocument
from osmo_ctrl.files.tree import Stamp
from osmo_ctrl.places import Places
from osmo_ctrl.storage.locations import Place
from osmo_ctrl.storage.store import Patience, open_store
from osmo_ctrl.tool.peer import Peer, SilentError
from osmo_ctrl.tool.rights import RefusedError, Rights
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.transfers import Limits
from osmo_ctrl.transfer.upload import Source, upload_some

pytestmark = pytest.mark.skipif(not has_programs(), reason="the agent is not built: `make install` does it")

MIB: Final = 1024 * 1024
BUCKET: Final = {"name": "", "url": "", "secret": "", "endpoint": "", "region": "", "single_writer": False}
Make = Callable[..., "Task"]


@dataclass
class Task:
    """A pod whose command is a script; in it `osmo` is the tool, `$$D` the folder that the task declares."""

    pod: Pod
    work: Path
    before: Callable[[Path], None] = lambda root: None

    def start(self) -> "Task":
        self.pod.init()
        self.before(self.pod.root)
        self.pod.start_ctrl()
        self.pod.start_agent()
        return self

    def run(self) -> str:
        """What the script printed; it must end with 0."""
        assert self.start().pod.wait() == 0, self.pod.said()
        return self.pod.output()

    @property
    def errors(self) -> str:
        return self.pod.output("agent.err")

    def osmo(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [str(self.pod.root / "bin" / "osmo"), *arguments]
        return subprocess.run(command, cwd=self.work, capture_output=True, text=True, timeout=60, check=False)

    def connect(self) -> "Client":
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(30)
        connection.connect(str(self.pod.root / "run" / "tool.sock"))
        return Client(connection)

    @property
    def descriptors(self) -> int:
        assert self.pod.ctrl is not None
        return len(list(Path(f"/proc/{self.pod.ctrl.pid}/fd").iterdir()))

    def memory(self, name: str = "VmRSS") -> int:
        """Of osmo-ctrl, in MiB."""
        assert self.pod.ctrl is not None
        lines = Path(f"/proc/{self.pod.ctrl.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) // 1024


@dataclass
class Client:
    """Says what a test wants to the tool's socket."""

    connection: socket.socket
    received: bytes = b""

    def send(self, line: bytes, *descriptors: int) -> "Client":
        socket.send_fds(self.connection, [line], list(descriptors))
        return self

    def say(self, *descriptors: int, **message: Any) -> "Client":
        return self.send(json.dumps(message).encode() + b"\n", *descriptors)

    def ask(self, operation: str, target: str) -> "Client":
        return self.say(kind="request", version=1, operation=operation, target=target)

    def barrier(self, name: str, **more: Any) -> "Client":
        return self.say(**{"kind": "barrier", "version": 1, "id": uuid4().hex, "name": name, **more})

    def file(self, file: Path, *descriptors: int, number: int = 0, **changes: Any) -> "Client":
        status = file.stat()
        seen = {"size": status.st_size, "modified": status.st_mtime_ns, "mode": status.st_mode}
        return self.say(*descriptors, **{"kind": "file", "id": number, "path": file.name, **seen, **changes})

    def hear(self) -> dict[str, Any]:
        while b"\n" not in self.received:
            more = self.connection.recv(1 << 16)
            if not more:
                return {}
            self.received += more
        line, _, self.received = self.received.partition(b"\n")
        said: dict[str, Any] = json.loads(line)
        return said

    def result(self) -> str:
        """The error of the last word; `-` if there is none, `gone` without one."""
        while (said := self.hear()) and said["kind"] != "result":
            continue
        self.connection.close()
        return str(said["error"] or "-") if said else "gone"


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    (tmp_path / "storage").mkdir()
    return tmp_path / "storage"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "declared"


def task_of(base: Path, number: int, script: str, attempt: int = 0, **changes: Any) -> Task:
    """Its data lies below `base`; it has an output URL, unless it is given other data."""
    root, work = base / f"pod-{number}", base / f"work-{number}"
    work.mkdir()
    path = f"{root}/bin{os.pathsep}{os.environ['PATH']}"
    data = {"outputs": [url(base / "declared")], "buckets": [BUCKET]}
    made = document(base / "storage", "/bin/sh", "-ec", f"cd {work}; {script}", **(data | changes))
    environment = {"PATH": path, "D": f"file://{base}/declared"}
    return Task(Pod(root=root, document=made, attempt=attempt, environment=environment), work)


@pytest.fixture
def make(tmp_path: Path, storage: Path) -> Iterator[Make]:
    tasks: list[Task] = []

    def make(script: str, **changes: Any) -> Task:
        tasks.append(task_of(tmp_path, len(tasks), script, **changes))
        return tasks[-1]

    yield make
    for task in tasks:
        task.pod.stop()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Task]:
    """A task in the midst of its command, for many tests; it must end well after all of them."""
    base = tmp_path_factory.mktemp("running")
    data = {"outputs": [url(base / "declared"), dataset("cats"), dataset("many"), dataset("half")]}
    task = task_of(base, 0, "while [ ! -e end ]; do sleep 0.05; done", **data)
    try:
        task.start().pod.until(lambda: task.pod.phase == "run")
        yield task
        (task.work / "end").touch()
        assert task.pod.wait() == 0, task.pod.said()
        assert "Traceback" not in task.pod.output("ctrl.out") and not task.pod.output("ctrl.err")
    finally:
        task.pod.stop()


@pytest.fixture
def place(running: Task) -> Path:
    """A folder of its own for each test, below the URL of the task."""
    folder = running.work.parent / "declared" / uuid4().hex
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "there").write_bytes(b"here")
    return folder


@pytest.fixture
def waiting(running: Task, place: Path, tmp_path: Path) -> Iterator[Task]:
    """The running task. Nothing may happen to its osmo-ctrl, which still serves others when a test is over."""
    task = replace(running, work=tmp_path)
    assert task.osmo("data", "list", f"file://{place}").returncode == 0
    before = task.descriptors
    yield task
    listed = task.osmo("data", "list", f"file://{place}/sub")
    assert (listed.returncode, listed.stderr) == (0, "") and "Z there\n" in listed.stdout
    until(lambda: task.descriptors <= before, said=lambda: f"{task.descriptors} descriptors, before {before}")


def url(folder: Path) -> dict[str, Any]:
    return {"kind": "url", "url": f"file://{folder}", "regex": "nothing"}


def dataset(name: str, kind: str = "dataset", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "bucket": "", "name": name, **more}


FILES: Final = "mkdir -p d/e; echo 1 > d/a; echo 22 > d/e/b; chmod 755 d/a; : > d/none; echo 3 > c; ln -s ../c d/link"


def test_files_go_to_a_url_and_come_back(make: Make, folder: Path) -> None:
    said = make(
        f"{FILES}; osmo data upload d c $D/x; osmo data list $D/x; osmo data download $D/x back; "
        "cat back/c back/d/a back/d/e/b back/d/link; test ! -s back/d/none; osmo data upload d/ $D/y"
    ).run()
    listed, printed = said.splitlines()[:5], said.splitlines()[5:]
    assert sorted((line.split()[0], line.split()[2]) for line in listed) == [
        ("0", "d/none"), ("2", "c"), ("2", "d/a"), ("2", "d/link"), ("3", "d/e/b"),
    ]  # fmt: skip
    assert printed == ["3", "1", "22", "3"]
    assert sorted(path.name for path in (folder / "y").iterdir()) == ["a", "e", "link", "none"]


def test_the_tool_tells_what_it_does_on_standard_error(make: Make) -> None:
    task = make(f"{FILES}; osmo data upload d c $D/x; osmo data download $D/x/d back; osmo data download $D/x/c back")
    assert task.run() == ""
    assert [line.rpartition(": ")[2] for line in task.errors.splitlines()] == [
        "5 files, 9 B", "4 files, 7 B", "1 file, 2 B",
    ]  # fmt: skip


@pytest.fixture
def s3_task(make: Make, s3: S3) -> Callable[..., Task]:
    """Its profile gives access to the bucket. By another port it is reached through a proxy."""

    def make_task(script: str, port: int = 0, **changes: Any) -> Task:
        endpoint = f"http://127.0.0.1:{port or s3.port}"
        access = {"url": f"s3://{s3.bucket}", "secret": "keys", "endpoint": endpoint, "region": "us-east-1"}
        task = make(script.replace("$B", f"s3://{s3.bucket}"), access=[access], outputs=[], **changes)

        def write_secret(root: Path) -> None:
            (root / "secrets" / "keys").mkdir(parents=True)
            for name, value in CREDENTIAL.items():
                (root / "secrets" / "keys" / name).write_text(value)

        task.before = write_secret
        return task

    return make_task


def test_files_go_to_a_bucket_that_the_profile_gives_access_to(s3_task: Callable[..., Task]) -> None:
    said = s3_task(
        f"{FILES}; head -c 40000000 /dev/urandom > d/large; osmo data upload d $B/x/; osmo data list $B/x; "
        "osmo data download $B/x/d back; sha256sum d/large back/large | cut -c -64 | uniq | wc -l; ls -A back"
    ).run()
    assert said.splitlines()[5:] == ["1", "a", "e", "large", "link", "none"]


def test_an_error_of_the_storage_has_no_secret_in_it(s3_task: Callable[..., Task], proxy: Proxy) -> None:
    proxy.rule = lambda request: Fault(status=403, code="AccessDenied")
    task = s3_task(
        "echo 1 > f; ! osmo data upload f $B/x; ! osmo data list $B/x; ! osmo data download $B/x y", proxy.port
    )
    task.run()
    assert task.errors.count(": 403") == 3
    assert not any(value in task.errors + task.pod.output("ctrl.out") for value in CREDENTIAL.values())


def test_a_dataset_is_made_and_read_back(make: Make) -> None:
    data = {"outputs": [dataset("cats")], "inputs": []}
    said = make(
        f"{FILES}; osmo dataset upload cats:good d; echo 9 > d/a; osmo dataset upload cats d/; "
        "osmo dataset info cats; osmo dataset info cats:good",
        **data,
    ).run()
    lines = said.splitlines()
    assert lines[:2] == ["cats:1", "cats:2"]
    assert lines[2] == "cats:2" and "  files     4 files, 7 B" in lines
    assert [line.split()[-1] for line in lines if line.startswith("  1  ")] == ["good", "good"]
    assert "  task: work" in lines
    reader = make(
        "osmo dataset download cats:good now; cat now/cats/d/a; test -x now/cats/d/a; osmo dataset download cats now; "
        "cat now/cats/a; ! osmo dataset download cats:7 now; ! osmo dataset upload cats now",
        task="reader",
        inputs=[dataset("cats", version="1")],
        outputs=[],
    )
    assert reader.run() == "1\n9\n"
    assert "has no version 7" in reader.errors and "is not an output of this task, which has none" in reader.errors


def test_an_update_keeps_what_it_is_made_of(make: Make, storage: Path) -> None:
    make(f"{FILES}; osmo dataset upload cats d/", outputs=[dataset("cats")]).run()
    said = make(
        "echo new > new; osmo dataset upload cats:better new",
        task="again",
        outputs=[dataset("cats", "update_dataset", base="")],
    ).run()
    assert said == "cats:2\n"
    version = json.loads((storage / "datasets/cats/versions/2.json").read_text())
    assert [file["path"] for file in version["files"]] == ["a", "e/b", "link", "new", "none"] and version["base"] == 1
    assert version["origin"] == {"workflow_id": "flow-1", "run": "run-1", "task": "again"}


def test_two_thousand_small_files(waiting: Task, place: Path) -> None:
    for number in range(2000):
        path = waiting.work / f"many/{number % 20}/{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(number))
    steps = (
        ("data", "upload", "many", f"file://{place}/x"),
        ("data", "download", f"file://{place}/x", "back"),
        ("dataset", "upload", "many", "many"),
    )
    for arguments in steps:
        done = waiting.osmo(*arguments)
        assert done.returncode == 0, done.stderr
    back = waiting.work / "back/many"
    assert sorted(int(path.read_text()) for path in back.rglob("*") if path.is_file()) == list(range(2000))


def test_several_at_once_do_not_mix(waiting: Task, place: Path) -> None:
    done: list[int] = []

    def both(name: str, size: int) -> None:
        content = hashlib.sha256(name.encode()).digest() * (size // 32)
        (waiting.work / name).mkdir()
        for number in range(3):
            (waiting.work / name / f"{number}").write_bytes(content + bytes([number]))
        done.append(waiting.osmo("data", "upload", name, f"file://{place}").returncode)
        done.append(waiting.osmo("data", "download", f"file://{place}/{name}", f"{name}-back").returncode)
        for number in range(3):
            assert (waiting.work / f"{name}-back/{number}").read_bytes() == content + bytes([number])
            done.append(0)

    threads = [threading.Thread(target=both, args=(f"t{n}", n * 9 * MIB + 1000)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [0] * 20


def test_a_file_that_changes_is_named_and_the_others_are_there(waiting: Task, place: Path) -> None:
    growing = threading.Event()

    def grow() -> None:
        with (waiting.work / "d/log").open("a") as log:
            while not growing.wait(0.0005):
                log.write("line\n")
                log.flush()

    (waiting.work / "d").mkdir()
    for number in range(100):
        (waiting.work / f"d/{number}").write_text("quiet")
    thread = threading.Thread(target=grow)
    thread.start()
    for arguments in (("data", "upload", "d", f"file://{place}/x"), ("dataset", "upload", "half", "d")):
        done = waiting.osmo(*arguments)
        assert (done.returncode, done.stderr) == (1, "osmo: d/log: it changed while it was read\n")
    growing.set()
    thread.join()
    assert len(list((place / "x/d").iterdir())) == 100
    assert waiting.osmo("dataset", "info", "half").returncode == 1, "no version of half the files"


def test_what_cannot_be_written_where_the_user_wants_it_leaves_no_half_files(waiting: Task, place: Path) -> None:
    (waiting.work / "back/there/x").mkdir(parents=True)
    done = waiting.osmo("data", "download", f"file://{place}/sub", "back")
    assert done.returncode == 1 and done.stderr.startswith("osmo: there: ")
    done = waiting.osmo("data", "download", f"file://{place}/sub/nothing", "back")
    assert done.returncode == 1 and "there is nothing below it" in done.stderr


def test_an_older_attempt_uploads_nothing(make: Make, storage: Path, folder: Path) -> None:
    script = f"{FILES}; ! osmo data upload c $D/x; ! osmo dataset upload cats c"
    task = make(script, outputs=[url(folder), dataset("cats")])
    claims = storage / "flow-1/run-1/work/claims"
    claims.mkdir(parents=True)
    (claims / "0001-12345678.json").write_text("{}")
    task.start().pod.until(lambda: task.errors.count("a later attempt of this task has begun") == 2)
    assert not folder.exists()


def test_a_task_that_is_over_asks_for_nothing(make: Make, folder: Path) -> None:
    task = make("true").start()
    assert task.pod.agent is not None and task.pod.agent.wait(20) == 0
    assert task.connect().ask("data_list", f"file://{folder}").result() == "the task is over"
    task.pod.end_ctrl()
    assert not (task.pod.root / "run/tool.sock").exists()


def test_a_request_that_is_under_way_does_not_keep_osmo_ctrl_from_ending(make: Make, folder: Path) -> None:
    task = make("sleep 0.5").start()
    task.pod.until(lambda: task.pod.phase == "run")
    client = task.connect().ask("data_upload", f"file://{folder}")
    assert task.pod.wait() == 0
    assert client.result() == "gone"


def test_the_socket_is_there_from_the_start_for_the_group_only(make: Make) -> None:
    task = make("true")
    task.pod.init()
    task.pod.start_ctrl()
    path = task.pod.root / "run/tool.sock"
    task.pod.until(path.exists)
    until(lambda: path.stat().st_mode & 0o777 == 0o660)
    task.pod.end_ctrl()


# What a program of the task may not do, and what must not harm osmo-ctrl. `waiting` looks after each.


@pytest.mark.parametrize(
    ("operation", "target", "reason"),
    [
        ("data_upload", "file:///etc", "below no URL of the task"),
        ("data_upload", "$R-beside", "below no URL of the task"),
        ("data_upload", "$D/../storage", "a name with an empty, `.` or `..` part"),
        ("data_upload", "$D//x", "a name with an empty"),
        ("data_upload", "$D/.osmo-checkpoint/x", "a name that osmo-ctrl keeps for itself"),
        ("data_upload", "$S/flow-1/run-1/work/manifests", "below no URL of the task"),
        ("data_upload", "s3://elsewhere/x", "below no URL of the task"),
        ("data_upload", "ftp://elsewhere/x", "this is not the URL of a storage"),
        ("data_download", "file:///etc", "may not be read"),
        ("data_list", "$S", "may not be read"),
        ("dataset_upload", "dogs", "is not an output of this task, which has `cats`, `many`, `half`"),
        ("dataset_upload", "team/cats", "is not an output of this task"),
        ("dataset_upload", "cats:7", "cannot be a tag"),
        ("dataset_download", "cats", "is not an input of this task, which has none"),
        ("dataset_info", "../cats", "is not an input or output of this task"),
    ],
)
def test_other_places_are_refused(operation: str, target: str, reason: str, waiting: Task, place: Path) -> None:
    for name, path in {"$D": place, "$R": place.parent, "$S": place.parent.parent / "storage"}.items():
        target = target.replace(name, f"file://{path}")
    assert reason in waiting.connect().ask(operation, target).result()


def test_a_refusal_is_heard_in_the_midst_of_many_files(waiting: Task) -> None:
    (waiting.work / "d").mkdir()
    for number in range(100):
        (waiting.work / f"d/{number}").touch()
    done = waiting.osmo("data", "upload", "d", "file:///somewhere")
    assert done.returncode == 1 and "below no URL of the task" in done.stderr


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (b"{\n", "this is no message of the tool"),
        (b"[" * 60000 + b"\n", "this is no message of the tool"),
        (b'{"kind":"request","version":2,"operation":"data_list","target":"x"}\n', "a request of version 1"),
        (b'{"kind":"request","version":1,"operation":"rm","target":"x"}\n', "this is no message of the tool"),
        (b'{"kind":"end"}\n', "the first word must be a request"),
        (b"x" * 200_000, "a line of more than 65536 bytes"),
    ],
)
def test_what_is_no_request_is_refused(lines: bytes, reason: str, waiting: Task) -> None:
    assert reason in waiting.connect().send(lines).result()


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("directory", "f: it is not a regular file"),
        ("socket", "f: it is not a regular file"),
        ("fifo", "f: it is not a regular file"),
        ("device", "f: it is not a regular file"),
        ("write-only", "f: it is not open for this"),
        ("path-only", "f: it is not open for this"),
        ("other", "f: it changed while it was read"),
        ("none", "a file came without a descriptor"),
        ("many", "more descriptors than files"),
    ],
)
@pytest.mark.parametrize("operation", ["data_upload", "dataset_upload"])
def test_only_descriptors_of_files_are_read(
    what: str, reason: str, operation: str, waiting: Task, place: Path, tmp_path: Path
) -> None:
    target = f"file://{place}" if operation == "data_upload" else "cats"
    client = waiting.connect().ask(operation, target)
    path = waiting.work / "f"
    path.write_text("text")
    os.mkfifo(tmp_path / "fifo")
    other = tmp_path / "other"
    other.write_text("another")
    ours, theirs = socket.socketpair()
    descriptors = {
        "directory": lambda: [os.open(tmp_path, os.O_RDONLY)],
        "socket": lambda: [os.dup(ours.fileno())],
        "fifo": lambda: [os.open(tmp_path / "fifo", os.O_RDWR)],
        "device": lambda: [os.open("/dev/zero", os.O_RDONLY)],
        "write-only": lambda: [os.open(path, os.O_WRONLY)],
        "path-only": lambda: [os.open(path, os.O_PATH)],
        "other": lambda: [os.open(other, os.O_RDONLY)],
        "none": list,
        "many": lambda: [os.open(path, os.O_RDONLY) for _ in range(16)],
    }[what]()
    client.file(path, *descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    ours.close()
    theirs.close()
    if what not in ("none", "many"):
        assert client.hear() == {"kind": "done", "id": 0}
        client.say(kind="end")
    assert reason in client.result()
    assert not (place / "f").exists()


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (os.O_RDONLY, "there: it is not open for this"),
        (os.O_WRONLY | os.O_APPEND, "there: it is open for appending"),
        (os.O_DIRECTORY, "there: it is not a regular file"),
        (os.O_RDWR, "-"),
    ],
)
def test_only_descriptors_of_files_are_written(flags: int, reason: str, waiting: Task, place: Path) -> None:
    client = waiting.connect().ask("data_download", f"file://{place}/sub")
    said = client.hear()
    assert (said["kind"], said["path"], said["size"]) == ("file", "there", 4)
    target = waiting.work / "f"
    target.write_text("what was there before")
    descriptor = os.open(waiting.work if flags == os.O_DIRECTORY else target, flags)
    client.say(descriptor, kind="opened", id=said["id"], error="")
    os.close(descriptor)
    assert client.result() == reason
    assert target.read_text() == ("here" if reason == "-" else "what was there before")


@pytest.mark.parametrize("answer", [{"kind": "opened", "id": 9, "error": "no"}, {"kind": "end"}])
def test_an_answer_to_another_question_ends_a_download(answer: dict[str, Any], waiting: Task, place: Path) -> None:
    client = waiting.connect().ask("data_download", f"file://{place}/sub")
    client.hear()
    assert "out of turn" in client.say(**answer).result()


def test_too_many_files_under_way_end_an_upload(waiting: Task, place: Path) -> None:
    """Those that do not wait for `done`."""
    client = waiting.connect().ask("data_upload", f"file://{place}")
    large = waiting.work / "large"
    with large.open("wb") as file:
        file.truncate(64 * MIB)
    descriptor = os.open(large, os.O_RDONLY)
    for number in range(17):
        client.file(large, descriptor, number=number, path=f"f{number}")
    os.close(descriptor)
    assert client.result() == "the tool said `file` out of turn"


def test_a_file_that_is_too_large_for_any_object_is_not_begun(waiting: Task, place: Path) -> None:
    huge = waiting.work / "huge"
    with huge.open("wb") as file:
        file.truncate(300 * 1024 * MIB)
    done = waiting.osmo("data", "upload", "huge", f"file://{place}")
    assert (done.returncode, done.stderr) == (1, "osmo: huge: it has more than 256 GiB\n")


@pytest.mark.parametrize("moment", ["connected", "asked", "passed", "half a line", "never reads", "not opened"])
def test_whoever_vanishes_leaves_nothing_behind(moment: str, waiting: Task, place: Path) -> None:
    path = waiting.work / "f"
    path.write_bytes(bytes(30 * MIB))
    for number in range(300):
        (place / f"sub/{number:0>200}").touch()
    clients = []
    for _ in range(10):
        client = waiting.connect()
        clients.append(client)
        if moment in ("asked", "passed", "half a line"):
            client.ask("data_upload", f"file://{place}/x")
        if moment in ("passed", "half a line"):
            descriptor = os.open(path, os.O_RDONLY)
            client.file(path, descriptor)
            os.close(descriptor)
        if moment == "half a line":
            client.send(b'{"kind":')
        if moment == "never reads":
            client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.ask("data_list", f"file://{place}")
        if moment == "not opened":
            client.ask("data_download", f"file://{place}/sub")
    time.sleep(0.3)
    assert waiting.osmo("data", "list", f"file://{place}/sub").returncode == 0, "others are served meanwhile"
    for client in clients:
        client.connection.close()


def test_too_many_connections_are_turned_away(waiting: Task, place: Path) -> None:
    clients = [waiting.connect() for _ in range(96)]
    last = waiting.connect()
    assert last.result() == "osmo-ctrl has too many requests of this task; ask again later"
    for client in clients:
        client.connection.close()
    until(lambda: waiting.osmo("data", "list", f"file://{place}").returncode == 0)


def test_too_many_requests_are_refused(waiting: Task, place: Path) -> None:
    clients = [waiting.connect().ask("data_upload", f"file://{place}") for _ in range(32)]
    until(lambda: waiting.osmo("data", "list", f"file://{place}").returncode == 1)
    refused = waiting.osmo("data", "list", f"file://{place}")
    assert refused.stderr == "osmo: osmo-ctrl has too many requests of this task; ask again later\n"
    for client in clients:
        client.connection.close()
    until(lambda: waiting.osmo("data", "list", f"file://{place}").returncode == 0)


def test_calls_at_a_barrier_are_many_and_hinder_no_request(waiting: Task, place: Path) -> None:
    calls = [waiting.connect().barrier("x", count=65) for _ in range(64)]
    time.sleep(0.3)
    assert waiting.connect().barrier("x", count=65).result() == "64 calls of `osmo barrier` wait in this task already"
    assert waiting.osmo("data", "list", f"file://{place}").returncode == 0
    calls.pop().connection.close()
    until(lambda: waiting.osmo("barrier", "y", "--count", "1").returncode == 0)
    assert waiting.osmo("barrier", "x", "--count", "2", "--timeout", "0.2").returncode == 3
    for call in calls:
        call.connection.close()
    assert waiting.osmo("barrier", "x", "--count", "1").returncode == 0


def test_an_open_barrier_is_told_before_the_last_word(waiting: Task) -> None:
    first = waiting.connect().barrier("x", count=2)
    assert waiting.connect().barrier("x", count=2).result() == "-"
    assert (first.hear(), first.hear()) == ({"kind": "open"}, {"kind": "result", "status": 0, "error": ""})
    first.connection.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"name": "a\nb"},
        {"name": "x\n"},
        {"name": "a\u0085"},
        {"count": 0},
        {"count": 100_001},
        {"id": "../x"},
        {"id": "g" * 32},
    ],
)
def test_what_is_no_barrier_is_refused(changes: dict[str, Any], waiting: Task) -> None:
    assert "this is no message of the tool" in waiting.connect().barrier(**{"name": "x", **changes}).result()


@asynchronous
async def test_a_tool_that_says_nothing_is_not_waited_for() -> None:
    ours, theirs = socket.socketpair()
    async with Peer(ours) as peer:
        with pytest.raises(SilentError, match="the tool has said nothing for 0 s"):
            await peer.hear(0.05)
    assert theirs.recv(1) == b""
    theirs.close()


@asynchronous
async def test_what_is_being_opened_when_an_upload_is_given_up_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(17 * MIB)
    opened: list[int] = []

    def open_slowly() -> int:
        time.sleep(0.2)
        opened.append(os.open(path, os.O_RDONLY))
        return opened[0]

    source = Source("large", "large", Stamp(17 * MIB, path.stat().st_mtime_ns), open_slowly)
    store = open_store(Place(f"file://{tmp_path}/store"), Patience(1))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(upload_some(store, [source], Progress(), Limits()), 0.05)
    await asyncio.sleep(0.4)
    with pytest.raises(OSError):
        os.fstat(opened[0])


def test_nothing_of_it_is_imported_before_somebody_asks() -> None:
    code = "import sys, osmo_ctrl.attend, osmo_ctrl.life, osmo_ctrl.work; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in imported if name.startswith("osmo_ctrl.tool.server")] == ["osmo_ctrl.tool.server"]


def test_memory_stays_bounded_while_large_files_are_moved(waiting: Task, place: Path) -> None:
    for number in range(4):
        with (waiting.work / f"f{number}").open("wb") as file:
            file.truncate(128 * MIB)
    for verb, arguments in (("upload", ("f{}", f"file://{place}")), ("download", (f"file://{place}/f{{}}", "back"))):
        asked = [(verb, *(part.format(number) for part in arguments)) for number in range(4)]
        threads = [threading.Thread(target=waiting.osmo, args=("data", *words)) for words in asked]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [(waiting.work / f"back/f{number}").stat().st_size for number in range(4)] == [128 * MIB] * 4
    assert waiting.memory("VmHWM") <= 150


# Rights, without a process.


def rights(tmp_path: Path, storage: str = "", **changes: Any) -> Rights:
    made = document(tmp_path if storage else None, "true", **changes)
    if storage:
        made["storage"]["url"] = storage
    read = TaskDocument.model_validate(made)
    return Rights(read, Places(read, tmp_path, tmp_path / "claim"), Attempt("flow-1", "run-1", "work", 2, "p" * 32))


DECLARED: Final = {
    "storage": "s3://mine/osmo",
    "inputs": [{"kind": "url", "url": "s3://in/a"}, {"kind": "dataset", "bucket": "team", "name": "cats"}],
    "outputs": [{"kind": "url", "url": "s3://mine/osmo/out"}, {"kind": "dataset", "bucket": "pub", "name": "cats"}],
    "checkpoints": [{"path": "/c", "url": "gs://keep/c/", "frequency": 60}],
    "access": [{"url": "s3://mine", "secret": "m"}, {"url": "azure://account", "secret": "a"}],
    "buckets": [BUCKET | {"name": "team", "url": "azure://account/sets/team"}, BUCKET | {"name": "pub"}],
}


@pytest.mark.parametrize(
    ("place", "may"),
    [
        ("s3://in/a", "read"),
        ("s3://in/a/b c/ü", "read"),
        ("s3://in/ab", ""),
        ("s3://in", ""),
        ("s3://mine/osmo/out/x", "read, write"),
        ("gs://keep/c/x", "read, write"),
        ("gs://keep", ""),
        ("s3://mine/osmo/flow-1/run-1/work/attempts/0002-pppppppp/x", "read, write"),
        ("s3://mine/osmo/flow-1/run-1/work/attempts/0001-pppppppp/x", ""),
        ("s3://mine/osmo/flow-1/run-1/work/manifests", ""),
        ("s3://mine/other", "read, write"),
        ("s3://mine/osmos", "read, write"),
        ("s3://mine/osmo", ""),
        ("s3://mine", ""),
        ("azure://account/any/thing", "read, write"),
        ("azure://account/sets/team/cats", ""),
        ("azure://account/sets/other", "read, write"),
        ("azure://other/any", ""),
    ],
)
def test_the_declared_and_what_the_profile_gives_access_to_but_never_the_records(
    place: str, may: str, tmp_path: Path
) -> None:
    made = rights(tmp_path, **DECLARED)
    allowed = []
    for name, check in (("read", made.check_read), ("write", made.check_write)):
        try:
            check(place)
            allowed.append(name)
        except RefusedError as error:
            assert place in str(error)
    assert ", ".join(allowed) == may


def test_a_dataset_is_named_with_its_bucket_where_it_must_be(tmp_path: Path) -> None:
    made = rights(tmp_path, **DECLARED)
    assert made.dataset_to_read("cats:3").bucket == "team"
    assert made.dataset_to_write("pub/cats").bucket == "pub"
    with pytest.raises(RefusedError, match="is in several buckets of the task: `team/cats`, `pub/cats`"):
        made.dataset_to_show("cats")
    with pytest.raises(RefusedError, match="`pub/cats` is not an input of this task, which has `team/cats`"):
        made.dataset_to_read("pub/cats")


def test_a_task_without_data_has_no_place(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="the task has none"):
        rights(tmp_path).check_write("s3://any/where")
