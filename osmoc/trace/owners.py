"""Tasks and groups by the names that manifests have for them, and the places in the file that rules lead to."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from osmoc import graph, plan
from osmoc.trace.reach import child, reached, text_of
from osmoc.trace.rules import LABELS, At, How, Origin, Rule, first_fit
from osmoc.yamlnodes import Path

WORKFLOW: Final[Path] = ("workflow",)


@dataclass(frozen=True, slots=True)
class Owner:
    """A task with all that its manifests come from."""

    planned: plan.Task
    lowered: graph.Task
    group: plan.Group

    @property
    def where(self) -> Path:
        return self.planned.where


class Owners:
    """`plain` is the workflow file as it was parsed; plan and graph are what was made of it."""

    def __init__(self, made: plan.Plan, lowered: graph.Graph, plain: Any) -> None:
        self.profile = made.profile
        self.plain = plain
        tasks = {task.name: task for _, task in lowered.tasks()}
        self.by_label = {
            task.label: Owner(task, tasks[task.name], group) for group in made.groups.values() for task in group.tasks
        }
        self.by_job = {owner.planned.job: owner for owner in self.by_label.values()}
        self.groups = {group.label: group for group in made.groups.values()}
        self._edges: dict[str, list[Path]] = defaultdict(list)
        for edge in lowered.edges:
            self._edges[edge.downstream].append(edge.where)

    def waits(self, group: plan.Group) -> Iterator[Origin]:
        """The inputs for which a group waits."""
        return (Origin(where) for where in self._edges[group.name])

    def at(self, path: Path) -> Any:
        return reached(self.plain, path)

    def ruled(
        self, rules: Iterable[Rule], words: Sequence[str | int], owner: Owner | None, group: plan.Group | None
    ) -> Iterator[Origin]:
        """By the first rule that fits."""
        rule = first_fit(rules, words)
        path = tuple(rule.path.split()) if rule else ()
        match rule.at if rule else None:
            case At.TASK if owner:
                yield Origin((*owner.where, *path))
            case At.GROUP if group:
                yield Origin((*group.where, *path), How.VALUE if path else How.NEAR)
            case At.RESOURCE if owner:
                yield from self._resource(owner, path)
            case At.WORKFLOW:
                yield Origin((*WORKFLOW, *path))

    def label(self, key: str, owner: Owner | None, group: plan.Group | None) -> Iterator[Origin]:
        """A label of an object or pod: one of the system's, or one of the workflow's."""
        number = key.removeprefix("osmo.topology-")
        if owner and number != key and number.isdigit():
            yield from self._resource(owner, ("topology", int(number), "group"))
        yield from self.ruled(LABELS, (key,), owner, group)
        yield Origin((*WORKFLOW, "labels", key.removeprefix(self.profile.label_prefix)))

    def variable(self, owner: Owner, name: str) -> Iterator[Origin]:
        """A variable that is set from a credential."""
        for item in owner.lowered.variables:
            if item.name == name:
                yield Origin((*owner.where, "credentials", item.credential, name))

    def directory(self, owner: Owner, number: int) -> Iterator[Origin]:
        """A credential that is mounted; they are numbered in the order of the file."""
        if number < len(owner.lowered.directories):
            yield Origin((*owner.where, "credentials", owner.lowered.directories[number].credential))

    def _resource(self, owner: Owner, path: Path) -> Iterator[Origin]:
        chosen = text_of(child(self.at(owner.where), "resource") or "default")
        yield Origin((*WORKFLOW, "resources", chosen, *path))
        yield Origin((*owner.where, "resource"), How.CHOICE)
