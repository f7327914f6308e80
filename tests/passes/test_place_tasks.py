"""Where tasks go, how much of a node they take, and what a platform does not allow."""

from typing import Any, Final

import pytest
from profiles import TASK, compile_with, container, errors, helps, needs, placement, pod, told, workflow

from osmoc.plan import TopologyTerm

POOL: Final = "default_pool: main\npools:\n  main:\n    default_platform: cpu\n"
PROFILE: Final = f"""{POOL}\
    topology_keys:
    - {{key: rack, label: topology.kubernetes.io/rack}}
    common_default_variables: {{USER_CPU: 2, USER_GPU: 1, USER_MEMORY: 4Gi, USER_STORAGE: 10Gi}}
    platforms:
      cpu:
        node_selector: {{kubernetes.io/arch: amd64}}
      h100:
        privileged_allowed: true
        host_network_allowed: true
        allowed_mounts: [/mnt/data/, /dev]
        tolerations:
        - {{key: gpu, operator: Exists}}
        default_variables: {{USER_CPU: 500m, USER_MEMORY: 8G}}
"""


def resource(text: str, task: str = "", more: str = "") -> str:
    return workflow(task, f"  resources:\n    default: {{{text}}}\n{more}")


def test_task_goes_to_the_platform_it_names_else_to_the_default() -> None:
    """With the nodes and tolerations of the platform, and its name as a label of the pod."""
    first, second = (compile_with(PROFILE, resource(text)) for text in ("", "platform: h100"))
    assert (placement(first).platform, placement(first).node_selector) == ("cpu", (("kubernetes.io/arch", "amd64"),))
    assert (placement(second).platform, placement(second).node_selector) == ("h100", ())
    assert placement(second).tolerations == ('{"key": "gpu", "operator": "Exists"}',)
    labels = pod(PROFILE, resource("platform: h100"))["metadata"]["labels"]
    assert (labels["osmo.pool"], labels["osmo.platform"]) == ("main", "h100")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("", (2, 1, "4Gi", "10Gi")),
        ("cpu: 4, gpu: 2, memory: 1Gi, storage: 512Mi", (4, 2, "1Gi", "512Mi")),
        ("cpu: 0, gpu: 0", (2, 1, "4Gi", "10Gi")),
        ("platform: h100", (1, 1, "8Gi", "10Gi")),
        ("platform: h100, memory: 2T", (1, 1, "2Ti", "10Gi")),
    ],
)
def test_hardware_is_asked_for_else_the_platforms_else_the_pools(asked: str, expected: tuple[Any, ...]) -> None:
    """0 asks for nothing, as in OSMO. Parts of a processor are rounded up, decimal units are binary."""
    place = placement(compile_with(PROFILE, resource(asked)))
    assert (place.cpu, place.gpu, place.memory, place.storage) == expected


def test_nothing_is_asked_for_where_nothing_is_said() -> None:
    """No hidden defaults: a profile has those that it writes."""
    place = placement(compile_with(f"{POOL}    platforms: {{cpu: {{}}}}\n", workflow()))
    assert (place.cpu, place.gpu, place.memory, place.storage) == (None, None, None, None)


def test_open_world_takes_a_platform_for_a_node_label() -> None:
    """Nothing is dropped in silence: what the cluster must have is a note."""
    result = compile_with(
        "", resource("platform: h100, topology: [{key: rack}]", "privileged: true, volumeMounts: [/mnt:/data]")
    )
    assert placement(result).node_selector == (("osmo.platform", "h100"),)
    assert placement(result).topology == (TopologyTerm("rack", "default", True),)
    assert needs(result) == {
        ("nodes", "osmo.platform=h100"): "platform `h100`",
        ("node label", "rack"): "topology",
        ("namespace", "privileged"): "Pod Security must allow it",
        ("host directory", "/mnt"): "volumeMounts",
    }


def test_unknown_platform_is_an_error_once_for_all_tasks() -> None:
    """At the resource, which is where it stands; the message names the first task that uses it."""
    text = "workflow:\n  name: flow\n  resources: {default: {platform: h200}}\n  tasks:\n"
    text += f"  - {TASK}}}\n  - {{name: eval, image: python, command: [python], privileged: true}}\n"
    result = compile_with(PROFILE, text)
    assert errors(result) == [("E704", 3, "the pool `main` has no platform `h200`, which task `train` asks for")]
    assert helps(result) == [
        "did you mean `h100`? add it to `pools.main.platforms` of the profile; platforms: `cpu`, `h100`"
    ]


def test_resource_that_no_task_uses_needs_a_platform_too() -> None:
    """It will be used one day, and is wrong today; OSMO refuses it as well."""
    text = workflow(more="  resources:\n    default: {}\n    big: {platform: h200}\n")
    result = compile_with(PROFILE, text)
    message = "the pool `main` has no platform `h200`, which the resource `big`, which no task uses, asks for"
    assert errors(result) == [("E704", 5, message)]
    without_default = "default_pool: main\npools: {main: {platforms: {cpu: {}}}}\n"
    text = workflow("resource: small", "  resources:\n    small: {platform: cpu}\n    big: {cpu: 1}\n")
    message = "the resource `big` has no platform, and the pool `main` no default"
    assert errors(compile_with(without_default, text)) == [("E704", 5, message)]
    assert errors(compile_with("", text)) == []


def test_no_platform_is_an_error_where_the_pool_has_some_and_no_default() -> None:
    """None of them is chosen by chance."""
    result = compile_with("default_pool: main\npools: {main: {platforms: {a: {}}}}", workflow())
    message = "the resource of task `train` has no platform, and the pool `main` no default"
    assert [(code, text) for code, _, text in errors(result)] == [("E704", message)]
    assert helps(result) == ["name one with `platform`, or `default_platform` in the profile; platforms: `a`"]


def test_a_pool_without_platforms_needs_none() -> None:
    """One kind of nodes needs no name; but a name that is asked for must be one."""
    profile = "default_pool: main\npools: {main: {}}"
    assert placement(compile_with(profile, workflow())).platform == ""
    result = compile_with(profile, resource("platform: a"))
    assert [code for code, _, _ in errors(result)] == ["E704"]
    assert helps(result) == ["add it to `pools.main.platforms` of the profile"]


def test_topology_key_is_the_node_label_of_the_pool() -> None:
    """A workflow says what it means by a place, and the pool which label that is."""
    text = resource("topology: [{key: rack, group: a, requirementType: preferred}]")
    assert placement(compile_with(PROFILE, text)).topology == (TopologyTerm("topology.kubernetes.io/rack", "a", False),)
    result = compile_with(PROFILE, resource("topology: [{key: zone}]"))
    assert errors(result) == [("E709", 4, "the pool `main` has no topology key `zone`")]
    assert helps(result) == ["add it to `topology_keys` of the pool; keys: `rack`"]


@pytest.mark.parametrize(
    ("key", "setting"), [("privileged", "privileged_allowed"), ("hostNetwork", "host_network_allowed")]
)
def test_reaching_beyond_the_container_must_be_allowed(key: str, setting: str) -> None:
    """By the platform of the task; the help names the setting."""
    assert errors(compile_with(PROFILE, resource("platform: h100", f"{key}: true"))) == []
    assert errors(compile_with(PROFILE, resource("", f"{key}: false"))) == []
    result = compile_with(PROFILE, resource("", f"{key}: true"))
    assert [(code, text) for code, _, text in errors(result)] == [
        ("E705", f"the platform `cpu` does not allow `{key}`")
    ]
    assert helps(result) == [f"set `{setting}: true` in `pools.main.platforms.cpu` of the profile"]


def test_help_says_what_to_do_where_there_is_no_platform() -> None:
    """It names nothing that would be refused when it is there."""
    result = compile_with("max_tasks: 5", workflow("privileged: true"))
    assert [text for _, _, text in errors(result)] == ["the profile does not allow `privileged`"]
    assert helps(result) == [
        "set `privileged_allowed: true` in a platform of the profile's pool, and name it as `default_platform`"
    ]


def test_mount_must_be_allowed() -> None:
    """A directory as it stands in the profile, with or without a slash at its end; nothing below or above it."""
    for mount in ("/mnt/data", "/mnt/data/", "/mnt/data:/data", "/dev"):
        assert errors(compile_with(PROFILE, resource("platform: h100", f"volumeMounts: ['{mount}']"))) == []
    for mount in ("/mnt", "/mnt/data/deeper", "/mnt/datas"):
        result = compile_with(PROFILE, resource("platform: h100", f"volumeMounts: ['{mount}']"))
        message = f"the platform `h100` does not allow to mount `{mount}`"
        assert [(code, text) for code, _, text in errors(result)] == [("E705", message)]
    assert helps(result) == [
        "add it to `allowed_mounts` in `pools.main.platforms.h100` of the profile; allowed: `/mnt/data/`, `/dev`"
    ]


TEMPLATE: Final = f"""{POOL}\
    common_pod_template: [shared]
    platforms: {{cpu: {{allowed_mounts: [/scratch, /other]}}}}
pod_templates:
  shared:
    spec:
      containers:
      - name: "{{{{USER_CONTAINER_NAME}}}}"
        volumeMounts:
        - {{name: lustre, mountPath: /lustre}}
        - {{name: models, mountPath: /models}}
      - name: osmo-ctrl
        volumeMounts:
        - {{name: lustre, mountPath: /for-ctrl}}
      volumes:
      - {{name: lustre, hostPath: {{path: /mnt/lustre}}}}
      - {{name: models, persistentVolumeClaim: {{claimName: models}}}}
"""


@pytest.mark.parametrize("mount", ["/lustre", "/models", "/mnt/lustre:/lustre"])
def test_mount_that_the_template_makes_is_not_made_again(mount: str) -> None:
    """Asking for what a platform gives to everyone is no mistake; OSMO accepts it, and then cannot build the pod."""
    built = pod(TEMPLATE, workflow(f"volumeMounts: ['{mount}']"))
    paths = [item["mountPath"] for item in container(built)["volumeMounts"]]
    assert sorted(paths) == sorted(set(paths))
    assert {"/lustre", "/models"} <= set(paths)
    assert not [volume for volume in built["spec"]["volumes"] if volume["name"].startswith("host-mount")]


def test_mount_over_one_of_the_template_is_refused() -> None:
    """Two volumes at one path are no pod."""
    result = compile_with(TEMPLATE, workflow("volumeMounts: ['/scratch:/lustre']"))
    assert [text for _, _, text in errors(result)] == ["the platform `cpu` mounts something else at `/lustre`"]
    result = compile_with(TEMPLATE, workflow("volumeMounts: ['/models:/elsewhere']"))
    assert [text for _, _, text in errors(result)] == ["the platform `cpu` does not allow to mount `/models`"]
    assert helps(result)[0].endswith("it is mounted at `/models` without asking for it")
    assert errors(compile_with(TEMPLATE, workflow("volumeMounts: ['/for-ctrl']"))) != []


STOCK: Final = """default_pool: main
pools:
  main:
    default_platform: gpu
    common_default_variables: {USER_CPU: 1, USER_GPU: 0, USER_MEMORY: 1Gi, USER_STORAGE: 1Gi}
    common_pod_template: [ctrl, user, shm, spread]
    platforms: {gpu: {}}
pod_templates:
  ctrl:
    spec:
      containers:
      - name: osmo-ctrl
        resources:
          limits: {cpu: "{{USER_CPU}}", memory: "{{USER_MEMORY}}"}
          requests: {cpu: "1", memory: 1Gi}
  user:
    spec:
      containers:
      - name: "{{USER_CONTAINER_NAME}}"
        resources:
          limits: {cpu: "{{USER_CPU}}", memory: "{{USER_MEMORY}}", nvidia.com/gpu: "{{USER_GPU}}"}
          requests: {cpu: "{{USER_CPU}}", memory: "{{USER_MEMORY}}", nvidia.com/gpu: "{{USER_GPU}}"}
        volumeMounts:
        - {name: lustre, mountPath: /data, subPath: data}
        - {name: lustre, mountPath: /models, subPath: models}
      volumes:
      - {name: lustre, persistentVolumeClaim: {claimName: lustre}}
  shm:
    spec:
      containers:
      - name: "{{USER_CONTAINER_NAME}}"
        volumeMounts: [{name: shm, mountPath: /dev/shm}]
      volumes: [{name: shm, emptyDir: {medium: Memory, sizeLimit: 2Gi}}]
  spread:
    spec:
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms:
            - matchExpressions:
              - {key: kubernetes.io/hostname, operator: NotIn, values: "{{USER_EXCLUDED_NODES}}"}
"""


@pytest.mark.parametrize("target", ["argo", "jobs"])
def test_templates_for_osmos_sidecar_reach_ours(target: str) -> None:
    """OSMO's osmo-ctrl is a container, ours an init container; a second one beside it would have no image."""
    result = compile_with(STOCK, resource("gpu: 1, cpu: 4"), target=target)
    assert result.manifests, told(result.findings)
    text = str(result.manifests)
    assert text.count("'name': 'osmo-ctrl'") == 1 and "'sidecars'" not in text
    ctrl = container(pod(STOCK, resource("gpu: 1, cpu: 4")), "osmo-ctrl")
    assert (ctrl["image"].split(":")[0], ctrl["restartPolicy"]) == ("osmo-ctrl", "Always")
    assert ctrl["resources"]["limits"] == {"cpu": "4.0", "memory": "1Gi"}
    assert ctrl["resources"]["requests"] == {"cpu": "1", "memory": "1Gi"}


def test_template_may_mount_one_volume_at_several_paths() -> None:
    """Mounts have the names of their volumes: two of one name are two."""
    mounts = container(pod(STOCK, workflow()))["volumeMounts"]
    assert [item["subPath"] for item in mounts if item["name"] == "lustre"] == ["data", "models"]


def test_template_takes_the_place_of_shared_memory() -> None:
    """A pod with GPUs gets `/dev/shm` of its own, but not a second one; what is not mounted is not there."""
    built = pod(STOCK, resource("gpu: 1"))
    mounts = [item["name"] for item in container(built)["volumeMounts"] if item["mountPath"] == "/dev/shm"]
    assert mounts == ["shm"]
    assert "osmo-shm" not in [volume["name"] for volume in built["spec"]["volumes"]]


def terms(built: dict[str, Any]) -> Any:
    affinity = built["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    return affinity["nodeSelectorTerms"]


def test_excluded_nodes_are_never_an_empty_list() -> None:
    """Kubernetes refuses NotIn without values."""
    rule = {"key": "kubernetes.io/hostname", "operator": "NotIn"}
    assert terms(pod(STOCK, workflow())) == [{"matchExpressions": [rule | {"values": [""]}]}]
    built = pod(STOCK, resource("nodesExcluded: [a, b]"))
    assert terms(built) == [{"matchExpressions": [rule | {"values": ["a", "b"]}]}]


def test_excluded_nodes_are_excluded_beside_other_terms() -> None:
    """Of several terms one is enough, so each of them must exclude."""
    profile = STOCK.replace('values: "{{USER_EXCLUDED_NODES}}"', "values: [c]").replace("hostname", "zone")
    rule = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["a"]}
    zone = {"key": "kubernetes.io/zone", "operator": "NotIn", "values": ["c"]}
    assert terms(pod(profile, resource("nodesExcluded: [a]"))) == [{"matchExpressions": [zone, rule]}]
    assert terms(pod("", resource("nodesExcluded: [a]"))) == [{"matchExpressions": [rule]}]


def test_template_that_cannot_be_rendered_is_an_error_at_the_resource() -> None:
    """The mistake is in the profile, but a value in the resource may avoid it: that is what the help says."""
    profile = (
        f"{POOL}    common_pod_template: [a]\n    platforms: {{cpu: {{}}}}\npod_templates:\n  a: {{spec: {{x: '%s'}}}}"
    )
    result = compile_with(profile % "{{USER_MEMORY}}", resource("cpu: 2"))
    message = "the pod templates `a` cannot be rendered: `{{USER_MEMORY}}`: 'USER_MEMORY' is undefined"
    assert errors(result) == [("E716", 4, message)]
    assert helps(result) == ["give `USER_MEMORY` a value in `common_default_variables` of the profile"]
    assert errors(compile_with(profile % "{{USER_MEMORY}}", resource("memory: 1Gi"))) == []
    result = compile_with(profile % "{{ WF_ID | upper }}", workflow())
    assert errors(result)[0][2].endswith("`WF_ID` can only be inserted as it is")
    result = compile_with(profile % '{{ "{" * 2 }}', workflow())
    assert [text for _, _, text in errors(result)] == ["the pod templates `a` hold braces when rendered"]


def test_templates_may_tell_leads_from_others() -> None:
    """`WF_LEAD_CONTAINER` has a value in leads only, as OSMO's label has."""
    profile = f"""{POOL}    common_pod_template: [a]
    platforms: {{cpu: {{}}}}
pod_templates:
  a: {{metadata: {{annotations: {{role: "{{% if WF_LEAD_CONTAINER %}}lead{{% else %}}other{{% endif %}}"}}}}}}
"""
    text = """workflow:
  name: flow
  groups:
  - name: both
    tasks:
    - {name: train, image: python, command: [python], lead: true}
    - {name: watch, image: python, command: [python]}
"""
    roles = [pod(profile, text, task)["metadata"]["annotations"]["role"] for task in ("train", "watch")]
    assert roles == ["lead", "other"]


def test_names_are_inserted_for_each_task() -> None:
    """Tasks share a template, and each has its own name in it."""
    profile = f"""{POOL}    common_pod_template: [a]
    platforms: {{cpu: {{}}}}
pod_templates:
  a:
    metadata:
      annotations: {{who: "{{{{WF_TASK_NAME}}}} of {{{{WF_ID}}}} in {{{{WF_POOL}}}}-{{{{WF_PLATFORM}}}}"}}
"""
    built = pod(profile, workflow(), workflow_id="run-1")
    assert built["metadata"]["annotations"]["who"] == "train of run-1 in main-cpu"


def test_gpus_beyond_the_guarantee_need_a_low_priority() -> None:
    """Counted over a group, which starts as a whole; defaults count too."""
    profile = (
        f"{POOL}    resources: {{gpu: {{guarantee: 3}}}}\n    platforms: {{cpu: {{}}}}\npriorities: {{LOW: low}}\n"
    )
    text = """workflow:
  name: flow
  resources: {default: {gpu: 2}}
  groups:
  - name: both
    tasks:
    - {name: train, image: python, command: [python], lead: true}
    - {name: watch, image: python, command: [python]}
"""
    result = compile_with(profile, text)
    assert errors(result) == [("E717", 5, "group `both` asks for 4 GPUs; the pool guarantees 3")]
    assert errors(compile_with(profile, text, priority="LOW")) == []
    assert errors(compile_with(profile, text.replace("gpu: 2", "gpu: 1"))) == []
    assert errors(compile_with(profile.replace("3", "-1"), text)) == []
