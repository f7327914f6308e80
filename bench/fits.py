"""How large a DAG one Argo Workflow holds: `fits.py TASKS SHAPES`. Prints its numbers, and the most tasks that fit."""

import json
import sys

from dag import make_dag, to_osmo

from osmoc import compile_workflow
from osmoc.emit.argo import MOST_BYTES, STATUS_BYTES
from osmoc.pipeline import Options, Result


def main(tasks: str, shapes: str) -> None:
    result = _compiled(int(tasks), int(shapes))
    [workflow] = [item for item in result.manifests if item["kind"] == "Workflow"]
    size = len(json.dumps(workflow["spec"], ensure_ascii=False, separators=(",", ":")).encode())
    status = STATUS_BYTES * int(tasks)
    sys.stdout.write(
        f"{int(tasks):,} tasks of {shapes} shapes: a spec of {size:,} bytes and {status:,} of status, "
        f"together {size + status:,} of {MOST_BYTES:,}.\n"
        f"The most tasks of such a DAG that fit: {_most(int(shapes), 'argo'):,} as an Argo Workflow, "
        f"{_most(int(shapes), 'jobs'):,} as Jobs.\n"
    )


def _compiled(tasks: int, shapes: int, target: str = "argo") -> Result:
    return compile_workflow(to_osmo(make_dag(tasks, shapes)), options=Options(target=target))  # type: ignore[arg-type]


def _most(shapes: int, target: str) -> int:
    """By halves, to a hundred tasks."""
    low, high = 10, 100
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _compiled(middle * 100, shapes, target).manifests else (low, middle)
    return low * 100


if __name__ == "__main__":
    main(*sys.argv[1:])
