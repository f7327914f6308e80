"""Time osmoc against its peers, as whole processes in turn: A B A B …, medians, ratios of the same run.

Usage: run.py [RUNS]. Hera and KFP are measured if they are in the environment: `pip install hera kfp`.
"""

import compileall
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
WORK = HERE.parent / "build" / "bench"
PYTHON = sys.executable
OSMOC = [PYTHON, "-m", "osmoc"]
SIZES = (1, 1_000, 5_000)
SHAPES = 20
TOO_MANY = 5_000  # for KFP, which takes minutes, and for Argo to store: osmoc ends with status 1


def main(runs: int) -> None:
    # As an installed package is, whatever the environment says about writing bytecode.
    compileall.compile_dir(HERE.parent / "osmoc", quiet=1)
    for tasks in SIZES:
        _prepare(tasks)
    commands = _commands()
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for number in range(runs + 1):
        for name, command in commands.items():
            figure = _call(command, expected=1 if name == f"osmoc, {_size(TOO_MANY)}" else 0)
            if number:  # the first of each only warms up
                figures[name].append(figure)
    medians = {
        name: (median(seconds for seconds, _ in values), median(memory for _, memory in values))
        for name, values in figures.items()
    }
    print("| command | seconds | peak MiB | of Hera | of the floor |\n|---|---|---|---|---|")  # noqa: T201
    for name, (seconds, memory) in medians.items():
        _, _, size = name.partition(", ")
        ratios = [_ratio(seconds, medians.get(f"{peer}, {size}")) for peer in ("Hera", "floor")]
        print(f"| {name} | {seconds:.3f} | {memory:.0f} | {' | '.join(ratios)} |")  # noqa: T201


def _prepare(tasks: int) -> None:
    source = WORK / f"{tasks}.json"
    _call([PYTHON, str(HERE / "dag.py"), str(tasks), str(min(tasks, SHAPES)), str(source)])
    if tasks < TOO_MANY:
        files = (source, source.with_suffix(".yaml"), WORK / f"{tasks}-user.json", _pods(tasks))
        _call([PYTHON, str(HERE / "pods.py"), *map(str, files)])


def _commands() -> dict[str, list[str]]:
    commands = {"empty Python": [PYTHON, "-c", "pass"], "osmoc --version": [*OSMOC, "--version"]}
    for tasks in SIZES:
        size, source = _size(tasks), str(WORK / f"{tasks}.json")
        commands[f"osmoc, {size}"] = _osmoc(tasks)
        if tasks < TOO_MANY:
            commands[f"floor, {size}"] = [PYTHON, str(HERE / "floor.py"), str(_pods(tasks))]
        if find_spec("hera"):
            commands[f"Hera, {size}"] = [PYTHON, str(HERE / "hera_dag.py"), source, os.devnull, "object"]
        if find_spec("kfp") and tasks < TOO_MANY:
            commands[f"KFP, {size}"] = [PYTHON, str(HERE / "kfp_dag.py"), source, str(WORK / "kfp.yaml")]
    commands["osmoc as Jobs, 5,000 tasks"] = [*_osmoc(5_000), "--target", "jobs"]
    return commands


def _size(tasks: int) -> str:
    return f"{tasks:,} task{'s' if tasks > 1 else ''}"


def _pods(tasks: int) -> Path:
    return WORK / f"{tasks}-pods.json"


def _ratio(seconds: float, peer: tuple[float, float] | None) -> str:
    return f"{seconds / peer[0]:.2f}" if peer else ""


def _osmoc(tasks: int) -> list[str]:
    return [*OSMOC, "compile", str(WORK / f"{tasks}.yaml")]


def _call(command: list[str], expected: int = 0) -> tuple[float, float]:
    """Seconds of processor time and peak memory in MiB of one process; what it prints is thrown away."""
    WORK.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != expected:
        raise SystemExit(f"`{' '.join(command)}` ended with status {process.returncode}, not {expected}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
