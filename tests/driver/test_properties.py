"""Whatever happens, and wherever a driver dies."""

from collections.abc import Mapping

import pytest
from driver.world import World, plan, seconds
from hypothesis import given, settings
from hypothesis import strategies as st

from osmo_driver.decide import GiveUp, Record, Start, Suspend
from osmo_driver.plan import Plan
from osmo_driver.records import State, Status
from osmo_driver.seen import Waiting

NAMES = "abcdef"


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    count = draw(st.integers(1, 6))
    groups = {
        NAMES[n]: draw(st.lists(st.sampled_from(NAMES[:n]), unique=True, max_size=3)) if n else [] for n in range(count)
    }
    tasks = {name: [name, f"{name}-1"] for name in groups if draw(st.booleans())}
    return plan(groups, tasks, queue=draw(st.sampled_from([None, 60])))


def happen(world: World, data: st.DataObject) -> None:
    """Something that is not the driver's doing."""
    jobs = sorted(world.jobs)
    running = sorted(world.running())
    what = data.draw(st.sampled_from(["wait", "run", "end", "end", "end", "stuck", "suspend", "start", "delete"]))
    if what == "wait":
        world.wait(data.draw(st.sampled_from([1, 61, 700])))
    elif what in ("run", "end", "stuck") and running:
        task = data.draw(st.sampled_from(running))
        if what == "run":
            world.run(task)
        elif what == "end":
            world.end(task, data.draw(st.sampled_from([0, 0, 0, 7])))
        else:
            waiting = Waiting(container=task, reason="InvalidImageName")
            world.pod(task, node="n", scheduled=world.now, waiting=waiting)
    elif what in ("suspend", "start", "delete") and jobs and data.draw(st.integers(0, 3)) == 0:
        job = data.draw(st.sampled_from(jobs))
        if what == "delete":
            del world.jobs[job]
        elif not world.jobs[job].end:
            world.change(job, suspended=what == "suspend")


def check(world: World, before: State | None) -> None:
    """One decision, before it is carried out."""
    actions = world.decide()
    assert actions == world.decide()
    ended = {name for name, group in before.groups.items() if group.status.has_ended} if before else set()
    groups = {job: group for group in world.plan.groups for job in group.jobs.values()}
    for action in actions:
        if isinstance(action, Start):
            group = groups[action.job.name]
            assert before or not group.upstream
            for name in group.upstream:
                assert before and before.groups[name].status is Status.COMPLETED
            if action.job.name == group.job(group.lead):
                others = [world.jobs[job] for job in group.jobs.values() if job != action.job.name]
                assert all(job.run for job in others)
            assert group.name not in ended and action.job.suspended and not action.job.run
        if isinstance(action, Suspend):
            assert groups[action.job.name].name in ended and not action.job.end
        if isinstance(action, Record):
            assert not before or not before.status.has_ended or action.state.status is before.status
            for name in ended:
                assert before and action.state.groups[name].status is before.groups[name].status
                assert action.state.groups[name].ended == before.groups[name].ended
            for name, group_before in before.groups.items() if before else ():
                for task, known in group_before.tasks.items():
                    if known.status.has_ended:
                        assert action.state.groups[name].tasks[task] == known
        assert not isinstance(action, GiveUp)


@settings(max_examples=300, deadline=None)
@given(plans(), st.data())
def test_promises_hold_at_every_step(of: Plan, data: st.DataObject) -> None:
    world = World(of)
    missing = data.draw(st.sets(st.sampled_from(sorted(world.jobs)), max_size=1))
    for job in missing:
        del world.jobs[job]
    for _ in range(data.draw(st.integers(1, 25))):
        happen(world, data)
        check(world, world.recorded)
        world.act(most=data.draw(st.sampled_from([0, 1, 2, None, None])))
        if world.finished:
            break
    # However it went so far: when the Jobs that run come to an end, so does the workflow.
    for _ in range(40):
        world.wait(61)
        for task in list(world.running()):
            world.end(task)
        check(world, world.recorded)
        world.act()
        if world.finished:
            break
        if missing:
            world.wait(601)
    assert world.finished and world.recorded and world.recorded.status is world.finished
    assert not list(world.running())


# What becomes of each task, whoever drives: exit codes, or a pod that can never start.
SCENARIOS: Mapping[str, tuple[Plan, Mapping[str, int | str]]] = {
    "complete": (plan({"a": [], "b": ["a"], "c": ["b"]}), {}),
    "middle fails": (plan({"a": [], "b": ["a"], "c": ["b"], "d": ["a"]}), {"b": 7}),
    "group": (plan({"a": [], "g": ["a"], "b": ["g"]}, {"g": ["g", "g-1", "g-2"]}), {"g-2": 1}),
    "stuck": (plan({"a": [], "g": ["a"], "b": ["g"]}, {"g": ["g", "g-1"]}), {"g-1": "InvalidImageName"}),
    "never a node": (plan({"a": [], "g": ["a"], "b": ["a"]}, {"g": ["g", "g-1"]}, queue=30), {"g-1": ""}),
}


def live(world: World, fates: Mapping[str, int | str]) -> None:
    """All that the cluster does in a while. A lead ends after the others of its group, as is agreed."""
    world.wait(20)
    waits = {group.lead: list(group.jobs.values())[1:] for group in world.plan.groups}
    for task in sorted(world.running(), reverse=True):
        fate = fates.get(task, 0)
        if not all(world.jobs[job].end for job in waits.get(task, ())):
            world.run(task)
        elif isinstance(fate, int):
            world.end(task, fate)
        elif fate:
            world.pod(task, node="n", scheduled=world.now, waiting=Waiting(container=task, reason=fate))
        else:
            world.pod(task)


def outcome(of: Plan, fates: Mapping[str, int | str], deaths: tuple[int, ...] = ()) -> tuple[object, int]:
    """How it ends, and after how many actions; drivers die before those of `deaths`."""
    world, count = World(of), 0
    for _ in range(200):
        for action in world.decide():
            if count in deaths:
                deaths = tuple(death for death in deaths if death != count)
                break
            world.do(action)
            count += 1
        if world.finished:
            suspended = {job.name: job.suspended for job in world.jobs.values()}
            return (world.finished, world.statuses(), world.tasks(), suspended), count
        live(world, fates)
    raise AssertionError(f"no end: {world.statuses()}")


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_driver_that_dies_at_any_point_changes_nothing(name: str) -> None:
    of, fates = SCENARIOS[name]
    expected, count = outcome(of, fates)
    for death in range(count):
        assert outcome(of, fates, (death,))[0] == expected
        assert outcome(of, fates, (death, death + 1, death + 3))[0] == expected


def test_an_old_sight_does_no_harm() -> None:
    """Two drivers: what the slower one decides is for versions that are not any more."""
    world = World(plan({"a": [], "b": ["a"]}))
    world.settle()
    old = world.decide()
    world.end("a")
    world.settle()
    for action in old:
        if isinstance(action, Start | Suspend):
            assert action.job.version != world.jobs[action.job.name].version
    assert seconds(0).total_seconds() == 0
