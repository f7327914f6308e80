"""Whole lives of groups: a pod of processes for each task, on loopback, with a folder as storage."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from runtime.groups import Group
from runtime.pod import has_programs, manifests, until

pytestmark = pytest.mark.skipif(not has_programs(), reason="the agent is not built: `make install` does it")

RESCHEDULE = {"exit_actions": [{"action": "RESCHEDULE", "codes": [[75, 75]]}]}
WAITS = "trap 'exit 0' TERM; sleep 60 & wait"


def awaits(path: str) -> str:
    return f"until test -e {path}; do sleep 0.05; done"


class Groups:
    def __init__(self, root: Path) -> None:
        self.storage = root / "storage"
        self.storage.mkdir()
        self._root = root
        self._made: list[Group] = []

    def __call__(self, **more: Any) -> Group:
        """Tasks are shell scripts: `lead`, then the others by name."""
        scripts = {name: more.pop(name) for name in list(more) if isinstance(more[name], str)}
        tasks = {name: ("/bin/sh", "-c", script) for name, script in scripts.items()}
        (self._root / f"group-{len(self._made)}").mkdir()
        made = Group(root=self._root / f"group-{len(self._made)}", storage=self.storage, tasks=tasks, **more)
        self._made.append(made)
        return made

    def stop(self) -> None:
        for group in self._made:
            group.stop()


@pytest.fixture
def groups(tmp_path: Path) -> Iterator[Groups]:
    made = Groups(tmp_path)
    yield made
    made.stop()


def outcomes(groups: Groups, *tasks: str) -> list[str]:
    return [manifests(groups.storage, task)[-1]["outcome"] for task in tasks]


# --- The barrier


def test_no_command_starts_before_the_last_task_is_ready(groups: Groups) -> None:
    one, two = (f"date +%s%N; touch $S/{name}; {WAITS}" for name in ("one", "two"))
    group = groups(lead=f"date +%s%N; {awaits('$S/one')}; {awaits('$S/two')}", one=one, two=two)
    group.start("lead", "one")
    time.sleep(0.5)
    arrived = time.time_ns()
    group.start("two")
    assert group.wait() == {"lead": 0, "one": 0, "two": 0}
    assert all(int(pod.output().split()[0]) > arrived for pod in group.pods.values())


def test_without_a_barrier_a_command_starts_at_once(groups: Groups) -> None:
    group = groups(lead=f"touch $S/lead; {WAITS}", one="echo", barrier=False)
    group.start("lead")
    until((group.root / "lead").exists)


def test_whoever_does_not_come_is_named_when_the_barrier_times_out(groups: Groups) -> None:
    group = groups(lead="echo", one="echo", two="echo", changes={"*": {"timeouts": {"barrier": 5.0}}})
    group.start("lead", "one")
    assert group.pods["one"].wait() == 0  # it is not to blame
    assert group.pods["lead"].wait() == 242
    assert group.pods["lead"].termination["reason"] == "not at the barrier after 5 s: two"
    assert not group.pods["lead"].output()


def test_a_lead_that_does_not_come_is_named(groups: Groups) -> None:
    group = groups(lead="echo", one="echo", changes={"*": {"timeouts": {"barrier": 0.5}}})
    group.start("one")
    assert group.pods["one"].wait() == 242
    assert group.pods["one"].termination["reason"].startswith("lead, which leads the group, has not come")


def test_a_stranger_without_the_key_does_not_count(groups: Groups) -> None:
    group = groups(lead="echo", one="echo", changes={"*": {"timeouts": {"barrier": 5.0}}})
    group.start("lead")
    group.key = b"x" * 32
    group.start("one")
    assert group.pods["lead"].wait() == 242
    assert "hung up on a stranger: it does not have the key" in group.pods["lead"].output("ctrl.out")
    assert group.pods["one"].wait() == 242


# --- How a group ends


def test_when_the_lead_ends_the_others_get_sigterm_and_upload_what_they_have(groups: Groups) -> None:
    one = "trap 'echo late > $O/late; exit 0' TERM; echo early > $O/early; touch $S/one; sleep 60 & wait"
    group = groups(lead=f"{awaits('$S/one')}", one=one, publishing=("lead", "one"))
    assert group.start().wait() == {"lead": 0, "one": 0}
    [manifest] = manifests(groups.storage, "one")
    assert manifest["outcome"] == "completed"
    assert {file["path"] for file in manifest["files"]} == {"early", "late"}
    assert group.pods["one"].termination["outcome"] == "completed"


def test_a_group_is_not_complete_without_what_others_need(groups: Groups) -> None:
    group = groups(lead=f"{awaits('$S/one')}; sleep 2", one="touch $S/one; exit 5", publishing=("one",))
    assert group.start().wait() == {"lead": 244, "one": 5}
    assert group.pods["lead"].termination["reason"].startswith("one has not published its outputs")
    assert outcomes(groups, "lead") == ["failed"]


def test_the_failure_of_another_task_changes_nothing_if_it_is_ignored(groups: Groups) -> None:
    group = groups(lead="sleep 2", one="exit 3", two=WAITS)
    assert group.start().wait() == {"lead": 0, "one": 3, "two": 0}


def test_else_it_ends_the_group_with_its_code(groups: Groups) -> None:
    group = groups(lead=WAITS, one="exit 3", two=WAITS, ignore_nonlead_status=False)
    assert group.start().wait() == {"lead": 3, "one": 3, "two": 0}
    assert group.pods["lead"].termination["reason"] == "one ended with 3"
    assert outcomes(groups, "lead", "one", "two") == ["failed", "failed", "terminated"]


def test_a_success_of_the_lead_comes_before_the_failures_that_it_causes(groups: Groups) -> None:
    one = f"{awaits('$S/over')}; exit 1"
    group = groups(lead="touch $S/over; sleep 0.5", one=one, ignore_nonlead_status=False)
    assert group.start().wait() == {"lead": 0, "one": 0}
    assert outcomes(groups, "one") == ["completed"]


def test_the_failure_of_the_lead_is_the_groups(groups: Groups) -> None:
    group = groups(lead="exit 4", one=WAITS)
    assert group.start().wait() == {"lead": 4, "one": 0}
    assert outcomes(groups, "lead", "one") == ["failed", "terminated"]


def test_the_lead_that_takes_too_long_ends_the_group(groups: Groups) -> None:
    group = groups(lead=WAITS, one=WAITS, changes={"lead": {"timeouts": {"exec": 0.5}}})
    assert group.start().wait() == {"lead": 243, "one": 0}


def test_inputs_that_are_missing_end_the_group_before_it_began(groups: Groups) -> None:
    missing = {"inputs": [{"kind": "task", "task": "nobody", "workflow": "", "regex": ""}]}
    group = groups(lead="echo", one="echo", ignore_nonlead_status=False, changes={"one": missing})
    assert group.start().wait() == {"lead": 245, "one": 245}
    assert group.pods["lead"].output() == ""


# --- Tasks that are run again


def test_a_lead_that_is_run_again_starts_all_again_in_place(groups: Groups) -> None:
    lead = f"{awaits('$S/1')}; test -e $S/again || {{ touch $S/again; exit 75; }}; {awaits('$S/2')}"
    one = f"echo run >> $W/count; cp $W/count $O/count; touch $S/$(wc -l < $W/count); {WAITS}"
    group = groups(lead=lead, one=one, publishing=("one",), changes={"lead": RESCHEDULE})
    group.start()
    assert group.pods["lead"].wait() == 250
    group.again("lead")
    assert group.wait() == {"lead": 0, "one": 0}
    [manifest] = manifests(groups.storage, "one")
    assert manifest["outcome"] == "completed"
    [file] = (groups.storage).glob("*/*/one/attempts/*/output/count")
    assert file.read_text() == "run\nrun\n"  # its files were kept, and nothing was uploaded in between
    assert [manifest["outcome"] for manifest in manifests(groups.storage, "lead")] == ["rescheduled", "completed"]


def test_another_task_that_is_run_again_starts_all_others_again(groups: Groups) -> None:
    one = f"test -e $S/again && {{ touch $S/fine; {WAITS}; }}; touch $S/again; exit 75"
    lead = f"echo run >> $W/count; {awaits('$S/fine')}; cp $W/count $O/count"
    group = groups(lead=lead, one=one, two=WAITS, ignore_nonlead_status=False, changes={"one": RESCHEDULE})
    group.start()
    assert group.pods["one"].wait() == 250
    group.again("one")
    assert group.wait() == {"lead": 0, "one": 0, "two": 0}
    [file] = groups.storage.glob("*/*/lead/attempts/*/output/count")
    assert file.read_text() == "run\nrun\n"


def test_or_only_itself_if_it_is_ignored(groups: Groups) -> None:
    one = f"test -e $S/again && {{ touch $S/fine; {WAITS}; }}; touch $S/again; exit 75"
    lead = f"echo run >> $W/count; {awaits('$S/fine')}; cp $W/count $O/count"
    group = groups(lead=lead, one=one, changes={"one": RESCHEDULE})
    group.start()
    assert group.pods["one"].wait() == 250
    group.again("one")  # it joins the epoch that runs, with no barrier
    assert group.wait() == {"lead": 0, "one": 0}
    [file] = groups.storage.glob("*/*/lead/attempts/*/output/count")
    assert file.read_text() == "run\n"


def test_a_failure_that_a_reschedule_has_caused_does_not_end_the_group(groups: Groups) -> None:
    """As training does: a worker dies with the code of RESCHEDULE, and the master with another one."""
    one = f"test -e $S/again && {{ touch $S/fine; {WAITS}; }}; touch $S/again; exit 75"
    lead = f"test -e $S/again || {{ {awaits('$S/again')}; exit 1; }}; {awaits('$S/fine')}"
    group = groups(lead=lead, one=one, ignore_nonlead_status=False, changes={"*": RESCHEDULE})
    group.start()
    assert group.pods["one"].wait() == 250
    group.again("one")
    assert group.wait() == {"lead": 0, "one": 0}


# --- Faults


def test_a_lead_that_is_lost_for_good_ends_the_others_in_bounded_time(groups: Groups) -> None:
    group = groups(lead=WAITS, one=f"touch $S/one; {WAITS}", changes={"*": {"timeouts": {"absence": 1.0}}})
    group.start()
    until((group.root / "one").exists)
    group.pods["lead"].stop()
    assert group.pods["one"].wait() == 249
    assert group.pods["one"].termination["reason"] == "lead, which leads the group, has been away for 1 s"
    assert outcomes(groups, "one") == ["failed"]


def test_a_task_that_is_lost_for_good_ends_the_group_unless_it_is_ignored(groups: Groups) -> None:
    changes = {"*": {"timeouts": {"absence": 1.0}}}
    group = groups(lead=WAITS, one=f"touch $S/one; {WAITS}", ignore_nonlead_status=False, changes=changes)
    group.start()
    until((group.root / "one").exists)
    group.pods["one"].stop()
    assert group.pods["lead"].wait() == 249
    assert group.pods["lead"].termination["reason"] == "one has been away for 1 s"


@pytest.mark.parametrize("task", ["lead", "one"])
def test_a_restart_of_osmo_ctrl_starts_nothing_again(groups: Groups, task: str) -> None:
    script = f"echo run; {awaits('$S/over')}"
    group = groups(lead=script, one=f"echo run; touch $S/one; {WAITS}")
    group.start()
    until((group.root / "one").exists)
    pod = group.pods[task]
    assert pod.ctrl is not None
    pod.ctrl.kill()
    pod.ctrl.wait()
    pod.start_ctrl()
    time.sleep(1)
    (group.root / "over").touch()
    assert group.wait() == {"lead": 0, "one": 0}
    assert group.pods["lead"].output() == group.pods["one"].output() == "run\n"


def test_a_pod_that_comes_after_the_end_ends_as_well(groups: Groups) -> None:
    group = groups(lead="echo", one=WAITS)
    assert group.start().wait() == {"lead": 0, "one": 0}
    late = group.again("one")
    assert late.wait(10) == 0
    assert late.output() == ""
    [end] = groups.storage.glob("*/*/groups/crew/end.json")
    assert json.loads(end.read_text())["verdict"]["completed"] is True


def test_a_double_of_a_pod_is_not_let_in(groups: Groups) -> None:
    """Kubernetes may run two pods of a task for a moment."""
    group = groups(lead=f"{awaits('$S/over')}", one=f"echo >> $S/one; {WAITS}")
    group.start()
    first = group.pods["one"]
    until((group.root / "one").exists)
    double = group.pod("one").start()
    until(lambda: "hung up on one: attempt 0" in group.pods["lead"].output("ctrl.out"))
    (group.root / "over").touch()
    assert group.pods["lead"].wait() == 0 and first.wait() == 0
    assert double.wait() == 0  # by the verdict in the storage
    assert (group.root / "one").read_text() == "\n"


def test_a_lead_that_is_ended_from_outside_ends_the_group(groups: Groups) -> None:
    group = groups(lead=WAITS, one=f"touch $S/one; {WAITS}")
    group.start()
    until((group.root / "one").exists)
    assert group.pods["lead"].agent is not None
    os.kill(group.pods["lead"].agent.pid, signal.SIGTERM)
    assert group.wait() == {"lead": 248, "one": 0}


def test_a_lead_whose_container_is_killed_and_that_returns_starts_all_again(groups: Groups) -> None:
    again = {"retry": {"reschedule": 0, "infrastructure": 1}}
    one = f"echo run; touch $S/one; test -e $S/killed && touch $S/twice; {WAITS}"
    group = groups(lead=awaits("$S/twice"), one=one, changes={"lead": again})
    group.start()
    until((group.root / "one").exists)
    (group.root / "killed").touch()
    group.pods["lead"].stop()
    group.again("lead")
    assert group.wait() == {"lead": 0, "one": 0}
    assert group.pods["one"].output() == "run\nrun\n"
