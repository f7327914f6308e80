"""`osmoc cp` from and to real containers."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.command import PROFILE, Desk
from cluster.kubernetes import BUSYBOX, Namespace, until

pytestmark = pytest.mark.cluster

FLOW = f"""\
workflow:
  name: flow
  tasks:
  - {{name: work, image: {BUSYBOX}, command: [sh, -c, "trap 'exit 0' TERM; sleep 600 & wait"]}}
"""


@pytest.fixture
def running(namespace: Namespace, tmp_path: Path) -> Iterator[tuple[Desk, str]]:
    desk = Desk(tmp_path, namespace)
    desk.write(PROFILE, "osmoc.yaml")
    desk.write(FLOW)
    run_id = desk.osmoc("apply", "flow.yaml").id
    until(lambda: desk.osmoc("exec", run_id, "work", "true").status == 0, 90, namespace.describe)
    yield desk, run_id
    desk.osmoc("delete", run_id)


def tree(folder: Path) -> dict[str, object]:
    """Files with their content, links with their targets."""
    found = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    return {
        path.relative_to(folder).as_posix(): path.readlink() if path.is_symlink() else path.read_bytes()
        for path in found
    }


def test_what_is_copied_is_the_same(running: tuple[Desk, str]) -> None:
    desk, run_id = running

    def cp(*words: str) -> str:
        done = desk.osmoc("cp", run_id, *words)
        assert done.status == 0, done.err
        return done.err

    origin, back = desk.folder / "origin", desk.folder / "back"
    (origin / "deep/er").mkdir(parents=True)
    (origin / "deep/er/data").write_bytes(random.Random(7).randbytes(3_000_000))
    (origin / "a file").write_text("text\n")
    (origin / "link").symlink_to("deep/er")
    assert cp("origin", "work:/tmp/there") == "3 files copied\n"
    cp("work:/tmp/there", "back")
    assert tree(back) == tree(origin)

    # What is gone at one side stays at the other, unless it is told otherwise.
    (origin / "a file").unlink()
    cp("origin", "work:/tmp/there")
    cp("work:/tmp/there", "back", "--delete")
    assert (back / "a file").exists()
    cp("origin", "work:/tmp/there", "--delete")
    cp("work:/tmp/there", "back", "--delete")
    assert tree(back) == tree(origin)

    # A file becomes its target, or comes into it.
    cp("flow.yaml", "work:/tmp/one.yaml")
    cp("flow.yaml", "work:/tmp")
    cp("work:/tmp/one.yaml", "two.yaml")
    cp("work:/tmp/flow.yaml", "back")
    assert (desk.folder / "two.yaml").read_text() == (back / "flow.yaml").read_text() == FLOW


def test_what_cannot_be_copied(running: tuple[Desk, str]) -> None:
    desk, run_id = running
    assert "there is no /nowhere" in desk.osmoc("cp", run_id, "work:/nowhere", "here").err
    assert "there is no nothing" in desk.osmoc("cp", run_id, "nothing", "work:/tmp").err
    assert "one of both must be TASK:PATH" in desk.osmoc("cp", run_id, "a", "b").err
    assert "cannot be removed" in desk.osmoc("cp", run_id, ".", "work:/", "--delete").err
    assert "has no task `wrk`" in desk.osmoc("cp", run_id, "wrk:/tmp", "here").err
    # What a container sends is kept in its place.
    script = "mkdir /tmp/evil; ln -s /etc /tmp/evil/out"
    assert desk.osmoc("exec", run_id, "work", "sh", "-c", script).status == 0
    refused = desk.osmoc("cp", run_id, "work:/tmp/evil", "here")
    assert refused.status == 2 and "out" in refused.err
    assert not (desk.folder / "here/out").exists()
