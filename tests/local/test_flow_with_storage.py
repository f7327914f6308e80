"""The first example flow of OSMO's pages on this machine, with a real S3 and Azure: four tasks, a secret, a URL."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from local.desk import Desk

from osmo_ctrl.storage.store import Patience, Place, open_store
from osmoc.urls import profile_of
from runtime import azure, s3

FLOW = """\
workflow:
  name: flow
  tasks:
  - name: preprocess
    image: python:3.12-slim
    command: [sh, -c, "seq 1 5 > {{output}}/numbers"]
  - name: train
    image: python:3.12-slim
    command: [sh, -c]
    args:
    - |
      test "$WANDB_API_KEY" = k3y || exit 1
      echo "the key is $WANDB_API_KEY"
      sort -r {{input:preprocess}}/numbers > {{output}}/model
    inputs: [{task: preprocess}]
    credentials: {wandb_cred: {WANDB_API_KEY: wandb_api_key}}
    outputs: [{url: "BUCKET/models/"}]
  - name: evaluate
    image: python:3.12-slim
    command: [sh, -c, "head -n 1 {{input:train}}/model > {{output}}/best"]
    inputs: [{task: train}]
  - name: export-onnx
    image: python:3.12-slim
    command: [sh, -c, "tr '\\\\n' , < {{input:train}}/model > {{output}}/model.onnx"]
    inputs: [{task: train}]
"""


@pytest.fixture(params=["s3", "azure"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "s3":
        with s3.serve() as port:
            yield s3.new_bucket(port).place()
        return
    azurite = azure.find_azurite()
    if not azurite:
        pytest.skip(azure.MISSING)
    with azure.serve(azurite) as port:
        yield azure.new_container(port)


def test_the_four_tasks_leave_their_results_in_the_bucket(desk: Desk, place: Place) -> None:
    bucket = place.url.removesuffix("/base")
    reached = {"secret": "store", "endpoint": place.endpoint, "region": place.region}
    profile = {
        "storage": {"url": f"{bucket}/osmo", **reached},
        "data_access": {profile_of(bucket): reached},
        "credentials": {"wandb_cred": {"secret": "wandb"}},
    }
    desk.write(json.dumps(profile), "osmoc.yaml")
    desk.write(json.dumps({"wandb": {"wandb_api_key": "k3y"}, "store": dict(place.credential)}), "credentials.yaml")
    done = desk.run(FLOW.replace("BUCKET", bucket), "--credentials", "credentials.yaml")
    assert done.status == 0, done.out + done.err

    async def names() -> dict[str, bytes]:
        store = open_store(replace(place, url=bucket), Patience(5))
        return {found.path: await store.read(found.path) async for found in store.list("")}

    objects = asyncio.run(names())
    assert objects["models/model"] == b"5\n4\n3\n2\n1\n"
    assert "models/.osmo-complete.json" in objects
    results = {path.partition("/output/")[2]: content for path, content in objects.items() if "/output/" in path}
    assert results["best"] == b"5\n"
    assert results["model.onnx"] == b"5,4,3,2,1,"
    [log] = [content for path, content in objects.items() if "/train/" in path and path.endswith("000000.log")]
    assert b"the key is [MASKED]" in log and b"k3y" not in log
