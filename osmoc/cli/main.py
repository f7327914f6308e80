"""`osmoc`: arguments in, exit status out.

Statuses: 0 nothing wrong (warnings and notes included), 1 errors found, 2 wrong usage, 3 a fault of osmoc itself.
"""

import gc
import io
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from types import ModuleType
from typing import IO

from osmoc import __version__

FINDINGS = 1
USAGE = 2
INTERNAL = 3


def run() -> None:
    """The entry point of the `osmoc` command."""
    gc.disable()  # a compiler builds trees, writes, and ends: looking for garbage takes a third of its time
    for stream in (sys.stdout, sys.stderr):
        # Manifests are UTF-8 in every locale.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    _without_plugins()
    status = main(sys.argv[1:])
    gc.freeze()  # nor is it worth while to look once more when the interpreter goes
    sys.exit(status)


def _without_plugins() -> None:
    """pydantic looks through every installed package for plugins; we want none, nor what it imports to look."""
    loader = ModuleType("pydantic.plugin._loader")
    loader.get_plugins = tuple  # type: ignore[attr-defined]
    sys.modules.setdefault(loader.__name__, loader)


def main(
    argv: Sequence[str], stdin: IO[str] | None = None, stdout: IO[str] | None = None, stderr: IO[str] | None = None
) -> int:
    """Run one command; the streams are those of the process unless given."""
    out, err = stdout or sys.stdout, stderr or sys.stderr
    if list(argv) == ["--version"]:  # so that it does not wait for anything to be imported
        out.write(f"osmoc {__version__}\n")
        return 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            return _dispatch(argv, stdin)
        except BrokenPipeError:
            # Whoever read our output has seen enough. Python would complain once more when it closes the stream.
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
            return 0


def _dispatch(argv: Sequence[str], stdin: IO[str] | None) -> int:
    import click

    from osmoc.cli.commands import Context, osmoc
    from osmoc.cli.options import spread_assignments

    try:
        result = osmoc.main(
            spread_assignments(argv), prog_name="osmoc", standalone_mode=False, obj=Context(stdin or sys.stdin)
        )
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Abort:
        sys.stderr.write("interrupted\n")
        return USAGE
    except click.ClickException as error:
        error.show(sys.stderr)
        return USAGE
    except SystemExit:  # how click takes it that nobody reads on
        raise BrokenPipeError from None
    except BrokenPipeError:
        raise
    except Exception as error:  # the last place where a bug can be told from a bad input
        if os.environ.get("OSMOC_TRACEBACK"):
            raise
        sys.stderr.write(
            f"osmoc: internal error: {type(error).__name__}: {error}\n"
            "This is a bug of osmoc. OSMOC_TRACEBACK=1 shows where it happened.\n"
        )
        return INTERNAL
