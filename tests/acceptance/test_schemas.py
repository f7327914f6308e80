from typing import Any

import pytest
from acceptance.samples import REMOVED, argo_objects, changed
from acceptance.schemas import inline_schema_errors, schema_errors

INLINE = "spec.templates.0.dag.tasks.1.inline"


@pytest.mark.parametrize(
    ("path", "value", "finding"),
    [
        ("spec.entrypont", "x", ".spec: unknown field `entrypont`"),
        ("spec", REMOVED, ".: required field `spec` is missing"),
        ("metadata.nam", "x", ".metadata: unknown field `nam`"),
        ("metadata.labels.a", 1, ".metadata.labels.a: not string or null: 1"),
        ("spec.templates.1.inputs.parameters.0.name", "a.b", "'a.b' does not match"),
        ("spec.templates.0.dag.tasks.0.arguments.parameters.2.value", 0, ".value: not string: 0"),
        ("spec.templates.1.container.resources.limits.memory", "1GB", "'1GB' does not match"),
        ("spec.templates.2.retryStrategy.limit", [], ".limit: neither integer nor string"),
        ("spec.templates.2.retryStrategy.retryPolicy", "Sometimes", "is not one of ['Always'"),
        ("spec.templates", [{"name": f"t{index}"} for index in range(201)], "201 items, at most 200 are allowed"),
        (
            "spec.templates.0.dag.tasks",
            [{"name": f"t{index}"} for index in range(201)],
            ".spec.templates[0].dag.tasks: 201 items, at most 200 are allowed",
        ),
        ("spec.templates.0.dag.tasks", [], "0 items, at least 1 are needed"),
        ("spec.templates.1.container.image", {"not": "text"}, ".container.image: not string"),
    ],
)
def test_schema_errors_refuses_a_workflow_that_the_crd_refuses(path: str, value: Any, finding: str) -> None:
    found = schema_errors(changed(argo_objects(), "Workflow", path, value))

    assert len(found) == 1
    assert finding in found[0]


@pytest.mark.parametrize("limit", [3, "3", "{{inputs.parameters.limit}}"])
def test_schema_errors_takes_numbers_and_strings_where_argo_does(limit: int | str) -> None:
    objects = changed(argo_objects(), "Workflow", "spec.templates.2.retryStrategy.limit", limit)

    assert schema_errors(objects) == []


def test_schema_errors_refuses_a_kind_without_a_schema() -> None:
    assert schema_errors([{"apiVersion": "example.org/v1", "kind": "Odd", "metadata": {"name": "a"}}]) == [
        "Odd/a: no schema for example.org/v1 Odd"
    ]


def test_the_server_takes_anything_inline_but_the_template_schema_does_not() -> None:
    *_, workflow = objects = changed(argo_objects(), "Workflow", f"{INLINE}.dag.tasks.0.templat", "x")

    assert schema_errors(objects) == []
    assert inline_schema_errors(workflow) == [
        "Workflow/train-7f3c: templates.workflow.train-group: .dag.tasks[0]: unknown field `templat`"
    ]


def test_inline_schema_errors_knows_no_limit_of_tasks() -> None:
    tasks = [{"name": f"t{index}", "template": "shape-0"} for index in range(1000)]
    *_, workflow = changed(argo_objects(), "Workflow", f"{INLINE}.dag.tasks", tasks)

    assert inline_schema_errors(workflow) == []
