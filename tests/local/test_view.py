"""What people see."""

import io
import json

from osmoc.local.records import Attempt, Run, Task
from osmoc.local.schedule import State
from osmoc.local.telling import rows, summary
from osmoc.local.view import JsonView, PlainView, Writer


def attempt(number: int = 0, **more: object) -> Attempt:
    return Attempt.model_validate({"attempt": number, "pod": "p", "started_at": 10.0} | more)


def run(**tasks: Task) -> Run:
    upstream = {name: tuple(list(tasks)[:n]) for n, name in enumerate(tasks)}
    return Run(id="d-1", name="d", key="1", file="w", engine="process", started_at=10, upstream=upstream, tasks=tasks)


def test_plain_lines() -> None:
    out, err = io.StringIO(), io.StringIO()
    view = PlainView(out, err)
    first = run(a=Task(group="a"), long=Task(group="b"))
    view.begin(first)
    for task in (
        Task(group="a", state=State.RUNNING, attempts=(attempt(),)),
        Task(group="a", state=State.RESCHEDULED, attempts=(attempt(code=75, exit=250),)),
        Task(group="a", state=State.INITIALIZING, attempts=(attempt(), attempt(1))),
        Task(group="a", state=State.FAILED, attempts=(attempt(exit=3, code=3),)),
        Task(group="a", state=State.FAILED, attempts=(attempt(exit=241, reason="no \x1b room"),)),
        Task(group="a", state=State.COMPLETED, attempts=(attempt(ended_at=75.0),)),
        Task(group="a", state=State.FAILED_UPSTREAM),
    ):
        view.changed(run(a=task), "a")
    view.line("a", "stdout", b"\x1b[1mHello\x1b[0m\r")
    view.end(first.model_copy(update={"state": State.COMPLETED, "ended_at": 3700.0}))
    view.close()
    assert out.getvalue() == "a    | Hello\n"
    assert err.getvalue().splitlines() == [
        "run d-1: 2 tasks",
        "a: running",
        "a: ended with 75, to be run again",
        "a: starts again, attempt 2",
        "a: FAILED: exit code 3",
        "a: FAILED: no \\x1b room",
        "a: completed in 1m05s",
        "a: not run, since what it waits for failed",
        "run d-1: COMPLETED in 1h01m30s",
    ]


def test_rows_say_what_a_task_waits_for() -> None:
    seen = run(
        a=Task(group="a", state=State.RUNNING, attempts=(attempt(),)),
        b=Task(group="b"),
        c=Task(group="c", state=State.COMPLETED, attempts=(attempt(1, ended_at=12.0),)),
    )
    assert rows(seen, 11.5, 9) == [
        (State.RUNNING, "a", "running 1.5s"),
        (State.WAITING, "b", "waits for a"),
        (State.COMPLETED, "c", "completed 2.0s, attempt 2"),
    ]


def test_rows_of_many_tasks_are_those_that_say_most() -> None:
    tasks = {f"t{n}": Task(group="g", state=State.COMPLETED) for n in range(50)}
    tasks["last"] = Task(group="g", state=State.FAILED)
    shown = rows(run(**tasks), 0, 5)
    assert len(shown) == 5
    assert "last" in [name for _, name, _ in shown]
    assert shown[-1][2] == "51 tasks: 50 completed, 1 failed"


def test_events_are_one_object_a_line() -> None:
    out = io.StringIO()
    view = JsonView(out)
    view.begin(run(a=Task(group="a")))
    view.line("a", "stderr", b"\xff\n")
    view.end(run())
    view.close()
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["run", "log", "end"]


class Stuck(io.StringIO):
    """A reader that is gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_reader_that_goes_away_ends_nothing() -> None:
    writer = Writer(Stuck())
    writer.write("a\n")
    writer.write("b\n")
    writer.close()


def test_lines_without_room_are_counted() -> None:
    out = io.StringIO()
    writer = Writer(out, most=-1)
    for _ in range(3):
        writer.write("lost\n", may_be_lost=True)
    writer._most = 100
    writer.write("kept\n")
    writer.close()
    assert out.getvalue() == "(3 lines are not shown; `osmoc logs` has them)\nkept\n"


def test_summary_of_a_run_without_end() -> None:
    assert summary(run()) == "run d-1: RUNNING in 0.0s"
