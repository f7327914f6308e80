"""All that can happen to a small group of tasks, by the code that decides in its pods.

Three tasks: the lead, `one` and `two`. What the coordinator decides is asked of `coordinator`, what a task does of
`Talk` and `Membership`; around them is a model of `Life`, of connections, of the cluster and of the storage.

* A connection carries what is newest, at any later moment; who has heard a word acts on it at any later moment, when it
  may be stale. That is all that messages in flight can do: those of a connection keep their order, and die with it.
* Time passes in leaps, to where a wait is over. The settle window may be over at any moment; a longer wait only when
  all that was said is heard. That a task takes longer than the others wait for it is a fault.
* Faults are counted, so that there are finitely many states.
"""

from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple, TypeVar

from runtime.group_ledger import ABSENCE, LEAD, LIMIT, MOMENT, NOTHING, SETTLED, TASKS, BrokenError, Ledger, Setting

from osmo_ctrl.group import coordinator
from osmo_ctrl.group.coordinator import LOST_CODE, LOST_EXIT, UNPUBLISHED_CODE, State
from osmo_ctrl.group.member import Deed, react
from osmo_ctrl.group.messages import NOWHERE, End, Order, Report, Verdict
from osmo_ctrl.messages import Cause, Ended, Log, Outcome, Usage

OTHERS: Final = (1, 2)

AGAIN, TERMINATED, KILLED = 250, 248, 137
FAILURES: Final = (3, 4, 5)  # the exit codes of the tasks' commands

# Quick and slow steps, and the ends of commands, happen sooner or later; free ones may never.
Kind = Literal["quick", "slow", "command", "free", "fault"]
Stage = Literal["unborn", "download", "barrier", "run", "held", "upload", "waiting", "leaving", "gone"]


class Pod(NamedTuple):
    """The newest pod of a task. `report`, `order` and `ended` are numbers of the model's books, or NOTHING.

    `back` is where a restarted osmo-ctrl goes on from while it leaves; `exit` what the pod ends with.
    """

    stage: Stage
    report: int = NOTHING
    order: int = NOTHING
    linked: bool = False
    ended: int = NOTHING
    back: Stage = "leaving"
    exit: int = 0
    highest: int = NOTHING
    lead_returns: bool = True
    is_short: bool = False

    @property
    def is_alive(self) -> bool:
        return self.stage not in ("unborn", "gone")


class World(NamedTuple):
    """`group` is what the lead's pod knows, `end` the verdict in the storage, `kept` whose outputs are there."""

    pods: tuple[Pod, Pod, Pod]
    group: int
    faults: int
    end: int = NOTHING
    kept: tuple[bool, bool, bool] = (False, False, False)

    def having(self, task: int, pod: Pod) -> "World":
        return self._replace(pods=_put(self.pods, task, pod))

    def keeping(self, task: int) -> "World":
        return self._replace(kept=_put(self.kept, task, True))

    @property
    def is_over(self) -> bool:
        return all(pod.stage == "gone" for pod in self.pods)


class Step(NamedTuple):
    name: str
    kind: Kind
    world: World


Value = TypeVar("Value")


def _put(values: tuple[Value, Value, Value], index: int, value: Value) -> tuple[Value, Value, Value]:
    first, second, third = (value if index == number else old for number, old in enumerate(values))
    return first, second, third


class Model:
    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.ledger = Ledger(setting)
        self._flaky = tuple(TASKS.index(task) for task in setting.flaky)
        self._nothing = End(outcome="terminated", code=0, exit=0)

    def first(self) -> World:
        lead, one, two = (Pod("download", self._fresh(task, 0, 0)) for task in range(3))
        world = World((lead, one, two), self.ledger.begin(0, "lead-0-0", NOTHING), self.setting.faults)
        return self._speak_with_lead(world)

    def steps(self, world: World) -> Iterator[Step]:
        for name, kind, after in self._steps(world):
            yield Step(name, kind, self._settled(after))

    def _steps(self, world: World) -> Iterator[Step]:
        quick = list(self._quick(world))
        slow = [step for task in range(3) for step in self._slow(world, task)]
        yield from quick
        yield from slow
        yield from self._commands(world)
        if world.faults:
            for task in self._flaky:
                yield from self._faults(world._replace(faults=world.faults - 1), task)
        if not quick:
            yield from self._waits(world, bool(slow))

    def _settled(self, world: World) -> World:
        """When all have reacted that react at once: to react later would be seen by nobody."""
        while True:
            for task in range(3):
                after = self._reaction(world, task, world.pods[task])
                if after is not None:
                    world = after
                    break
            else:
                return world

    def _quick(self, world: World) -> Iterator[Step]:
        for task in range(3):
            pod = world.pods[task]
            if pod.stage == "held" and self.ledger.deed(pod.report, pod.order) is Deed.AGAIN:
                again = pod._replace(stage="barrier", ended=NOTHING)
                after = self._tell(world, task, again, phase="ready", end=None, calls=())
                yield Step(f"{TASKS[task]} gets ready again", "quick", after)
        if world.group == NOTHING:
            return
        for task in OTHERS:
            for name, after in self._connection(world, task, world.pods[task]):
                yield Step(f"{TASKS[task]} {name}", "quick", after)
        state = self.ledger.groups[world.group]
        if state.verdict is not None and world.end == NOTHING:
            end = self.ledger.verdict(world.group)
            yield Step("the end is archived", "quick", self._speak_with_lead(world._replace(end=end)))
        elif state.verdict is not None and world.end != self.ledger.verdict(world.group):
            adopted = world._replace(group=self.ledger.adopt(world.group, world.end))
            yield Step("another end is in the storage", "quick", self._speak_with_lead(adopted))
        if state.window is not None:
            group = self.ledger.leap(world.group, SETTLED)
            yield Step("the window is over", "quick", self._become(world, group))
        for name in coordinator.awaited(self.ledger.rules, state):
            task = TASKS.index(name)
            if world.kept[task]:
                group = self.ledger.publish(world.group, task)
                yield Step(f"the lead finds what {name} has published", "quick", self._become(world, group))

    def _connection(self, world: World, task: int, pod: Pod) -> Iterator[tuple[str, World]]:
        state = self.ledger.groups[world.group]
        known = state.tasks[TASKS[task]]
        if not pod.linked:
            if known.here:
                yield "is missed", self._become(world, self.ledger.lose(world.group, task))
            is_led = pod.is_alive and state.epoch.attempt >= pod.highest
            if is_led and coordinator.is_welcome(known, self.ledger.reports[pod.report]):
                joined = world.having(task, pod._replace(linked=True, highest=state.epoch.attempt))
                yield "joins", self._become(joined, self.ledger.hear(world.group, task, pod.report))
            return
        after = self.ledger.hear(world.group, task, pod.report)
        if after != world.group:
            yield "is heard", self._become(world, after)
        order = self.ledger.order(world.group, task)
        if order != pod.order and self._may_speak(world):
            yield f"hears {self.ledger.orders[order].do}", self._hearing(world, task, pod, order)

    def _hearing(self, world: World, task: int, pod: Pod, order: int) -> World:
        word = self.ledger.orders[order]
        report = self.ledger.heard(pod.report, order)
        said = self.ledger.reports[report]
        if word.verdict is not None and word.verdict != self.ledger.verdicts[world.end]:
            raise BrokenError("an end is heard that is not the one in the storage")
        is_other = said.epoch not in (None, word.epoch) and word.do in ("wait", "run")
        if is_other and pod.stage in ("run", "held") and react(said, word) not in (Deed.STOP, Deed.AGAIN):
            raise BrokenError("a task goes on in an epoch that is over")
        return world.having(task, pod._replace(order=order, report=report, lead_returns=word.lead_returns))

    def _may_speak(self, world: World) -> bool:
        verdict = self.ledger.verdict(world.group)
        return verdict in (NOTHING, world.end)

    def _become(self, world: World, group: int) -> World:
        before, after = self.ledger.groups[world.group], self.ledger.groups[group]
        if self.setting.barrier and after.open and not before.open:
            self._check_barrier(world, after)
        return self._speak_with_lead(world._replace(group=group))

    def _speak_with_lead(self, world: World) -> World:
        """The lead's own task hears, and is heard, at once."""
        while True:
            pod = world.pods[LEAD]
            group = self.ledger.hear(world.group, LEAD, pod.report)
            if group != world.group:
                return self._become(world, group)
            order = self.ledger.order(group, LEAD)
            if order == pod.order or not self._may_speak(world):
                return world
            world = world.having(LEAD, pod._replace(order=order, report=self.ledger.heard(pod.report, order)))

    def _check_barrier(self, world: World, state: State) -> None:
        """All whom the coordinator knows are ready in this epoch, unless they are over or their pods are gone."""
        for task, pod in enumerate(world.pods):
            if pod.stage == "gone" or not pod.is_alive:
                continue
            report = self.ledger.reports[pod.report]
            known = state.tasks[TASKS[task]]
            is_ready = report.phase == "ready" and report.epoch == state.epoch
            is_another_pod = (known.attempt, known.pod) != (report.attempt, report.pod) and known.attempt >= 0
            if not is_ready and not is_another_pod and report.phase != "done":
                raise BrokenError(f"the barrier is open, and {TASKS[task]} is {report.phase}")

    # The life of a task.

    def _tell(self, world: World, task: int, pod: Pod, **changes: Any) -> World:
        told = pod._replace(report=self.ledger.told(pod.report, pod.order, **changes))
        world = world.having(task, told)
        return self._speak_with_lead(world) if task == LEAD else world

    def _reaction(self, world: World, task: int, pod: Pod) -> World | None:
        """What follows from the newest order, or for the lead from the state of its group."""
        if pod.stage in ("unborn", "run", "upload", "gone"):
            return None
        deed = self.ledger.deed(pod.report, pod.order)
        match pod.stage:
            case "download" | "barrier" if deed is Deed.EXIT:
                return self._end_before_start(world, task, pod)
            case "barrier" if deed is Deed.START:
                self._check_start(world, task, pod)
                return self._tell(world, task, pod._replace(stage="run"), phase="running")
            case "held" if deed is Deed.UPLOAD:
                return self._upload(world, task, pod)
            case "waiting" if self._is_finished(world):
                return self._commit(world, task, pod)
            case "leaving" if task != LEAD and deed is Deed.EXIT:
                return self._go(world, task, pod)
            case "leaving" if task == LEAD and self._is_finished(world):
                return self._go(world, task, pod)
        return None

    def _slow(self, world: World, task: int) -> Iterator[Step]:
        pod, name = world.pods[task], TASKS[task]
        match pod.stage:
            case "unborn":
                yield Step(f"{name} is born", "slow", self._born(world, task, pod))
            case "download":
                yield Step(f"{name} has prepared", "slow", self._start(world, task, pod))
            case "run" if self.ledger.deed(pod.report, pod.order) is Deed.STOP:
                yield Step(f"{name} is stopped", "slow", self._ended(world, task, pod, "stopped"))
            case "upload" if task == LEAD:
                yield Step(f"{name} has uploaded", "slow", world.having(LEAD, pod._replace(stage="waiting")))
            case "upload":
                yield Step(f"{name} has uploaded", "slow", self._commit(world, task, pod))
        if task != LEAD and pod.is_alive and not pod.linked and world.end != NOTHING:
            order = self.ledger.orders[pod.order] if pod.order != NOTHING else None
            if order is None or order.do not in ("end", "go"):
                yield Step(f"{name} finds the end in the storage", "slow", self._ending(world, task, pod, world.end))

    def _commands(self, world: World) -> Iterator[Step]:
        """Those of others than the lead may run as long as they are let."""
        for task, pod in enumerate(world.pods):
            if pod.stage == "run":
                kind: Kind = "command" if task == LEAD else "free"
                yield Step(f"{TASKS[task]} has completed", kind, self._ended(world, task, pod, "completed"))

    def _born(self, world: World, task: int, pod: Pod) -> World:
        pod = self._look_for_end(world, pod._replace(stage="download"))
        world = world.having(task, pod)
        if task != LEAD:
            return world
        report = self.ledger.reports[pod.report]
        group = self.ledger.begin(report.attempt, report.pod, world.end)
        return self._speak_with_lead(world._replace(group=group))

    def _look_for_end(self, world: World, pod: Pod) -> Pod:
        if world.end == NOTHING:
            return pod
        order = self.ledger.orders.number(Order(do="end", epoch=NOWHERE, verdict=self.ledger.verdicts[world.end]))
        return pod._replace(order=order, report=self.ledger.heard(pod.report, order))

    def _start(self, world: World, task: int, pod: Pod) -> World:
        """`Membership.start`."""
        is_first = self.ledger.reports[pod.report].phase == "preparing"
        world = self._tell(world, task, pod._replace(stage="barrier"), phase="ready", end=None, calls=())
        if self.setting.barrier or not is_first:
            return world
        return self._tell(world, task, world.pods[task]._replace(stage="run"), phase="running")

    def _check_start(self, world: World, task: int, pod: Pod) -> None:
        epoch = self.ledger.reports[pod.report].epoch
        if epoch is None or not self.setting.barrier:
            return
        for other in world.pods:
            running = self.ledger.reports[other.report].epoch if other.stage == "run" else None
            same = running is not None and (running.attempt, running.pod) == (epoch.attempt, epoch.pod)
            if running is not None and (not same or running.number < epoch.number):
                raise BrokenError(f"{TASKS[task]} starts while another runs in an earlier epoch")

    def _ended(self, world: World, task: int, pod: Pod, outcome: str) -> World:
        """`Life._stands`, as far as nobody has decided."""
        ended = _end_of(task, outcome)
        held = pod._replace(stage="held", ended=self.ledger.ends.number(ended))
        end = None if outcome == "stopped" else End(outcome=ended.outcome, code=ended.code, exit=ended.exit)
        return self._tell(world, task, held, phase="ended", end=end)

    def _upload(self, world: World, task: int, pod: Pod) -> World:
        worth, word = self.ledger.overtaken(task, pod.report, pod.order, pod.ended)
        exit = word.exit if word else self.ledger.ends[worth].exit
        return world.having(task, pod._replace(stage="upload", ended=worth, exit=exit))

    def _commit(self, world: World, task: int, pod: Pod) -> World:
        """The end of `Life._keep_all`, and what follows."""
        ended = self.ledger.ends[pod.ended]
        if task == LEAD:
            state = self.ledger.groups[world.group]
            result = coordinator.result(self.ledger.rules, state) if state.verdict else None
            if result and not result.completed and result != state.verdict:
                self._check_blame(world, result)
                return self._fail(world, task, pod, result.code, result.exit)
        if ended.outcome == "completed":
            world = world.keeping(task)
        end = End(outcome=ended.outcome, code=ended.code, exit=ended.exit)
        return self._leave(world, task, pod, end, published=ended.outcome == "completed")

    def _check_blame(self, world: World, result: Verdict) -> None:
        if result.code == UNPUBLISHED_CODE and world.kept[TASKS.index(result.task)]:
            raise BrokenError(f"{result.task} is blamed, and its outputs are committed")

    def _fail(self, world: World, task: int, pod: Pod, code: int, exit: int) -> World:
        if pod.ended != NOTHING and self.ledger.ends[pod.ended].cause == "terminated":
            exit = TERMINATED
        failed = End(outcome="failed", code=code, exit=exit)
        return self._leave(world, task, pod._replace(exit=exit), failed, published=False)

    def _end_before_start(self, world: World, task: int, pod: Pod) -> World:
        word = None if world.kept[task] else self.ledger.part(task, pod.report, pod.order).imposed()
        leaving = pod._replace(exit=word.exit if word else 0, back=pod.stage)
        return self._leave(world, task, leaving, self._nothing, published=world.kept[task])

    def _leave(self, world: World, task: int, pod: Pod, end: End, *, published: bool) -> World:
        """`Membership.leave`."""
        world = self._tell(world, task, pod._replace(stage="leaving"), phase="done", end=end, published=published)
        pod = world.pods[task]
        order = None if pod.order == NOTHING else self.ledger.orders[pod.order]
        if task == LEAD:
            return world.having(task, pod._replace(is_short=end.outcome in ("rescheduled", "terminated", "lost")))
        if order is not None and order.epoch == NOWHERE:
            return self._go(world, task, pod)
        is_decided = order is not None and order.verdict is not None
        return world.having(task, pod._replace(is_short=is_decided or end.outcome in ("terminated", "lost")))

    def _is_finished(self, world: World) -> bool:
        return self.ledger.is_finished(world.group) and self._may_speak(world)

    def _go(self, world: World, task: int, pod: Pod) -> World:
        report = self.ledger.reports[pod.report]
        comes_back = pod.exit == AGAIN or (pod.exit in (TERMINATED, KILLED) and report.may_return)
        if task == LEAD and pod.exit == 0:
            self._check_complete(world)
        return self._vanish(world, task, self._fresh(task, report.attempt + 1, 0) if comes_back else NOTHING, pod.exit)

    def _check_complete(self, world: World) -> None:
        missing = [name for name in self.setting.publishing if not world.kept[TASKS.index(name)]]
        if missing:
            raise BrokenError(f"the lead ends with 0, and {', '.join(missing)} has published nothing")

    def _vanish(self, world: World, task: int, next: int, exit: int = 0) -> World:
        """The pod is gone; `next` is the report of the one that comes after it."""
        world = world.having(task, Pod("gone", exit=exit) if next == NOTHING else Pod("unborn", next))
        if task != LEAD:
            return world
        _, one, two = world.pods
        cut = (world.pods[LEAD], one._replace(linked=False), two._replace(linked=False))
        return world._replace(group=NOTHING, pods=cut)

    def _fresh(self, task: int, attempt: int, number: int) -> int:
        may_return = TASKS[task] in self.setting.returning and attempt == 0
        pod = f"{TASKS[task]}-{attempt}-{number}"
        return self.ledger.reports.number(Report(attempt=attempt, pod=pod, may_return=may_return))

    # Time.

    def _waits(self, world: World, is_busy: bool) -> Iterator[Step]:
        for seconds in (MOMENT, ABSENCE, LIMIT):
            after = self._leap(world, seconds)
            if after == world:
                continue
            if seconds == MOMENT or not is_busy:
                yield Step(f"{seconds:g} s pass", "slow", after)
                return
            if world.faults:
                yield Step(f"{seconds:g} s pass", "fault", after._replace(faults=world.faults - 1))

    def _leap(self, world: World, seconds: float) -> World:
        if world.group != NOTHING:
            world = self._become(world, self.ledger.leap(world.group, seconds))
            lead = world.pods[LEAD]
            if lead.stage == "waiting" and self.ledger.ends[lead.ended].outcome in ("rescheduled", "terminated"):
                world = self._commit(world, LEAD, lead)
            elif lead.stage == "leaving" and lead.is_short:
                world = self._go(world, LEAD, lead)
        for task in OTHERS:
            pod = world.pods[task]
            if pod.is_alive and not pod.linked:
                world = self._give_up(world, task, pod, seconds)
            if pod.stage == "leaving" and pod.is_short:
                world = self._go(world, task, pod)
        return world

    def _give_up(self, world: World, task: int, pod: Pod, seconds: float) -> World:
        """`Following._give_up_after`."""
        if seconds < (LIMIT if pod.lead_returns or pod.highest == NOTHING else ABSENCE):
            return world
        verdict = Verdict(completed=False, task="", code=LOST_CODE, exit=LOST_EXIT)
        return self._ending(world, task, pod, self.ledger.verdicts.number(verdict))

    def _ending(self, world: World, task: int, pod: Pod, verdict: int) -> World:
        """`Following._end`."""
        is_done = self.ledger.reports[pod.report].phase == "done"
        word = Order(do="go" if is_done else "end", epoch=NOWHERE, verdict=self.ledger.verdicts[verdict])
        order = self.ledger.orders.number(word)
        return world.having(task, pod._replace(order=order, report=self.ledger.heard(pod.report, order)))

    # Faults.

    def _faults(self, world: World, task: int) -> Iterator[Step]:
        pod, name = world.pods[task], TASKS[task]
        if not pod.is_alive:
            return
        found = [("'s osmo-ctrl restarts", self._restarted(world, task, pod)), *self._killed(world, task, pod)]
        if pod.linked:
            found.append((" loses its connection", world.having(task, pod._replace(linked=False))))
        report = self.ledger.reports[pod.report]
        match pod.stage:
            case "download" | "barrier":
                if pod.stage == "download":
                    found.append((" cannot download", self._fail(world, task, pod, 2010, 240)))
                ended = End(outcome="terminated", code=0, exit=TERMINATED)
                terminated = pod._replace(exit=TERMINATED)
                found.append((" gets SIGTERM", self._leave(world, task, terminated, ended, published=False)))
            case "run":
                found.append((" has failed", self._ended(world, task, pod, "failed")))
                if report.may_return:
                    found.append((" is to be run again", self._ended(world, task, pod, "rescheduled")))
                terminated_world = self._ended(world, task, pod, "terminated")
                held = terminated_world.pods[task]
                found.append((" gets SIGTERM", self._upload(terminated_world, task, held)))
            case "held":
                found.append((" gets SIGTERM", self._upload(world, task, pod)))
            case "upload":
                found.append((" cannot upload", self._fail(world, task, pod, 2012, 241)))
        if pod.stage != "leaving" and not self._is_terminated(pod):
            lost = End(outcome="lost", code=KILLED, exit=KILLED)
            gone = self._leave(world, task, pod._replace(exit=KILLED), lost, published=False)
            found.append((" loses its agent", gone))
        for what, after in found:
            yield Step(f"{name}{what}", "fault", after)

    def _is_terminated(self, pod: Pod) -> bool:
        return pod.stage in ("upload", "waiting") and self.ledger.ends[pod.ended].outcome == "terminated"

    def _restarted(self, world: World, task: int, pod: Pod) -> World:
        stage = pod.back if pod.stage == "leaving" else "upload" if pod.stage == "waiting" else pod.stage
        pod = pod._replace(stage=stage, order=NOTHING, linked=False, lead_returns=True)
        if stage == "download":
            pod = self._look_for_end(world, pod)
        world = world.having(task, pod)
        if task != LEAD:
            return world
        _, one, two = world.pods
        cut = (pod, one._replace(linked=False), two._replace(linked=False))
        return self._speak_with_lead(world._replace(group=self.ledger.resume(world.group), pods=cut))

    def _killed(self, world: World, task: int, pod: Pod) -> Iterator[tuple[str, World]]:
        """Without a word; perhaps just after its outputs were committed."""
        report = self.ledger.reports[pod.report]
        worlds = [("", world)]
        is_at_commit = pod.stage == "upload" if task != LEAD else pod.stage == "waiting" and self._is_finished(world)
        if is_at_commit and self.ledger.ends[pod.ended].outcome == "completed":
            worlds.append((" when it has committed", world.keeping(task)))
        for when, before in worlds:
            number = int(report.pod.rpartition("-")[2])
            yield f" is killed{when} for good", self._vanish(before, task, NOTHING, KILLED)
            same = self._fresh(task, report.attempt, number + 1)
            yield f" is killed{when} and replaced", self._vanish(before, task, same)
            if report.may_return:
                next = self._fresh(task, report.attempt + 1, 0)
                yield f" is killed{when} and run again", self._vanish(before, task, next)


def _end_of(task: int, outcome: str) -> Ended:
    """As the agent says it."""
    kinds: dict[str, tuple[Cause, int, Outcome, int]] = {
        "completed": ("exited", 0, "completed", 0),
        "failed": ("exited", FAILURES[task], "failed", FAILURES[task]),
        "rescheduled": ("exited", 75, "rescheduled", AGAIN),
        "stopped": ("stopped", 143, "terminated", 0),
        "terminated": ("terminated", 143, "terminated", TERMINATED),
    }
    cause, code, meant, exit = kinds[outcome]
    return Ended(
        epoch=1,
        cause=cause,
        code=code,
        outcome=meant,
        exit=exit,
        started_at=0,
        ended_at=0,
        usage=Usage(peak_memory=0, user_seconds=0, system_seconds=0),
        out_of_memory=False,
        log=Log(segments=0, bytes=0, missing=0),
    )
