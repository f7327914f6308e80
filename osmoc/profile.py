"""The profile: what a cluster is and offers. One YAML file; `osmoc schema profile` is its JSON Schema.

Pools, platforms, pod templates and validations have the shape that OSMO's administrators write. Everything has a
default. No profile at all is an open world, in which names of platforms, credentials and the like are taken on
trust; a profile is a closed one, in which each must stand in it.
"""

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from osmoc.spec import Model
from osmoc.values import Boolean, Count, Duration, ExitCodes, Integer, SizeValue, Text
from osmoc.yamltree import Scalar


def unwrapped(value: Any) -> Any:
    """Values of Kubernetes manifests and of template variables keep their YAML types, if JSON has them too.

    What it does not have - a date, infinity, an integer of more than 64 bits - is the text that was written.
    """
    match value:
        case Scalar():
            return value.value if _is_json(value.value) else value.text
        case list():
            return [unwrapped(item) for item in value]
        case dict():
            return {key.text if isinstance(key, Scalar) else key or "": unwrapped(item) for key, item in value.items()}
        case _:
            return value


def _is_json(value: object) -> bool:
    match value:
        case bool():
            return True
        case int():
            return abs(value) < 1 << 63
        case float():
            return math.isfinite(value)
        case _:
            return False


def _word(value: Any) -> Any:
    """YAML takes `off` for a boolean, and `1.30` for 1.3."""
    return value.text if isinstance(value, Scalar) else value


Manifest = Annotated[dict[str, Any], BeforeValidator(unwrapped)]
Host = Annotated[Text, AfterValidator(str.lower)]
Mode = Annotated[Literal["off", "warn", "enforce"], BeforeValidator(_word)]
VersionText = Annotated[Text, BeforeValidator(_word)]


class Images(Model):
    """Where osmo-init and osmo-ctrl come from. Their tag is the version of osmoc unless the image is named whole."""

    prefix: Text = Field("", description="Put before `osmo-init:<version>`, such as `registry.example.com/osmo/`.")
    init: Text = Field("", description="The whole image of osmo-init.")
    ctrl: Text = Field("", description="The whole image of osmo-ctrl and the driver.")
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"


class RetryFor(Model):
    upload: Duration = Field(21_600.0, description="How long uploads wait for a storage that is away.")
    download: Duration = Field(3_600.0, description="How long downloads wait for a storage that is away.")


class Storage(Model):
    """Where task outputs and logs lie: a URL, or a volume claim for clusters without object storage."""

    url: Text = Field(
        "", description="Base URL; without it the key `url` of the secret.", examples=["s3://bucket/osmo"]
    )
    endpoint: Text = Field("", description="Endpoint of an S3 that is not Amazon's.")
    region: Text = ""
    secret: Text = Field(
        "osmo-storage", description="Secret with `access_key_id`, `access_key`, or `url`, `endpoint`, `region` as well."
    )
    claim: Text = Field("", description="A PersistentVolumeClaim in place of `url`; only osmo-ctrl mounts it.")
    retry_for: RetryFor = RetryFor.default()
    publish_on_failure: Boolean = Field(True, description="Upload `url:` outputs of failed commands too, as OSMO does.")


class Bucket(Model):
    """A place for datasets."""

    url: Text = Field(description="Base URL of its datasets.")
    endpoint: Text = ""
    region: Text = ""
    mode: Literal["read-only", "read-write"] = "read-write"
    secret: Text = Field("", description="Secret of its credential; that of `storage` if empty.")
    single_writer: Boolean = Field(
        False, description="No two workflows write here at once: allows stores without create-only writes."
    )


class Datasets(Model):
    default_bucket: Text = Field("", description="For datasets without a bucket; `<storage>/datasets` if empty.")
    buckets: dict[Text, Bucket] = {}


class DataAccess(Model):
    """The credential for URLs below a bucket."""

    secret: Text
    endpoint: Text = ""
    region: Text = ""


class Credential(Model):
    """A Secret that tasks may name in `credentials`."""

    secret: Text
    keys: tuple[Text, ...] = Field((), description="Its keys; with them wrong keys are found at compile time.")


class TopologyKey(Model):
    key: Text
    label: Text = Field(description="Node label, such as `topology.kubernetes.io/zone`.")


class GpuShare(Model):
    guarantee: Integer = Field(-1, description="GPUs a group of priority HIGH or NORMAL may ask for; -1 is no limit.")
    maximum: Integer = Field(-1, description="Not used.")
    weight: Integer = Field(1, description="Not used.")


class PoolResources(Model):
    gpu: GpuShare = GpuShare.default()


class NodeOffer(Model):
    """What a node of the platform has; validations with `K8_…` look at it, and are void where it is not said."""

    cpu: Count | None = None
    gpu: Count = Field(0, description="None unless it is said.")
    memory: SizeValue | None = None
    storage: SizeValue | None = None


class Platform(Model):
    """Nodes of one kind."""

    description: Text = ""
    host_network_allowed: Boolean = False
    privileged_allowed: Boolean = False
    allowed_mounts: tuple[Text, ...] = Field((), description="Directories of the node that tasks may mount.")
    node_selector: dict[Text, Text] = {}
    tolerations: tuple[Manifest, ...] = ()
    default_variables: Manifest = Field({}, description="Variables of pod templates, such as USER_CPU.")
    resource_validations: tuple[Text, ...] = ()
    override_pod_template: tuple[Text, ...] = ()
    nodes: tuple[NodeOffer, ...] = ()


class Pool(Model):
    """A share of the cluster."""

    description: Text = ""
    backend: Text = Field("", description="Not used.")
    default_platform: Text = ""
    enable_maintenance: Boolean = False
    download_type: Text = Field("", description="Not used.")
    default_exec_timeout: Duration | None = None
    default_queue_timeout: Duration | None = None
    max_exec_timeout: Duration | None = None
    max_queue_timeout: Duration | None = None
    default_exit_actions: dict[Text, ExitCodes] = {}
    resources: PoolResources = PoolResources.default()
    topology_keys: tuple[TopologyKey, ...] = Field((), description="From coarse to fine.")
    common_default_variables: Manifest = {}
    common_pod_template: tuple[Text, ...] = ()
    common_resource_validations: tuple[Text, ...] = ()
    platforms: dict[Text, Platform] = {}


class Validation(Model):
    """A rule on resources; operands are templates such as `{{USER_GPU}}`."""

    operator: Literal["GT", "GE", "LT", "LE", "EQ", "NE"]
    left_operand: Text
    right_operand: Text
    assert_message: Text


class Retries(Model):
    reschedule: Count = Field(3, description="How often RESCHEDULE runs a task again.")
    infrastructure: Count = Field(0, description="How often a task is run again whose node or pod was lost.")


class Timeouts(Model):
    """Limits for every pool, and the budgets of a pod's phases."""

    default_exec: Duration | None = None
    default_queue: Duration | None = None
    max_exec: Duration | None = None
    max_queue: Duration | None = None
    pull: Duration = Field(3_600.0, description="Pulling images.")
    barrier: Duration | None = Field(
        None,
        description="Waiting for the other tasks of the group. `queue_timeout` and the budget for downloads by "
        "default, 1 h without a `queue_timeout`.",
    )
    settle: Duration = Field(
        5.0, description="Between the first end of a task in a group and what follows from it: others may end as well."
    )
    absence: Duration = Field(
        300.0, description="What a group does without a task that cannot be reached and is not run again by itself."
    )
    grace: Duration = Field(30.0, description="From SIGTERM to SIGKILL of the command.")
    upload: Duration = Field(300.0, description="Uploading when a task is ended from outside.")


class Security(Model):
    user: Literal["image", "restricted"] = Field(
        "image", description="`restricted`: the user's container meets Pod Security `restricted` too."
    )


class Retention(Model):
    """When finished runs are removed. Not for self-healing GitOps, which would run them again."""

    seconds: Duration = Field(description="After the end of a run.")
    pods: Literal["keep", "on-success", "on-completion"] = "keep"


class LabelPolicy(Model):
    """What a label of a workflow must be. `off` lets everything pass, `warn` with a warning."""

    mode: Mode = "enforce"
    allow_list: tuple[Text, ...] = Field((), description="Its values; any if empty.")
    assert_message: Text = Field(
        "", description="Added to what is said, such as where the values are listed; one line."
    )


class Profile(Model):
    """What a cluster is and offers."""

    target: Literal["argo", "jobs"] = "argo"
    kubernetes: VersionText = Field("1.33", description="Version of the cluster, at least 1.29.")
    argo: VersionText = Field(
        "4.1", description="Version of Argo Workflows, at least 3.6; queue timeouts need 4.1.", examples=["v4.1.2"]
    )
    namespace: Text = Field("", description="Written into the manifests; left to `kubectl -n` if empty.")
    cluster_domain: Text = Field("", description="With `namespace`: host names are written in full.")
    images: Images = Images.default()
    storage: Storage | None = None
    datasets: Datasets = Datasets.default()
    data_access: dict[Text, DataAccess] = Field({}, description="Bucket URL, such as `s3://bucket`, to its credential.")
    credentials: dict[Text, Credential] = {}
    registries: dict[Host, Text] = Field({}, description="Registry host to the Secret for pulling from it.")
    default_pool: Text = ""
    pools: dict[Text, Pool] = {}
    pod_templates: dict[Text, Manifest] = {}
    resource_validations: dict[Text, tuple[Validation, ...]] = {}
    priorities: dict[Text, Text] = Field({}, description="HIGH, NORMAL, LOW to a PriorityClass.")
    labels: dict[Text, LabelPolicy] = {}
    label_prefix: Text = Field("", description="Put before the keys of a workflow's labels, such as `example.com/`.")
    max_tasks: Count = Field(0, description="Most tasks of a workflow; 0 is no limit.")
    retries: Retries = Retries.default()
    timeouts: Timeouts = Timeouts.default()
    security: Security = Security.default()
    retention: Retention | None = None
    node_loss: Literal["give_up", "wait"] = Field(
        "give_up", description="Whether pods on a lost node are given up, or wait for it to return."
    )
    driver: Literal["auto", "none"] = Field("auto", description="`none`: Jobs of a single level, started at once.")
