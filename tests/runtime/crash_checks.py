"""What must hold of a storage whatever was ended, and when: nothing is half-visible, and success is never a lie."""

import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.crash_task import DATASET, NAME, Site, Task
from runtime.pod import Pod

from osmo_ctrl import attempts
from osmo_ctrl.attempts import attempt_of
from osmo_ctrl.dataset.catalog import read_numbers, read_tags, read_version
from osmo_ctrl.dataset.records import Pin
from osmo_ctrl.dataset.verify import verify
from osmo_ctrl.document import TaskInput, UrlInput
from osmo_ctrl.inputs import Origin, fetch
from osmo_ctrl.plans import CHECKPOINTS, COMPLETE
from osmo_ctrl.records import Complete, Generation, Manifest, read_record
from osmo_ctrl.storage.store import Store
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.transfers import Limits

WORKFLOW = "flow-1"


@dataclass(frozen=True)
class End:
    """Of a pod: what its user's container ended with."""

    pod: Pod
    code: int


async def problems(task: Task, site: Site, ends: Sequence[End] = (), run: str = "run-1") -> list[str]:
    """Everything that is not as it must be, in words."""
    storage = site.store("storage")
    found = await read_manifests(site, run)
    return [
        *await _of_manifests(task, storage, found),
        *_of_ends(found, ends),
        *await _of_logs(task, storage, found, ends),
        *await _of_url(task, site, ends),
        *await _of_datasets(task, site, found),
        *await _of_checkpoints(site),
    ]


async def read_manifests(site: Site, run: str = "run-1") -> list[Manifest]:
    """The newest first."""
    return [manifest async for manifest in attempts.manifests(site.store("storage"), WORKFLOW, run, NAME)]


async def _of_manifests(task: Task, storage: Store, found: Iterable[Manifest]) -> list[str]:
    wrong: list[str] = []
    for manifest in found:
        attempt = attempt_of(manifest)
        held: dict[str, bytes] = {}
        objects = {entry.path: entry async for entry in storage.list(attempt.output)}
        for file in manifest.files:
            key = f"{attempt.output}/{file.key}"
            if key not in objects:
                wrong.append(f"manifest {manifest.attempt}, {manifest.outcome}: {file.path} is not there")
                continue
            held[file.path] = await storage.read(key)
            wrong += _differences(f"manifest {manifest.attempt}: {file.path}", held[file.path], file.size, file.sha256)
        if manifest.outcome == "completed":
            wrong += _compare(f"completed attempt {manifest.attempt}", held, task.expected(manifest.attempt))
    return wrong


def _of_ends(found: Iterable[Manifest], ends: Iterable[End]) -> list[str]:
    wrong = []
    by_attempt = {manifest.attempt: manifest for manifest in found}
    for end in ends:
        manifest = by_attempt.get(end.pod.attempt)
        if end.code == 0 and (manifest is None or manifest.outcome != "completed" or manifest.pod != end.pod.uid):
            outcome = manifest.outcome if manifest else "no manifest"
            wrong.append(f"attempt {end.pod.attempt} ended with 0: {outcome}")
        if manifest and manifest.outcome == "completed" and end.code not in (0, -9):
            wrong.append(f"attempt {end.pod.attempt} is completed, and ended with {end.code}")
    return wrong


async def _of_logs(task: Task, storage: Store, found: Iterable[Manifest], ends: Iterable[End]) -> list[str]:
    wrong = []
    by_attempt = {manifest.attempt: manifest for manifest in found}
    for end in ends:
        manifest = by_attempt.get(end.pod.attempt)
        if manifest is None:
            continue
        archived = await read_log(storage, manifest)
        printed = end.pod.output()
        is_cut = manifest.exit is None  # with the container, and then what was on its way to the log is lost
        if not (printed.startswith(archived) if is_cut else archived == printed):
            wrong.append(
                f"log of attempt {manifest.attempt}, {manifest.outcome}: {archived[-99:]!r} and not {printed[-99:]!r}"
            )
        if manifest.outcome == "completed" and archived != task.output:
            wrong.append(f"log of the completed attempt {manifest.attempt}: {archived[-300:]!r}")
    return wrong


async def read_log(storage: Store, manifest: Manifest, stream: str = "stdout") -> str:
    prefix = f"{attempt_of(manifest).prefix}/log"
    text = ""
    for path in sorted([entry.path async for entry in storage.list(prefix)]):
        for line in (await storage.read(path)).decode(errors="replace").split("\n"):
            if line:
                _, name, kind, rest = line.split(" ", 3)
                text += (rest + ("\n" if kind == "F" else "")) if name == stream else ""
    return text


async def _of_url(task: Task, site: Site, ends: Sequence[End]) -> list[str]:
    """Where the last object is, all that it names is."""
    if not task.url:
        return []
    store = site.store("results")
    objects = {entry.path async for entry in store.list()}
    if COMPLETE not in objects:
        return ["a task succeeded, and its URL is not complete"] if ends and ends[-1].code == 0 else []
    complete = await read_record(store, COMPLETE, Complete)
    wrong: list[str] = []
    held = {}
    for file in complete.files:
        if file.path not in objects:
            wrong.append(f"URL: {file.path} is not there")
            continue
        held[file.path] = await store.read(file.path)
        wrong += _differences(f"URL: {file.path}", held[file.path], file.size, file.sha256)
    if ends and ends[-1].code == 0:
        wrong += _compare("URL", held, task.expected(ends[-1].pod.attempt))
    return wrong


async def _of_datasets(task: Task, site: Site, found: Iterable[Manifest]) -> list[str]:
    store = site.store("datasets")
    wrong: list[str] = []
    numbers = await read_numbers(store, DATASET)
    verified = await verify(store, DATASET, numbers.live)
    wrong += [f"dataset: version {one.version}, {one.path}: {one.reason}" for one in verified.damages]
    for number in numbers.live:
        version = await read_version(store, Pin(name=DATASET, version=number))
        attempt = int(version.writer.split("/")[3].partition("-")[0])
        digests = {file.path: file.sha256 for file in version.files or ()}
        wanted = {path: hashlib.sha256(content).hexdigest() for path, content in task.expected(attempt).items()}
        if digests != wanted:
            wrong.append(f"dataset: version {number} of attempt {attempt} has {sorted(digests)}")
    tags = await read_tags(store, DATASET)
    wrong += [f"tag {tag}: no version {number}" for tag, number in tags.items() if number not in numbers.live]
    for manifest in found:
        if manifest.outcome == "completed" and task.dataset:
            written = [item.version for item in manifest.datasets]
            if len(written) != 1 or written[0] not in numbers.live:
                wrong.append(f"completed attempt {manifest.attempt}: dataset versions {written} of {numbers.live}")
    return wrong


async def _of_checkpoints(site: Site) -> list[str]:
    store = site.store("checkpoints")
    wrong: list[str] = []
    for path in [entry.path async for entry in store.list(f"{CHECKPOINTS}/w/generations")]:
        generation = await read_record(store, path, Generation)
        for file in generation.files:
            content = await store.read(f"{CHECKPOINTS}/w/files/{file.key}")
            name = f"checkpoint {generation.number}: {file.path}"
            wrong += _differences(name, content, file.size, file.sha256)
    return wrong


async def read_checkpoint(site: Site) -> dict[str, int]:
    """Sizes of the files of the newest generation, as who reads the URL gets them."""
    got = await _fetched(UrlInput(url=f"{site.base}/checkpoints"), site, "run-1")
    return {path.removeprefix("w/"): len(content) for path, content in got.items()}


async def read_as_task(task: Task, site: Site, run: str = "run-1") -> list[str]:
    """What who has the task as an input gets, and what it should."""
    manifest = await attempts.newest_completed(site.store("storage"), WORKFLOW, run, NAME)
    if manifest is None:
        return ["there is no completed attempt to read"]
    wanted = task.expected(manifest.attempt)
    wrong = _compare("reader of the task", await _fetched(TaskInput(task=NAME), site, run), wanted)
    if task.url:
        got = await _fetched(UrlInput(url=f"{site.base}/results"), site, run)
        mine = {path: content for path, content in got.items() if path in wanted}
        wrong += _compare("reader of the URL", mine, wanted)
    return wrong


async def _fetched(input: TaskInput | UrlInput, site: Site, run: str) -> Mapping[str, bytes]:
    origin = Origin(
        storage=site.store("storage"),
        workflow_id=WORKFLOW,
        run=run,
        store_of=lambda url: site.store(url.removeprefix(f"{site.base}/")),
    )
    with tempfile.TemporaryDirectory() as folder:
        await fetch(input, Path(folder) / "0", origin, Progress(), Limits())
        root = Path(folder) / "0"
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def _differences(name: str, content: bytes, size: int, sha256: str) -> list[str]:
    if len(content) != size:
        return [f"{name}: {len(content)} bytes and not {size}"]
    return [] if hashlib.sha256(content).hexdigest() == sha256 else [f"{name}: another digest"]


def _compare(name: str, held: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> list[str]:
    if held == wanted:
        return []
    other = sorted(path for path in held.keys() & wanted.keys() if held[path] != wanted[path])
    missing, more = sorted(wanted.keys() - held.keys()), sorted(held.keys() - wanted.keys())
    return [f"{name}: missing {missing}, more {more}, other {other}"]


def outcome(pod: Pod) -> str:
    """What its termination message says; empty if there is none."""
    text = (pod.root / "termination-log").read_text()
    return str(json.loads(text)["outcome"]) if text else ""
