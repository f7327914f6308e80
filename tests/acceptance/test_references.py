from typing import Any

import pytest
from acceptance.manifest import Manifest
from acceptance.references import reference_errors
from acceptance.samples import EXTERNAL, argo_objects, changed, job_objects

POD = "spec.template.spec"
LEAD = f"{POD}.containers.0"


@pytest.mark.parametrize("objects", [argo_objects(), job_objects()])
def test_reference_errors_finds_nothing_in_good_objects(objects: list[Manifest]) -> None:
    assert reference_errors(objects, EXTERNAL) == []


@pytest.mark.parametrize(
    ("kind", "path", "value", "finding"),
    [
        ("Job", f"{POD}.serviceAccountName", "x", "ServiceAccount `x` is neither in the output nor declared"),
        ("Job", f"{POD}.priorityClassName", "x", "PriorityClass `x` is neither"),
        ("Job", f"{POD}.imagePullSecrets", [{"name": "x"}], "Secret `x` is neither"),
        ("Job", f"{POD}.volumes.1.configMap.name", "x", "ConfigMap `x` is neither"),
        ("Job", f"{POD}.volumes.1.configMap.items.0.key", "x", "ConfigMap `train-7f3c-tasks-0` has no key `x`"),
        ("Job", f"{POD}.volumes.0", {"name": "osmo", "secret": {"secretName": "x"}}, "Secret `x` is neither"),
        (
            "Job",
            f"{POD}.volumes.0",
            {"name": "osmo", "persistentVolumeClaim": {"claimName": "x"}},
            "PersistentVolumeClaim `x` is neither",
        ),
        (
            "Job",
            f"{POD}.volumes.0",
            {"name": "osmo", "projected": {"sources": [{"configMap": {"name": "x"}}, {"secret": {"name": "y"}}]}},
            "Secret `y` is neither",
        ),
        ("Job", f"{LEAD}.envFrom", [{"configMapRef": {"name": "x"}}], "container lead: ConfigMap `x` is neither"),
        ("Job", f"{LEAD}.envFrom", [{"secretRef": {"name": "x"}}], "container lead: Secret `x` is neither"),
        (
            "Job",
            f"{LEAD}.env",
            [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "train-7f3c-tasks-0", "key": "x"}}}],
            "container lead: ConfigMap `train-7f3c-tasks-0` has no key `x`",
        ),
        (
            "Job",
            f"{LEAD}.env",
            [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}],
            "container lead: Secret `x` is neither",
        ),
        (
            "Job",
            f"{LEAD}.volumeMounts.0",
            {"name": "tasks", "mountPath": "/a", "subPath": "worker.json"},
            "subPath `worker.json` is not among the items of volume `tasks`",
        ),
        ("Job", f"{POD}.subdomain", "x", "Service `x`, its subdomain, is not in the output"),
        ("Job", "spec.template.metadata.labels", {}, "its subdomain, does not select it"),
        ("Service", "spec.clusterIP", "10.0.0.1", "its subdomain, is not headless"),
        ("Service", "spec.selector", {}, "its subdomain, does not select it"),
        ("Service", "spec.selector", {"a": "b"}, "Service/train-7f3c-train-group: selects no pod"),
        ("NetworkPolicy", "spec.podSelector", {"matchLabels": {"a": "b"}}, "NetworkPolicy/train-7f3c-train-group: sel"),
        ("RoleBinding", "roleRef.name", "x", "RoleBinding/train-7f3c-driver: Role `x` is neither"),
        ("RoleBinding", "subjects.0.name", "x", "ServiceAccount `x` is neither"),
        ("Role", "rules.0.resourceNames", ["x"], "Role/train-7f3c-driver: Job `x` is neither"),
        (
            "Job",
            "spec.podFailurePolicy.rules.0.onExitCodes.containerName",
            "main",
            "podFailurePolicy names the container `main`, which the pod does not have",
        ),
    ],
)
def test_reference_errors_refuses_spoiled_jobs(kind: str, path: str, value: Any, finding: str) -> None:
    found = reference_errors(changed(job_objects(), kind, path, value), EXTERNAL)

    assert any(finding in one for one in found), found


@pytest.mark.parametrize(
    ("kind", "path", "value", "finding"),
    [
        ("ConfigMap", "data", {"prep.json": "", "lead.json": ""}, "has no key `worker.json`"),
        ("ConfigMap", "metadata.name", "x", "ConfigMap `train-7f3c-tasks-0` is neither"),
        ("Workflow", "spec.serviceAccountName", "x", "pod of train-7f3c.prep: ServiceAccount `x` is neither"),
        ("Workflow", "spec.executor.serviceAccountName", "x", "Secret `x.service-account-token` is neither"),
        ("Workflow", "spec.executor.serviceAccountName", "x", "Workflow/train-7f3c: ServiceAccount `x` is neither"),
        ("Workflow", "spec.templates.1.priorityClassName", "x", "PriorityClass `x` is neither"),
        ("Workflow", "spec.templates.2.podSpecPatch", '{"subdomain":"x"}', "Service `x`, its subdomain, is not in"),
        ("Workflow", "spec.templates.0.dag.tasks.0.template", "x", "template `x` does not exist"),
        ("Workflow", "spec.templates.0.dag.tasks.1.depends", "x.Succeeded", "depends on `x`, which is not a task"),
    ],
)
def test_reference_errors_refuses_spoiled_workflows(kind: str, path: str, value: Any, finding: str) -> None:
    found = reference_errors(changed(argo_objects(), kind, path, value), EXTERNAL)

    assert any(finding in one for one in found), found


def test_optional_references_may_lead_nowhere() -> None:
    objects = changed(job_objects(), "Job", f"{POD}.volumes.1.configMap", {"name": "x", "optional": True})
    changed(objects, "Job", f"{LEAD}.envFrom", [{"secretRef": {"name": "y", "optional": True}}])

    assert reference_errors(objects, EXTERNAL) == []


def test_what_is_declared_may_be_referred_to() -> None:
    objects = changed(job_objects(), "Job", f"{POD}.subdomain", "outside")
    changed(objects, "Job", f"{POD}.priorityClassName", "low")

    assert reference_errors(objects, {*EXTERNAL, ("Service", "outside"), ("PriorityClass", "low")}) == []
