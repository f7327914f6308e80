"""`osmoc port-forward` to real containers."""

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from cluster.command import PROFILE, Desk
from cluster.kubernetes import BUSYBOX, Namespace, until

pytestmark = pytest.mark.cluster

SCRIPT = "mkdir /tmp/web; seq 200000 > /tmp/web/numbers; exec httpd -f -p 8080 -h /tmp/web"
FLOW = f"""\
workflow:
  name: flow
  tasks:
  - {{name: web, image: {BUSYBOX}, command: [sh, -c, "{SCRIPT}"]}}
"""
NUMBERS = "".join(f"{number}\n" for number in range(1, 200001)).encode()


@pytest.fixture(params=["jobs", "argo"])
def running(namespace: Namespace, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Desk, str]]:
    if request.param == "argo":
        request.getfixturevalue("argo_controller")
    desk = Desk(tmp_path, namespace)
    profile = yaml.safe_load(PROFILE) | {"target": request.param, "retries": {"infrastructure": 1}}
    desk.write(json.dumps(profile | {"timeouts": {"grace": "1s"}}), "osmoc.yaml")
    desk.write(FLOW)
    run_id = desk.osmoc("apply", "flow.yaml").id
    until(lambda: desk.statuses(run_id) == {"web": "RUNNING"}, 90, namespace.describe)
    yield desk, run_id
    desk.osmoc("delete", run_id)


@contextmanager
def forwarded(desk: Desk, run_id: str, ports: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    process = desk.start("port-forward", run_id, "web", ports)
    try:
        assert process.stderr
        told = next(line for line in process.stderr if "→" in line)  # before it, what is waited for
        yield told.split()[0], process
    finally:
        process.kill()
        process.communicate()


def test_connections_reach_the_pod_and_its_successor(running: tuple[Desk, str]) -> None:
    desk, run_id = running

    def get(address: str) -> bytes:
        with urllib.request.urlopen(f"http://{address}/numbers", timeout=90) as answer:
            found: bytes = answer.read()
            return found

    def is_served(address: str) -> bool:
        try:
            return get(address) == NUMBERS
        except (urllib.error.URLError, ConnectionError):
            return False  # the container runs, the server in it not yet

    with forwarded(desk, run_id, "0:8080") as (address, _):
        until(lambda: is_served(address), 60, desk.namespace.describe)
        with ThreadPoolExecutor(20) as many:
            assert set(many.map(get, [address] * 20)) == {NUMBERS}
        [first] = desk.namespace.pods("web")
        desk.namespace.kubectl("delete", "pod", first["metadata"]["name"])
        until(lambda: is_served(address), 90, desk.namespace.describe)
        assert first["metadata"]["uid"] not in {pod["metadata"]["uid"] for pod in desk.namespace.pods("web")}
    with forwarded(desk, run_id, "0:9") as (address, process):
        with pytest.raises((urllib.error.URLError, ConnectionError)):
            get(address)
        assert process.stderr and any("web:9: " in line for line in process.stderr), "why it is not taken"


def test_what_is_no_port_and_what_does_not_run(running: tuple[Desk, str]) -> None:
    desk, run_id = running
    for ports in ("0", "70000", "a:b", "1:0"):
        assert "is no port" in desk.osmoc("port-forward", run_id, "web", ports).err
    assert "has no task `wb`: do you mean `web`?" in desk.osmoc("port-forward", run_id, "wb", "80").err
