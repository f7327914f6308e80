import json
from typing import Any

import pytest
from acceptance.argo_pod import argo_pods, build_argo_pods
from acceptance.manifest import Manifest
from acceptance.samples import REMOVED, argo_objects, changed

LEAF = "spec.templates.1"


def workflow_with(*edits: tuple[str, Any]) -> Manifest:
    objects = argo_objects()
    for path, value in edits:
        changed(objects, "Workflow", path, value)
    return objects[-1]


def first_pod(*edits: tuple[str, Any]) -> Manifest:
    built = build_argo_pods(workflow_with(*edits))
    assert built.errors == []
    return built.pods[0][1]


def container(pod: Manifest, name: str) -> Manifest:
    return next(one for one in [*pod["spec"]["initContainers"], *pod["spec"]["containers"]] if one["name"] == name)


def test_every_leaf_has_a_pod_by_the_name_of_its_node() -> None:
    assert [name for name, _ in argo_pods(workflow_with())] == [
        "train-7f3c.prep",
        "train-7f3c.train-group.lead(0)",
        "train-7f3c.train-group.worker(0)",
    ]


def test_the_order_of_containers() -> None:
    pod = first_pod((f"{LEAF}.sidecars", [{"name": "side", "image": "x", "command": ["x"]}]))

    assert [one["name"] for one in pod["spec"]["initContainers"]] == ["init", "osmo-init", "osmo-ctrl"]
    assert [one["name"] for one in pod["spec"]["containers"]] == ["wait", "main", "side"]


def test_commands_of_main_and_sidecars_are_wrapped_those_of_init_containers_are_not() -> None:
    pod = first_pod()

    assert container(pod, "main")["command"][:2] == ["/var/run/argo/argoexec", "emissary"]
    assert container(pod, "main")["command"][-2:] == ["--", "/osmo/bin/osmo-exec"]
    assert container(pod, "osmo-ctrl")["command"] == ["osmo-ctrl"]


def test_argo_adds_its_mount_and_variables_to_all_and_the_template_to_init_containers() -> None:
    pod = first_pod()

    for one in [*pod["spec"]["initContainers"], *pod["spec"]["containers"]]:
        names = {variable["name"] for variable in one["env"]}
        assert "/var/run/argo" in {mount["mountPath"] for mount in one["volumeMounts"]}
        assert "ARGO_CONTAINER_NAME" in names
        assert ("ARGO_TEMPLATE" in names) == (one in pod["spec"]["initContainers"])


def test_wait_mounts_all_that_main_mounts_writable() -> None:
    mounts = container(first_pod(), "wait")["volumeMounts"]

    assert {"name": "tasks", "mountPath": "/mainctrfs/osmo/spec", "subPath": "prep.json", "readOnly": False} in mounts


def test_parameters_are_substituted_in_volumes_mounts_labels_and_patches() -> None:
    lead = dict(argo_pods(workflow_with()))["train-7f3c.train-group.lead(0)"]

    assert lead["metadata"]["labels"]["osmo.task_name"] == "lead"
    assert lead["spec"]["hostname"] == "lead"
    assert {"name": "tasks", "configMap": {"name": "train-7f3c-tasks-0"}} in lead["spec"]["volumes"]
    assert {"name": "OSMO_RETRY_ID", "value": "0"} in container(lead, "osmo-ctrl")["env"]
    assert "{{" not in json.dumps(lead)


def test_patches_of_workflow_and_template_are_both_applied() -> None:
    pod = first_pod()

    assert container(pod, "init")["securityContext"] == {"allowPrivilegeEscalation": False}
    assert pod["spec"]["terminationGracePeriodSeconds"] == 330


def test_a_volume_of_the_workflow_is_there_only_where_a_mount_names_it() -> None:
    pod = first_pod(("spec.volumes", [{"name": "osmo"}, {"name": "data"}, {"name": "unused"}]))

    assert [volume["name"] for volume in pod["spec"]["volumes"]] == [
        *("var-run-argo", "tmp-dir-argo", "tasks", "exec-sa-token", "osmo", "data")
    ]


def test_settings_come_from_template_or_workflow() -> None:
    pod = first_pod(
        ("spec.nodeSelector", {"a": "workflow"}),
        (f"{LEAF}.nodeSelector", {"b": "template"}),
        ("spec.tolerations", [{"key": "a"}]),
        ("spec.activeDeadlineSeconds", 10),
        (f"{LEAF}.activeDeadlineSeconds", "20"),
        ("spec.podPriorityClassName", "low"),
        ("spec.hostNetwork", True),
        ("spec.imagePullSecrets", [{"name": "pull"}]),
    )["spec"]

    assert pod["nodeSelector"] == {"b": "template"}
    assert pod["tolerations"] == [{"key": "a"}]
    assert pod["activeDeadlineSeconds"] == 10
    assert pod["priorityClassName"] == "low"
    assert pod["hostNetwork"] is True
    assert pod["imagePullSecrets"] == [{"name": "pull"}]
    assert pod["automountServiceAccountToken"] is False


def test_a_leaf_inherits_the_node_selector_of_a_named_dag_around_it_not_of_an_inline_one() -> None:
    named = first_pod(("spec.templates.0.nodeSelector", {"dag": "1"}))
    inline = dict(argo_pods(workflow_with(("spec.templates.0.dag.tasks.1.inline.nodeSelector", {"dag": "1"}))))

    assert named["spec"]["nodeSelector"] == {"dag": "1"}
    assert "nodeSelector" not in inline["train-7f3c.train-group.lead(0)"]["spec"]


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        (f"{LEAF}.container.args", ["{{retries}}"], "prep: unresolved `{{retries}}`"),
        (f"{LEAF}.container.args", ["{{inputs.parameters.oops}}"], "unresolved `{{inputs.parameters.oops}}`"),
        (f"{LEAF}.container.args", ["{{=1+1}}"], "unresolved `{{=1+1}}`"),
        ("spec.podSpecPatch", 'hostname: "a{{retries}}"', "unresolved `{{retries}}`"),
        (f"{LEAF}.podSpecPatch", '{"hostname":"a"}', "templates.shape-0: its podSpecPatch replaces that of"),
        (f"{LEAF}.podSpecPatch", "{hostname: a}", "podSpecPatch is neither JSON nor YAML"),
        (f"{LEAF}.podSpecPatch", "a: [", "podSpecPatch is neither JSON nor YAML"),
        (f"{LEAF}.podSpecPatch", "text", "podSpecPatch is not a map"),
        (
            f"{LEAF}.podSpecPatch",
            '{"containers":[{"name":"mian"}]}',
            "names `mian`, which is not one of the con",
        ),
        (f"{LEAF}.podSpecPatch", '{"initContainers":[{"name":"new"}]}', "names `new`, which is not one of the init"),
        (f"{LEAF}.podSpecPatch", '{"volumes":[{"emptyDir":{}}]}', "has no `name`, by which it is merged"),
        ("spec.volumes", [{"name": "osmo", "emptyDir": {}}], "volume `data` is neither in the template nor in"),
        ("spec.executor", REMOVED, "executor.serviceAccountName is needed"),
        ("spec.templateDefaults.container.command", [], "container `main` has no command"),
        (f"{LEAF}.activeDeadlineSeconds", "soon", "activeDeadlineSeconds: invalid literal"),
        (f"{LEAF}.timeout", "1h", "`timeout` is not modelled"),
        (f"{LEAF}.container.args", ["x" * 140_000], "the template is longer than 128 KiB"),
        (
            "spec.templateDefaults.initContainers.0.mirrorVolumeMounts",
            True,
            "`mirrorVolumeMounts` is not modelled",
        ),
    ],
)
def test_build_argo_pods_reports_what_cannot_be_built_or_was_not_meant(path: str, value: Any, error: str) -> None:
    found = build_argo_pods(workflow_with((path, value))).errors

    assert any(error in one for one in found), found
