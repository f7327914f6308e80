"""What a pod takes is what the scheduler takes it for."""

from typing import Any

import pytest

from osmoc.forecast.needs import gpus, pod_needs


def container(sidecar: bool = False, **requests: str) -> dict[str, Any]:
    one: dict[str, Any] = {"resources": {"requests": requests}}
    return one | ({"restartPolicy": "Always"} if sidecar else {})


@pytest.mark.parametrize(
    ("init", "containers", "cpu"),
    [
        ([], [container(cpu="1"), container(cpu="500m")], 1500),
        ([container(cpu="3")], [container(cpu="1")], 3000),
        ([container(cpu="100m"), container(sidecar=True, cpu="100m")], [container(cpu="1")], 1100),
        ([container(sidecar=True, cpu="1"), container(cpu="3")], [container(cpu="2")], 4000),
    ],
    ids=["containers add up", "an init container is there before", "sidecars stay", "and are there beside later ones"],
)
def test_requests_of_a_pod(init: list[dict[str, Any]], containers: list[dict[str, Any]], cpu: int) -> None:
    needs = pod_needs({"initContainers": init, "containers": containers})
    assert needs.amounts["requests.cpu"] == cpu
    assert needs.amounts["pods"] == 1000


def test_a_limit_without_a_request_is_a_request() -> None:
    needs = pod_needs({"containers": [{"resources": {"limits": {"memory": "1Gi"}}}]})
    assert needs.amounts["requests.memory"] == needs.amounts["limits.memory"] == (1 << 30) * 1000
    assert needs.unsaid == {"requests.cpu", "limits.cpu"}


def test_gpus_are_those_of_all_makers() -> None:
    resources = {"limits": {"nvidia.com/gpu": "2", "amd.com/gpu": "1", "example.com/fpga": "4"}}
    assert gpus(pod_needs({"containers": [{"resources": resources}]}).amounts) == 3000


def test_what_is_no_quantity_is_left_to_the_cluster_to_refuse() -> None:
    assert pod_needs({"containers": [container(cpu="many")]}).amounts == {"pods": 1000}
