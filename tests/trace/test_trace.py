"""From a line of the workflow to what is made of it, and from each of these lines back to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from compiled import ROOT

from osmoc import compile_workflow, templating
from osmoc.emit.write import yaml_stream
from osmoc.pipeline import Options
from osmoc.plan import Plan
from osmoc.source import Source
from osmoc.trace.emitted import Emitted, read_objects
from osmoc.trace.located import Located, locate
from osmoc.trace.origins import Origins
from osmoc.trace.rules import How
from osmoc.trace.text import shown_path
from osmoc.trace.trace import joined, made_of, wrote

HERE = Path(__file__).parent
FLOW = (HERE / "flow.yaml").read_text(encoding="utf-8")
LINES = yaml.safe_load((HERE / "traces.yaml").read_text(encoding="utf-8"))
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))

LOOP = """\
default-values: {rates: [1, 2]}
workflow:
  name: sweep
  tasks:
{% for rate in rates %}
  - &one
    name: train-{{ rate }}
    image: trainer
    command: [train, "{{ rate }}"]
    files:
    - path: /opt/train.sh
      contents: |
        date

        echo {{ rate }}
{% endfor %}
"""
GROUP = """\
workflow:
  name: pair
  groups:
  - name: both
    tasks:
    - &lead
      name: one
      lead: true
      image: tool
      command: [serve]
    - <<: *lead
      name: two
      lead: false
"""


@dataclass(frozen=True)
class Traced:
    texts: list[str]
    origins: Origins
    located: Located
    plan: Plan

    def line(self, text: str, nth: int = 0) -> int:
        lines = self.located.source.text.split("\n")
        return [number for number, line in enumerate(lines, start=1) if line.strip() == text][nth]

    def made(self, line: int) -> list[str]:
        found = joined(made_of(line, self.texts, self.origins, self.located, self.plan))
        return [f"{one.emitted.kind} {one.emitted.name}: {shown_path(one.path, one.emitted.plain)}" for one in found]

    def objects(self) -> list[Emitted]:
        return [next(read_objects(text)) for text in self.texts]

    def wrote(self, kind: str, text: str) -> list[tuple[int, How]]:
        """Lines of the workflow behind the line of an object that begins with `text`."""
        for manifest, emitted in zip(self.texts, self.objects(), strict=True):
            lines = [line.strip() for line in manifest.split("\n")]
            if emitted.kind == kind and any(line.startswith(text) for line in lines):
                line = next(number for number, line in enumerate(lines, start=1) if line.startswith(text))
                entry = emitted.at(line)
                assert entry
                found = wrote(line, emitted, entry, self.origins, self.located)
                return [(one.place.line if one.place else 0, one.origin.how) for one in found]
        raise AssertionError(f"no line `{text}`")


def traced(text: str, target: Any = "argo", set_: Mapping[str, str] | None = None, folder: Path = HERE) -> Traced:
    options = Options(target=target, set_=set_ or {}, workflow_id="flow-1")
    result = compile_workflow(text, options=options, read_file=lambda name: (folder / name).read_bytes())
    assert result.plan and result.graph and not result.failed, [one.message for one in result.findings]
    located = locate(Source("flow.yaml", text), options.set_, {}, templating.render)
    texts = [one.removeprefix("---\n") for one in yaml_stream(result.manifests)]
    return Traced(texts, Origins(result.plan, result.graph, located.tree.plain), located, result.plan)


@pytest.mark.parametrize("case", LINES, ids=lambda case: case["title"])
def test_lines_of_a_workflow_lead_to_what_is_made_of_them(case: dict[str, Any]) -> None:
    flow = traced(FLOW, case["target"])
    assert flow.made(flow.line(case["line"])) == case["made"]


def test_every_line_of_the_example_is_traced_but_those_that_nothing_is_made_of() -> None:
    flow = traced(FLOW)
    lines = FLOW.rstrip().split("\n")
    silent = [line.strip() for number, line in enumerate(lines, start=1) if not flow.made(number)]
    assert silent == ["# nothing but words", "default: {}", ""]


@pytest.mark.parametrize("target", ["argo", "jobs"])
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_what_leads_back_to_a_line_is_among_what_is_made_of_it(path: Path, target: str) -> None:
    flow = traced(path.read_text(encoding="utf-8"), target, folder=path.parent)
    made: dict[int, set[tuple[int, int]]] = {}
    for number, emitted in enumerate(flow.objects()):
        for entry in emitted.entries:
            if entry.is_key:
                continue
            for one in wrote(entry.last, emitted, entry, flow.origins, flow.located):
                if one.origin.how is How.NEAR or one.place is None:
                    continue
                line = one.place.line
                if line not in made:
                    found = made_of(line, flow.texts, flow.origins, flow.located, flow.plan)
                    made[line] = {(each.number, own) for each in found for own in each.lines}
                assert (number, entry.last) in made[line], (emitted.name, entry, one)


def test_each_task_of_a_loop_comes_from_the_line_in_the_loop() -> None:
    flow = traced(LOOP)
    assert flow.made(flow.line("image: trainer")) == [
        'ConfigMap flow-1-tasks-0: data["train-1.json"].image',
        'ConfigMap flow-1-tasks-0: data["train-2.json"].image',
        "Workflow flow-1: spec.templates[shape-0].container.image",
    ]
    assert flow.wrote("ConfigMap", "echo 2") == [(flow.line("echo {{ rate }}"), How.VALUE)]
    assert flow.wrote("Workflow", "image: trainer") == [(flow.line("image: trainer"), How.VALUE)] * 2


def test_what_an_alias_stands_for_comes_from_where_its_anchor_is() -> None:
    flow = traced(GROUP, "jobs")
    assert flow.wrote("ConfigMap", '"image": "tool"') == [(flow.line("image: tool"), How.VALUE)]
    assert flow.made(flow.line("image: tool")) == [
        'ConfigMap flow-1-tasks-0: data["one.json"].image',
        'ConfigMap flow-1-tasks-0: data["two.json"].image',
        "Job flow-1-one: spec.template.spec.containers[one].image",
        "Job flow-1-two: spec.template.spec.containers[two].image",
    ]


@pytest.mark.parametrize(
    ("kind", "text", "line", "how"),
    [
        ("Service", "osmo.group_name: both", "- name: both", How.VALUE),
        ("NetworkPolicy", "osmo.group_name: both", "- name: both", How.VALUE),
        ("Workflow", "- name: both", "- name: both", How.VALUE),
        ("Workflow", "template: group-both", "- name: both", How.VALUE),
        ("Service", "clusterIP:", "- name: both", How.NEAR),
        ("Workflow", "entrypoint:", "workflow:", How.NEAR),
        ("Lease", "spec:", "workflow:", How.NEAR),
    ],
)
def test_objects_of_groups_come_from_the_group_and_the_rest_from_the_whole(
    kind: str, text: str, line: str, how: How
) -> None:
    flow = traced(GROUP)
    assert flow.wrote(kind, text) == [(flow.line(line), how)]


def test_what_a_resource_gives_comes_from_it_and_from_where_it_is_chosen() -> None:
    flow = traced(FLOW)
    assert flow.wrote("Workflow", 'nvidia.com/gpu: "1"') == [
        (flow.line("gpu: 1"), How.VALUE),
        (flow.line("resource: big"), How.CHOICE),
    ]


def test_what_the_author_left_out_leads_to_the_nearest() -> None:
    flow = traced(FLOW)
    assert flow.wrote("ConfigMap", '"port": 7443') == [(flow.line("- name: first"), How.NEAR)]
    assert flow.wrote("ConfigMap", '"settle":') == [(flow.line("- name: first"), How.NEAR)]
    assert flow.wrote("ConfigMap", '"metadata": []') == [(flow.line("- dataset:"), How.NEAR)]
