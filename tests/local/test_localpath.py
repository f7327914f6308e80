"""A dataset that `localpath` names: `osmoc run` uploads it, once for each state of the folder."""

import json
import shutil
from pathlib import Path

import pytest
from local.desk import Desk
from runtime.s3 import CREDENTIAL, new_bucket, serve

FLOW = """\
workflow:
  name: look
  tasks:
  - name: look
    image: ubuntu:24.04
    command: [sh, -c, "cat {{input:0}}/cats/cats/tom.txt {{input:0}}/cats/cats/deep/rex.txt"]
    inputs: [{dataset: {name: cats, localpath: ./cats}}]
"""


@pytest.fixture
def cats(desk: Desk) -> Path:
    folder = desk.folder / "cats"
    (folder / "deep").mkdir(parents=True)
    (folder / "tom.txt").write_text("tom\n")
    (folder / "deep" / "rex.txt").write_text("rex\n")
    return folder


def test_an_unchanged_folder_is_the_version_that_it_was(desk: Desk, cats: Path) -> None:
    done = desk.run(FLOW)
    assert done.status == 0 and "./cats is cats:1, 2 of 2 files uploaded" in done.err, done.err
    assert "look | tom\nlook | rex\n" in done.out
    assert "./cats is cats:1, 0 of 2 files uploaded" in desk.run(FLOW).err
    (cats / "tom.txt").write_text("an older tom\n")
    done = desk.run(FLOW)
    assert "./cats is cats:2, 1 of 2 files uploaded" in done.err and "an older tom" in done.out


def test_paths_are_relative_to_the_file_of_the_workflow(desk: Desk, cats: Path) -> None:
    (desk.folder / "flows").mkdir()
    desk.write(FLOW.replace("./cats", "../cats/"), "flows/w.yaml")
    assert desk.osmoc("run", "flows/w.yaml").status == 0


@pytest.mark.parametrize(
    ("left", "reason"), [("nothing", "no such file or directory"), ("empty", "there are no files to be uploaded")]
)
def test_what_cannot_be_uploaded_is_said_at_its_line(desk: Desk, cats: Path, left: str, reason: str) -> None:
    shutil.rmtree(cats)
    if left == "empty":
        cats.mkdir()
    done = desk.run(FLOW)
    assert done.status == 1 and "w.yaml:7:48: error[E308]" in done.err and reason in done.err
    assert not (desk.folder / ".osmoc" / "runs").is_dir() or not list((desk.folder / ".osmoc" / "runs").iterdir())


def test_nothing_is_uploaded_for_a_workflow_with_another_error(desk: Desk, cats: Path) -> None:
    done = desk.run(FLOW.replace("ubuntu:24.04", "Ubuntu"))
    assert done.status == 1 and "uploaded" not in done.err
    assert not (desk.folder / ".osmoc").exists()


def test_a_bucket_by_its_name(desk: Desk, cats: Path) -> None:
    done = desk.run(FLOW.replace("name: cats", "name: team/cats"))
    assert done.status == 0, done.err
    assert (desk.folder / ".osmoc" / "storage" / "buckets" / "team" / "cats").is_dir()


def test_a_bucket_of_the_profile_by_its_own_secret(desk: Desk, cats: Path) -> None:
    with serve() as port:
        s3 = new_bucket(port)
        place = {"url": f"s3://{s3.bucket}/team", "endpoint": s3.endpoint, "region": "us-east-1", "secret": "team"}
        desk.write(json.dumps({"datasets": {"buckets": {"team": place}, "default_bucket": "team"}}), "osmoc.yaml")
        desk.write(json.dumps({"team": dict(CREDENTIAL)}), "c.json")
        done = desk.run(FLOW, "--credentials", "c.json")
        assert done.status == 0 and "look | tom" in done.out, done.err


def test_a_path_that_none_can_be(desk: Desk, cats: Path) -> None:
    done = desk.run(FLOW.replace("./cats", '"a\\0b"'))
    assert done.status == 1 and "E308" in done.err and "no such file or directory" in done.err
