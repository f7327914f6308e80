"""`osmoc apply` of many tasks beside `kubectl create` of the same objects, in turn.

    KUBECONFIG=… .venv/bin/python bench/apply.py [TASKS] [ROUNDS]

Needs an API server and nothing else: a quota lets no pod start. The workflow is compiled in both: for kubectl by a
pipe from `osmoc compile`, as a user would.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

OSMOC = [sys.executable, "-m", "osmoc"]


def run(*words: str, stdin: str = "", folder: str = ".") -> str:
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, cwd=folder)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stderr}")
    return done.stdout


def workflow(tasks: int, name: str) -> str:
    one = {"image": "busybox", "command": ["true"]}
    return json.dumps({"name": name, "tasks": [{"name": f"t{n}", **one} for n in range(tasks)]})


def timed(*words: str, stdin: str = "", folder: str) -> float:
    start = time.monotonic()
    run(*words, stdin=stdin, folder=folder)
    return time.monotonic() - start


def main(tasks: int = 1000, rounds: int = 3) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = [], []
        for number in range(rounds):
            text = f"workflow:\n  {workflow(tasks, f'flow{number}')}\n"
            (Path(folder) / "flow.yaml").write_text(text)
            for way in ("osmoc", "kubectl"):
                namespace = f"bench-{uuid.uuid4().hex[:8]}"
                run("kubectl", "create", "namespace", namespace)
                run("kubectl", "create", "quota", "none", "--hard=pods=0", "-n", namespace)
                try:
                    if way == "osmoc":
                        apply = [*OSMOC, "apply", "flow.yaml", "--target", "jobs", "-n", namespace]
                        ours.append(timed(*apply, folder=folder))
                    else:
                        compiled = f"{' '.join(OSMOC)} compile flow.yaml --target jobs 2>/dev/null"
                        pipe = f"set -o pipefail; {compiled} | kubectl create -n {namespace} -f -"
                        theirs.append(timed("bash", "-c", pipe, folder=folder))
                finally:
                    run("kubectl", "delete", "namespace", namespace, "--wait=false")
            sys.stdout.write(f"round {number}: osmoc apply {ours[-1]:.1f} s, kubectl create {theirs[-1]:.1f} s\n")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
        sys.stdout.write(f"{tasks} tasks: {ratio:.2f} of kubectl's time; the largest process took {peak:.0f} MiB\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
