from typing import Any

import pytest
from acceptance.accept import accept
from acceptance.manifest import Manifest
from acceptance.samples import ALLOWED_TAGS, EXTERNAL, argo_objects, changed, job_objects


@pytest.mark.parametrize("objects", [argo_objects(), job_objects()], ids=["argo", "jobs"])
def test_accept_finds_nothing_in_what_a_cluster_takes(objects: list[Manifest]) -> None:
    assert accept(objects, EXTERNAL, ALLOWED_TAGS) == []


# One spoiled object for each of the checks: that they are asked at all, and about what is hidden too.
@pytest.mark.parametrize(
    ("kind", "path", "value", "finding"),
    [
        ("Workflow", "spec.templates.1.container.imagee", "x", "unknown field `imagee`"),
        ("Workflow", "spec.templates.0.dag.tasks.1.inline.dag.tasks.0.templat", "x", "unknown field `templat`"),
        ("Workflow", "spec.templates.2.podSpecPatch", '{"hostNam":"x"}', "unknown field `hostNam`"),
        ("ConfigMap", "metadata.name", "Tasks", "is not legal for a ConfigMap"),
        ("Workflow", "metadata.labels.stray", "{{x}}", "labels: value '{{x}}' of `stray` is not legal"),
        ("Workflow", "spec.templates.0.dag.failFast", True, "dag.failFast is not false"),
        ("Workflow", "spec.templates.1.container.args", ["{{oops}}"], "the tag `{{oops}}` is not one of ours"),
        ("Workflow", "spec.serviceAccountName", "nobody", "ServiceAccount `nobody` is neither"),
        (
            "Workflow",
            "spec.templates.1.container.volumeMounts",
            [{"name": "osmo", "mountPath": "/osmo/"}, {"name": "data", "mountPath": "/a:b"}],
            "mountPath '/a:b' holds a colon",
        ),
        ("Workflow", "spec.templates.1.podSpecPatch", '{"hostname":"A"}', "hostname 'A' is not a DNS label"),
        ("Workflow", "spec.templateDefaults.initContainers.1.args", ["{{retries}}"], "unresolved `{{retries}}`"),
    ],
)
def test_accept_asks_every_check(kind: str, path: str, value: Any, finding: str) -> None:
    found = accept(changed(argo_objects(), kind, path, value), EXTERNAL, ALLOWED_TAGS)

    assert any(finding in one for one in found), found
