from typing import Any

import pytest
from acceptance.argo_nodes import Nodes, argo_nodes, decoded_onto, fnv32a, merged_with_defaults, node_id, pod_name
from acceptance.samples import argo_objects, changed

TASKS = "spec.templates.0.dag.tasks"


def nodes_of(path: str = "metadata.labels.a", value: Any = "b") -> Nodes:
    *_, workflow = changed(argo_objects(), "Workflow", path, value)
    return argo_nodes(workflow)


def test_argo_nodes_are_those_of_the_real_controller() -> None:
    found = nodes_of()

    assert found.errors == []
    assert [node.name for node in found.nodes] == [
        "train-7f3c",
        "train-7f3c.prep",
        "train-7f3c.train-group",
        "train-7f3c.train-group.lead",
        "train-7f3c.train-group.lead(0)",
        "train-7f3c.train-group.worker",
        "train-7f3c.train-group.worker(0)",
    ]


def test_names_hashed_as_the_real_controller_did() -> None:
    name = "train-7f3c.train-group.lead(0)"

    assert fnv32a("") == 0x811C9DC5
    assert node_id("train-7f3c", name) == "train-7f3c-3368138898"
    assert node_id("train-7f3c", "train-7f3c") == "train-7f3c"
    assert pod_name("train-7f3c", "shape-1", name) == "train-7f3c-shape-1-3368138898"
    assert pod_name("train-7f3c", "", name) == "train-7f3c-3368138898"
    assert pod_name("train-7f3c", "leaf", "train-7f3c") == "train-7f3c"
    assert len(pod_name("a" * 250, "leaf", name)) == 242 + 1 + len("3368138898")


def test_a_retry_strategy_of_a_dag_is_part_of_the_names_below_it() -> None:
    found = nodes_of("spec.templateDefaults.retryStrategy", {"limit": 1})

    assert "train-7f3c(0).train-group(0).lead(0)" in [node.name for node in found.nodes]


def test_a_task_that_never_runs_is_a_node_and_no_more() -> None:
    found = nodes_of(f"{TASKS}.0", {"name": "join", "when": "1 == 2", "template": "shape-0"})

    assert found.errors == []
    assert found.nodes[1].name == "train-7f3c.join"
    assert "container" not in found.nodes[1].template


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        ("spec.entrypoint", "nope", "train-7f3c: template `nope` does not exist"),
        ("spec.onExit", "nope", "train-7f3c.onExit: template `nope` does not exist"),
        (f"{TASKS}.0.template", "nope", "train-7f3c.prep: template `nope` does not exist"),
        (f"{TASKS}.0.arguments", {}, "train-7f3c.prep: inputs.parameters.task was not supplied"),
        (f"{TASKS}.0.arguments.parameters.0.value", "\x1b", "holds a control character"),
        (f"{TASKS}.0.arguments.parameters.0.value", "{{tasks.x.outputs.result}}", "waits for ever for {{tasks.x."),
        (f"{TASKS}.0.inline", {"suspend": {}, "metadata": {"labels": {"a": "{{tasks.name}}"}}}, "waits for ever"),
        (f"{TASKS}.0.withItems", [1], "`withItems` is not modelled"),
        (f"{TASKS}.0.template", "workflow", "templates are nested deeper than 100"),
        ("spec.templates.1.steps", [[]], "a template of type `` is not modelled"),
        ("spec.templateDefaults.volumes", [{"emptyDir": {}}], "has no `name`, by which it is merged"),
        ("spec.templates.1.container.volumeMounts", [{"name": "data", "mountPath": "/osmo"}], "fields get mixed up"),
    ],
)
def test_argo_nodes_reports_what_the_controller_stumbles_over(path: str, value: Any, error: str) -> None:
    if error.endswith("mixed up"):  # one that stands second in the defaults
        value[0] = {"name": "tasks", "mountPath": "/osmo/spec", "subPath": "x"}
    assert any(error in one for one in nodes_of(path, value).errors)


def test_defaults_of_another_type_fall_away() -> None:
    found, _ = merged_with_defaults({"dag": {"tasks": [{}]}}, {"container": {"image": "a"}, "schedulerName": "b"})

    assert found == {"dag": {"tasks": [{}]}, "schedulerName": "b"}


def test_what_is_empty_overrides_no_default() -> None:
    template = {"container": {"args": [], "env": [{"name": "A", "value": ""}]}, "initContainers": []}
    defaults = {
        "container": {"args": ["x"], "env": [{"name": "A", "value": "1"}]},
        "initContainers": [{"name": "init"}],
    }

    assert merged_with_defaults(template, defaults) == (defaults, True)


def test_decoding_a_merge_onto_its_template_mixes_fields_when_entries_move() -> None:
    """Seen on a real controller: the default for `a` got the effect of the template's toleration for `b`."""
    template = {"suspend": {}, "tolerations": [{"key": "b", "effect": "NoExecute"}]}
    defaults = {"tolerations": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "Exists"}]}

    found, is_meant = merged_with_defaults(template, defaults)

    assert not is_meant
    assert found["tolerations"][0] == {"key": "a", "operator": "Exists", "effect": "NoExecute"}


def test_decoded_onto_keeps_no_entries_beyond_the_end() -> None:
    assert decoded_onto([{"a": 1}, {"b": 2}], [{"c": 3}]) == [{"a": 1, "c": 3}]


def test_pod_metadata_stands_above_defaults_and_below_the_template() -> None:
    found = nodes_of("spec.podMetadata.labels", {"osmo.task_name": "everywhere", "own": "everywhere"})

    assert found.nodes[1].template["metadata"]["labels"]["osmo.task_name"] == "everywhere"
