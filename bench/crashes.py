"""Tasks at random whose processes and storage end at random: `python bench/crashes.py [--minutes 10] [--seeds A-B]`.

Each seed is a scenario of tests/runtime/crash_script.py. What is wrong is printed with its seed, which gives the same
task and the same events, though not to the millisecond. Their folders are kept below --keep.
"""

import argparse
import itertools
import multiprocessing
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from runtime.crash_script import play, scenario
from runtime.s3 import serve


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seeds", default="0-", help="such as 7, 100-200 or 500-")
    parser.add_argument("--at-once", type=int, default=3)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "osmoc-crashes")
    given = parser.parse_args()
    until = time.time() + 60 * given.minutes
    seeds = list(itertools.islice(_seeds(given.seeds), 100_000))
    workers = [(seeds[number :: given.at_once], until, given.keep) for number in range(given.at_once)]
    with multiprocessing.Pool(given.at_once) as pool:
        counts = pool.starmap(_work, workers, chunksize=1)
    done, wrong = (sum(column) for column in zip(*counts, strict=True))
    sys.stdout.write(f"{done} scenarios, {wrong} of them went wrong\n")
    return 1 if wrong else 0


def _seeds(text: str) -> Iterable[int]:
    first, dash, last = text.partition("-")
    if not dash:
        return [int(first)]
    return range(int(first), int(last) + 1) if last else itertools.count(int(first))


def _work(seeds: list[int], until: float, keep: Path) -> tuple[int, int]:
    """Scenarios that were played, and those that went wrong."""
    done = wrong = 0
    with serve() as port:
        for seed in seeds:
            if time.time() > until:
                break
            done += 1
            wrong += not _is_well(seed, port, keep)
    return done, wrong


def _is_well(seed: int, port: int, keep: Path) -> bool:
    root = Path(tempfile.mkdtemp(prefix=f"crash-{seed}-"))
    given = scenario(seed)
    try:
        found = play(given, root, port)
    except Exception:
        found = [traceback.format_exc()]
    if not found:
        shutil.rmtree(root)
        return True
    kept = keep / str(seed)
    shutil.rmtree(kept, ignore_errors=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(root, kept)
    sys.stdout.write("\n".join([f"seed {seed}, {kept}: {given}", *found, ""]))
    sys.stdout.flush()
    return False


if __name__ == "__main__":
    sys.exit(main())
