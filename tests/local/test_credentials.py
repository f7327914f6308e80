"""Where values of credentials come from."""

from pathlib import Path

import pytest

from osmoc.local.credentials import CredentialError, Credentials, read_credentials


def test_the_file_goes_before_the_environment(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("wandb: {api_key: from-file}\nMy_Cred: {n: 3}\n")
    environment = {"OSMOC_CREDENTIAL_WANDB_API_KEY": "from-env", "OSMOC_CREDENTIAL_HF_TOKEN": "hf"}
    credentials = Credentials(read_credentials(tmp_path / "c.yaml"), environment)
    assert credentials.required("wandb", "api_key") == "from-file"
    assert credentials.required("hf", "token") == "hf"
    assert credentials.required("my-cred", "n") == "3"
    assert credentials.keys("wandb", ("other",)) == {"api_key": "from-file"}
    assert credentials.keys("hf", ("token", "url")) == {"token": "hf"}


def test_a_missing_value_says_how_to_give_it() -> None:
    with pytest.raises(CredentialError, match="OSMOC_CREDENTIAL_MY_S3_ACCESS_KEY"):
        Credentials({}, {}).required("my-s3", "access_key")


@pytest.mark.parametrize(
    ("text", "fault"), [("- a\n", "form"), ("a: b\n", "form"), ("a: [\n", "not YAML"), ("", "form")]
)
def test_a_file_that_is_none(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(CredentialError, match=fault):
        read_credentials(tmp_path / "c.yaml")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="cannot be read: no such file"):
        read_credentials(tmp_path / "c.yaml")
