"""Manifests written by hand that a real cluster takes, and a way to spoil them: what the tests of checks start from."""

import copy
from typing import Any

import yaml
from acceptance.manifest import Manifest
from acceptance.references import External

ALLOWED_TAGS = (r"inputs\.parameters\.(task|group|shard)", r"workflow\.uid", "retries")
EXTERNAL: External = {
    ("ServiceAccount", "osmo-task"),
    ("ServiceAccount", "osmo-executor"),
    ("Secret", "osmo-executor.service-account-token"),
    ("Secret", "osmo-group-key"),
}
REMOVED = object()


def argo_objects() -> list[Manifest]:
    """A task, then a group of two behind `inline`, on one shape each."""
    return copy.deepcopy(_ARGO)


def job_objects() -> list[Manifest]:
    """The same lead as a suspended Indexed Job, with the driver's rights."""
    return copy.deepcopy(_JOBS)


def changed(objects: list[Manifest], kind: str, path: str, value: Any) -> list[Manifest]:
    """The objects with `value` at `path` (`spec.templates.0.name`) of the first of that kind, or without that field."""
    *way, last = [int(step) if step.isdigit() else step for step in path.split(" " if " " in path else ".")]
    place: Any = next(manifest for manifest in objects if manifest["kind"] == kind)
    for step in way:
        place = place[step]
    if value is REMOVED:
        del place[last]
    else:
        place[last] = value
    return objects


_CONFIG_MAP_AND_SERVICE = r"""
apiVersion: v1
kind: ConfigMap
metadata: {name: train-7f3c-tasks-0, labels: {osmo.workflow_id: train-7f3c}}
immutable: true
data: {prep.json: "{}", lead.json: "{}", worker.json: "{}"}
---
apiVersion: v1
kind: Service
metadata: {name: train-7f3c-train-group, labels: {osmo.workflow_id: train-7f3c}}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector: {osmo.workflow_id: train-7f3c, osmo.group_name: train-group}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: train-7f3c-train-group}
spec:
  podSelector: {matchLabels: {osmo.workflow_id: train-7f3c, osmo.group_name: train-group}}
  policyTypes: [Ingress]
  ingress: [{from: [{podSelector: {matchLabels: {osmo.group_name: train-group}}}]}]
---
"""

_ARGO: list[Manifest] = list(
    yaml.safe_load_all(
        _CONFIG_MAP_AND_SERVICE
        + r"""
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: train-7f3c, labels: {osmo.workflow_id: train-7f3c}}
spec:
  entrypoint: workflow
  serviceAccountName: osmo-task
  automountServiceAccountToken: false
  executor: {serviceAccountName: osmo-executor}
  podMetadata: {labels: {osmo.workflow_id: train-7f3c}}
  securityContext: {fsGroup: 65532, seccompProfile: {type: RuntimeDefault}}
  volumes: [{name: osmo, emptyDir: {}}, {name: data, emptyDir: {}}]
  podSpecPatch: |
    initContainers: [{name: init, securityContext: {allowPrivilegeEscalation: false}}]
  templateDefaults:
    metadata:
      labels: {osmo.task_name: "{{inputs.parameters.task}}", osmo.group_name: "{{inputs.parameters.group}}"}
    podSpecPatch: '{"terminationGracePeriodSeconds":330}'
    initContainers:
    - name: osmo-init
      image: osmo-init:0.1.0
      command: [osmo-init]
      volumeMounts: [{name: osmo, mountPath: /osmo}]
    - name: osmo-ctrl
      image: osmo-ctrl:0.1.0
      command: [osmo-ctrl]
      args: [--task, "{{inputs.parameters.task}}", --run, "{{workflow.uid}}"]
      restartPolicy: Always
      volumeMounts: [{name: osmo, mountPath: /osmo}, {name: data, mountPath: /data}]
    container:
      command: [/osmo/bin/osmo-exec]
      volumeMounts:
      - {name: osmo, mountPath: /osmo}
      - {name: tasks, mountPath: /osmo/spec, subPath: "{{inputs.parameters.task}}.json", readOnly: true}
  templates:
  - name: workflow
    dag:
      failFast: false
      tasks:
      - name: prep
        template: shape-0
        arguments:
          parameters: [{name: task, value: prep}, {name: group, value: prep-group}, {name: shard, value: "0"}]
      - name: train-group
        depends: "(prep.Succeeded)"
        inline:
          dag:
            failFast: false
            tasks:
            - name: lead
              template: shape-1
              arguments:
                parameters: [{name: task, value: lead}, {name: group, value: train-group}, {name: shard, value: "0"}]
            - name: worker
              template: shape-1
              continueOn: {failed: true, error: true}
              arguments:
                parameters: [{name: task, value: worker}, {name: group, value: train-group}, {name: shard, value: "0"}]
  - name: shape-0
    inputs: {parameters: [{name: task}, {name: group}, {name: shard}]}
    pendingTimeout: 1h
    volumes: [{name: tasks, configMap: {name: "train-7f3c-tasks-{{inputs.parameters.shard}}"}}]
    container: {name: main, image: "ubuntu:24.04", resources: {limits: {cpu: "1", memory: 1Gi}}}
  - name: shape-1
    inputs: {parameters: [{name: task}, {name: group}, {name: shard}]}
    volumes: [{name: tasks, configMap: {name: "train-7f3c-tasks-{{inputs.parameters.shard}}"}}]
    retryStrategy: {limit: 3, retryPolicy: Always, expression: "asInt(lastRetry.exitCode) == 250"}
    podSpecPatch: >-
      {"terminationGracePeriodSeconds":330,
      "hostname":"{{inputs.parameters.task}}","subdomain":"train-7f3c-{{inputs.parameters.group}}",
      "initContainers":[{"name":"osmo-ctrl","env":[{"name":"OSMO_RETRY_ID","value":"{{retries}}"}]}]}
    container: {name: main, image: "ubuntu:24.04", resources: {limits: {cpu: "1", memory: 1Gi, nvidia.com/gpu: 1}}}
"""
    )
)

_JOBS: list[Manifest] = list(
    yaml.safe_load_all(
        _CONFIG_MAP_AND_SERVICE
        + r"""
apiVersion: v1
kind: ServiceAccount
metadata: {name: train-7f3c-driver}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: train-7f3c-driver}
rules:
- {apiGroups: [batch], resources: [jobs], resourceNames: [train-7f3c-lead], verbs: [get, patch]}
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [create, get, update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: train-7f3c-driver}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: train-7f3c-driver}
subjects: [{kind: ServiceAccount, name: train-7f3c-driver}]
---
apiVersion: batch/v1
kind: Job
metadata:
  name: train-7f3c-lead
  labels: {osmo.workflow_id: train-7f3c, osmo.group_name: train-group, osmo.task_name: lead}
  annotations: {osmo.depends-on: prep-group}
spec:
  suspend: true
  completionMode: Indexed
  completions: 1
  parallelism: 1
  backoffLimitPerIndex: 3
  maxFailedIndexes: 0
  podFailurePolicy:
    rules:
    - {action: Count, onExitCodes: {containerName: lead, operator: In, values: [250]}}
    - {action: FailIndex, onPodConditions: [{type: DisruptionTarget, status: "True"}]}
    - {action: FailIndex, onExitCodes: {containerName: osmo-init, operator: NotIn, values: [0]}}
    - {action: FailIndex, onExitCodes: {containerName: lead, operator: NotIn, values: [0]}}
  template:
    metadata: {labels: {osmo.workflow_id: train-7f3c, osmo.group_name: train-group, osmo.task_name: lead}}
    spec:
      restartPolicy: Never
      subdomain: train-7f3c-train-group
      serviceAccountName: osmo-task
      automountServiceAccountToken: false
      initContainers:
      - name: osmo-init
        image: osmo-init:0.1.0
        command: [osmo-init]
        volumeMounts: [{name: osmo, mountPath: /osmo}]
      - name: osmo-ctrl
        image: osmo-ctrl:0.1.0
        restartPolicy: Always
        command: [osmo-ctrl]
        env:
        - {name: OSMO_TASK, value: lead}
        - name: OSMO_RETRY_ID
          valueFrom: {fieldRef: {fieldPath: "metadata.annotations['batch.kubernetes.io/job-index-failure-count']"}}
        - {name: OSMO_KEY, valueFrom: {secretKeyRef: {name: osmo-group-key, key: key}}}
        volumeMounts: [{name: osmo, mountPath: /osmo}, {name: tasks, mountPath: /osmo/spec}]
      containers:
      - name: lead
        image: ubuntu:24.04
        command: [/osmo/bin/osmo-exec]
        resources: {limits: {cpu: "1", memory: 1Gi}}
        volumeMounts: [{name: osmo, mountPath: /osmo}]
      volumes:
      - {name: osmo, emptyDir: {}}
      - {name: tasks, configMap: {name: train-7f3c-tasks-0, items: [{key: lead.json, path: lead.json}]}}
"""
    )
)
