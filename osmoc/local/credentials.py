"""Values of credentials: from a file, else from the environment. Written to the run's folder, and gone with the task.

The file is YAML: the name of a credential or Secret, its keys, their values. In the environment the key `api_key` of
`wandb` is `OSMOC_CREDENTIAL_WANDB_API_KEY`.
"""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from osmoc.names import kubernetes_name

PREFIX: Final = "OSMOC_CREDENTIAL_"
DATA_KEYS: Final = ("url", "endpoint", "region", "addressing_style", "access_key_id", "access_key", "session_token")

Values = Mapping[str, Mapping[str, str]]


class CredentialError(Exception):
    """A file of credentials that is not one, or a value that nobody gave."""


def read_credentials(path: Path) -> Values:
    """By the names of Secrets. Raises: CredentialError."""
    return {_secret(name): keys for name, keys in read_file(path).items()}


def read_file(path: Path) -> Values:
    """By the names that stand there. No error repeats a line of it. Raises: CredentialError."""
    import yaml

    try:
        # Every value is the text that stands there: a key such as 0123 or 1e5 is no number.
        content = yaml.load(path.read_bytes(), Loader=yaml.BaseLoader)
    except OSError as error:
        raise CredentialError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except yaml.YAMLError:
        raise CredentialError(f"{path} is not YAML") from None
    if not isinstance(content, dict) or not all(isinstance(keys, dict) for keys in content.values()):
        raise CredentialError(f"{path} is not of the form `name: {{key: value}}`")
    if not all(isinstance(value, str) for keys in content.values() for value in keys.values()):
        raise CredentialError(f"{path} has a key whose value is no text")
    try:
        return {name: {key: _whole(value) for key, value in keys.items()} for name, keys in content.items()}
    except UnicodeError:
        raise CredentialError(
            f"{path} holds half a character: one of the two escapes of `\\ud83d\\ude00` alone"
        ) from None


def _whole(text: str) -> str:
    """JSON writes many characters as two escapes, of which YAML knows nothing."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16")


def _secret(name: str) -> str:
    """The name of a credential as that of its Secret, where no profile says otherwise."""
    return kubernetes_name(name).replace(".", "-")


class Credentials:
    def __init__(self, given: Values, environment: Mapping[str, str] = os.environ) -> None:
        self._given = given
        self._environment = environment

    def value(self, secret: str, key: str) -> str | None:
        named = self._given.get(_secret(secret), {}).get(key)
        return named if named is not None else self._environment.get(variable(secret, key))

    def required(self, secret: str, key: str) -> str:
        """Raises: CredentialError."""
        value = self.value(secret, key)
        if value is None:
            raise CredentialError(
                f"nobody gave the key `{key}` of the credential `{secret}`: "
                f"put it into the file of --credentials, or set {variable(secret, key)}"
            )
        return value

    def keys(self, secret: str, known: Iterable[str] = ()) -> dict[str, str]:
        """All that is there of a Secret. The environment can only be asked for keys that are `known`."""
        values = dict(self._given.get(_secret(secret), {}))
        for key in known:
            value = self.value(secret, key)
            if value is not None:
                values[key] = value
        return values


def variable(secret: str, key: str) -> str:
    return PREFIX + re.sub(r"[^A-Z0-9]", "_", f"{secret}_{key}".upper())
