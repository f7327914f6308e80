"""OSMO's configs become a profile: all that fits, remarks about the rest, and never a credential."""

import json
from typing import Any, Final

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from profiles import profile, told

from osmoc import compile_workflow
from osmoc.emit.write import document
from osmoc.import_osmo import Imported, UnknownConfig, import_osmo
from osmoc.pipeline import Options
from osmoc.profile import Profile

# A value that must never come out again, wherever it stands.
HUSH: Final = "hush-hush"

CREDENTIAL: Final = {
    "endpoint": "s3://lab/osmo",
    "region": "eu-north-1",
    "override_url": "https://minio.example.com",
    "access_key_id": HUSH,
    "access_key": HUSH,
}
POOL: Final[dict[str, Any]] = {
    "description": "For research",
    "backend": "lab",
    "default_platform": "h100",
    "default_exec_timeout": "7d",
    "default_queue_timeout": "1h30m",
    "max_exec_timeout": "30d",
    "max_queue_timeout": "",
    "default_exit_actions": {"RESCHEDULE": "3001,3006"},
    "resources": {"gpu": {"guarantee": 8, "maximum": -1, "weight": 1}},
    "topology_keys": [{"key": "rack", "label": "topology.kubernetes.io/rack"}],
    "common_default_variables": {"USER_CPU": 1, "USER_GPU": 0, "USER_MEMORY": "1Gi", "USER_STORAGE": "1Gi"},
    "common_pod_template": ["for_ctrl", "for_user"],
    "common_resource_validations": ["small"],
    "platforms": {
        "h100": {
            "host_network_allowed": True,
            "allowed_mounts": ["/mnt/data"],
            "default_variables": {"USER_CPU": 4},
            "override_pod_template": ["on_h100"],
            "resource_validations": ["on_node"],
        },
        "cpu": {},
    },
}
TEMPLATES: Final[dict[str, Any]] = {
    "for_ctrl": {"spec": {"containers": [{"name": "osmo-ctrl", "resources": {"limits": {"cpu": "{{USER_CPU}}"}}}]}},
    "for_user": {
        "spec": {
            "containers": [
                {
                    "name": "{{USER_CONTAINER_NAME}}",
                    "resources": {"limits": {"cpu": "{{USER_CPU}}", "memory": "{{USER_MEMORY}}"}},
                }
            ]
        }
    },
    "on_h100": {"spec": {"nodeSelector": {"gpu": "h100"}, "tolerations": [{"key": "gpu", "operator": "Exists"}]}},
}
VALIDATIONS: Final = {
    "small": [
        {"operator": "LE", "left_operand": "{{USER_GPU}}", "right_operand": "8", "assert_message": "at most 8 GPUs"}
    ],
    "on_node": [
        {"operator": "LE", "left_operand": "{{USER_CPU}}", "right_operand": "{{K8_CPU}}", "assert_message": "too many"}
    ],
}
WORKFLOW: Final[dict[str, Any]] = {
    "max_num_tasks": 100,
    "max_retry_per_task": 2,
    "default_exec_timeout": "60d",
    "default_queue_timeout": 3600,
    "max_exec_timeout": "1d12h",
    "max_queue_timeout": "P2D",
    "max_log_lines": 10000,
    "workflow_data": {"credential": CREDENTIAL, "base_url": "https://console.example.com", "data_timeout": 10},
    "workflow_log": {"credential": CREDENTIAL},
    "backend_images": {
        "init": "nvcr.io/x/init:1",
        "client": "nvcr.io/x/client:1",
        "credential": {"registry": "https://NVCR.io/v2/", "username": "$oauthtoken", "auth": HUSH},
    },
    "workflow_alerts": {"slack_token": HUSH, "smtp_settings": {"password": HUSH}},
    "labels_config": {
        "policy": [
            {"key": "team", "allow_list": ["a", "b"], "enforcement": "enforce", "assert_message": "see the wiki"},
            {"key": "cost", "enforcement": False},
        ],
        "pod_label_prefix": "example.com/",
    },
}
DATASET: Final[dict[str, Any]] = {
    "default_bucket": "main",
    "buckets": {
        "main": {"dataset_path": "s3://lab/datasets", "region": "eu-north-1", "mode": "read-write"},
        "frozen": {"dataset_path": "gs://old/datasets", "mode": "read-only", "default_credential": CREDENTIAL},
    },
}
BACKEND: Final = {"description": "Lab", "scheduler_settings": {"scheduler_type": "kai"}, "k8s_namespace": "osmo"}
GROUP_TEMPLATE: Final = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "stringData": {"key": HUSH}}
ROLE: Final = {"name": "osmo-admin", "policies": [], "external_roles": []}
SERVICE: Final = {
    "service_base_url": "https://osmo.example.com",
    "service_auth": {"keys": {"a": {"private_key": HUSH}}},
}

CHART: Final = {
    "enabled": True,
    "secretRefs": [{"secretName": "bucket"}],
    "pools": {"research": POOL},
    "podTemplates": TEMPLATES,
    "resourceValidations": VALIDATIONS,
    "groupTemplates": {"quota": GROUP_TEMPLATE},
    "backends": {"lab": BACKEND},
    "backendTests": {"gpu": {"cron_schedule": "* * * * *", "common_pod_template": ["for_user"]}},
    "roles": {"osmo-admin": ROLE},
    "workflow": WORKFLOW,
    "dataset": DATASET,
    "service": SERVICE,
}
# As `osmo config show` prints them, each in a file of its own.
SHOWN: Final = {
    "pool.json": {"pools": {"research": POOL}},
    "pod_template.json": TEMPLATES,
    "resource_validation.json": VALIDATIONS,
    "group_template.json": {"quota": GROUP_TEMPLATE},
    "backend.json": {"backends": [BACKEND | {"name": "lab"}]},
    "backend_test.json": {"gpu": {"cron_schedule": "* * * * *", "common_pod_template": ["for_user"]}},
    "role.json": [ROLE],
    "workflow.json": WORKFLOW,
    "dataset.json": DATASET,
    "service.json": SERVICE,
}
WHOLE: Final = """\
storage:
  url: s3://lab/osmo
  endpoint: https://minio.example.com
  region: eu-north-1
datasets:
  default_bucket: main
  buckets:
    main:
      url: s3://lab/datasets
      region: eu-north-1
    frozen:
      url: gs://old/datasets
      endpoint: https://minio.example.com
      region: eu-north-1
      mode: read-only
      secret: osmo-bucket-frozen
registries:
  nvcr.io: osmo-registry
default_pool: research
pools:
  research:
    description: For research
    backend: lab
    default_platform: h100
    default_exec_timeout: "7d"
    default_queue_timeout: "90m"
    max_exec_timeout: "30d"
    default_exit_actions:
      RESCHEDULE: "3001,3006"
    resources:
      gpu:
        guarantee: 8
    topology_keys:
    - key: rack
      label: topology.kubernetes.io/rack
    common_default_variables:
      USER_CPU: 1
      USER_GPU: 0
      USER_MEMORY: "1Gi"
      USER_STORAGE: "1Gi"
    common_pod_template:
    - for_ctrl
    - for_user
    common_resource_validations:
    - small
    platforms:
      h100:
        host_network_allowed: true
        allowed_mounts:
        - /mnt/data
        default_variables:
          USER_CPU: 4
        resource_validations:
        - on_node
        override_pod_template:
        - on_h100
      cpu: {}
"""
REST: Final = """\
priorities:
  HIGH: osmo-high
  NORMAL: osmo-normal
  LOW: osmo-low
labels:
  team:
    allow_list:
    - a
    - b
    assert_message: see the wiki
  cost:
    mode: "off"
label_prefix: example.com/
max_tasks: 100
retries:
  reschedule: 2
timeouts:
  default_exec: "60d"
  default_queue: 3600
  max_exec: "36h"
  max_queue: P2D
"""


def shown(**files: Any) -> Imported:
    """The configs as JSON, each in a file called `<key>.json`."""
    return import_osmo({f"{name}.json": json.dumps(value) for name, value in files.items()})


def said(imported: Imported) -> list[str]:
    return [str(remark) for remark in imported.remarks]


def configmap(text: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "osmo-configs"},
        "data": {"config.yaml": text},
    }


def snake(chart: dict[str, Any]) -> dict[str, Any]:
    names = {"podTemplates": "pod_templates", "resourceValidations": "resource_validations"}
    names |= {"groupTemplates": "group_templates", "backendTests": "backend_tests"}
    return {names.get(key, key): value for key, value in chart.items() if key not in ("enabled", "secretRefs")}


# Every way in which an administrator may have the same configs.
FORMS: Final[dict[str, dict[str, str]]] = {
    "shown": {name: json.dumps(value, indent=2) for name, value in SHOWN.items()},
    "shown-yaml": {name: yaml.safe_dump(value, sort_keys=False) for name, value in SHOWN.items()},
    "history": {
        "pool.json": json.dumps({"research": POOL}),
        **{k: json.dumps(v) for k, v in SHOWN.items() if k != "pool.json"},
    },
    "chart-section": {"configs.yaml": yaml.safe_dump(CHART, sort_keys=False)},
    "values": {"values.yaml": yaml.safe_dump({"global": {"x": 1}, "services": {"configs": CHART}}, sort_keys=False)},
    "new-values": {"values.yaml": yaml.safe_dump({"configuration": CHART}, sort_keys=False)},
    "configmap": {"cm.yaml": yaml.safe_dump(configmap(yaml.safe_dump(snake(CHART), sort_keys=False)))},
    "list": {
        "cm.json": json.dumps({"apiVersion": "v1", "kind": "List", "items": [configmap(json.dumps(snake(CHART)))]})
    },
    "stream": {"all.yaml": "---\n".join(yaml.safe_dump(value, sort_keys=False) for value in SHOWN.values())},
    "tabs": {name: json.dumps(value, indent="\t") for name, value in SHOWN.items()},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_profile(form: str) -> None:
    """Whole, in the order of the model, with nothing in it that is a default; templates and rules as they are."""
    imported = import_osmo(FORMS[form])
    text = document(imported.profile)
    assert text.startswith(WHOLE), text
    assert text.endswith(REST), text
    assert imported.profile["pod_templates"] == TEMPLATES
    assert imported.profile["resource_validations"] == VALIDATIONS
    assert list(imported.profile) == [name for name in Profile.model_fields if name in imported.profile]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("target", ["argo", "jobs"])
def test_profile_compiles_a_workflow(form: str, target: Any) -> None:
    """What comes of an import is a profile that one can work with at once."""
    read = profile(document(import_osmo(FORMS[form]).profile))
    text = """workflow:
  name: flow
  labels: {team: a}
  resources: {default: {gpu: 1, memory: 4Gi}}
  tasks:
  - name: train
    image: nvcr.io/x/train:1
    command: [python, train.py]
    inputs: [{dataset: {name: cats}}, {url: s3://lab/dogs}]
    volumeMounts: [/mnt/data]
"""
    result = compile_workflow(text, read, options=Options(target=target, priority="LOW"))
    assert result.manifests, told(result.findings)


@pytest.mark.parametrize("form", FORMS)
def test_no_credential_comes_out(form: str) -> None:
    """Neither in the profile nor in what is said about it; what must be made in its place is named."""
    imported = import_osmo(FORMS[form])
    assert HUSH not in document(imported.profile) and not [line for line in said(imported) if HUSH in line]
    for secret in ("osmo-storage", "osmo-registry", "osmo-bucket-frozen"):
        assert [line for line in said(imported) if f": to do: make the Secret `{secret}`" in line], said(imported)


def test_remarks_name_file_place_and_kind() -> None:
    """All that was left out, changed or is still to do; in the order of the files."""
    assert said(import_osmo(FORMS["shown"])) == [
        "resource_validation.json: to do: RESOURCE_VALIDATION `on_node`: skipped until `nodes` of the platforms says "
        "what nodes have",
        "group_template.json: left out: GROUP_TEMPLATE `quota`: no objects are made for a group: apply once what it "
        "holds",
        "backend.json: left out: BACKEND `lab`: a profile is for one cluster, whose default scheduler gets the pods: "
        "for another one, write `schedulerName` and the label of its queue into a pod template",
        "backend_test.json: left out: BACKEND_TEST `gpu`: tests of OSMO's own",
        "role.json: left out: ROLE `osmo-admin`: Kubernetes says who may do what",
        "workflow.json: workflow_data.credential: to do: make the Secret `osmo-storage` with the keys `access_key_id` "
        "and `access_key`, for outputs and logs of tasks; the values that stand here were not copied",
        "workflow.json: workflow_data.base_url: left out: for OSMO's web pages",
        "workflow.json: workflow_data: left out: `data_timeout`: only OSMO's service needs this",
        "workflow.json: left out: `workflow_log`: logs lie in `storage`, beside the outputs",
        "workflow.json: backend_images: to do: osmoc has images of its own: put them into your registry and name it in "
        "`images.prefix`",
        "workflow.json: backend_images.credential: to do: make the Secret `osmo-registry` of type "
        "kubernetes.io/dockerconfigjson for `nvcr.io`; the login that stands here was not copied",
        "workflow.json: left out: `max_log_lines`, `workflow_alerts`: only OSMO's service needs this",
        "dataset.json: buckets.main: to do: without a credential of its own, that of `storage` is used: name another "
        "Secret with `secret`",
        "dataset.json: buckets.frozen.default_credential: to do: make the Secret `osmo-bucket-frozen` with the keys "
        "`access_key_id` and `access_key`, for datasets of the bucket `frozen`; the values that stand here were not "
        "copied",
        "service.json: left out: SERVICE: there is no service of OSMO's here",
    ]


def test_single_configs_are_called_as_their_files() -> None:
    """As `osmo config show POD_TEMPLATE small > small.json` makes them; a pool may know its name."""
    imported = import_osmo(
        {
            "configs/research.json": json.dumps(POOL),
            "for_user.json": json.dumps(TEMPLATES["for_user"]),
            "for_ctrl.yaml": json.dumps(TEMPLATES["for_ctrl"]),
            "on_h100.json": json.dumps({"apiVersion": "v1", "kind": "Pod", **TEMPLATES["on_h100"]}),
            "small.json": json.dumps(VALIDATIONS["small"]),
            "on_node.json": json.dumps({"resource_validations": VALIDATIONS["on_node"]}["resource_validations"]),
            "x.json": json.dumps({"name": "spare", "backend": "lab"}),
        }
    )
    assert list(imported.profile["pools"]) == ["research", "spare"]
    assert list(imported.profile["pod_templates"]) == ["for_user", "for_ctrl", "on_h100"]
    assert imported.profile["resource_validations"] == VALIDATIONS


def test_missing_templates_are_named_and_not_referred_to() -> None:
    """A profile must have what it names; node selector and tolerations are saved, for OSMO has computed them."""
    computed = {"labels": {"gpu": "h100"}, "tolerations": [{"key": "gpu", "operator": "Exists", "value": None}]}
    imported = shown(pool={"pools": {"a": {"common_pod_template": ["x"], "platforms": {"h100": computed}}}})
    assert imported.profile["pools"] == {
        "a": {
            "platforms": {
                "h100": {
                    "node_selector": {"gpu": "h100"},
                    "tolerations": [{"key": "gpu", "operator": "Exists"}],
                }
            }
        }
    }
    assert said(imported) == [
        "pool.json: pools.a.common_pod_template: to do: none of the files has `x`: import "
        "`osmo config show POD_TEMPLATE` too",
        "pool.json: pools.a.platforms.h100: changed: node selector and tolerations are those that OSMO computed of its "
        "templates",
    ]


def test_what_osmo_computes_is_not_worth_a_remark() -> None:
    """`osmo config show POOL --verbose` has the merged templates as well, which follow from the others."""
    pool = POOL | {"name": "research", "status": "ONLINE", "last_heartbeat": None, "parsed_pod_template": TEMPLATES}
    h100 = POOL["platforms"]["h100"] | {"labels": {"a": "b"}, "default_mounts": ["/x"], "parsed_pod_template": {}}
    pool |= {"platforms": {"h100": h100}}
    imported = shown(pool={"pools": {"research": pool}}, templates=TEMPLATES, rules=VALIDATIONS)
    assert "node_selector" not in imported.profile["pools"]["research"]["platforms"]["h100"]
    assert [line for line in said(imported) if "pool.json" in line] == []


def test_unknown_keys_are_left_out_with_a_remark() -> None:
    """Nothing of a config disappears in silence."""
    imported = shown(pool={"pools": {"a": POOL | {"colour": "red", "platforms": {"h100": {"speed": 1}}}}})
    unknown = [str(remark.where) for remark in imported.remarks if remark.kind.value == "unknown"]
    assert unknown == ["pool.json: pools.a.platforms.h100.speed", "pool.json: pools.a.colour"]
    imported = shown(configs={"pools": {}, "dashboards": {"a": 1}, "workflow": {"max_num_tasks": 1, "theme": "dark"}})
    unknown = [str(remark.where) for remark in imported.remarks if remark.kind.value == "unknown"]
    assert unknown == ["configs.json: dashboards", "configs.json: workflow.theme"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("7d", "7d"),
        ("1h30m", "90m"),
        ("1d12h", "36h"),
        ("24h", "1d"),
        ("P1DT2H", "P1DT2H"),
        ("1m1s", "61s"),
        ("90s", "90s"),
        ("500ms", "500ms"),
        (90, 90),
        (1.5, 1.5),
        ("", None),
        (None, None),
        (0, None),
        ("0s", None),
        ("0h0m", None),
    ],
)
def test_durations_are_such_as_a_profile_takes(written: Any, expected: Any) -> None:
    """OSMO writes `1h30m` and cannot read it; no time is no value."""
    imported = shown(workflow={"max_num_tasks": 1, "max_exec_timeout": written})
    assert imported.profile.get("timeouts", {}).get("max_exec") == ("1d" if expected == "1d" else expected)


def test_storage_may_be_a_secret_or_an_identity() -> None:
    """The remark says where OSMO has the keys from; the profile is the same."""
    for credential, why in (
        (
            {"endpoint": "s3://a", "secretName": "bucket"},
            "OSMO reads them from the Secret `bucket` in its own namespace",
        ),
        ({"endpoint": "s3://a", "secret_file": "/x/cred.yaml"}, "OSMO reads them from the file `/x/cred.yaml`"),
        ({"endpoint": "s3://a"}, "OSMO has no keys here, and uses the identity of its pods"),
    ):
        imported = shown(workflow={"workflow_data": {"credential": credential}})
        assert imported.profile == {"storage": {"url": "s3://a"}}
        assert said(imported)[0].endswith(why)


def test_no_reschedule_stays_none() -> None:
    """OSMO's default is 0, ours is 3: an import changes nothing that it can keep, and says what that means."""
    imported = shown(workflow={"max_retry_per_task": 0})
    assert imported.profile == {"retries": {"reschedule": 0}}
    assert said(imported) == [
        "workflow.json: max_retry_per_task: changed: RESCHEDULE runs nothing again, as in OSMO; without `retries` it "
        "would, three times"
    ]
    assert shown(workflow={"max_retry_per_task": 3}).profile == {}


def test_default_pool_is_the_only_one_or_the_one_called_default() -> None:
    """OSMO's users choose theirs; among several none is chosen for them."""
    pool = {"backend": "lab"}
    assert shown(pool={"pools": {"a": pool}}).profile["default_pool"] == "a"
    assert shown(pool={"pools": {"a": pool, "default": pool}}).profile["default_pool"] == "default"
    imported = shown(pool={"pools": {"a": pool, "b": pool}})
    assert "default_pool" not in imported.profile
    assert said(imported) == ["pool.json: to do: choose a `default_pool`, or give `--pool` each time; pools: `a`, `b`"]


def test_pools_of_several_clusters_are_remarked_upon() -> None:
    """A profile describes one."""
    imported = shown(pool={"pools": {"default": {"backend": "lab"}, "b": {"backend": "cloud"}}})
    assert said(imported) == [
        "pool.json: to do: the pools are on several clusters, `lab`, `cloud`: keep those of one, and make a profile "
        "for each"
    ]


def test_credentials_in_templates_are_read_from_secrets() -> None:
    """By the names of variables, for nothing else tells them; those that are no credentials stay."""
    env = [
        {"name": "HF_TOKEN", "value": HUSH},
        {"name": "AWS_SECRET_ACCESS_KEY", "value": HUSH},
        {"name": "WANDB", "value": "{{WANDB_API_KEY}}"},
        {"name": "TOKENIZERS_PARALLELISM", "value": "false"},
        {"name": "TOKEN_FILE", "value": "/run/token"},
        {"name": "TASK_TOKEN", "value": "{{WF_TASK_NAME}}"},
        {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
    ]
    templates = {"My.User": {"spec": {"containers": [{"name": "a", "env": env}], "initContainers": [{"name": "b"}]}}}
    pool = {"backend": "lab", "common_default_variables": {"WANDB_API_KEY": HUSH, "TEAM": "a"}}
    imported = shown(pod_template=templates, pool={"pools": {"a": pool}})
    secret = {"name": "osmo-template-my-user"}
    found = imported.profile["pod_templates"]["My.User"]["spec"]["containers"][0]["env"]
    assert found[:3] == [
        {"name": name, "valueFrom": {"secretKeyRef": secret | {"key": name}}}
        for name in ("HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "WANDB")
    ]
    assert found[3:] == env[3:]
    assert imported.profile["pools"]["a"]["common_default_variables"] == {"TEAM": "a"}
    assert HUSH not in document(imported.profile) + "".join(said(imported))
    assert said(imported)[0] == (
        "pod_template.json: My.User: to do: make the Secret `osmo-template-my-user`, which the template reads now, "
        "with `HF_TOKEN`, `AWS_SECRET_ACCESS_KEY`, `WANDB`; the values were not copied"
    )


def test_variables_that_only_osmo_has_are_remarked_upon() -> None:
    """Before a workflow fails for them."""
    templates = {
        "a": {"metadata": {"annotations": {"by": "{{WF_SUBMITTED_BY}}", "team": "{{TEAM}}", "of": "{{MINE}}"}}}
    }
    pool = {"backend": "lab", "platforms": {"x": {"default_variables": {"TEAM": "a"}}}}
    assert said(shown(pod_template=templates, pool={"pools": {"a": pool}}))[0] == (
        "pod_template.json: a: to do: give a value in `common_default_variables` of the pool to `MINE`, "
        "`WF_SUBMITTED_BY`, which osmoc has none for"
    )


def test_what_kubernetes_or_the_language_would_refuse_is_left_out() -> None:
    """With a remark for each; the pool itself is there."""
    pool = {
        "default_platform": "gone",
        "default_exit_actions": {"RESTART": "1", "FAIL": "5-1", "COMPLETE": "3"},
        "topology_keys": [{"key": "a", "label": "no label"}, {"key": "b", "label": "x/y"}],
        "common_default_variables": {"USER_CPU": "lots", "TEAM": "a"},
        "common_group_templates": ["quota"],
    }
    imported = shown(pool={"pools": {"a": pool}})
    assert imported.profile["pools"]["a"] == {
        "default_exit_actions": {"COMPLETE": "3"},
        "topology_keys": [{"key": "b", "label": "x/y"}],
        "common_default_variables": {"TEAM": "a"},
    }
    assert [str(remark.where.path[2:]) for remark in imported.remarks] == [
        "('default_platform',)",
        "('default_exit_actions', 'RESTART')",
        "('default_exit_actions', 'FAIL')",
        "('topology_keys', '0')",
        "('common_default_variables', 'USER_CPU')",
        "()",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [", "neither JSON nor YAML: did not find expected node content in line 2"),
        ('{"a": ', "neither JSON nor YAML"),
        ("a: !!python/object:os.system x", "neither JSON nor YAML: unknown YAML tag"),
        ("just text", "a config is a mapping or a list"),
        ("42", "a config is a mapping or a list"),
        ("a: {b: 1}", "no config of OSMO's: it has the keys `a`; `osmo config show` prints POOL, POD_TEMPLATE"),
        ("[1, 2]", "a list is of rules of a resource validation, of backends or of roles"),
        ("host_network_allowed: true\nresource_validations: [a]", "a platform without its pool"),
        ("h100: {allowed_mounts: [/mnt]}", "a platform without its pool"),
        ("pools: [a]", "`pools`: a mapping of names is expected"),
        ("pools: {a: {platforms: [x]}}", "`pools.a.platforms`: a mapping is expected"),
        (
            "pools: {a: {backend: 1, platforms: {x: {allowed_mounts: /mnt}}}}",
            "`pools.a.platforms.x.allowed_mounts`: a list",
        ),
        (
            "pools: {a: {backend: b, enable_maintenance: 'yes'}}",
            "`pools.a.enable_maintenance`: true or false is expected",
        ),
        ("max_num_tasks: many", "`max_num_tasks`: a whole number is expected"),
        (
            "max_num_tasks: 1\nmax_exec_timeout: soon",
            "`max_exec_timeout`: a duration such as `90m` or `7d` is expected",
        ),
        ("max_num_tasks: 1\nmax_exec_timeout: true", "`max_exec_timeout`: a duration"),
        ("max_num_tasks: -1", "no profile comes of it: `max_tasks`: -1 is negative"),
        ("buckets: {a: {dataset_path: s3://b, mode: write-only}}", "`buckets.a.mode`: `read-only` or `read-write`"),
        ("buckets: {a: {region: b}}", "no profile comes of it: `url` is missing"),
        ("buckets: {a: {dataset_path: /data}}", "no profile comes of it: `/data` is not a storage URL"),
        ("pools: {a b: {backend: c}}", "no profile comes of it: `a b` cannot be a label, which a pool's name becomes"),
        ("pod_templates: {a: {spec: [b]}}", "no profile comes of it: `spec` must be a mapping"),
        ('{"pools": {"a": {"backend": "\\ud800"}}}', "neither JSON nor YAML: a character that no YAML file can hold"),
        ('{"pools": {"a": {"backend": "\\u0000"}}}', "neither JSON nor YAML: a NUL character"),
        ("a: &a [*a]", "neither JSON nor YAML: an alias within its own anchor"),
        ("[" * 5000, "neither JSON nor YAML: nested more than 60 deep"),
        ("[" * 5000 + "]" * 5000, "neither JSON nor YAML: nested more than 60 deep"),
        ('{"a":' * 100_000, "neither JSON nor YAML: nested more than 60 deep"),
        (
            "---\na: 1\n---\n\nb: !!python/name:x y\n",
            "neither JSON nor YAML: unknown YAML tag `!!python/name:x` in line 5",
        ),
    ],
)
def test_what_is_no_config_is_refused_with_file_and_reason(text: str, reason: str) -> None:
    """In words, never with a traceback."""
    with pytest.raises(UnknownConfig) as raised:
        import_osmo({"good.json": json.dumps(SHOWN["pool.json"]), "bad.yaml": text})
    assert raised.value.reason.startswith(reason), raised.value
    assert str(raised.value) == f"{raised.value.file}: {raised.value.reason}"
    assert raised.value.file in ("bad.yaml", "good.json, bad.yaml")
    assert isinstance(raised.value, ValueError)


def test_many_aliases_are_too_large() -> None:
    """A file of a few lines that would fill the memory."""
    lines = ["l0: &l0 [a, a, a, a, a, a, a, a, a, a]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(UnknownConfig, match=r"bad\.yaml: neither JSON nor YAML: aliases that repeat this value"):
        import_osmo({"bad.yaml": "\n".join(lines)})


def test_configs_that_contradict_each_other_are_refused() -> None:
    """Which of them counts is not for chance to say; the same twice is once."""
    assert shown(a={"pools": {"x": {"backend": "b"}}}, b={"pools": {"x": {"backend": "b"}}}).profile["pools"]
    with pytest.raises(UnknownConfig, match=r"b\.json: POOL `x` stands in a\.json too, and differs"):
        shown(a={"pools": {"x": {"backend": "b"}}}, b={"pools": {"x": {"backend": "c"}}})
    with pytest.raises(UnknownConfig, match=r"b\.json: WORKFLOW stands in a\.json too, and differs"):
        shown(a={"max_num_tasks": 1}, b={"max_num_tasks": 2})


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "---\n"])
def test_empty_configs_are_remarked_upon(text: str) -> None:
    """`osmo config show GROUP_TEMPLATE` prints `{}` where there is none."""
    imported = import_osmo({"group_template.json": text})
    assert imported.profile == {}
    assert said(imported) == ["group_template.json: left out: there is nothing in it"]


def test_nothing_is_an_empty_profile() -> None:
    """No files, no profile to speak of."""
    assert import_osmo({}) == ({}, ())


def test_other_objects_of_kubernetes_are_group_templates() -> None:
    """A ConfigMap that holds no configs is one, too; a Secret is never looked into."""
    imported = import_osmo(
        {"cm.yaml": yaml.safe_dump(configmap("just text")), "secret.yaml": yaml.safe_dump(GROUP_TEMPLATE)}
    )
    assert imported.profile == {} and HUSH not in "".join(said(imported))
    assert [str(remark.where) for remark in imported.remarks] == ["cm.yaml", "secret.yaml"]


same_every_time = settings(derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
JUNK: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["{{", "1h30m", "s3://x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in _places(item, (*path, key)))]


_PLACES: Final = _places(CHART)[1:]


@same_every_time
@given(place=st.sampled_from(_PLACES), junk=JUNK)
def test_spoilt_configs_are_refused_or_become_a_profile(place: tuple[Any, ...], junk: Any) -> None:
    """Whatever stands wherever; and no credential comes out by an error either."""
    chart = json.loads(json.dumps(CHART))
    holder = chart
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = junk
    try:
        imported = import_osmo({"configs.json": json.dumps(chart)})
    except UnknownConfig as error:
        assert HUSH not in str(error)
    else:
        assert HUSH not in document(imported.profile) + "".join(said(imported))
        profile(document(imported.profile))
