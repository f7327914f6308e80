"""Whether `argo_pod` is right: the pods it foretells beside those that a real Argo controller creates."""

import copy
import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from acceptance.argo_nodes import WORKFLOW_UID
from acceptance.argo_pod import EXECUTOR_IMAGE, argo_pods
from acceptance.dry_run import existing, kubectl_env
from acceptance.manifest import Manifest
from acceptance.samples import argo_objects

pytestmark = pytest.mark.cluster

ACCOUNTS: list[Manifest] = [
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
    for name in ("osmo-task", "osmo-executor")
]

# Everything at once: defaults that merge with what templates say, what is inherited from a DAG, patches that
# change the order, variables of every kind, volumes of the Workflow.
ODD = yaml.safe_load(r"""
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: odd, labels: {lab: v1}}
spec:
  entrypoint: top
  serviceAccountName: osmo-task
  activeDeadlineSeconds: 5000
  nodeSelector: {wf: "yes"}
  tolerations: [{key: wf, operator: Exists}]
  arguments: {parameters: [{name: glob, value: gv}]}
  podMetadata: {labels: {x: from-workflow}}
  volumes: [{name: shared, configMap: {name: "cm-{{inputs.parameters.task}}"}}, {name: unused, emptyDir: {}}]
  podSpecPatch: |
    hostname: "h-{{inputs.parameters.task}}"
    containers:
    - {name: main, env: [{name: WFP, value: "{{pod.name}}/{{workflow.parameters.glob}}/{{workflow.labels.lab}}"}]}
    - {name: wait, resources: {limits: {memory: 64Mi}}}
  templateDefaults:
    activeDeadlineSeconds: 100
    tolerations: [{key: a, operator: Exists}, {key: b, operator: Exists}]
    metadata: {labels: {d: default, x: from-defaults}}
    podSpecPatch: '{"priority":0}'
    securityContext: {fsGroup: 5}
    initContainers:
    - {name: one, image: busybox, command: [a], volumeMounts: [{name: tv, mountPath: /tv}]}
    - {name: two, image: busybox, command: [b], restartPolicy: Always, env: [{name: A, value: a}, {name: B, value: b}]}
    container: {command: [sh], args: [default], env: [{name: E1, value: "1"}, {name: E2, value: "2"}]}
    volumes: [{name: tv, emptyDir: {}}]
  templates:
  - name: top
    inputs: {parameters: [{name: glob}]}
    dag:
      failFast: false
      tasks:
      - {name: a, template: leaf, arguments: {parameters: [{name: task, value: a}]}}
      - {name: b, template: retried, arguments: {parameters: [{name: task, value: "{{workflow.parameters.glob}}-b"}]}}
      - {name: c, template: nested, arguments: {parameters: [{name: task, value: c}]}}
      - name: d
        inline:
          inputs: {parameters: [{name: task, value: inl}]}
          nodeSelector: {not: used}
          dag:
            failFast: false
            tasks:
            - {name: e, template: bare, arguments: {parameters: [{name: task, value: "{{inputs.parameters.task}}-z"}]}}
      - {name: join, when: "1 == 2", template: join}
  - {name: join, suspend: {}}
  - name: nested
    inputs: {parameters: [{name: task}]}
    nodeSelector: {from: boundary}
    retryStrategy: {limit: 1}
    dag:
      failFast: false
      tasks:
      - name: g
        template: bare
        arguments: {parameters: [{name: task, value: "{{inputs.parameters.task}}-{{retries}}"}]}
  - name: bare
    inputs: {parameters: [{name: task}, {name: opt, default: other}]}
    container: {name: main, image: busybox, args: ["{{inputs.parameters.opt}}", "{{inputs.parameters.task}}"]}
  - name: leaf
    inputs: {parameters: [{name: task}]}
    activeDeadlineSeconds: 50
    tolerations: [{key: c, operator: Exists, effect: NoSchedule}, {key: b, effect: NoExecute}]
    metadata: {labels: {d: leaf}, annotations: {k: "{{node.name}}"}}
    initContainers: [{name: three, image: busybox, command: [c]}, {name: two, env: [{name: C, value: c}]}]
    podSpecPatch: >-
      {"initContainers":[{"name":"two","env":[{"name":"PP","value":"{{inputs.parameters.task}}"}]},
      {"name":"one","resources":{"limits":{"cpu":"1"}}}],
      "volumes":[{"name":"new","emptyDir":{}}],"terminationGracePeriodSeconds":77}
    sidecars: [{name: side, image: busybox, command: [x], volumeMounts: [{name: shared, mountPath: /s}]}]
    container:
      name: main
      image: busybox
      args: []
      env: [{name: E2, value: zwei}, {name: E0, value: "0"}]
      volumeMounts:
      - {name: shared, mountPath: /shared/, subPath: "{{inputs.parameters.task}}.json", readOnly: true}
  - name: retried
    inputs: {parameters: [{name: task}]}
    retryStrategy: {limit: "2", retryPolicy: Always, expression: "asInt(lastRetry.exitCode) == 250"}
    initContainers: []
    metadata: {labels: {r: "r{{retries}}", t: "{{tasks.name}}"}}
    podSpecPatch: |
      subdomain: svc
      containers: [{name: main, env: [{name: R, value: "{{retries}}-{{lastRetry.exitCode}}"}]}]
    container: {name: ignored, image: busybox, command: [bash, -c], args: ["{{pod.name}}"]}
""")


def sample_without_order() -> Manifest:
    *_, workflow = argo_objects()
    for task in workflow["spec"]["templates"][0]["dag"]["tasks"]:
        task.pop("depends", None)
    return workflow


@pytest.fixture
def kubectl_with_argo() -> Iterator[dict[str, str]]:
    env = kubectl_env()
    if not _kubectl(env, "get", "--namespace=argo", "configmap/workflow-controller-configmap", "--ignore-not-found"):
        pytest.skip("no Argo controller in this cluster")
    with existing(ACCOUNTS, env):
        yield env


@pytest.mark.parametrize("workflow", [ODD, sample_without_order()], ids=["odd", "sample"])
def test_pods_are_those_of_the_real_controller(workflow: Manifest, kubectl_with_argo: dict[str, str]) -> None:
    env, name = kubectl_with_argo, workflow["metadata"]["name"]
    foretold = dict(argo_pods(workflow))
    uid = json.loads(_kubectl(env, "create", "-o=json", "-f=-", given=json.dumps(workflow)))["metadata"]["uid"]
    try:
        real = _pods_of(env, name, len(foretold))
        assert sorted(real) == sorted(foretold)
        for node, pod in foretold.items():
            text = json.dumps(pod).replace(WORKFLOW_UID, uid).replace(EXECUTOR_IMAGE, _executor_image(real[node]))
            assert json.loads(text)["metadata"]["name"] == real[node]["metadata"]["name"]
            renamed = text.replace(f'"name": "{pod["metadata"]["name"]}"', '"name": "foretold"', 1)
            defaulted = json.loads(_kubectl(env, "create", "--dry-run=server", "-o=json", "-f=-", given=renamed))
            assert _comparable(defaulted) == _comparable(real[node])
    finally:
        _kubectl(env, "delete", "workflow", name)


def _pods_of(env: dict[str, str], workflow: str, count: int) -> dict[str, Manifest]:
    selector = f"--selector=workflows.argoproj.io/workflow={workflow}"
    for _ in range(30):
        pods = json.loads(_kubectl(env, "get", "pods", selector, "-o=json"))["items"]
        if len(pods) >= count:
            break
        time.sleep(1)
    return {pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"]: pod for pod in pods}


def _executor_image(pod: Manifest) -> str:
    return str(next(one for one in pod["spec"]["containers"] if one["name"] == "wait")["image"])


def _comparable(pod: Manifest) -> Manifest:
    """What a pod is, without names by chance, tracing, and how the controller was configured for its own containers."""
    spec = copy.deepcopy(pod["spec"])
    for container in [*spec["initContainers"], *spec["containers"]]:
        container["env"] = [one for one in container["env"] if not one["name"].startswith(("ARGO_", "TRACE"))]
        if container["name"] in ("init", "wait"):
            container.pop("imagePullPolicy")
        _rename_token(container.get("volumeMounts", []))
    _rename_token(spec["volumes"])
    spec.pop("nodeName", None)
    labels = {key: value for key, value in pod["metadata"]["labels"].items() if not key.endswith("/completed")}
    return {"labels": labels, "spec": spec}


def _rename_token(entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        if entry["name"].startswith("kube-api-access-"):
            entry["name"] = "kube-api-access"


def _kubectl(env: dict[str, str], *arguments: str, given: str = "") -> str:
    return subprocess.run(
        ["kubectl", *arguments], input=given, env=env, capture_output=True, text=True, check=True, timeout=60
    ).stdout
