"""`osmoc prune` on folders: what it takes for a run, and what it never touches. `tests/cluster` asks a cluster."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from osmoc.cli import prune
from osmoc.cli.main import main
from osmoc.cli.written_runs import find_runs
from osmoc.cluster import runs
from osmoc.cluster.runs import UnknownRunError
from osmoc.cluster.state import State, Status

FLOW = """\
workflow:
  name: {name}
  tasks:
  - {{name: a, image: busybox, command: [sh, -c, "echo {said}"]}}
"""
MINE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: mine, labels: {app.kubernetes.io/managed-by: osmoc}}
---
[no, object]
"""


class Cluster:
    """States of runs by id, in the order in which they were started."""

    def __init__(self) -> None:
        self.statuses: dict[str, Status] = {}
        self.asked: list[tuple[str, str]] = []
        self.deleted: list[str] = []

    def states(self) -> list[State]:
        return [
            State(workflow_id=name, run=name, status=status, started=datetime(2026, 1, 1 + day, tzinfo=UTC))
            for day, (name, status) in enumerate(self.statuses.items())
        ]

    def read(self, client: Any, workflow_id: str) -> State:
        self.asked.append((client.namespace, workflow_id))
        for state in self.states():
            if state.workflow_id == workflow_id:
                return state
        raise UnknownRunError(workflow_id)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    @contextmanager
    def connected(context: str | None, namespace: str | None) -> Iterator[Any]:
        yield SimpleNamespace(namespace=namespace or "default")

    made = Cluster()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OSMOC_PROFILE", raising=False)
    monkeypatch.setattr(prune, "connected", connected)
    monkeypatch.setattr(runs, "read", made.read)
    monkeypatch.setattr(runs, "list_states", lambda client: made.states())
    monkeypatch.setattr(runs, "delete", lambda client, workflow_id: made.deleted.append(workflow_id))
    return made


def osmoc(*words: str) -> tuple[int, list[str], str]:
    out, err = io.StringIO(), io.StringIO()
    status = main(list(words), io.StringIO(), out, err)
    return status, out.getvalue().splitlines(), err.getvalue()


def written(where: str, workflow_id: str, *options: str, name: str = "train") -> None:
    Path("flow.yaml").write_text(FLOW.format(name=name, said=workflow_id))
    words = ("compile", "flow.yaml", "--id", workflow_id, "-o", where, "--target", "jobs", *options)
    assert osmoc(*words)[0] == 0


def everything() -> set[str]:
    return {str(path) for path in Path().rglob("*") if path.is_file()}


def test_runs_that_are_over_leave_the_repository(cluster: Cluster) -> None:
    written("deploy/old", "train-1", "--gitops", "flux")
    written("deploy/lone.yaml", "train-2")
    written("deploy/lone.json", "train-3")
    written("deploy/deep/er", "train-4", "--format", "json")
    written("deploy/new", "train-5")
    written("deploy/other", "evaluate-1", name="evaluate")
    written("deploy/next", "train-6")
    cluster.statuses = dict.fromkeys(["train-1", "train-2", "train-3", "train-4", "evaluate-1"], Status.FAILED)
    cluster.statuses |= {"train-4": Status.RUNNING, "train-5": Status.COMPLETED}
    before = everything()
    removed = {"deploy/old", "deploy/lone.yaml", "deploy/lone.json"}
    status, out, err = osmoc("prune", "deploy", "--dry-run")
    assert status == 0 and {line.split(":")[0] for line in out} == {f"would remove {name}" for name in removed}
    assert everything() == before
    assert "kept deploy/deep/er: train-4: it is RUNNING\n" in err
    assert "kept deploy/next: train-6: not on the cluster, or not yet\n" in err
    assert "kept deploy/new: train-5: COMPLETED, but the newest run of `train`\n" in err
    assert "kept deploy/other: evaluate-1: FAILED, but the newest run of `evaluate`\n" in err
    status, out, _ = osmoc("prune", "deploy")
    assert out == [
        "removed deploy/lone.json: train-3, FAILED",
        "removed deploy/lone.yaml: train-2, FAILED",
        "removed deploy/old: train-1, FAILED",
    ]
    gone = before - everything()
    assert {name.replace("deploy/old/", "deploy/old:").partition(":")[0] for name in gone} == removed
    assert not Path("deploy/old").exists()
    assert {line.split(",")[0] for line in osmoc("prune", "deploy", "--all")[1]} == {
        "removed deploy/new: train-5",
        "removed deploy/other: evaluate-1",
    }
    assert {run.workflow_id for run in find_runs(Path("deploy"))} == {"train-4", "train-6"}


def test_files_of_others_stay(cluster: Cluster) -> None:
    written("deploy", "train-1")
    cluster.statuses = {"train-1": Status.COMPLETED}
    foreign = {
        "deploy/notes.txt": "mine",
        "deploy/mine.yaml": MINE,
        "deploy/broken.yaml": "a: [",
        "deploy/chart.yaml": "metadata: {labels: 3}\nkind: List\nitems: {{ x }}\n",
        "deploy/.git/run.yaml": Path("deploy/job-a.yaml").read_text(),
        "deploy/mixed.yaml": Path("deploy/job-a.yaml").read_text() + "---\n" + MINE,
        "deploy/two.yaml": Path("deploy/job-a.yaml").read_text() + "---\nkind: A\nmetadata: {}\n",
    }
    for name, text in foreign.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    assert osmoc("prune", "deploy", "--all")[1] == ["removed deploy: train-1, COMPLETED"]
    assert everything() == {*foreign, "flow.yaml"}


def test_a_folder_with_a_foreign_object_in_it_is_no_run(cluster: Cluster) -> None:
    written("deploy/a", "train-1")
    cluster.statuses = {"train-1": Status.COMPLETED}
    Path("deploy/a/job-a.yaml").write_text(MINE)
    before = everything()
    status, out, err = osmoc("prune", "deploy", "--all")
    assert (status, out, err) == (0, [], "deploy has no manifests that osmoc wrote\n")
    assert everything() == before


def test_what_an_interrupted_removal_has_left_is_removed_by_the_next(cluster: Cluster) -> None:
    """Whichever file was the last to go."""
    cluster.statuses = {"train-1": Status.COMPLETED, "train-2": Status.COMPLETED}
    written("deploy/b", "train-2")
    written("deploy/a", "train-1")
    [run] = (one for one in find_runs(Path("deploy")) if one.workflow_id == "train-1")
    assert run.files[-1].name == "kustomization.yaml"
    for count in range(1, len(run.files) - 1):
        written("deploy/a", "train-1")
        for path in run.files[:count]:
            path.unlink()
        assert osmoc("prune", "deploy")[1] == ["removed deploy/a: train-1, COMPLETED"]
        assert not Path("deploy/a").exists()


def test_an_index_that_names_what_is_gone_is_told(cluster: Cluster) -> None:
    written("deploy/a", "train-1")
    Path("deploy/kustomization.yaml").write_text("resources: [./a/, b]\n")
    cluster.statuses = {"train-1": Status.COMPLETED}
    assert "warning: deploy/kustomization.yaml still names `a`" in osmoc("prune", "deploy", "--all")[2]
    assert Path("deploy/kustomization.yaml").read_text() == "resources: [./a/, b]\n"


def test_a_run_is_looked_for_in_the_namespace_of_its_manifests(cluster: Cluster) -> None:
    written("deploy/a", "train-1")
    Path("osmoc.yaml").write_text("namespace: robots\n")
    written("deploy/b", "train-2")
    osmoc("prune", "deploy")
    assert cluster.asked == [("default", "train-1"), ("robots", "train-2")]


def test_without_a_folder_old_runs_leave_the_cluster(cluster: Cluster) -> None:
    cluster.statuses = {"train-1": Status.FAILED, "train-2": Status.RUNNING, "train-3": Status.COMPLETED}
    assert osmoc("prune", "--older-than", "1h", "--dry-run")[1] == [
        "would remove train-1, FAILED",
        "would remove train-3, COMPLETED",
    ]
    assert cluster.deleted == []
    assert osmoc("prune", "--older-than", "1h")[0] == 0
    assert cluster.deleted == ["train-1", "train-3"]
    assert "has no run that ended that long ago" in osmoc("prune", "--older-than", "90000d")[2]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "--older-than says which"),
        (("--all", "--older-than", "7d"), "--older-than says which"),
        (("--older-than", "soon"), "`soon` is not a duration, such as 7d or 12h"),
        (("nowhere",), "nowhere cannot be read: no such file or directory"),
    ],
)
def test_wrong_usage(cluster: Cluster, words: tuple[str, ...], expected: str) -> None:
    status, out, err = osmoc("prune", *words)
    assert (status, out) == (2, []) and expected in err
