"""Fixtures of tests on a cluster that runs pods. It needs the images of this tree, `make images`, on its nodes."""

import base64
import json
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import closing

import pytest
from cluster import argo
from cluster.gate import Gate, serve
from cluster.kubernetes import Namespace, kubectl
from runtime.s3 import CREDENTIAL, S3, new_bucket

from osmoc.cli.main import main


@pytest.fixture(scope="session")
def node_address() -> str:
    """An address of this machine under which pods reach it."""
    if "KUBECONFIG" not in os.environ:
        pytest.skip("no cluster: KUBECONFIG is not set")
    if not os.environ.get("OSMOC_TEST_IMAGES"):
        pytest.skip("OSMOC_TEST_IMAGES is not set: are the images of this tree on the cluster's nodes?")
    nodes = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
    addresses = [one["address"] for node in nodes for one in node["status"]["addresses"] if one["type"] == "InternalIP"]
    address = os.environ.get("OSMOC_TEST_ADDRESS", addresses[0])
    with closing(socket.socket()) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            pytest.skip(f"{address} is not this machine: OSMOC_TEST_ADDRESS says where pods reach it")
    return address


@pytest.fixture(scope="session")
def storage(node_address: str) -> Iterator[tuple[int, Gate]]:
    with serve() as serving:
        yield serving


@pytest.fixture(scope="session")
def s3(storage: tuple[int, Gate]) -> S3:
    """A real S3 that pods reach."""
    return new_bucket(storage[0])


@pytest.fixture(scope="session")
def argo_controller(node_address: str) -> None:
    if why_not := argo.why_not():
        pytest.skip(why_not)


@pytest.fixture
def gate(storage: tuple[int, Gate]) -> Gate:
    return storage[1]


@pytest.fixture
def namespace(node_address: str, s3: S3, tmp_path: object) -> Iterator[Namespace]:
    """What `osmoc bootstrap` makes and the storage's Secret are in it. It is gone afterwards."""
    made = Namespace(f"osmoc-{uuid.uuid4().hex[:8]}")
    kubectl("create", "namespace", made.name)
    try:
        made.kubectl("create", "-f", "-", stdin=_bootstrap())
        keys = {**CREDENTIAL, "url": f"s3://{s3.bucket}/{made.name}", "region": "us-east-1"}
        keys["endpoint"] = f"http://{node_address}:{s3.port}"
        data = {name: base64.b64encode(value.encode()).decode() for name, value in keys.items()}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "osmo-storage"}, "data": data}
        made.kubectl("create", "-f", "-", stdin=json.dumps(secret))
        yield made
    finally:
        kubectl("delete", "namespace", made.name, "--wait=false")


def _bootstrap() -> str:
    import io

    written = io.StringIO()
    assert main(["bootstrap"], stdout=written) == 0
    return written.getvalue()
