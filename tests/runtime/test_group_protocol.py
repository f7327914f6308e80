"""Whatever can happen to a group of three comes to an end, and to a right one: every state of a model is looked at.

A fault is a lost connection, a restart of osmo-ctrl, a pod that is killed, replaced or run again, SIGTERM, a failed
command, download or upload, or a wait that is over too early.
"""

from typing import Any

import pytest
from runtime.explorer import explore
from runtime.group_ledger import BrokenError, Setting

from osmo_ctrl.group import coordinator


@pytest.mark.parametrize("barrier", [True, False])
@pytest.mark.parametrize("ignore", [True, False])
@pytest.mark.parametrize("publishing", [(), ("one",), ("one", "two")])
def test_a_group_to_which_nothing_happens(barrier: bool, ignore: bool, publishing: tuple[str, ...]) -> None:
    setting = Setting(barrier=barrier, ignore_nonlead_status=ignore, publishing=publishing, faults=0)
    assert explore(setting).states > 3_000


@pytest.mark.parametrize("ignore", [True, False])
@pytest.mark.parametrize("returning", [(), ("lead", "one")])
@pytest.mark.parametrize("flaky", ["lead", "one"])
def test_a_fault_of_one_task(ignore: bool, returning: tuple[str, ...], flaky: str) -> None:
    """Of those that must publish and may be run again; `two` is one of the others."""
    setting = Setting(ignore_nonlead_status=ignore, publishing=("one",), returning=returning, flaky=(flaky,))
    assert explore(setting).states > 30_000


def test_a_fault_without_a_barrier() -> None:
    explore(Setting(barrier=False, ignore_nonlead_status=False, publishing=("one",), flaky=("one",)))


@pytest.mark.parametrize(
    ("name", "wrong", "found"),
    [
        ("_is_at_barrier", lambda state, known: True, "the barrier is open, and lead is preparing"),
        ("result", lambda rules, state: state.verdict, "the lead ends with 0, and one has published nothing"),
        ("awaited", lambda rules, state: (), "one is blamed, and its outputs are committed"),
        ("lose", lambda rules, state, task, now: state, "this group never ends"),
    ],
)
def test_a_mistake_would_be_found(name: str, wrong: Any, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordinator, name, wrong)
    with pytest.raises(BrokenError, match=found):
        explore(Setting(publishing=("one",), flaky=("lead", "one")))
