"""The Secret behind every credential, bucket, registry and storage: named, required, and given only to who needs it."""

import json
from typing import Any, Final

import pytest
from profiles import compile_with, errors, helps, needs, pod, told, workflow

URL: Final = "inputs: [{url: s3://lab/cats}]"
DATASET: Final = "inputs: [{dataset: {name: cats}}]"
KEYS: Final = "storage of task data, with the keys access_key_id, access_key"


def shape(profile: str, text: str) -> Any:
    result = compile_with(profile, text)
    assert result.plan, told(result.findings)
    return next(iter(result.plan.groups.values())).lead.shape


def document(profile: str, text: str) -> dict[str, Any]:
    """The task document, which is what osmo-ctrl reads."""
    result = compile_with(profile, text)
    assert result.plan, told(result.findings)
    read: dict[str, Any] = json.loads(next(iter(result.plan.groups.values())).lead.document)
    return read


def test_workflow_that_moves_no_data_needs_no_storage() -> None:
    """Hello world runs on a bare cluster."""
    assert needs(compile_with("", workflow())) == {}
    assert document("", workflow())["storage"] is None


def test_data_without_a_profile_is_reached_with_one_secret() -> None:
    """The open world asks for as little as it can, and says what."""
    result = compile_with("", workflow(URL))
    keys = "storage of task data, with the keys url, endpoint, region, access_key_id, access_key"
    assert needs(result) == {("Secret", "osmo-storage"): keys}
    assert [item["secret"] for item in document("", workflow(URL))["access"]] == ["osmo-storage"]


def test_storage_of_the_profile_is_for_every_task() -> None:
    """Logs lie there too, so also a task that moves nothing has it."""
    profile = "storage: {url: s3://lab/osmo, endpoint: https://minio, region: here, secret: minio}"
    assert needs(compile_with(profile, workflow())) == {("Secret", "minio"): KEYS}
    assert shape(profile, workflow()).data_secrets == ("minio",)
    storage = document(profile, workflow())["storage"]
    assert (storage["url"], storage["endpoint"], storage["region"]) == ("s3://lab/osmo", "https://minio", "here")


def test_url_in_the_bucket_of_the_storage_needs_no_entry() -> None:
    """It is reached as the storage is, in its region and at its endpoint."""
    profile = "storage: {url: s3://lab/osmo, endpoint: https://minio, region: here}"
    assert document(profile, workflow(URL))["access"] == [
        {"url": "s3://lab", "secret": "osmo-storage", "endpoint": "https://minio", "region": "here"}
    ]


def test_url_elsewhere_needs_an_entry_of_data_access() -> None:
    """In a closed world every credential is named."""
    profile = "data_access: {s3://lab: {secret: lab-reader, region: there}}"
    assert document(profile, workflow(URL))["access"] == [
        {"url": "s3://lab", "secret": "lab-reader", "endpoint": "", "region": "there"}
    ]
    assert needs(compile_with(profile, workflow(URL)))[("Secret", "lab-reader")] == "data in s3://lab"
    result = compile_with("storage: {url: s3://other}", workflow(URL))
    assert errors(result) == [("E711", 4, "the profile has no credential for `s3://lab`")]
    assert helps(result) == ["add `data_access: {s3://lab: {secret: <Secret>}}` to the profile"]


def test_claim_needs_no_secret() -> None:
    """A volume has no credential: no Secret is mounted that nobody made."""
    profile = "storage: {claim: shared}"
    for task in ("", DATASET):
        result = compile_with(profile, workflow(task))
        assert needs(result) == {("PersistentVolumeClaim", "shared"): "storage"}
        assert (shape(profile, workflow(task)).claim, shape(profile, workflow(task)).data_secrets) == ("shared", ())
    assert [item["secret"] for item in document(profile, workflow(DATASET))["buckets"]] == [""]
    volumes = pod(profile, workflow(DATASET))["spec"]["volumes"]
    assert not [volume for volume in volumes if "secret" in volume]


BUCKETS: Final = """storage: {url: s3://lab/osmo}
datasets:
  default_bucket: main
  buckets:
    main: {url: s3://lab/datasets, mode: read-only}
    team: {url: gs://team/datasets, secret: team-writer, region: there, single_writer: true}
"""


def test_bucket_is_that_of_the_name_else_the_default() -> None:
    """With its own Secret, or that of the storage."""
    (main,) = document(BUCKETS, workflow(DATASET))["buckets"]
    assert (main["name"], main["url"], main["secret"]) == ("main", "s3://lab/datasets", "osmo-storage")
    text = workflow("outputs: [{dataset: {name: team/cats}}]")
    (team,) = document(BUCKETS, text)["buckets"]
    assert (team["name"], team["secret"], team["region"], team["single_writer"]) == (
        "team",
        "team-writer",
        "there",
        True,
    )
    assert needs(compile_with(BUCKETS, text))[("Secret", "team-writer")] == "datasets of the bucket `team`"


@pytest.mark.parametrize("task", ["outputs: [{dataset: {name: cats}}]", "outputs: [{update_dataset: {name: cats}}]"])
def test_read_only_bucket_is_not_written_to(task: str) -> None:
    """It is an error here, and not an upload that fails after hours."""
    result = compile_with(BUCKETS, workflow(task))
    assert [text for code, _, text in errors(result) if code == "E708"] == ["the bucket `main` is read-only"]
    assert not [code for code, _, _ in errors(compile_with(BUCKETS, workflow(DATASET)))]


def test_unknown_bucket_is_an_error_in_a_closed_world_and_a_note_in_an_open_one() -> None:
    """Without a profile a bucket is a folder of the storage."""
    text = workflow("inputs: [{dataset: {name: taem/cats}}]")
    result = compile_with(BUCKETS, text)
    assert errors(result) == [("E707", 4, "the profile has no bucket `taem`")]
    assert helps(result)[0].startswith("did you mean `team`?")
    assert helps(compile_with("storage: {url: s3://a}", text)) == ["add it to `datasets.buckets` of the profile"]
    assert ("dataset bucket", "taem") in needs(compile_with("", text))


CREDENTIAL: Final = "credentials: {wandb: {KEY: key, NAME: name}}"


def test_credential_is_a_secret_of_the_profile() -> None:
    """Its name in the workflow is the user's, that of the Secret is the administrator's."""
    profile = "credentials: {wandb: {secret: wandb-key, keys: [key, name]}}"
    assert [(item.name, item.secret, item.key) for item in shape(profile, workflow(CREDENTIAL)).variables] == [
        ("KEY", "wandb-key", "key"),
        ("NAME", "wandb-key", "name"),
    ]
    reason = needs(compile_with(profile, workflow(CREDENTIAL)))[("Secret", "wandb-key")]
    assert reason == "credential `wandb`, with the keys key, name"
    directory = shape(profile, workflow("credentials: {wandb: /secrets}")).directories
    assert [(item.directory, item.secret) for item in directory] == [("/secrets", "wandb-key")]


def test_key_that_a_credential_does_not_have_is_an_error() -> None:
    """Where the profile says which keys there are; else it is for the cluster to find."""
    result = compile_with("credentials: {wandb: {secret: a, keys: [key, nam]}}", workflow(CREDENTIAL))
    assert errors(result) == [("E706", 4, "the credential `wandb` has no key `name`")]
    assert helps(result) == ["did you mean `nam`? keys: `key`, `nam`"]
    assert errors(compile_with("credentials: {wandb: {secret: a}}", workflow(CREDENTIAL))) == []


def test_unknown_credential_is_an_error_in_a_closed_world() -> None:
    """The help is the line to add."""
    result = compile_with("credentials: {other: {secret: a}}", workflow(CREDENTIAL))
    assert errors(result) == [("E706", 4, "the profile has no credential `wandb`")]
    assert helps(result) == ["add `credentials: {wandb: {secret: <Secret>}}` to the profile; credentials: `other`"]


def test_open_world_takes_a_credential_for_the_secret_of_its_name() -> None:
    """With every key that any task takes from it, so that the note is all one has to know."""
    text = workflow("credentials: {Wandb_Key: {KEY: key, NAME: name}}")
    assert needs(compile_with("", text)) == {("Secret", "wandb-key"): "credential `Wandb_Key`, with the keys key, name"}
    text = workflow("credentials: {wandb: {KEY: key}}")
    assert needs(compile_with("", text)) == {("Secret", "wandb"): "credential `wandb`, with the key key"}
    text = workflow("credentials: {wandb: /secrets}")
    assert needs(compile_with("", text)) == {("Secret", "wandb"): "credential `wandb`"}


@pytest.mark.parametrize("image", ["registry.example.com/team/app:1", "Registry.Example.com/team/app"])
def test_pull_secret_is_that_of_the_images_registry(image: str) -> None:
    """The pod names it; other registries need none."""
    profile = "registries: {REGISTRY.example.com: pull}"
    text = workflow().replace("image: python", f"image: {image}")
    assert pod(profile, text)["spec"]["imagePullSecrets"] == [{"name": "pull"}]
    assert needs(compile_with(profile, text)) == {("Secret", "pull"): "pulling from registry.example.com"}
    assert "imagePullSecrets" not in pod(profile, workflow())["spec"]


def test_secrets_of_data_are_mounted_into_the_sidecar_alone() -> None:
    """The user's code has no key to the storage."""
    built = pod("storage: {url: s3://lab/osmo, secret: minio}", workflow(URL))
    volumes = {item["name"] for item in built["spec"]["volumes"] if item.get("secret", {}).get("secretName") == "minio"}
    mounted = {
        one["name"]
        for key in ("initContainers", "containers")
        for one in built["spec"][key]
        for mount in one["volumeMounts"]
        if mount["name"] in volumes
    }
    assert volumes and mounted == {"osmo-ctrl"}
