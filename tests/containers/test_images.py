"""The images osmo-init and osmo-ctrl, where `.ci/images` has built them: no root, and nothing to write to."""

import json

import pytest
from compiled import ROOT
from containers.conftest import Make
from containers.container_pod import System
from containers.podman import BUSYBOX, Podman
from runtime.pod import archived_log, manifests


@pytest.fixture(scope="module")
def images(podman: Podman) -> dict[str, str]:
    found = {}
    for name in ("osmo-init", "osmo-ctrl"):
        path = ROOT / "build" / f"{name}.tar"
        if not path.is_file():
            pytest.skip(f"there is no {path.relative_to(ROOT)}: `.ci/images` makes it")
        found[name] = podman.call("pull", "--quiet", f"oci-archive:{path}").split()[-1]
    return found


@pytest.fixture(scope="module")
def system(images: dict[str, str]) -> System:
    """In place of the source: `make` uses it."""
    return System((images["osmo-init"],), (images["osmo-ctrl"],))


@pytest.mark.parametrize("user", ["0:0", "12345:12345"])
def test_a_task_with_the_images(make: Make, user: str) -> None:
    pod = make(BUSYBOX, "sh", "-c", "echo within; umask 077; echo x > /osmo/data/output/f", user=user).start()
    assert pod.wait() == 0, pod.said()
    assert archived_log(pod.storage) == "within\n"
    assert [item["path"] for item in manifests(pod.storage)[0]["files"]] == ["f"]


@pytest.mark.parametrize("name", ["osmo-init", "osmo-ctrl"])
def test_an_image_names_its_user_and_program(podman: Podman, images: dict[str, str], name: str) -> None:
    [image] = json.loads(podman.call("image", "inspect", images[name]))
    assert image["Config"]["User"] == "65532:65532"
    assert image["Config"]["Entrypoint"] == [name]
    print(f"{name}: {image['Size'] / 1e6:.0f} MB")  # noqa: T201


def test_osmo_init_brings_the_agent_of_each_processor(podman: Podman, images: dict[str, str]) -> None:
    script = "cd /opt/osmo/lib/python3*/site-packages/osmo_init/agents && ls"
    listed = podman.run("--network", "none", "--entrypoint", "sh", images["osmo-init"], "-c", script)
    assert listed.split() == ["osmo-exec-linux-amd64", "osmo-exec-linux-arm64"]
