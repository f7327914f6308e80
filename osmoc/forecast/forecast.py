"""The forecast of a run: what it stores, what it takes at once, how long and how much at most.

Needs: a plan and the objects made of it. A task's amounts are those of its pod with osmo-init and osmo-ctrl; Argo's
own containers are the business of its controller, and not among them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Final

from osmoc.emit.manifests import Manifest
from osmoc.emit.pod import Names, build_pod
from osmoc.forecast.needs import CPU, MEMORY, PODS, Amounts, Needs, gpus, pod_needs
from osmoc.forecast.peak import Peak, peak
from osmoc.forecast.sizes import Kind, Templates, kinds, resources, templates
from osmoc.forecast.times import Path, Time, longest_path, times_of
from osmoc.plan import Group, Plan, Shape, Task

GPU: Final = "gpus"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Groups that wait for nothing but earlier levels."""

    number: int
    groups: tuple[str, ...]
    tasks: int
    amounts: Amounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The tasks on one platform of a pool; the names are empty where none is chosen."""

    pool: str
    platform: str
    tasks: int
    peaks: Mapping[str, Peak]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """An amount times the hours it is held, all attempts together and the first alone.

    None if a task that holds some is `unbounded`.
    """

    whole: float | None
    first: float | None
    unbounded: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Amounts are thousandths, by the names of quotas and `gpus`. `driver` is what the driver takes all the time;
    peaks have it added. `by_group` and `unsaid` are what quotas are compared with.
    """

    workflow: str
    workflow_id: str
    target: str
    tasks: int
    levels: tuple[Level, ...]
    shares: tuple[Share, ...]
    peaks: Mapping[str, Peak]
    by_group: Mapping[str, Amounts]
    upstream: Mapping[str, tuple[str, ...]]
    unsaid: Mapping[str, tuple[str, ...]]
    driver: Amounts
    objects: Mapping[str, int]
    kinds: tuple[Kind, ...]
    templates: Templates | None
    critical: Path
    critical_first: Path
    unbounded: tuple[str, ...]
    measured: tuple[str, ...]
    gpu_hours: Hours
    cpu_hours: Hours

    @property
    def bytes(self) -> int:
        return sum(kind.bytes for kind in self.kinds)

    def peak(self, name: str) -> Peak:
        """Of any amount that a quota names."""
        return self.peaks[name] if name in self.peaks else _peak(name, self.by_group, self.upstream, self.driver)


def forecast(plan: Plan, manifests: Sequence[Manifest], measured: Mapping[str, float] | None = None) -> Forecast:
    """`measured` are seconds of tasks in an earlier run; they go before what timeouts allow."""
    groups, upstream = _groups(plan)
    needs = _needs(plan)
    tasks = [task for group in groups.values() for task in group.tasks]
    by_task = {task.name: needs[task.shape].amounts for task in tasks}
    by_group = {name: _sum(by_task[task.name] for task in group.tasks) for name, group in groups.items()}
    driver = _driver(manifests)
    times = times_of(tasks, measured or {})
    return Forecast(
        workflow=plan.name,
        workflow_id=plan.workflow_id,
        target=plan.target,
        tasks=len(tasks),
        levels=_levels(groups, upstream, by_group),
        shares=_shares(groups, upstream, by_task),
        peaks={name: _peak(name, by_group, upstream, driver) for name in (GPU, CPU, MEMORY, PODS)},
        by_group=by_group,
        upstream=upstream,
        unsaid=_unsaid(tasks, needs),
        driver=driver,
        objects=resources(manifests),
        kinds=kinds(manifests, len(tasks)),
        templates=templates(manifests),
        critical=_critical(groups, upstream, {task: time.whole for task, time in times.items()}),
        critical_first=_critical(groups, upstream, {task: time.first for task, time in times.items()}),
        unbounded=tuple(name for name, time in times.items() if time.whole is None),
        measured=tuple(name for name, time in times.items() if time.is_measured),
        gpu_hours=_hours(GPU, by_task, times),
        cpu_hours=_hours(CPU, by_task, times),
    )


def _groups(plan: Plan) -> tuple[dict[str, Group], dict[str, tuple[str, ...]]]:
    """Each after those that it waits for. A group that its author did not write goes by the name of its task."""
    shown = {name: group.tasks[0].name if group.implicit else name for name, group in plan.groups.items()}
    order = TopologicalSorter({name: group.upstream for name, group in plan.groups.items()}).static_order()
    groups = {shown[name]: plan.groups[name] for name in order}
    return groups, {name: tuple(shown[above] for above in group.upstream) for name, group in groups.items()}


def _needs(plan: Plan) -> dict[Shape, Needs]:
    names = Names(container="main", task="task", group="group", config_map="", digest="", run_id={}, attempt={})
    shapes = dict.fromkeys(task.shape for group in plan.groups.values() for task in group.tasks)
    return {shape: _with_gpus(pod_needs(build_pod(shape, names, plan)["spec"])) for shape in shapes}


def _with_gpus(needs: Needs) -> Needs:
    return Needs({**needs.amounts, GPU: gpus(needs.amounts)}, needs.unsaid)


def _driver(manifests: Sequence[Manifest]) -> Amounts:
    """Its Job comes last."""
    last = manifests[-1]
    if last["metadata"]["labels"].get("osmo.driver") != "true":
        return {}
    return pod_needs(last["spec"]["template"]["spec"]).amounts


def _sum(amounts: Iterable[Amounts]) -> Amounts:
    total: Counter[str] = Counter()
    for one in amounts:
        total.update(one)
    return dict(total)


def _peak(name: str, by_group: Mapping[str, Amounts], upstream: Mapping[str, Iterable[str]], driver: Amounts) -> Peak:
    highest = peak({group: amounts.get(name, 0) for group, amounts in by_group.items()}, upstream)
    return Peak(highest.amount + driver.get(name, 0), highest.groups)


def _levels(
    groups: Mapping[str, Group], upstream: Mapping[str, Iterable[str]], by_group: Mapping[str, Amounts]
) -> tuple[Level, ...]:
    numbers: dict[str, int] = {}
    members: dict[int, list[str]] = defaultdict(list)
    for name in groups:
        numbers[name] = 1 + max((numbers[above] for above in upstream[name]), default=0)
        members[numbers[name]].append(name)
    return tuple(
        Level(
            number=number,
            groups=tuple(names),
            tasks=sum(len(groups[name].tasks) for name in names),
            amounts=_sum(by_group[name] for name in names),
        )
        for number, names in sorted(members.items())
    )


def _shares(
    groups: Mapping[str, Group], upstream: Mapping[str, Iterable[str]], by_task: Mapping[str, Amounts]
) -> tuple[Share, ...]:
    places: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: {name: [] for name in groups})
    for name, group in groups.items():
        for task in group.tasks:
            places[task.shape.placement.pool, task.shape.placement.platform][name].append(task.name)
    shares = []
    for (pool, platform), members in places.items():
        by_group = {name: _sum(by_task[task] for task in tasks) for name, tasks in members.items()}
        peaks = {name: _peak(name, by_group, upstream, {}) for name in (GPU, CPU, MEMORY)}
        shares.append(Share(pool=pool, platform=platform, tasks=sum(map(len, members.values())), peaks=peaks))
    return tuple(shares)


def _unsaid(tasks: Iterable[Task], needs: Mapping[Shape, Needs]) -> dict[str, tuple[str, ...]]:
    open_: dict[str, list[str]] = defaultdict(list)
    for task in tasks:
        for name in sorted(needs[task.shape].unsaid):
            open_[name].append(task.name)
    return {name: tuple(names) for name, names in open_.items()}


def _critical(
    groups: Mapping[str, Group], upstream: Mapping[str, Iterable[str]], seconds: Mapping[str, float | None]
) -> Path:
    """Tasks of a group start together: it takes as long as its longest, and is unbounded if one of them is."""
    by_group: dict[str, float | None] = {}
    for name, group in groups.items():
        times = [seconds[task.name] for task in group.tasks]
        known = [time for time in times if time is not None]
        by_group[name] = max(known) if len(known) == len(times) else None
    return longest_path(by_group, upstream)


def _hours(name: str, by_task: Mapping[str, Amounts], times: Mapping[str, Time]) -> Hours:
    users = {task: amounts.get(name, 0) for task, amounts in by_task.items() if amounts.get(name, 0)}
    unbounded = tuple(task for task in users if times[task].whole is None)
    if unbounded:
        return Hours(whole=None, first=None, unbounded=unbounded)
    whole = sum(amount * (times[task].whole or 0.0) for task, amount in users.items())
    first = sum(amount * (times[task].first or 0.0) for task, amount in users.items())
    return Hours(whole=whole / 3_600_000, first=first / 3_600_000, unbounded=())
