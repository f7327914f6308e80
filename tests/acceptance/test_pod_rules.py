from typing import Any

import pytest
from acceptance.manifest import Manifest
from acceptance.pod_rules import pod_rule_errors
from acceptance.pods import all_pods, job_pods
from acceptance.samples import REMOVED, argo_objects, changed, job_objects

POD = "spec.template.spec"
INIT, SIDECAR, LEAD = f"{POD}.initContainers.0", f"{POD}.initContainers.1", f"{POD}.containers.0"


@pytest.mark.parametrize("objects", [argo_objects(), job_objects()])
def test_pod_rules_find_nothing_in_good_pods(objects: list[Manifest]) -> None:
    assert [pod_rule_errors(pod) for _, pod in all_pods(objects)] == [[] for _ in all_pods(objects)]


@pytest.mark.parametrize(
    ("path", "value", "finding"),
    [
        (f"{POD}.volumes.0.name", "tasks", "two volumes are called `tasks`"),
        (f"{POD}.volumes.0", {"name": "osmo"}, "volume `osmo` needs one source, not []"),
        (f"{POD}.volumes.1.emptyDir", {}, "volume `tasks` needs one source, not ['configMap', 'emptyDir']"),
        (f"{POD}.volumes.0.name", "Osmo", "name 'Osmo' is not a DNS label"),
        (f"{LEAD}.name", "osmo-ctrl", "two containers are called `osmo-ctrl`"),
        (f"{LEAD}.name", "a.b", "name 'a.b' is not a DNS label"),
        (f"{LEAD}.restartPolicy", "Always", "container lead: `restartPolicy` is only for init containers"),
        (f"{SIDECAR}.restartPolicy", "Never", "initContainer osmo-ctrl: the only `restartPolicy`"),
        (f"{INIT}.startupProbe", {"exec": {}}, "initContainer osmo-init: `startupProbe` is only for sidecars"),
        (f"{LEAD}.image", REMOVED, "container lead: has no image"),
        (f"{LEAD}.imagePullPolicy", "never", "unknown imagePullPolicy 'never'"),
        (f"{LEAD}.volumeMounts.0.name", "x", "container lead: mounts `x`, which is not a volume of the pod"),
        (f"{LEAD}.volumeMounts.0.mountPath", "a:b", "mountPath 'a:b' holds a colon"),
        (f"{LEAD}.volumeMounts.0.subPath", "/a", "subPath '/a' leaves its volume"),
        (f"{LEAD}.volumeMounts.0.subPath", "a/../b", "subPath 'a/../b' leaves its volume"),
        (
            f"{LEAD}.volumeMounts",
            [{"name": "osmo", "mountPath": "/a"}, {"name": "tasks", "mountPath": "/a"}],
            "container lead: mounts two volumes at /a",
        ),
        (f"{LEAD}.env", [{"name": "A"}, {"name": "A"}], "container lead: two variables are called A"),
        (f"{LEAD}.resources", {"requests": {"nvidia.com/gpu": 1}}, "requests 1 of nvidia.com/gpu but limits it to"),
        (f"{POD}.activeDeadlineSeconds", 0, "activeDeadlineSeconds is not positive"),
    ],
)
def test_pod_rules_refuse_a_spoiled_pod(path: str, value: Any, finding: str) -> None:
    [(_, pod)] = job_pods(changed(job_objects(), "Job", path, value))

    assert any(finding in one for one in pod_rule_errors(pod)), pod_rule_errors(pod)
