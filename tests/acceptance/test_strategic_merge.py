from typing import Any

import pytest
from acceptance.kubernetes_schema import definitions
from acceptance.manifest import Manifest
from acceptance.strategic_merge import MergeError, strategic_merge


def merged(original: Manifest, patch: Manifest) -> Manifest:
    return strategic_merge(original, patch, {"$ref": "io.k8s.api.core.v1.PodSpec"}, definitions())


def container(name: str, **fields: Any) -> Manifest:
    return {"name": name, **fields}


# What Kubernetes' own implementation (apimachinery 0.36) answered to the same input.
@pytest.mark.parametrize(
    ("original", "patch", "expected"),
    [
        ({"hostname": "a"}, {"hostname": "b", "subdomain": "c"}, {"hostname": "b", "subdomain": "c"}),
        ({"hostname": "a", "subdomain": "b"}, {"hostname": None}, {"subdomain": "b"}),
        ({"nodeSelector": {"a": "1"}}, {"nodeSelector": {"b": "2"}}, {"nodeSelector": {"a": "1", "b": "2"}}),
        ({}, {"securityContext": {"fsGroup": None, "runAsUser": 1}}, {"securityContext": {"runAsUser": 1}}),
        # Lists without a merge key are replaced, even by nothing.
        ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}]}, {"tolerations": [{"key": "b"}]}),
        ({"tolerations": [{"key": "a"}]}, {"tolerations": []}, {"tolerations": []}),
        # Lists with one are merged, and nothing changes nothing.
        ({"volumes": [{"name": "a"}]}, {"volumes": []}, {"volumes": [{"name": "a"}]}),
        # New entries come first.
        ({"volumes": [{"name": "a"}]}, {"volumes": [{"name": "b"}]}, {"volumes": [{"name": "b"}, {"name": "a"}]}),
        # Two sources of one volume are not told apart.
        (
            {"volumes": [{"name": "a", "emptyDir": {}}]},
            {"volumes": [{"name": "a", "configMap": {"name": "c"}}]},
            {"volumes": [{"name": "a", "emptyDir": {}, "configMap": {"name": "c"}}]},
        ),
        # What the patch names follows the order of the patch: `main` would start before `wait`.
        (
            {"containers": [container("wait"), container("main")]},
            {"containers": [container("main", image="x"), container("wait")]},
            {"containers": [container("main", image="x"), container("wait")]},
        ),
        # What it does not name stays in front of what it stood in front of.
        (
            {"initContainers": [container("init"), container("osmo-init"), container("osmo-ctrl")]},
            {"initContainers": [container("osmo-ctrl", image="x")]},
            {"initContainers": [container("init"), container("osmo-init"), container("osmo-ctrl", image="x")]},
        ),
        (
            {"containers": [container("main", env=[{"name": "A", "value": "1"}], args=["x"])]},
            {"containers": [container("main", env=[{"name": "A", "value": "2"}, {"name": "B"}], args=["y", "z"])]},
            {"containers": [container("main", env=[{"name": "A", "value": "2"}, {"name": "B"}], args=["y", "z"])]},
        ),
        (
            {"containers": [container("main", volumeMounts=[{"name": "v", "mountPath": "/a"}])]},
            {"containers": [container("main", volumeMounts=[{"name": "w", "mountPath": "/a"}])]},
            {"containers": [container("main", volumeMounts=[{"name": "w", "mountPath": "/a"}])]},
        ),
        (
            {"containers": [container("main", ports=[{"containerPort": 1, "name": "a"}])]},
            {"containers": [container("main", ports=[{"containerPort": 1, "name": "b"}])]},
            {"containers": [container("main", ports=[{"containerPort": 1, "name": "b"}])]},
        ),
    ],
)
def test_strategic_merge_is_that_of_kubernetes(original: Manifest, patch: Manifest, expected: Manifest) -> None:
    assert merged(original, patch) == expected


def test_strategic_merge_refuses_an_entry_without_its_key() -> None:
    with pytest.raises(MergeError, match="has no `name`"):
        merged({"volumes": [{"name": "a"}]}, {"volumes": [{"emptyDir": {}}]})


def test_strategic_merge_refuses_directives() -> None:
    with pytest.raises(MergeError, match=r"\$patch"):
        merged({"containers": []}, {"containers": [container("main")], "$patch": "replace"})


def test_strategic_merge_changes_neither_side() -> None:
    original, patch = {"nodeSelector": {"a": "1"}}, {"nodeSelector": {"b": "2"}}
    merged(original, patch)

    assert (original, patch) == ({"nodeSelector": {"a": "1"}}, {"nodeSelector": {"b": "2"}})
