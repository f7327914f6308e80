"""A profile is read whole, or every mistake in it is found where it stands."""

from typing import Final

import pytest
from profiles import profile, read, told

from osmoc.profile import Profile

# Text, code, line, a part of the message, a part of the help.
_SHAPES: Final = [
    ("- pools", "E701", 1, "a profile is a mapping", ""),
    ("pool: {}", "E701", 1, "`pool` is not a key of a profile here", "did you mean `pools`?"),
    ("pools:\n  a:\n    default_platfrom: x", "E701", 3, "`default_platfrom`", "did you mean `default_platform`?"),
    ("pools: {a: {platforms: {b:\n  {gpus: 1}}}}", "E701", 2, "`gpus` is not a key", "`osmoc schema profile`"),
    (
        "pools: {5: {topology_keys: [\n  {key: x, label: y, labels: z}]}}",
        "E701",
        2,
        "`labels` is not a key",
        "`label`?",
    ),
    ("storage:\n  retry_for: {uplaod: 1h}", "E701", 2, "`uplaod`", "did you mean `upload`?"),
    ("pools:\n  a:", "E701", 2, "`a` has no value", "leave the key out or write {}"),
    ("pools: {a: {common_pod_template:\n}}", "E701", 1, "`common_pod_template` has no value", "write []"),
    ("pools: [a]", "E701", 1, "`pools` must be a mapping", ""),
    ("pools: {a: {common_pod_template: b}}", "E701", 1, "`common_pod_template` must be a list", ""),
    ("retention:\n  pods: keep", "E701", 1, "`seconds` is missing", ""),
    ("target: nomad", "E701", 1, "`target` cannot be `nomad`: `argo` or `jobs`", ""),
    ("max_tasks: -1", "E701", 1, "`max_tasks`: -1 is negative", ""),
    ("timeouts:\n  max_exec: 1h30m", "E701", 2, "`1h30m` is not a duration", "such as `90m`"),
    ("timeouts: {max_exec: 0}", "E701", 1, "not a positive duration", ""),
    ("pools: {a: {default_exit_actions: {FAIL: 5-1}}}", "E701", 1, "`5-1` runs backwards", ""),
    ("pools: {a: {resources: {gpu: {guarantee: lots}}}}", "E701", 1, "`guarantee`", ""),
    ("a: [", "E003", 1, "not valid YAML", ""),
]
_REFERENCES: Final = [
    ("default_pool: b\npools: {a: {}}", 1, "the profile has no pool `b`", "it has: `a`"),
    ("default_pool: mian\npools: {main: {}}", 1, "no pool `mian`", "did you mean `main`?"),
    ("datasets: {default_bucket: b}", 1, "the profile has no bucket `b`", ""),
    ("pools:\n  a:\n    default_platform: x\n    platforms: {y: {}}", 3, "no platform `x`", "it has: `y`"),
    ("pools:\n  a:\n    common_pod_template:\n    - b", 4, "the profile has no pod template `b`", ""),
    ("pools: {a: {common_pod_template: ['']}}", 1, "the profile has no pod template ``", ""),
    ("pools: {a: {common_resource_validations: [\n  b]}}", 2, "no resource validation `b`", ""),
    ("pools: {a: {platforms: {x: {override_pod_template: [\n  b]}}}}", 2, "no pod template `b`", ""),
    ("pools: {a: {platforms: {x: {resource_validations: [\n  b]}}}}", 2, "no resource validation `b`", ""),
]
# What Kubernetes, or Argo, would not take.
_NAMES: Final = [
    ("pools:\n  a b: {}", 2, "`a b` cannot be a label, which a pool's name becomes"),
    ("pools: {a: {platforms: {\n  x/y: {}}}}", 2, "`x/y` cannot be a label, which a platform's name becomes"),
    ("pools: {a: {default_exit_actions: {RESTART: 1}}}", 1, "`RESTART` is not an exit action"),
    ("pools: {a: {topology_keys: [{key: r, label: a b}]}}", 1, "`a b` cannot be a node label"),
    ("pools: {a: {topology_keys: [{key: r, label: x},\n  {key: r, label: y}]}}", 2, "key `r` stands twice"),
    ("pools: {a: {platforms: {x: {node_selector: {a: b c}}}}}", 1, "`a: b c` cannot be a node label"),
    ("pools: {a: {platforms: {x: {allowed_mounts: [mnt]}}}}", 1, "`mnt` is a relative path"),
    ("pools: {a: {platforms: {x: {tolerations: [{key: '{{a}}'}]}}}}", 1, "a toleration is no template"),
    ("priorities: {URGENT: a}", 1, "`URGENT` is not a priority: HIGH, NORMAL, LOW"),
    ("priorities: {HIGH: '{{a}}'}", 1, "`{{a}}` cannot be the name of an object"),
    ("namespace: a.b", 1, "`a.b` cannot be the name of an object"),
    ("credentials: {a: {secret: My_Secret}}", 1, "`My_Secret` cannot be the name of an object"),
    ("data_access: {s3://a: {secret: '{{b}}'}}", 1, "`{{b}}` cannot be the name of an object"),
    ("registries: {nvcr.io: a b}", 1, "`a b` cannot be the name of an object"),
    ("registries: {https://nvcr.io: a}", 1, "`https://nvcr.io` is not the host of a registry"),
    ("registries: {nvcr.io/team: a}", 1, "`nvcr.io/team` is not the host of a registry"),
    ("images: {prefix: Registry/}", 1, "`Registry/` cannot be part of an image's name"),
    ("images: {ctrl: '{{x}}'}", 1, "`{{x}}` cannot be part of an image's name"),
    ("labels: {a b: {}}", 1, "`a b` cannot be a label"),
    ("label_prefix: a b/", 1, "`a b/` cannot begin the key of a label"),
    ("label_prefix: osmo.", 1, "`osmo.` cannot begin the key of a label"),
    ("labels: {a: {assert_message: 'x\n\n  y'}}", 1, "a message of more than a line"),
    ("labels: {a: {allow_list: [b c]}}", 1, "`b c` cannot be the value of a label"),
    ("kubernetes: 1.28", 1, "1.28 is older than 1.29, the first with the native sidecars that tasks need"),
    ("target: jobs\nkubernetes: v1.3.10", 2, "v1.3.10 is older than 1.29"),
    ("argo: v3.5.15", 1, "v3.5.15 is older than 3.6"),
    ("argo: 4", 1, "`4` is not a version"),
    ("argo: 4.1 or later", 1, "`4.1 or later` is not a version"),
    ("kubernetes: latest", 1, "`latest` is not a version"),
    ("storage: {url: /data}", 1, "`/data` is not a storage URL"),
    ("storage: {url: s3://a,\n  claim: b}", 2, "`url` and `claim` exclude each other"),
    ("storage: {secret: ''}", 1, "a storage that is nowhere"),
    ("storage:\n  endpoint: minio", 2, "`minio` is not an endpoint such as https://host:9000"),
    ("datasets: {buckets: {a: {url: s3://b,\n  endpoint: s3://c}}}", 2, "`s3://c` is not an endpoint"),
    ("data_access: {s3://a: {secret: c,\n  endpoint: 'http://a b'}}", 2, "`http://a b` is not an endpoint"),
    ("datasets: {buckets: {a: {url: https://b}}}", 1, "`https` is not a storage scheme"),
    ("storage: {claim: a}\ndatasets:\n  buckets:\n    b: {url: s3://c}", 4, "the bucket `b` needs a `secret`"),
    ("data_access: {s3://a/b: {secret: c}}", 1, "a credential is for all of a bucket, not for `s3://a/b`"),
    ("data_access: {ftp://a: {secret: c}}", 1, "`ftp` is not a storage scheme"),
]
_VARIABLES: Final = [
    ("USER_CPU", "lots", "`lots` is not a number of processors"),
    ("USER_CPU", "true", "`True` is not a number of processors"),
    ("USER_CPU", "-1", "`-1` is not a number of processors"),
    ("USER_GPU", "0.5", "`0.5` is not a number of GPUs"),
    ("USER_MEMORY", "8GB", "`8GB` has a unit that is not known"),
    ("USER_STORAGE", "[1]", "a size is expected, not a list"),
]
_TEMPLATES: Final = [
    ("{specs: {}}", "`specs` is no part of a pod template: it has `metadata` and `spec`"),
    ("{spec: }", "`spec` must be a mapping"),
    ("{metadata: [a]}", "`metadata` must be a mapping"),
    ("{metadata: {labels: [a]}}", "`labels` must be a mapping"),
    ("{spec: {nodeSelector: a}}", "`nodeSelector` must be a mapping"),
    ("{spec: {containers: {name: a}}}", "`containers` must be a list of mappings"),
    ("{spec: {tolerations: [a]}}", "`tolerations` must be a list of mappings"),
    ("{spec: {containers: [{image: a}]}}", "a container of a pod template needs a `name`, to be merged by"),
    ("{spec: {initContainers: [{name: a, env: {A: b}}]}}", "`env` must be a list of mappings"),
    ("{spec: {restartPolicy: Always}}", "`restartPolicy` is always Never: `retries` says what is run again"),
]


@pytest.mark.parametrize(("text", "code", "line", "message", "help"), _SHAPES)
def test_shape_is_checked_where_it_is_wrong(text: str, code: str, line: int, message: str, help: str) -> None:
    """One mistake is one finding, in our words, and names the key that was meant."""
    profile_, found = read(text)
    assert profile_ is None
    assert [(one.code.id, one.place and one.place.line) for one in found if one.code.id[0] == "E"] == [(code, line)]
    assert message in found[0].message and help in found[0].help, told(found)
    assert "pydantic" not in told(found) and "dictionary" not in told(found)


@pytest.mark.parametrize(("text", "line", "message", "help"), _REFERENCES)
def test_names_must_be_in_the_profile(text: str, line: int, message: str, help: str) -> None:
    """A profile is complete: what it names, it has."""
    profile_, found = read(text)
    assert profile_ is None
    assert [(one.code.id, one.place and one.place.line) for one in found] == [("E702", line)], told(found)
    assert message in found[0].message and help in found[0].help


@pytest.mark.parametrize(("text", "line", "message"), _NAMES)
def test_names_must_be_such_that_kubernetes_takes_them(text: str, line: int, message: str) -> None:
    """Nothing of a profile is left for the cluster to refuse, or for Argo to substitute."""
    profile_, found = read(text)
    assert profile_ is None
    faults = [one for one in found if one.code.id[0] == "E"]
    assert [(one.code.id, one.place and one.place.line) for one in faults] == [("E701", line)], told(found)
    assert message in faults[0].message


@pytest.mark.parametrize(("name", "value", "message"), _VARIABLES)
@pytest.mark.parametrize("holder", ["common_default_variables", "default_variables"])
def test_default_hardware_must_be_an_amount(holder: str, name: str, value: str, message: str) -> None:
    """Variables that become the hardware of a pod are amounts, as precisely as those of a workflow."""
    indent = "    platforms:\n      x:\n" if holder == "default_variables" else ""
    text = f"pools:\n  a:\n{indent}        {holder}:\n          OTHER: x\n          {name}: {value}\n"
    profile_, found = read(text)
    assert profile_ is None
    assert [(one.code.id, one.message) for one in found] == [("E701", f"`{name}`: {message}")]
    assert found[0].place and found[0].place.line == text.count("\n")


@pytest.mark.parametrize(("template", "message"), _TEMPLATES)
def test_pod_template_must_have_the_form_of_a_pod(template: str, message: str) -> None:
    """What could not be merged into a pod is found here, and nothing of a template is passed over in silence."""
    profile_, found = read(f"pod_templates:\n  a:\n    {template}")
    assert profile_ is None
    assert [(one.code.id, one.message, one.place and one.place.line) for one in found] == [("E701", message, 3)]


def test_every_mistake_is_reported_at_once() -> None:
    """A profile is mended in one go, not in as many as it has mistakes."""
    _, found = read("target: nomad\nmax_tasks: -1\npools: {a: {backends: b}}")
    assert [one.place and one.place.line for one in found] == [1, 2, 3]
    _, found = read("default_pool: b\npools: {a: {default_platform: x}}\npriorities: {URGENT: y}")
    assert [one.code.id for one in found] == ["E702", "E702", "E701"]


@pytest.mark.parametrize("text", ["", "# nothing", "{}", "---\n"])
def test_empty_profile_is_one_with_defaults(text: str) -> None:
    """An empty profile is a closed world with nothing in it; it is not the same as none."""
    assert profile(text) == Profile()


@pytest.mark.parametrize(
    ("yaml", "value"),
    [
        ("2024-01-31", "2024-01-31"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("123456789012345678901", "123456789012345678901"),
        ("true", True),
        ("1.5", 1.5),
        ("0x10", 16),
        ("~", None),
    ],
)
def test_values_of_templates_keep_their_types_if_json_has_them(yaml: str, value: object) -> None:
    """A date in an annotation is the text that was written: manifests are JSON, which has no dates."""
    read_ = profile(f"pod_templates: {{a: {{metadata: {{annotations: {{since: {yaml}}}}}}}}}")
    assert read_.pod_templates["a"]["metadata"]["annotations"] == {"since": value}


def test_keys_of_templates_are_text() -> None:
    """`7:` and `on:` are keys as they were written."""
    read_ = profile("pod_templates: {a: {metadata: {annotations: {7: a, on: b}}}}")
    assert read_.pod_templates["a"]["metadata"]["annotations"] == {"7": "a", "on": "b"}


def test_off_needs_no_quotes() -> None:
    """YAML's `off` is a boolean, OSMO's is a word."""
    assert profile("labels: {team: {mode: off}}").labels["team"].mode == "off"


def test_unlimited_share_is_minus_one() -> None:
    """As in OSMO; it is the only negative number in a profile that means something."""
    assert profile("pools: {a: {resources: {gpu: {guarantee: -1}}}}").pools["a"].resources.gpu.guarantee == -1


def test_registries_are_found_in_any_case() -> None:
    """Hosts have no case; those of images are in lower case by now."""
    assert profile("registries: {Registry.Example.com:5000: pull}").registries == {"registry.example.com:5000": "pull"}


@pytest.mark.parametrize(
    "url", ["s3://bucket", "gs://bucket", "azure://account", "tos://host/bucket", "swift://host/account"]
)
def test_data_access_is_for_what_a_credential_is_for(url: str) -> None:
    """A bucket, or an account with all of its containers: what `osmoc` looks a URL up by."""
    assert list(profile(f"data_access: {{'{url}': {{secret: a}}}}").data_access) == [url]


def test_warnings_do_not_refuse_a_profile() -> None:
    """A key that stands twice is strange; the last one counts, and the profile is there."""
    profile_, found = read("max_tasks: 1\nmax_tasks: 2")
    assert profile_ is not None and profile_.max_tasks == 2
    assert [one.code.id for one in found] == ["W020"]


@pytest.mark.parametrize("text", ["1.30", "'1.30'", "v1.33.2", "v1.29.4-gke.1043002", "v1.31.2+k3s1"])
def test_version_is_read_as_it_is_written(text: str) -> None:
    """For YAML 1.30 is the number 1.3, which no Kubernetes of today is; vendors append words of their own."""
    assert profile(f"kubernetes: {text}").kubernetes == text.strip("'")


def test_version_of_argo_says_nothing_where_jobs_are_written() -> None:
    """A cluster without Argo, or with one that nobody uses, is no mistake."""
    assert profile("target: jobs\nargo: '3.4'").argo == "3.4"
