"""Throw inputs at the compiler for as long as it is told to, and print what broke, made small.

    python bench/fuzz.py --seconds 600 --seed 1              # hypothesis: new inputs of the kinds of tests/test_fuzz.py
    python bench/fuzz.py --seconds 600 --atheris trees       # libFuzzer: inputs that reach new lines, of one kind

The second needs `pip install atheris`. Exit status 1 if anything broke.
"""

import argparse
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from hypothesis import HealthCheck, Phase, given, seed, settings

_ROUND: Final = 20  # inputs of one kind before the next one has its turn, for each part of its share
_HANG: Final = 20.0  # seconds of processor time for one input


class Hang(BaseException):
    """An input took too long. No `Exception`: those of a template are caught as its errors."""


class Crashes:
    """What broke, by where: of each kind of crash the smallest input."""

    def __init__(self) -> None:
        self.inputs = 0
        self._smallest: dict[str, tuple[str, Any, str]] = {}

    def run(self, check: Callable[[Any], object], value: Any) -> None:
        """Check one input. A crash that is not known yet is raised, so that its input is made smaller."""
        self.inputs += 1
        signal.setitimer(signal.ITIMER_PROF, _HANG)
        try:
            check(value)
        except Hang as hang:
            if _place(hang) not in self._smallest:
                raise TimeoutError(str(hang)).with_traceback(hang.__traceback__) from None
        except Exception as error:
            if _place(error) not in self._smallest:
                raise
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    def add(self, name: str, value: Any, error: Exception) -> None:
        self._smallest[_place(error)] = (name, value, "".join(traceback.format_exception(error)))

    def __len__(self) -> int:
        return len(self._smallest)

    def report(self) -> str:
        return "".join(
            f"--- {place} ({name})\n{text}input: {value!r}\n{value if isinstance(value, str) else ''}\n\n"
            for place, (name, value, text) in self._smallest.items()
        )


def _place(error: BaseException) -> str:
    """The kind of an error and the last place in the compiler that it came through: one bug."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/osmoc/" in frame.filename] or frames
    where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    if isinstance(error, TimeoutError | Hang):
        return f"Hang in {where.partition(':')[0]}"
    return f"{type(error).__name__} at {where}" + (f": {str(error)[:40]}" if isinstance(error, AssertionError) else "")


def _out_of_time(signal_number: int, frame: FrameType | None) -> None:
    raise Hang(f"more than {_HANG:g} s of processor time")


def _fuzz(seconds: float, first_seed: int, only: list[str]) -> tuple[Crashes, Counter[str]]:
    from fuzzing.targets import targets

    crashes, counts = Crashes(), Counter[str]()
    end = time.monotonic() + seconds
    number = first_seed * 1_000_000
    chosen = {name: target for name, target in targets().items() if not only or name in only}
    while time.monotonic() < end:
        for name, target in chosen.items():
            number += 1
            before = crashes.inputs
            _round(name, target, number, crashes)
            counts[name] += crashes.inputs - before
            if time.monotonic() >= end:
                break
    return crashes, counts


def _round(name: str, target: Any, number: int, crashes: Crashes) -> None:
    failing: list[tuple[Any, Exception]] = []

    @seed(number)
    @settings(
        max_examples=_ROUND * target.share,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    @given(target.inputs)
    def check(value: Any) -> None:
        try:
            crashes.run(target.check, value)
        except Exception as error:
            failing[:] = [(value, error)]
            raise

    try:
        check()
    except Exception as error:
        crashes.add(name, *(failing[0] if failing else (None, error)))


def _fuzz_coverage(seconds: int, first_seed: int, name: str) -> None:
    """libFuzzer ends the process itself: on the first crash, or when the time is over."""
    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

    with atheris.instrument_imports(include=["osmoc"]):
        from fuzzing.targets import targets
    target = targets()[name]

    @settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(target.inputs)
    def check(value: Any) -> None:
        target.check(value)

    limits = [f"-max_total_time={seconds}", f"-seed={first_seed}", f"-timeout={_HANG:g}", "-max_len=8192"]
    atheris.Setup([sys.argv[0], *limits], check.hypothesis.fuzz_one_input)  # type: ignore[attr-defined]
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], help="kinds of inputs; all if none is named")
    parser.add_argument("--atheris", metavar="KIND", nargs="?", const="trees", help="one kind, guided by coverage")
    arguments = parser.parse_args()
    if arguments.atheris:
        _fuzz_coverage(arguments.seconds, arguments.seed, arguments.atheris)
    signal.signal(signal.SIGPROF, _out_of_time)
    crashes, counts = _fuzz(arguments.seconds, arguments.seed, arguments.only)
    kinds = ", ".join(f"{name} {count}" for name, count in counts.items())
    report = f"{crashes.report()}{crashes.inputs} inputs ({kinds}), {len(crashes)} crashes\n"
    sys.stdout.buffer.write(report.encode(errors="backslashreplace"))
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main())
