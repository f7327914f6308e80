"""`osmoc exec`: a command in the container of a task that runs."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Final

import click

from osmoc.cli.cluster_options import cluster_options, connected

if TYPE_CHECKING:
    from osmoc.cluster.streams import Exec

_SHELL: Final = ("sh", "-c", "command -v bash >/dev/null && exec bash || exec sh")
_CHUNK: Final = 32 * 1024


@click.command("exec", context_settings={"allow_interspersed_args": False})
@click.argument("run_id", metavar="ID")
@click.argument("task")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("-T", "--no-tty", is_flag=True, help="No terminal for the command, though this is one.")
@cluster_options
def exec_command(
    run_id: str, task: str, command: tuple[str, ...], no_tty: bool, context: str | None, namespace: str | None
) -> int:
    """Run a command in the container of a task that runs; without one a shell. Options of osmoc come before ID.

    Standard input is the command's, and its exit status that of osmoc.

    \b
    Examples:
      osmoc exec train-1f3a09bc train
      osmoc exec train-1f3a09bc train nvidia-smi
      osmoc exec train-1f3a09bc train -- sh -c 'cat > /tmp/patch.py' < patch.py
    """
    from osmoc.cluster.running import NotRunningError, find_running
    from osmoc.cluster.streams import Exec, ExecError

    words = command[1:] if command[:1] == ("--",) else command
    tty = sys.stdin.isatty() and sys.stdout.isatty() and not no_tty
    with connected(context, namespace) as client:
        try:
            source = find_running(client, run_id, task)
            session = Exec(client, source, words or _SHELL, has_input=True, tty=tty)
            with _terminal(session) if tty else nullcontext():
                threading.Thread(target=_pass_on_input, args=(session,), daemon=True).start()
                _pass_on_output(session)
            return session.exit_status()
        except (NotRunningError, ExecError) as error:
            raise click.ClickException(str(error)) from None


def _pass_on_input(session: "Exec") -> None:
    from osmoc.cluster.client import ApiError

    with suppress(ApiError):  # whoever reads the output hears of it
        while data := os.read(sys.stdin.fileno(), _CHUNK):
            session.write(data)
        session.end_input()


def _pass_on_output(session: "Exec") -> None:
    from osmoc.cluster.streams import STDERR

    for channel, data in session.output():
        stream = sys.stderr.buffer if channel == STDERR else sys.stdout.buffer
        stream.write(data)
        stream.flush()


@contextmanager
def _terminal(session: "Exec") -> Iterator[None]:
    """Keys go to the command as they are, and it knows the size of the window."""
    import termios
    import tty

    # A signal may come while this very thread uses the connection: another one says the size.
    is_new = threading.Event()
    is_new.set()
    before = termios.tcgetattr(sys.stdin)
    previous = signal.signal(signal.SIGWINCH, lambda *_: is_new.set())
    threading.Thread(target=_say_sizes, args=(session, is_new), daemon=True).start()
    tty.setraw(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        signal.signal(signal.SIGWINCH, previous)


def _say_sizes(session: "Exec", is_new: threading.Event) -> None:
    from osmoc.cluster.client import ApiError

    with suppress(ApiError):
        while is_new.wait():
            is_new.clear()
            size = os.get_terminal_size(sys.stdout.fileno())
            session.resize(size.columns, size.lines)
