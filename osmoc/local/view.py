"""What people and programs see of a run: a table that is redrawn, plain lines, or one JSON object a line."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, cast

from osmoc.local.records import Run
from osmoc.local.schedule import State
from osmoc.local.telling import interruption, rows, shown, summary, told

if TYPE_CHECKING:
    from rich.text import Text

# What may wait for a slow terminal; tasks never do.
_MOST_WAITING: Final = 8 * 1024 * 1024

_PAINT: Final = {
    State.WAITING: ("·", "dim"),
    State.INITIALIZING: ("◌", "cyan"),
    State.RUNNING: ("●", "blue"),
    State.UPLOADING: ("◍", "cyan"),
    State.RESCHEDULED: ("↻", "yellow"),
    State.COMPLETED: ("✓", "green"),
    State.FAILED_UPSTREAM: ("-", "dim"),
    State.FAILED_CANCELED: ("■", "yellow"),
}
_FAILED: Final = ("✗", "red")


class View(Protocol):
    def begin(self, run: Run) -> None: ...

    def update(self, run: Run) -> None:
        """Something of the record is another."""
        ...

    def changed(self, run: Run, task: str) -> None:
        """The state of a task is another one."""
        ...

    def line(self, task: str, stream: str, text: bytes) -> None: ...

    def interrupted(self, count: int) -> None: ...

    def end(self, run: Run) -> None: ...

    def close(self) -> None:
        """All that was said is out, or nobody reads it."""
        ...


class Writer:
    """Writes in a thread of its own, so that a slow reader stops nobody. Lines that find no room are counted."""

    def __init__(self, stream: IO[str], most: int = _MOST_WAITING) -> None:
        self._stream = stream
        self._most = most
        self._waiting: deque[tuple[IO[str], str]] = deque()
        self._size = 0
        self._lost = 0
        self._is_closed = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def write(self, text: str, *, stream: IO[str] | None = None, may_be_lost: bool = False) -> None:
        with self._news:
            if may_be_lost and self._size > self._most:
                self._lost += 1
                return
            if self._lost and self._size <= self._most:
                text = f"({self._lost} lines are not shown; `osmoc logs` has them)\n{text}"
                self._lost = 0
            self._waiting.append((stream or self._stream, text))
            self._size += len(text)
            self._news.notify()

    def close(self) -> None:
        with self._news:
            self._is_closed = True
            self._news.notify()
        self._thread.join()

    def _work(self) -> None:
        is_read = True
        while True:
            with self._news:
                while not self._waiting and not self._is_closed:
                    self._news.wait()
                if not self._waiting:
                    return
                batch = list(self._waiting)
                self._waiting.clear()
                self._size = 0
            for stream, text in batch:
                try:
                    if is_read:
                        stream.write(text)
                except (OSError, ValueError):
                    is_read = False  # nobody looks on any more; the run goes on
            for stream in {id(stream): stream for stream, _ in batch}.values():
                try:
                    stream.flush()
                except (OSError, ValueError):
                    is_read = False


class PlainView:
    """Output of tasks to standard output with their names before it; what happens to standard error."""

    def __init__(self, out: IO[str], err: IO[str]) -> None:
        self._writer = Writer(out)
        self._err = err
        self._width = 0

    def begin(self, run: Run) -> None:
        self._width = max(map(len, run.tasks), default=0)
        self._say(f"run {run.id}: {len(run.tasks)} task{'s' if len(run.tasks) > 1 else ''}")

    def update(self, run: Run) -> None:
        pass

    def changed(self, run: Run, task: str) -> None:
        text = told(task, run.tasks[task])
        if text:
            self._say(text)

    def line(self, task: str, stream: str, text: bytes) -> None:
        self._writer.write(f"{task:<{self._width}} | {shown(text)}\n", may_be_lost=True)

    def interrupted(self, count: int) -> None:
        self._say(interruption(count))

    def end(self, run: Run) -> None:
        self._say(summary(run))

    def close(self) -> None:
        self._writer.close()

    def _say(self, text: str) -> None:
        self._writer.write(f"{text}\n", stream=self._err)


class JsonView:
    """One object a line: `run`, `task`, `log`, `interrupted`, `end`."""

    def __init__(self, out: IO[str]) -> None:
        self._writer = Writer(out)

    def begin(self, run: Run) -> None:
        self._say("run", id=run.id, tasks=list(run.tasks))

    def update(self, run: Run) -> None:
        pass

    def changed(self, run: Run, task: str) -> None:
        record = run.tasks[task]
        facts: dict[str, Any] = {"task": task, "state": record.state.value}
        if record.attempts:
            last = record.attempts[-1]
            facts |= {"attempt": last.attempt, "exit": last.exit, "code": last.code, "reason": last.reason}
        self._say("task", **facts)

    def line(self, task: str, stream: str, text: bytes) -> None:
        self._say("log", task=task, stream=stream, line=text.decode(errors="replace"))

    def interrupted(self, count: int) -> None:
        self._say("interrupted", count=count)

    def end(self, run: Run) -> None:
        self._say("end", id=run.id, state=run.state.value)

    def close(self) -> None:
        self._writer.close()

    def _say(self, event: str, **facts: Any) -> None:
        text = json.dumps({"event": event, "time": round(time.time(), 3), **facts}, ensure_ascii=False)
        self._writer.write(f"{text}\n", may_be_lost=event == "log")


class LiveView:
    """A table at the bottom of the terminal, the output of tasks above it."""

    def __init__(self, out: IO[str], now: Callable[[], float] = time.time) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(file=out)
        self._run: Run | None = None
        self._now = now
        self._note = ""
        self._width = 0
        self._live = Live(console=self._console, refresh_per_second=4, get_renderable=self._picture)
        self._writer = Writer(cast(IO[str], _Above(self._console)))

    def begin(self, run: Run) -> None:
        self._run = run
        self._width = max(map(len, run.tasks), default=0)
        self._live.start()

    def update(self, run: Run) -> None:
        self._run = run

    def changed(self, run: Run, task: str) -> None:
        pass

    def line(self, task: str, stream: str, text: bytes) -> None:
        self._writer.write(f"{task:<{self._width}} | {shown(text)}\n", may_be_lost=True)

    def interrupted(self, count: int) -> None:
        self._note = interruption(count)

    def end(self, run: Run) -> None:
        self._run = run
        self._note = summary(run)

    def close(self) -> None:
        self._writer.close()
        self._live.stop()

    def _picture(self) -> "Text":
        from rich.text import Text

        text = Text()
        if self._run is None:
            return text
        for state, name, told_ in rows(self._run, self._now(), self._console.height - 4):
            mark, style = _PAINT.get(state, _FAILED) if state else (" ", "dim")
            text.append(f"{mark} ", style)
            text.append(f"{name:<{self._width}}  ", "bold" if state and state.is_active else "")
            text.append(f"{told_}\n", style)
        return text.append(self._note or f"{self._run.id}", "bold")


class _Above:
    """Writes above the live table."""

    def __init__(self, console: Any) -> None:
        self._console = console

    def write(self, text: str) -> int:
        self._console.print(text, end="", markup=False, highlight=False, emoji=False, soft_wrap=True)
        return len(text)

    def flush(self) -> None:
        pass
