"""Passes by pairs: `tests/passes/<pass>.yaml` holds cases of a title, a workflow, and what the pass makes of it.

What a case finds stands in a comment on the line that earns it (`# W321`), or in `findings` if no line does. Every
case also shows that the forms it reached are sound: references resolve, groups have an order, places lie in the file.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from pydantic import BaseModel

from osmoc import templating
from osmoc.decisions import Cluster, Decisions
from osmoc.diagnostics import Diagnostics
from osmoc.document import TaskDocument
from osmoc.graph import DatasetUpdate, DatasetWrite, Graph, Task, TaskRead, Via
from osmoc.passes.bind_values import bind_values
from osmoc.passes.check_cycles import check_cycles
from osmoc.passes.check_order import check_order
from osmoc.passes.check_target import check_target
from osmoc.passes.check_writers import check_writers
from osmoc.passes.choose_pool import choose_pool
from osmoc.passes.digest_tasks import digest_tasks
from osmoc.passes.lower_datasets import lower_datasets
from osmoc.passes.lower_groups import lower_groups
from osmoc.passes.make_plan import make_plan
from osmoc.passes.pin_datasets import pin_datasets
from osmoc.passes.place_tasks import place_tasks
from osmoc.passes.read_files import read_files
from osmoc.passes.read_profile import read_profile
from osmoc.passes.read_spec import read_spec
from osmoc.passes.render_template import render_template
from osmoc.passes.resolve_secrets import resolve_secrets
from osmoc.passes.split_sections import split_sections
from osmoc.passes.write_documents import write_documents
from osmoc.plan import Plan
from osmoc.profile import Profile
from osmoc.sections import WORKFLOW, Section, Values
from osmoc.source import Source
from osmoc.spec import Workflow
from osmoc.values import Size
from osmoc.written import Written
from osmoc.yamltree import Tree, parse

Case = dict[str, Any]

FOLDER: Final = Path(__file__).parent
FIXTURES: Final = sorted(FOLDER.glob("*.yaml"))
REQUIRED: Final = frozenset({"title", "workflow"})
ALLOWED: Final = REQUIRED | frozenset(
    {"expect", "findings", "set", "set-string", "set-env", "files", "versions", "profile", "target", "changed", "show"}
)
EXPECTED: Final = re.compile(r"# ((?:[EWN][0-9]{3}[ ,]*)+)$")


class Bench:
    """A workflow and all that the passes make of it, each made when it is first asked for."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.found = Diagnostics(Source("workflow.yaml", case["workflow"]))

    @cached_property
    def sections(self) -> dict[str, Section]:
        return split_sections(self.found)

    @cached_property
    def values(self) -> Values:
        return bind_values(self.sections, self.case.get("set", {}), self.case.get("set-string", {}), self.found)

    @cached_property
    def text(self) -> str | None:
        # `bind_values` first, as in the pipeline.
        values = self.values
        return render_template(self.sections[WORKFLOW], values, self.found, templating.render)

    @cached_property
    def tree(self) -> Tree:
        tree = parse(self.text or "", self.found)
        assert tree is not None
        return tree

    @cached_property
    def spec(self) -> Workflow:
        spec = read_spec(self.tree, self.found)
        assert spec is not None
        return spec

    @cached_property
    def files(self) -> Mapping[Any, str]:
        return read_files(self.spec, self.tree, self.found, self._read)

    def _read(self, name: str) -> bytes:
        content = self.case.get("files", {}).get(name)
        if content is None:
            raise FileNotFoundError(2, "No such file or directory", name)
        return content if isinstance(content, bytes) else content.encode()

    @cached_property
    def profile(self) -> Profile | None:
        if "profile" not in self.case:
            return None
        found = Diagnostics(Source("profile.yaml", self.case["profile"]))
        profile = read_profile(found)
        assert profile is not None, [finding.message for finding in found]
        return profile

    @cached_property
    def bucket(self) -> str:
        return self.profile.datasets.default_bucket if self.profile else ""

    @cached_property
    def pins(self) -> Mapping[Any, str]:
        versions: Mapping[str, str] | None = self.case.get("versions")

        def pin(name: str, local: str) -> str:
            if f"{name} {local}" not in versions:
                raise FileNotFoundError(2, "No such file or directory", local)
            return versions[f"{name} {local}"]

        return pin_datasets(self.spec, self.tree, self.found, None if versions is None else pin)

    @cached_property
    def written(self) -> Written:
        set_env = self.case.get("set-env", {})
        return Written(workflow=self.spec, tree=self.tree, files=self.files, pins=self.pins, set_env=set_env, labels={})

    @cached_property
    def groups(self) -> Graph:
        """Only with the edges of task inputs."""
        return lower_groups(self.written)

    @cached_property
    def graph(self) -> Graph:
        return lower_datasets(self.groups, self.bucket, self.tree, self.found)

    @cached_property
    def cluster(self) -> Cluster:
        return choose_pool(self.graph, self.profile, self.case.get("target"), "", "", self.tree, self.found)

    @cached_property
    def plan(self) -> Plan:
        decisions = Decisions(
            graph=self.graph,
            cluster=self.cluster,
            places=place_tasks(self.graph, self.cluster, self.tree, self.found),
            resolved=resolve_secrets(self.graph, self.cluster, self.tree, self.found),
            labels={},
            digests=digest_tasks(self.graph),
        )
        return make_plan(decisions, write_documents(decisions, "flow-1"), "flow-1", "1.0", self.tree, self.found)

    def has(self, form: str) -> bool:
        return form in vars(self)


def show_sections(bench: Bench) -> Any:
    """Each section, its lines numbered as in the file."""
    return {
        name: "".join(
            f"{number}: {line}\n" for number, line in enumerate(section.text.split("\n"), 1) if number >= section.line
        )
        for name, section in bench.sections.items()
    }


def show_values(bench: Bench) -> Any:
    values = bench.values
    return {name: [repr(value), values.default_lines.get(name, 0)] for name, value in values.by_name.items()}


def show_rendered(bench: Bench) -> Any:
    """Each line with the line of the file that it came from."""
    text = bench.text
    if text is None:
        return None
    origin = bench.found.source.origin or range(1, text.count("\n") + 2)
    return "".join(f"{number}: {line}\n" for number, line in zip(origin, text.split("\n"), strict=True) if line.strip())


def show_files(bench: Bench) -> Any:
    return {"/".join(map(str, path)): text for path, text in bench.files.items()}


def show_pins(bench: Bench) -> Any:
    return {"/".join(map(str, path)): version for path, version in bench.pins.items()}


def show_groups(bench: Bench) -> Any:
    return plain(bench.groups)


def show_edges(bench: Bench) -> Any:
    return "".join(
        f"{edge.upstream} -> {edge.downstream} ({edge.via.value} {edge.what})\n" for edge in bench.graph.edges
    )


def show_cycles(bench: Bench) -> Any:
    check_cycles(bench.graph, bench.tree, bench.found)
    return [" | ".join((finding.message, *finding.notes)) for finding in bench.found if finding.code.id == "E301"]


def show_order(bench: Bench) -> Any:
    """Nothing but findings."""
    check_order(bench.graph, bench.tree, bench.found)


def show_target(bench: Bench) -> Any:
    """Nothing but findings."""
    check_target(bench.graph, bench.plan, bench.tree, bench.found)


def show_writers(bench: Bench) -> Any:
    """Nothing but findings."""
    check_writers(bench.graph, bench.bucket, bench.tree, bench.found)


def show_digests(bench: Bench) -> Any:
    """Which tasks keep their digest in the workflow `changed`."""
    other = Bench(bench.case | {"workflow": bench.case["changed"]} | bench.case.get("changed-with", {}))
    before, after = digest_tasks(bench.graph), digest_tasks(other.graph)
    return {name: "same" if before[name] == after.get(name) else "changed" for name in before}


def show_documents(bench: Bench) -> Any:
    """The keys of every task document that `show` names, and of the planned task (`pod.…`), if there is something."""
    shown = {}
    for group in bench.plan.groups.values():
        for task in group.tasks:
            document = TaskDocument.model_validate_json(task.document)
            own = {"label": task.label, "host": task.host, "job": task.job, "files": dict(task.files)}
            every = plain(document) | {f"pod.{key}": value for key, value in own.items()}
            shown[task.name] = {key: every[key] for key in bench.case["show"] if every.get(key)}
    return shown


def show_shards(bench: Bench) -> Any:
    return [[task.name for task in shard] for shard in bench.plan.shards]


SHOWN: Final[dict[str, Callable[[Bench], Any]]] = {
    "split_sections": show_sections,
    "bind_values": show_values,
    "render_template": show_rendered,
    "read_files": show_files,
    "pin_datasets": show_pins,
    "lower_groups": show_groups,
    "lower_datasets": show_edges,
    "check_cycles": show_cycles,
    "check_order": show_order,
    "check_target": show_target,
    "check_writers": show_writers,
    "digest_tasks": show_digests,
    "write_documents": show_documents,
    "make_plan": show_shards,
}


def plain(value: Any) -> Any:
    """As YAML has it: what has its default value, or only says where something stood, is left out."""
    match value:
        case Size():
            return value.quantity
        case Enum():
            return value.value
        case BaseModel():
            return {
                name: plain(getattr(value, name))
                for name, info in type(value).model_fields.items()
                if getattr(value, name) != info.get_default(call_default_factory=True)
            }
        case Mapping():
            return {key: plain(item) for key, item in value.items()}
        case tuple() if hasattr(value, "_fields"):
            usual = value._field_defaults
            return {
                name: plain(item) for name, item in value._asdict().items() if name not in usual or item != usual[name]
            }
        case tuple() | list():
            return [plain(item) for item in value]
        case _ if is_dataclass(value):
            kept = (field for field in fields(value) if field.compare)
            return {field.name: plain(getattr(value, field.name)) for field in kept if not _is_default(value, field)}
        case _:
            return value


def _is_default(value: Any, field: Any) -> bool:
    default = field.default if field.default_factory is MISSING else field.default_factory()
    return bool(getattr(value, field.name) == default)


def _cases() -> list[Any]:
    return [
        pytest.param(path.stem, case, id=f"{path.stem}: {case.get('title')}")
        for path in FIXTURES
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


def test_every_fixture_has_a_pass_and_every_pass_a_fixture() -> None:
    assert {path.stem for path in FIXTURES} == SHOWN.keys()


def test_titles_are_unique() -> None:
    assert max(Counter(param.id for param in _cases()).values()) == 1


@pytest.mark.parametrize(("name", "case"), _cases())
def test_pass_makes_of_a_workflow_what_is_expected(name: str, case: Case) -> None:
    assert case.keys() >= REQUIRED and case.keys() <= ALLOWED
    bench = Bench(case)
    assert SHOWN[name](bench) == case.get("expect")
    assert sorted(_found(bench)) == sorted(_expected(case))
    _check_places(bench)
    if bench.has("groups"):
        _check_graph(bench)
    if bench.has("plan"):
        _check_plan(bench)


def _found(bench: Bench) -> list[tuple[str, int]]:
    """Without what the cluster must have."""
    return [
        (finding.code.id, finding.place.line if finding.place else 0)
        for finding in bench.found
        if finding.code.id != "N730"
    ]


def _expected(case: Case) -> list[tuple[str, int]]:
    expected = [(code, 0) for code in case.get("findings", ())]
    for number, line in enumerate(case["workflow"].split("\n"), 1):
        if comment := EXPECTED.search(line):
            expected += [(code, number) for code in re.findall(r"[EWN][0-9]{3}", comment[1])]
    return expected


def _check_places(bench: Bench) -> None:
    lines = bench.case["workflow"].split("\n")
    for finding in bench.found:
        if place := finding.place:
            assert lines[place.line - 1] == place.text
            assert 1 <= place.start < place.end <= len(place.text) + 2


def _check_graph(bench: Bench) -> None:
    graph = bench.graph if bench.has("graph") else bench.groups
    tasks = {task.name: group.name for group, task in graph.tasks()}
    assert len(tasks) == sum(len(group.tasks) for group in graph.groups.values())
    for name, group in graph.groups.items():
        assert group.name == name
        assert [task.is_lead for task in group.tasks].count(True) == 1
        _check_where(group.where, bench)
    for edge in graph.edges:
        assert edge.upstream != edge.downstream
        if edge.via is Via.TASK:
            assert tasks[edge.what] == edge.upstream
        else:
            assert any(_writes(task, edge.what) for task in graph.groups[edge.upstream].tasks)
        _check_where(edge.where, bench)
    for _, task in graph.tasks():
        _check_where(task.where, bench)
        assert all(read.task in tasks for read in task.reads if isinstance(read, TaskRead) and not read.workflow)
    _check_order(graph, bench)


def _check_order(graph: Graph, bench: Bench) -> None:
    """Groups have an order, or `check_cycles` says that they have none."""
    found = Diagnostics(bench.found.source)
    check_cycles(graph, bench.tree, found)
    try:
        TopologicalSorter(graph.upstream()).prepare()
    except CycleError:
        assert found.failed
    else:
        assert not list(found)


def _writes(task: Task, dataset: str) -> bool:
    names = [write.dataset for write in task.writes if isinstance(write, DatasetWrite | DatasetUpdate)]
    return dataset.rpartition("/")[2] in [name.name for name in names]


def _check_where(where: Any, bench: Bench) -> None:
    """The path leads to something, on a line of the text."""
    value = bench.tree.plain
    for step in where:
        value = value[step]
    assert where and 1 <= bench.tree.span(where).line <= (bench.text or "").count("\n") + 1


def _check_plan(bench: Bench) -> None:
    plan = bench.plan
    assert list(plan.groups) == list(bench.graph.groups)
    assert [task for shard in plan.shards for task in shard] == [t for g in plan.groups.values() for t in g.tasks]
    for number, shard in enumerate(plan.shards):
        assert all(plan.shard_of[task.name] == number for task in shard)
    for names in zip(*((task.label, task.job) for group in plan.groups.values() for task in group.tasks), strict=True):
        assert len(set(names)) == len(names) and all(len(name) <= 63 for name in names)
    for group in plan.groups.values():
        for task in group.tasks:
            document = TaskDocument.model_validate_json(task.document)
            assert json.loads(task.document) == document.model_dump(mode="json")
            assert document.group.lead == group.lead.name
            assert [file.key for file in document.files] == [key for key, _ in task.files]
