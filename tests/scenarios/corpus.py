"""Workflows of groups as their authors published them, with stand-ins for what no test has: GPUs, time, training."""

import re
from typing import Final

from compiled import shared

Edit = tuple[str, str]

_SMALL: Final[list[Edit]] = [
    (r"(?m)^ *(cpu|gpu|platform|storage):.*\n", ""),
    (r"memory: .*", "memory: 64Mi"),
]
_NETCAT: Final[list[Edit]] = [
    (r"\bnc -w", "busybox nc -w"),
    (r'(echo "Calling server)', r"sleep 2; \1"),  # it is started with the server, and tries once
    (r"sleep 10", "sleep 1"),
]
_ROBOT: Final[list[Edit]] = [
    *_SMALL,
    (r" *apt-get update.*\n", ""),
    (r"steps_per_epoch: \d+", "steps_per_epoch: 2"),
    (r"max_epochs: \d+", "max_epochs: 1"),
]
# Fails with the code that asks for another attempt, twice; the worker fails with its master.
_TRAINING: Final = """\
          {% if item == 0 %}
          sleep 1; test "$OSMO_ATTEMPT" = 2 || touch /tmp/training_errors.log.0
          {% else %}
          sleep 1.2; touch /tmp/training_errors.log.1
          {% endif %}
"""
_TORCHRUN: Final[list[Edit]] = [
    *_SMALL,
    (r" *torchrun --nnodes(.*\\\n)+.*\n", _TRAINING.replace("\\", r"\\")),
    (r" *- path: /tmp/train.py\n *localpath: train.py\n", ""),
]
_WITHOUT_DATA: Final[list[Edit]] = [
    (r" *checkpoint:\n( *-? *(path|url|frequency):.*\n)+", ""),
    (r" *inputs:\n *- url:.*\n", ""),
    (r"\{\{ *input:0 *\}\}", "/nowhere"),
]


def text_of(name: str, image: str, busybox: str, *, with_data: bool = True) -> str:
    """`image` has bash, Python and curl; `busybox` has that. `with_data` leaves URLs of a bucket in it."""
    path, edits = WORKFLOWS[name]
    text = shared("corpus", *path.split("/")).read_text()
    for pattern, replacement in [*edits, *([] if with_data or edits is not _TORCHRUN else _WITHOUT_DATA)]:
        text, count = re.subn(pattern, replacement, text)
        assert count, f"{path} has changed: no {pattern}"
    return re.sub(r"image: .*", f"image: {busybox if edits is _NETCAT else image}", text)


WORKFLOWS: Final[dict[str, tuple[str, list[Edit]]]] = {
    "group_tasks": ("tutorials/group_tasks.yaml", [(r"sleep 5", "sleep 2"), (r"sleep 2", "sleep 1")]),
    "group_tasks_communication": ("tutorials/group_tasks_communication.yaml", _NETCAT),
    "combination_workflow_simple": ("tutorials/combination_workflow_simple.yaml", []),
    "combination_workflow_complex": ("tutorials/combination_workflow_complex.yaml", [(r"sleep 120", "sleep 1")]),
    "robot_simulation": ("tutorials/robot_simulation.yaml", _ROBOT),
    "torchrun_reschedule": ("dnn_training/torchrun_reschedule/train.yaml", _TORCHRUN),
}

# What their logs say, among other things.
SAID: Final = {
    "group_tasks": ("Processor 1: Complete",),
    "group_tasks_communication": ("Received from server: hello",),
    "combination_workflow_simple": ("sample_10,value_10", "Model A complete"),
    "combination_workflow_complex": ("APPLE", "3\tcherry"),
    "robot_simulation": ("[CTRL] E1:S2", "[SIM] E1:S1", "[TRAIN] Accuracy"),
}
