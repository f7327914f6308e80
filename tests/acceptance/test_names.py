from typing import Any

import pytest
from acceptance.manifest import Manifest
from acceptance.names import name_errors
from acceptance.samples import argo_objects, changed, job_objects

POD = "spec.template"


def config_map(**fields: Any) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, **fields}


@pytest.mark.parametrize("objects", [argo_objects(), job_objects()])
def test_name_errors_finds_nothing_in_good_objects(objects: list[Manifest]) -> None:
    assert name_errors(objects) == []


@pytest.mark.parametrize(
    ("kind", "path", "value", "finding"),
    [
        ("ConfigMap", "metadata.name", "Tasks", "the name 'Tasks' is not legal for a ConfigMap"),
        ("ConfigMap", "metadata.name", "a..b", "is not legal"),
        ("ConfigMap", "metadata.name", "a" * 254, "is not legal"),
        ("Service", "metadata.name", "7f3c", "the name '7f3c' is not legal for a Service"),
        ("Service", "metadata.name", "a.b", "is not legal for a Service"),
        ("Service", "metadata.name", "a" * 64, "is not legal for a Service"),
        ("Job", "metadata.name", "a.b", "is not legal for a Job"),
        ("Job", "metadata.name", "a" * 62, "the name has 62 characters, at most 61 are allowed"),
        ("Job", "metadata.labels", {"a b": "c"}, "labels: key 'a b' is not legal"),
        ("Job", "metadata.labels", {"A.com/b": "c"}, "labels: key 'A.com/b' is not legal"),
        ("Job", "metadata.labels", {"/b": "c"}, "labels: key '/b' is not legal"),
        ("Job", "metadata.labels", {"a": "c d"}, "labels: value 'c d' of `a` is not legal"),
        ("Job", "metadata.labels", {"a": "c" * 64}, "of `a` is not legal"),
        ("Job", "metadata.labels", {"a": True}, "labels: value True of `a` is not legal"),
        ("Job", "metadata.annotations", {"a/b/c": "d"}, "annotations: key 'a/b/c' is not legal"),
        ("Job", "metadata.annotations", {"a": "x" * 2**18}, "annotations of 262145 bytes, more than 262144"),
        ("Job", f"{POD}.metadata.labels", {"a": "-"}, "Job/train-7f3c-lead: pod: labels: value '-'"),
        ("Job", f"{POD}.spec.subdomain", "a.b", "pod: subdomain 'a.b' is not a DNS label"),
        ("Job", f"{POD}.spec.hostname", "a" * 64, "is not a DNS label"),
        ("ConfigMap", "data", {"a b": ""}, "key 'a b' is not legal"),
        ("ConfigMap", "data", {"a" * 254: ""}, "is not legal"),
        ("ConfigMap", "data", {"..": ""}, "key '..' is not legal"),
        ("ConfigMap", "data", {"a": "x" * 2**20, "b": "y"}, "1048577 bytes of data, more than 1048576"),
        ("ConfigMap", "binaryData", {"lead.json": ""}, "keys ['lead.json'] stand in data and in binaryData"),
    ],
)
def test_name_errors_refuses_a_spoiled_object(kind: str, path: str, value: Any, finding: str) -> None:
    found = name_errors(changed(job_objects(), kind, path, value))

    assert len(found) == 1
    assert finding in found[0]


def test_name_errors_refuses_two_of_one_kind_and_name() -> None:
    assert name_errors([config_map(), config_map()]) == ["ConfigMap/a: 2 objects of this kind and name"]


def test_name_errors_looks_at_hosts_of_pods() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"hostname": "A"}}

    assert name_errors([pod]) == ["Pod/a: hostname 'A' is not a DNS label"]


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_name_errors_counts_what_base64_stands_for(kind: str) -> None:
    encoded = "AAAA" * (2**20 // 3)
    field = "binaryData" if kind == "ConfigMap" else "data"

    assert name_errors([config_map(kind=kind, **{field: {"a": encoded}})]) == []
    assert len(name_errors([config_map(kind=kind, **{field: {"a": encoded + "AAAA" * 2}})])) == 1


def test_a_workflow_may_have_63_characters() -> None:
    assert name_errors(changed(argo_objects(), "Workflow", "metadata.name", "a" * 63)) == []
    assert len(name_errors(changed(argo_objects(), "Workflow", "metadata.name", "a." * 31 + "bc"))) == 1
