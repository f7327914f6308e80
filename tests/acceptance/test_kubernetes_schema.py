from typing import Any

import kubernetes_validate
import pytest
from acceptance.kubernetes_schema import VERSION, object_schema
from acceptance.samples import REMOVED, changed, job_objects
from acceptance.schemas import schema_errors

SPOILED = [
    ("Job", "spec.completionss", 1),
    ("Job", "spec.completions", "1"),
    ("Job", "spec.template.spec.containers.0.name", REMOVED),
    ("Job", "spec.template.spec.initContainers.1.restartPolcy", "Always"),
    ("Job", "spec.template.spec.initContainers.0.image", 5),
    ("Job", "spec.podFailurePolicy.rules.0.action", REMOVED),
    ("Service", "spec.ports", [{"name": "a"}]),
    ("Service", "spec.selector", ["a"]),
    ("ConfigMap", "data", {"a": 1}),
    ("ConfigMap", "immutable", "yes"),
    ("Role", "rules.0.verb", ["get"]),
    ("RoleBinding", "subjects.0.kind", REMOVED),
    ("NetworkPolicy", "spec.ingress.0.form", []),
    ("ServiceAccount", "secret", []),
]


def test_objects_that_kubernetes_validate_accepts_are_accepted() -> None:
    for manifest in job_objects():
        kubernetes_validate.validate(manifest, VERSION, strict=True)
        assert schema_errors([manifest]) == []


@pytest.mark.parametrize(("kind", "path", "value"), SPOILED)
def test_objects_that_kubernetes_validate_refuses_are_refused(kind: str, path: str, value: Any) -> None:
    objects = changed(job_objects(), kind, path, value)
    spoiled = next(manifest for manifest in objects if manifest["kind"] == kind)

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(spoiled, VERSION, strict=True)
    assert len(schema_errors([spoiled])) == 1


def test_object_schema_is_none_for_other_peoples_kinds() -> None:
    assert object_schema("argoproj.io/v1alpha1", "Workflow") is None
