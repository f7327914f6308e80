"""The page of a run: bars within their time, text as text, and a real browser that runs nothing of it."""

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from osmoc.page.page import Run, Task, page

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MOMENTS = some.none() | some.integers(-100, 10_000).map(lambda seconds: START + timedelta(seconds=seconds))
TASKS = some.builds(
    Task,
    group=some.just(""),
    name=some.text(max_size=5),
    status=some.sampled_from(["RUNNING", "COMPLETED", "FAILED", "FAILED_UPSTREAM", "WAITING"]),
    exit=some.none() | some.integers(0, 255),
    attempts=some.integers(0, 3),
    started=MOMENTS,
    ended=MOMENTS,
    log=some.lists(some.text(max_size=5), max_size=2),
)
RUNS = some.builds(
    Run,
    name=some.just("train-1"),
    status=some.just("RUNNING"),
    started=MOMENTS,
    ended=MOMENTS,
    seen=some.just(START + timedelta(seconds=5_000)),
    tasks=some.lists(TASKS, max_size=4),
)
EVIL = "</pre><script>document.title = 'ours now'</script><img src=x onerror=\"document.title='ours now'\">"


def run(*tasks: Task, status: str = "RUNNING") -> Run:
    seen = START + timedelta(minutes=5)
    return Run(name="train-1f3a09bc", status=status, started=START, seen=seen, tasks=tasks)


@given(RUNS)
def test_every_bar_is_within_the_time_of_its_run(run: Run) -> None:
    bars = re.findall(r"left: ([\d.]+)%; width: ([\d.]+)%", page(run))
    assert len(bars) == sum(task.started is not None for task in run.tasks)
    assert all(float(left) + float(width) <= 100.01 for left, width in bars)


def test_what_is_known_of_a_task_stands_there() -> None:
    task = Task(
        group="fit",
        name="train",
        status="FAILED",
        exit=7,
        attempts=2,
        node="gpu-3",
        reason="exit code 7",
        started=START,
        ended=START + timedelta(seconds=192),
        log=["epoch 1", "a & b"],
    )
    text = page(run(task))
    for part in ("fit", "gpu-3", "2 attempts · exit code 7", "3m12s", "epoch 1\na &amp; b", "5m00s", "the run goes on"):
        assert part in text
    assert "<details open>" in text


def test_a_task_that_waits_has_no_bar_and_no_log() -> None:
    text = page(run(Task(group="", name="later", status="WAITING")))
    assert "not started" in text and "<i " not in text and "<details" not in text


def test_a_browser_runs_nothing_of_what_tasks_say(tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not browser:
        pytest.skip("no chromium on the path")
    evil = Task(group=EVIL, name=EVIL, status="FAILED", reason=EVIL, node=EVIL, started=START, log=[EVIL])
    path = tmp_path / "page.html"
    path.write_text(page(run(evil)), encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", path.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, env={"HOME": str(tmp_path)})
    assert shown.returncode == 0, shown.stderr
    assert "<title>train-1f3a09bc: RUNNING</title>" in shown.stdout
    assert "<script" not in shown.stdout and "<img" not in shown.stdout
    assert shown.stdout.count("&lt;script&gt;") == 5
