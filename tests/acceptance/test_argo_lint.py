from collections.abc import Sequence
from typing import Any

import pytest
from acceptance.argo_lint import argo_lint_errors
from acceptance.manifest import Manifest
from acceptance.samples import ALLOWED_TAGS, REMOVED, argo_objects, changed

LEAF, RETRIED = "spec.templates.1", "spec.templates.2"
DAG = "spec.templates.0.dag"
GROUP = f"{DAG}.tasks.1"
INLINE = f"{GROUP}.inline"
MEMBER = f"{INLINE}.dag.tasks.0"


def lint(*edits: tuple[str, Any], allowed: Sequence[str] = ALLOWED_TAGS) -> list[str]:
    objects = argo_objects()
    for path, value in edits:
        changed(objects, "Workflow", path, value)
    return argo_lint_errors(objects[-1], allowed)


def test_argo_lint_finds_nothing_in_a_good_workflow() -> None:
    assert lint() == []


@pytest.mark.parametrize(
    ("path", "value", "finding"),
    [
        # references
        ("spec.entrypoint", "nope", "entrypoint: template `nope` does not exist"),
        ("spec.onExit", "nope", "onExit: template `nope` does not exist"),
        (f"{DAG}.tasks.0.template", "nope", "templates.workflow.prep: template `nope` does not exist"),
        (f"{MEMBER}.template", "nope", "templates.workflow.train-group.lead: template `nope` does not exist"),
        (f"{GROUP}.depends", "nope.Succeeded", "depends on `nope`, which is not a task of this DAG"),
        # templates
        (f"{LEAF}.name", "shape_0", "template name 'shape_0' is not legal"),
        (f"{LEAF}.name", "s" * 129, "is not legal"),
        (f"{LEAF}.name", "shape-1", "two templates have the same name"),
        (f"{LEAF}.suspend", {}, "not ['container', 'suspend']"),
        (f"{LEAF}.container", REMOVED, "is needed, not []"),
        (f"{INLINE}.suspend", {}, "not ['dag', 'suspend']"),
        (f"{LEAF}.inputs.parameters.0.name", "a.b", "parameter name 'a.b' is not legal"),
        (f"{LEAF}.inputs.parameters.0.name", "group", "two input parameters have the same name"),
        (f"{LEAF}.inputs.parameters", [{"name": "task"}], "uses the parameter `shard`, which it does not declare"),
        (f"{LEAF}.container.image", REMOVED, "container.image is missing"),
        (f"{LEAF}.container.args", ["{{retries}}"], "templates.shape-0: uses {{retries}}, which nothing defines"),
        (
            f"{LEAF}.container.volumeMounts",
            [{"mountPath": "/a", "name": "osmo"}, {"mountPath": "/a", "name": "data"}],
            "two mounts of the container have one path",
        ),
        (f"{LEAF}.initContainers", [{"name": "init"}], "initContainers: the name 'init' is Argo's own"),
        (f"{LEAF}.sidecars", [{"image": "x"}], "sidecars: the name None is Argo's own, or none"),
        (f"{LEAF}.parallelism", 1, "`parallelism` is only for DAGs"),
        (
            LEAF,
            {"name": "shape-0", "suspend": {}, "metadata": {"labels": {"a": "{{pod.name}}"}}},
            "templates.shape-0: uses {{pod.name}} and makes no pod",
        ),
        ("spec.podMetadata.labels", {"a": "{{inputs.parameters.x}}"}, "templates.shape-1: uses the parameter `x`"),
        ("spec.templates.0.pendingTimeout", "1h", "`pendingTimeout` is only for leaves"),
        ("spec.templates.0.activeDeadlineSeconds", 1, "`activeDeadlineSeconds` is only for leaves"),
        (f"{RETRIED}.pendingTimeout", "1h", "pendingTimeout never fires under a retryStrategy"),
        ("spec.retryStrategy", {"limit": 1}, "a retryStrategy for all templates"),
        ("spec.templateDefaults.retryStrategy", {"limit": 1}, "a retryStrategy for all templates"),
        ("spec.templateDefaults.inputs", {"parameters": [{"name": "task"}]}, "templateDefaults.inputs"),
        # DAGs
        (f"{DAG}.failFast", REMOVED, "templates.workflow: dag.failFast is not false"),
        (f"{INLINE}.dag.failFast", True, "templates.workflow.train-group: dag.failFast is not false"),
        (f"{DAG}.tasks", [], "a DAG needs a task"),
        (f"{DAG}.tasks.0.name", "prep_a", "task name 'prep_a' is not legal"),
        (f"{MEMBER}.name", "worker", "two tasks have the same name"),
        (f"{DAG}.tasks.0.name", "1st", "task name `1st` starts with a digit"),
        (f"{DAG}.tasks.0.continueOn", {"failed": True}, "`continueOn` and `depends` do not go together"),
        (f"{DAG}.tasks.0.dependencies", ["train-group"], "`dependencies` and `depends` do not go together"),
        (f"{DAG}.tasks.0.depends", "train-group.Succeeded", "wait for each other: prep -> train-group -> prep"),
        (f"{GROUP}.depends", "prep", "depends: `prep` needs a result such as `prep.Succeeded`"),
        (f"{GROUP}.depends", "prep.Sukzeeded", "depends: `prep` needs a result such as `prep.Succeeded`"),
        (f"{GROUP}.depends", "prep.Succeeded &&", "depends: 'prep.Succeeded &&' is not an expression"),
        (f"{GROUP}.depends", "(prep.Succeeded", "is not an expression"),
        (f"{GROUP}.depends", "prep.Succeeded prep.Failed", "is not an expression"),
        (f"{GROUP}.depends", "prep.Succeeded (prep.Failed)", "is not an expression"),
        (f"{GROUP}.depends", "prep.Succeeded & prep.Failed", "depends: cannot read ' & prep.Failed'"),
        # tasks
        (f"{GROUP}.template", "shape-0", "either `template` or `inline` is needed"),
        (f"{DAG}.tasks.0.arguments.parameters", [], "prep: argument `task` is missing"),
        (f"{MEMBER}.arguments.parameters.0", {"name": "task"}, "lead: argument `task` has no value"),
        (f"{MEMBER}.arguments.parameters.0.name", "group", "lead: two arguments have the same name"),
        (f"{MEMBER}.arguments.parameters.0.name", "tsk", "lead: argument `tsk` is not an input of its template"),
        # tags
        (f"{LEAF}.container.args", ["{{workflow.nmae}}"], "the tag `{{workflow.nmae}}` is not one of ours"),
        ("metadata.labels.a", "{{x}}", "the tag `{{x}}` is not one of ours"),
        (f"{MEMBER}.arguments.parameters.0.value", "a {{ b", "is not one of ours"),
        # what Argo resolves from outside as well
        (f"{INLINE}.metadata", {"labels": {"a": "{{pod.name}}"}}, "`{{pod.name}}` cannot be resolved this deep"),
        (f"{MEMBER}.arguments.parameters.0.value", "{{inputs.parameters.task}}", "cannot be resolved this deep"),
    ],
)
def test_argo_lint_refuses_a_spoiled_workflow(path: str, value: Any, finding: str) -> None:
    found = lint((path, value))

    assert any(finding in one for one in found), found


@pytest.mark.parametrize("depends", ["prep.Succeeded", "(prep.Succeeded || !(prep.Failed)) && prep.Succeeded"])
def test_argo_lint_takes_any_expression_of_results(depends: str) -> None:
    assert lint((f"{GROUP}.depends", depends)) == []


@pytest.mark.parametrize("word", ["in", "not", "let", "if", "true", "matches"])
def test_argo_lint_refuses_to_wait_for_a_task_named_like_an_operator(word: str) -> None:
    """Tried: the controller ends the waiting node with `unexpected token Operator("in")`."""
    found = lint((f"{DAG}.tasks.0.name", word), (f"{GROUP}.depends", f"{word}.Succeeded"))

    assert found == [f"templates.workflow: task name `{word}` is a word of the language of `depends`"]


def test_argo_lint_counts_templates_and_tasks_but_not_those_inline() -> None:
    leaf: Manifest = {"suspend": {}}
    tasks = [{"name": f"t{index}", "template": "shape-0"} for index in range(201)]
    templates = [{"name": f"t{index}", **leaf} for index in range(201)]
    inline = [{"name": f"t{index}", "inline": leaf} for index in range(201)]

    assert lint((f"{INLINE}.dag.tasks", inline)) == []
    assert "201 templates, at most 200 are allowed" in lint(("spec.templates", templates))
    assert "templates.workflow: 201 tasks, at most 200 are allowed outside of inline templates" in lint(
        (f"{DAG}.tasks", tasks)
    )


def test_argo_lint_finds_nodes_of_one_id() -> None:
    tasks: list[Manifest] = [{"name": name, "inline": {"suspend": {}}} for name in ("t1232789", "t1429192")]
    found = lint((f"{DAG}.tasks", tasks))

    assert found == ["nodes `train-7f3c.t1232789` and `train-7f3c.t1429192` have the same id"]


def test_argo_lint_refuses_a_workflow_too_large_for_etcd() -> None:
    tasks = [{"name": f"t{index}", "inline": {"suspend": {}}} for index in range(8000)]

    assert any("more than etcd takes" in one for one in lint((f"{INLINE}.dag.tasks", tasks)))
