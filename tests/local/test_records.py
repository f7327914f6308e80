"""Folders of runs: numbers, locks, records."""

import subprocess
import sys
from pathlib import Path

import pytest

from osmoc.local.records import BusyError, Folder, Records, Run, UnknownRunError, last_word
from osmoc.local.schedule import State


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records(tmp_path)


def _run(folder: Folder) -> Run:
    return Run(id=folder.id, name="digits", key=str(folder.number), file="w.yaml", engine="process", started_at=1.0)


def test_numbers_count_up_for_each_name(records: Records) -> None:
    taken = [records.take(name).id for name in ("digits", "digits", "other", "digits-2", "digits")]
    assert taken == ["digits-1", "digits-2", "other-1", "digits-2-1", "digits-3"]


def test_a_number_that_somebody_else_takes_is_passed_over(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    records.take("digits")
    monkeypatch.setattr(Records, "__iter__", lambda self: iter(()))  # as if the other one came just now
    assert records.take("digits").id == "digits-2"


def test_a_record_is_read_as_it_was_written(records: Records) -> None:
    folder = records.take("digits")
    run = _run(folder).model_copy(update={"state": State.FAILED})
    folder.write(run)
    assert records.find("digits-1").read() == run


def test_an_unknown_run_is_told_from_a_broken_one(records: Records) -> None:
    with pytest.raises(UnknownRunError, match="no run `digits-1`"):
        records.find("digits-1")
    folder = records.take("digits")
    (folder.path / "run.json").write_text("{")
    with pytest.raises(UnknownRunError, match="cannot be read"):
        folder.read()


def test_a_folder_is_held_by_one(records: Records) -> None:
    folder = records.take("digits")
    assert not folder.is_held()
    with folder.held():
        assert folder.is_held()
        with pytest.raises(BusyError), folder.held():
            pass
    assert not folder.is_held()


def test_a_lock_ends_with_its_process(records: Records) -> None:
    folder = records.take("digits")
    code = (
        "import os, sys, pathlib; from osmoc.local.records import Folder\n"
        "with Folder(pathlib.Path(sys.argv[1])).held(): os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(folder.path)], check=False)
    assert not folder.is_held()


def test_secrets_of_a_killed_run_go_with_the_next_one(records: Records) -> None:
    killed, alive = records.take("digits"), records.take("digits")
    for folder in (killed, alive):
        (folder.attempt("t", 0) / "osmo/secrets/s3").mkdir(parents=True)
        (folder.path / "alive").touch()
    with alive.held():
        records.prepare()
        assert not (killed.attempt("t", 0) / "osmo/secrets").exists()
        assert (alive.attempt("t", 0) / "osmo/secrets").exists()


def test_git_does_not_see_the_folder(records: Records) -> None:
    records.take("digits")
    assert (records.path / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("text", ["", "{", "[1]", "3"])
def test_a_last_word_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "word").write_text(text)
    assert last_word(tmp_path / "word") == {}
    assert last_word(tmp_path / "missing") == {}
