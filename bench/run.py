"""Time osmoc against its peers, as whole processes in turn: A B A B …, medians, ratios of the same run.

Usage: run.py [RUNS]. Needs `hera` in the environment; what is not there is left out.
"""

import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
WORK = HERE.parent / "build" / "bench"
PYTHON = sys.executable
OSMOC = [PYTHON, "-m", "osmoc"]


def main(runs: int) -> None:
    for tasks, shapes in ((1, 1), (1_000, 20), (5_000, 20)):
        _call([PYTHON, str(HERE / "dag.py"), str(tasks), str(shapes), str(WORK / f"{tasks}.json")])
    commands: dict[str, list[str]] = {
        "empty Python": [PYTHON, "-c", "pass"],
        "osmoc --version": [*OSMOC, "--version"],
        "osmoc, 1 task": _osmoc(1),
        "osmoc, 1,000 tasks": _osmoc(1_000),
        "osmoc, 5,000 tasks": _osmoc(5_000),
        "osmoc, 5,000 tasks as Jobs": [*_osmoc(5_000), "--target", "jobs"],
        "floor, 1,000 tasks": [PYTHON, str(HERE / "floor.py"), str(WORK / "1000.json")],
    }
    if find_spec("hera"):
        for tasks in (1, 1_000, 5_000):
            hera = [PYTHON, str(HERE / "hera_dag.py"), str(WORK / f"{tasks}.json"), os.devnull, "object"]
            commands[f"Hera, {tasks:,} task{'s' if tasks > 1 else ''}"] = hera
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for number in range(runs + 1):
        for name, command in commands.items():
            figure = _call(command)
            if number:  # the first of each only warms up
                figures[name].append(figure)
    print("| command | seconds | peak MiB |\n|---|---|---|")  # noqa: T201
    for name, values in figures.items():
        seconds, memory = median(value[0] for value in values), median(value[1] for value in values)
        print(f"| {name} | {seconds:.3f} | {memory:.0f} |")  # noqa: T201


def _osmoc(tasks: int) -> list[str]:
    return [*OSMOC, "compile", str(WORK / f"{tasks}.yaml")]


def _call(command: list[str]) -> tuple[float, float]:
    """Seconds of processor time and peak memory in MiB of one process; what it prints is thrown away."""
    WORK.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    assert time.perf_counter() > started
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
