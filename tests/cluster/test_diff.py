"""`osmoc diff` against what a real cluster has."""

import re
from pathlib import Path

import pytest
from cluster.command import PROFILE, Desk
from cluster.kubernetes import BUSYBOX, Namespace

pytestmark = pytest.mark.cluster

_DIGEST = re.compile(r'value: "?[0-9a-f]{16}"?$')  # an argument of a task's template

FLOW = f"""\
workflow:
  name: flow
  groups:
  - name: pair
    tasks:
    - {{name: lead, lead: true, image: {BUSYBOX}, command: [sleep, "0"]}}
    - {{name: one, image: {BUSYBOX}, command: ["true"]}}
  - name: then
    tasks:
    - {{name: after, image: {BUSYBOX}, command: ["true"], inputs: [{{task: lead}}]}}
"""


@pytest.mark.parametrize("target", ["jobs", "argo"])
def test_a_change_is_told_against_the_newest_run(namespace: Namespace, tmp_path: Path, target: str) -> None:
    desk = Desk(tmp_path, namespace)
    desk.write(PROFILE.replace("target: jobs", f"target: {target}"), "osmoc.yaml")
    desk.write(FLOW)
    none = desk.osmoc("diff", "flow.yaml")
    assert none.status == 2 and "has no run of `flow` to compare with" in none.err
    first = desk.osmoc("apply", "flow.yaml").id
    for words in ((), ("--full",)):
        same = desk.osmoc("diff", "flow.yaml", *words)
        assert (same.status, same.out) == (0, "") and same.err.endswith(f"{first}: the same\n")
    desk.write(FLOW.replace('"0"', '"1"'))
    changed = desk.osmoc("diff", "flow.yaml")
    assert changed.out.splitlines() == [
        "lead",
        "  command: 0 → 1",
        "computes anew: lead; and so what reads it: after",
    ]
    assert changed.status == 1 and f"\n{first} → flow-" in changed.err
    full = desk.osmoc("diff", "flow.yaml", "--full")
    values = [line for line in full.out.splitlines() if line[0] in "+-" and line[1:3] != line[0] * 2]
    values = [line[1:].strip(" -,") for line in values if "digest" not in line and not _DIGEST.search(line)]
    assert sorted(values) == ['"0"', '"1"'], full.out
    desk.osmoc("delete", first)
